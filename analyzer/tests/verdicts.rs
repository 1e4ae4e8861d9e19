//! What the analyser says of pickles written by hand, one behaviour of the machine each.

use assay_analyzer::{Limits, Policy, Severity, Verdict, analyze, analyze_with};

fn stdlib() -> Policy {
    Policy::load(&["stdlib"]).expect("the profile is built in")
}

/// The verdict and the rules that fired.
fn judge(pickle: &[u8]) -> (Verdict, Vec<&'static str>) {
    let analysis = analyze(pickle, &stdlib());
    (analysis.verdict, analysis.reasons().map(|reason| reason.rule).collect())
}

#[track_caller]
fn assert_safe(pickle: &[u8]) {
    assert_eq!(judge(pickle), (Verdict::Safe, vec![]), "{}", pickle.escape_ascii());
}

#[track_caller]
fn assert_unproven(pickle: &[u8], rule: &str) {
    let (verdict, rules) = judge(pickle);
    assert_eq!(verdict, Verdict::Unproven, "{}", pickle.escape_ascii());
    assert!(rules.contains(&rule), "{rule} is not among {rules:?}");
}

#[track_caller]
fn assert_dangerous(pickle: &[u8]) {
    assert_eq!(judge(pickle).0, Verdict::Dangerous, "{}", pickle.escape_ascii());
}

#[test]
fn data_is_safe() {
    assert_safe(b"\x80\x04]\x94(K\x01K\x02e.");
    assert_safe(b"(dp0\nVa\np1\nI1\ns.");
    assert_safe(b"\x80\x02c__builtin__\nset\nq\x00]q\x01(K\x01K\x02e\x85q\x02Rq\x03.");
    assert_safe(b"ccollections\nOrderedDict\n(tR(Va\nI1\nu.");
}

#[test]
fn every_way_to_name_os_system_is_dangerous() {
    assert_dangerous(b"cos\nsystem\n(S'true'\ntR.");
    assert_dangerous(b"(S'true'\nios\nsystem\n.");
    assert_dangerous(b"(cos\nsystem\nS'true'\no.");
    assert_dangerous(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.");
    assert_dangerous(
        b"\x80\x04\x8c\x02os\x94h\x00\x8c\x06system\x94\x86\x940h\x00h\x01\x93\x8c\x04true\x85R.",
    );
    assert_dangerous(b"\x80\x04V\\u006fs\nV\\u0073ystem\n\x93\x8c\x04true\x85R.");
    assert_dangerous(b"\x80\x04S'\\x6fs'\nS'system'\n\x93)R.");
    assert_dangerous(b"c__builtin__\neval\n(S'1'\ntR.");
    assert_dangerous(b"N.cos\nsystem\n(S'true'\ntR.");
    assert_dangerous(b"cos\nsystem\n(S'true'\ntR");
    assert_dangerous(b"\x80\x04\x8c\x02os\x8c\x0fsystem.__call__\x93\x8c\x04true\x85R.");
}

#[test]
fn arguments_matter() {
    assert_safe(b"c_codecs\nencode\n(Vx\nVlatin1\ntR.");
    assert_unproven(b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "arguments");
    assert_unproven(b"c_codecs\nencode\n(Vx\ntR.", "arguments");
    assert_safe(b"ccopy_reg\n_reconstructor\n(cuuid\nUUID\nc__builtin__\nobject\nNtR.");
    assert_unproven(
        b"ccopy_reg\n_reconstructor\n(cuuid\nUUID\nc__builtin__\nint\nNtR.",
        "arguments",
    );
    assert_unproven(b"c__builtin__\niter\n(c__builtin__\nset\nNtR.", "arguments");
}

/// Sets, dicts and what calls make of unknown type are as deep as what they hold, whenever they got it.
#[test]
fn whatever_holds_something_is_as_deep() {
    let chained = |first: &str, begin: &str, levels: usize, end: &str| {
        let (begin, end) = (begin.repeat(levels), end.repeat(levels));
        let names = "cbuiltins\nslice\np1\n0";
        let pickle = format!("{names}{first}{begin}N{end}.");
        judge(&pickle.chars().map(|c| c as u8).collect::<Vec<_>>()).0
    };
    let ways =
        [("\u{8f}(g1\n", "\u{85}R\u{90}"), ("(g1\n", "\u{85}R\u{91}"), ("}(g1\n", "\u{85}RNu")];
    for (begin, end) in ways {
        assert_eq!(chained("", begin, 100, end), Verdict::Safe, "{begin}");
        assert_eq!(chained("", begin, 400, end), Verdict::Unproven, "{begin}");
    }
    // From the outside in: a set that something holds is given the next.
    let link = "g1\n\u{8f}p2\n\u{85}Rp3\n0(g3\n\u{90}0g2\n";
    let late = |links: usize| chained("\u{8f}", link, links, "");
    assert_eq!(late(100), Verdict::Safe);
    assert_eq!(late(20_000), Verdict::Unproven);
}

/// A factory is called without arguments wherever an item is looked up.
#[test]
fn factories_may_be_called_without_arguments() {
    let factory = |name: &str| format!("ccollections\ndefaultdict\n(c{name}\ntR.");
    assert_safe(factory("builtins\nlist").as_bytes());
    assert_unproven(factory("uuid\nUUID").as_bytes(), "arguments");
    assert_unproven(factory("copyreg\n_reconstructor").as_bytes(), "arguments");
}

#[test]
fn arguments_that_are_no_tuple_part_c_from_python() {
    assert_unproven(b"ccollections\nOrderedDict\n]R.", "arguments");
}

#[test]
fn results_are_not_called() {
    assert_unproven(b"coperator\nitemgetter\n(I0\ntR(](I1\netR.", "call-of-value");
    assert_unproven(b"ccollections\ndefaultdict\n(c__builtin__\nlist\ntR(tR.", "call-of-value");
}

#[test]
fn state_is_judged() {
    assert_safe(b"\x80\x02cuuid\nUUID\n)\x81}X\x03\0\0\0intK\x05sb.");
    assert_unproven(b"\x80\x02cuuid\nUUID\n)\x81K\x05b.", "state");
    assert_unproven(b"\x80\x02ctypes\nSimpleNamespace\n)R}X\x0c\0\0\0__setstate__Nsb.", "state");
    assert_unproven(b"\x80\x02cuuid\nUUID\n}X\x03\0\0\0intK\x05sb.", "state");
}

#[test]
fn a_tainted_dict_stays_tainted_through_the_memo() {
    let pickle = b"\x80\x02}q\x00h\x00X\x06\0\0\0appendNs0ctypes\nSimpleNamespace\n)Rh\x00b.";
    assert_unproven(pickle, "state");
}

#[test]
fn frames_must_hold_whole_opcodes() {
    assert_safe(b"\x80\x04\x95\x02\0\0\0\0\0\0\0N.");
    assert_safe(b"\x80\x04\x95\x02\0\0\0\0\0\0\0K\x01N.");
    assert_unproven(b"\x80\x04\x95\x03\0\0\0\0\0\0\0N.N.", "frame");
    assert_unproven(b"\x80\x04\x95\x01\0\0\0\0\0\0\0K\x01.", "frame");
    assert_unproven(b"\x80\x04\x95\xff\0\0\0\0\0\0\0K\x01.", "frame");
    assert_unproven(b"\x80\x04\x95\x0c\0\0\0\0\0\0\0\x95\x02\0\0\0\0\0\0\0N.N.", "frame");
}

#[test]
fn numerals_that_are_read_differently_are_unproven() {
    assert_unproven(b"I010\n.", "ambiguous-argument");
    assert_unproven(b"N(g0x0\n.", "malformed");
    assert_unproven(b"Np00\ng0\n.", "ambiguous-argument");
    assert_unproven(b"F1e400\n.", "ambiguous-argument");
}

#[test]
fn streams_are_judged_to_their_end() {
    assert_safe(b"N.N.");
    assert_unproven(b"N.\n", "malformed");
    // One Unpickler used again still has entry 0 of the first pickle at MEMOIZE of the second.
    assert_unproven(b"\x80\x04]\x94.\x80\x04}\x94h\x00.", "stream-memo");
    assert_unproven(b"Vx\np0\n.g0\n.", "stream-memo");
}

#[test]
fn what_the_loader_supplies_is_unproven() {
    assert_unproven(b"P1\n.", "persistent-id");
    assert_unproven(b"K\x01Q.", "persistent-id");
    assert_unproven(b"\x82\x01.", "extension");
}

/// As in a `data.pkl` that was taken out of torch's archive.
#[test]
fn persistent_ids_are_held_against_the_policy() {
    let torch = Policy::load(&["torch"]).expect("the profile is built in");
    let of = |id: &str| {
        format!(
            "\u{80}\u{2}ctorch._utils\n_rebuild_tensor_v2\n(({id}tQK\0K\u{2}\u{85}K\u{1}\u{85}I00\nccollections\nOrderedDict\n)RtR."
        )
        .chars()
        .map(|c| c as u8)
        .collect::<Vec<u8>>()
    };
    let id = "Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nK\u{2}";
    let judged = |id: &str| analyze(&of(id), &torch);
    assert_eq!(judged(id).verdict, Verdict::Safe, "{:?}", judged(id));
    assert_eq!(analyze(&of(id), &stdlib()).verdict, Verdict::Unproven);
    assert!(torch.allows_persistent("('storage', <class torch.FloatStorage>, '0', 'cpu', 2)"));
    assert!(
        !torch.allows_persistent("('module', 1)") && !stdlib().allows_persistent("('storage', 1)")
    );
    for (part, other) in [("Vstorage", "Vmodule"), ("FloatStorage", "load"), ("V0", "I0")] {
        let judged = judged(&id.replace(part, other));
        assert_eq!(judged.verdict, Verdict::Unproven, "{other}");
        assert!(judged.reasons().any(|reason| reason.rule == "persistent-id"));
    }
}

#[test]
fn bombs_are_bounded() {
    assert_unproven(b"Nr\xff\xff\xff\x7f.", "memo-index");
    let mut nested = vec![b'}', b')'];
    nested.extend(std::iter::repeat_n(0x85, 300_000));
    nested.extend(b"Ns.");
    assert_unproven(&nested, "nesting");
    let mut deep = vec![b']'; 1_000_000];
    deep.extend(vec![b'a'; 999_999]);
    deep.push(b'.');
    assert_safe(&deep);
}

/// Each list is filled when the one around it has it already: how deep that is, nobody adds up.
#[test]
fn what_is_nested_from_the_outside_in_is_bounded() {
    let lists = |count| [&b"]]q\x01a"[..], &b"h\x01]q\x01a0".repeat(count), b"."].concat();
    assert_safe(&lists(5_000));
    assert_unproven(&lists(20_000), "nesting");
    // An attribute of an exception is cleared by its own code, so that a chain is freed by recursion.
    let exceptions = |count| {
        let made = b"cbuiltins\nSystemExit\n)R";
        let next = [&b"h\x01}Vcode\n"[..], made, b"q\x01sb0"].concat();
        [&made[..], b"q\x01", &next.repeat(count), b"."].concat()
    };
    assert_safe(&exceptions(5_000));
    assert_unproven(&exceptions(20_000), "nesting");
}

/// A function that gives back its argument gives back all that it holds.
#[test]
fn what_is_given_back_is_what_was_given() {
    let torch = Policy::load(&["torch"]).expect("the profile is built in");
    let key = |count| {
        let calls = b"ctorch.jit._pickle\nrestore_type_tag\n".repeat(count);
        let pickle = [&b"}"[..], &calls, b"N", &b"Vx\n\x86R\x85".repeat(count), b"Ns."].concat();
        analyze(&pickle, &torch)
    };
    assert_eq!(key(10).verdict, Verdict::Safe);
    assert!(key(2_000).reasons().any(|reason| reason.rule == "nesting"));
}

/// Sixty tuples that hold the one before twice: whoever goes through them never ends. Calls may, and
/// say so, wherever the tuples are by then.
#[test]
fn values_that_share_without_bound_are_given_to_no_call() {
    let shared = [&b"K\x01\x85"[..], &b"2\x86".repeat(60)].concat();
    let safe = [&shared[..], b"0ccollections\nOrderedDict\n)R."].concat();
    assert_safe(&safe);
    for around in [
        [&b"ccollections\nOrderedDict\n]"[..], &shared, b"K\x02\x86a\x85R."],
        [b"c__builtin__\nset\n]", &shared, b"a\x85R."],
        [b"ccollections\nUserList\n)\x81}Vdata\n", &shared, b"sb."],
    ] {
        assert_unproven(&around.concat(), "nesting");
    }
    // A tuple of as many values as bytes is no such thing.
    let long = [&b"ccollections\nOrderedDict\n]("[..], &[b'N'; 1 << 21], b"t0\x85R."].concat();
    assert_safe(&long);
}

/// What is hashed or compared goes through frozensets and instances as well.
#[test]
fn what_hashes_for_ever_is_no_key() {
    let key = |made: &[u8]| [&b"}"[..], made, b"Ns."].concat();
    // MARK, the one before and again as a pair, FROZENSET: `( x x TUPLE2 FROZENSET`.
    let pairs = |count: usize| {
        let mut made = vec![b'('; count + 1];
        made.push(0x91);
        made.extend(b"2\x86\x91".repeat(count));
        key(&made)
    };
    assert_safe(&pairs(10));
    assert_unproven(&pairs(30), "nesting");
    let slices = |count: usize| {
        let mut made = Vec::new();
        made.extend(b"cbuiltins\nslice\n".repeat(count));
        made.push(b'N');
        made.extend(b"2\x86R".repeat(count));
        key(&made)
    };
    assert_safe(&slices(10));
    assert_unproven(&slices(30), "nesting");
    // A state counts as well, and how deep it is.
    let mut deep = b"}cbuiltins\nValueError\n)R}Vx\n)".to_vec();
    deep.extend(vec![0x85; 100_000]);
    deep.extend(b"sbNs.");
    assert_unproven(&deep, "nesting");
}

/// Whoever was given a list or dict may hold on to it.
#[test]
fn what_was_checked_must_not_change() {
    let state = b"ccollections\nOrderedDict\n)R}q\x00Va\nNsb";
    assert_safe(&[&state[..], b"."].concat());
    assert_unproven(&[&state[..], b"h\x00Vb\nNs."].concat(), "setitem");
}

/// An attribute that can be called stands for a method.
#[test]
fn attributes_can_not_be_called() {
    let with = |value: &str| format!("ccollections\nOrderedDict\n)R}}Va\n{value}sb.");
    assert_safe(with("N").as_bytes());
    assert_safe(with("cbuiltins\nEllipsis\n").as_bytes());
    assert_unproven(with("ccollections\nCounter\n").as_bytes(), "state");
    // Nor under a name whose text is of interest.
    let zone = b"ccollections\nOrderedDict\n)R}Vdtype\ncbuiltins\nmemoryview\nsb.";
    assert_unproven(zone, "state");
}

#[test]
fn fractions_have_no_exponents() {
    for safe in ["3/4", "-3/4", "12"] {
        assert_safe(format!("cfractions\nFraction\n(V{safe}\ntR.").as_bytes());
    }
    for other in ["1e9999999999", "3/", "/4", "3/-4", "3.5", " 3", ""] {
        assert_unproven(format!("cfractions\nFraction\n(V{other}\ntR.").as_bytes(), "arguments");
    }
}

#[test]
fn danger_behind_what_may_raise_is_not_proved() {
    assert_unproven(b"cmymodule\nthing\n0cos\nsystem\n(S'true'\ntR.", "denied-global");
    assert_unproven(b"}(]Nucos\nsystem\n(S'true'\ntR.", "denied-global");
}

#[test]
fn only_c_reads_streams_on() {
    // In the second pickle C raises at the frame, and Python never gets there.
    assert_unproven(b"N.\x80\x04\x95\xff\0\0\0\0\0\0\0cos\nsystem\n.", "denied-global");
}

#[test]
fn reasons_show_the_call() {
    for (pickle, opcode) in [
        (&b"cos\nsystem\n(S'id'\ntR."[..], "REDUCE"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", "REDUCE"),
        (b"(S'id'\nios\nsystem\n.", "INST"),
        (b"(cos\nsystem\nS'id'\no.", "OBJ"),
    ] {
        let analysis = analyze(pickle, &stdlib());
        let reasons: Vec<_> = analysis.reasons().collect();
        let [asks, runs] = reasons[..] else { panic!("{reasons:?}") };
        assert_eq!(asks.message, "asks for `os.system`, which starts or ends processes");
        assert_eq!(runs.message, "runs `os.system('id')`, which starts or ends processes");
        assert_eq!((runs.opcode, runs.global.as_deref()), (opcode, Some("os.system")));
        assert_eq!(
            pickle[runs.offset],
            b"Rio"[["REDUCE", "INST", "OBJ"].iter().position(|name| *name == opcode).unwrap()]
        );
        assert_eq!([asks.severity, runs.severity], [Severity::Error; 2]);
    }
    // The words of a command, of which many are not all shown, nor a list within.
    for (words, shown) in [
        (&b"](Vid\nV-u\ne"[..], "['id', '-u']"),
        (b"(Vid\nl", "['id']"),
        (b"(NNNNNNNNNl", "[None, None, None, None, None, None, None, None, …]"),
        (b"(]l", "list"),
        (b"](Vid\ne](Vhas\nVmore\ne]]]0000", "list"),
    ] {
        let pickle = [b"csubprocess\nPopen\n(", words, b"tR."].concat();
        let analysis = analyze(&pickle, &stdlib());
        let runs = analysis.reasons().last().unwrap();
        assert!(runs.message.contains(&format!("Popen({shown})")), "{}", runs.message);
    }
    // `__new__` of a function raises: nothing is run.
    for pickle in [&b"cos\nsystem\n(S'id'\nt\x81."[..], b"cos\nsystem\n(S'id'\nt}\x92."] {
        let analysis = analyze(pickle, &stdlib());
        let last = analysis.reasons().last().unwrap();
        assert_eq!(last.message, "makes an instance of `os.system` with ('id')");
    }
}

#[test]
fn a_call_behind_what_may_raise_is_no_proof_either() {
    let analysis = analyze(b"cmymodule\nthing\n0cos\nsystem\n(S'true'\ntR.", &stdlib());
    let runs = analysis.reasons().last().unwrap();
    assert_eq!((runs.rule, runs.severity), ("denied-call", Severity::Warning));
    assert!(runs.message.ends_with(", unless something before it raises"), "{}", runs.message);
}

fn judged_within(pickle: &[u8], limits: Limits) -> (Verdict, Vec<&'static str>) {
    let analysis = analyze_with(pickle, &stdlib(), &limits);
    (analysis.verdict, analysis.reasons().map(|reason| reason.rule).collect())
}

#[test]
fn running_out_of_a_budget_is_unproven_and_says_so() {
    let unlimited = Limits::default;
    let data = [&b"("[..], &[b'N'; 100_000], b"t."].concat();
    assert_eq!(judged_within(&data, unlimited()), (Verdict::Safe, vec![]));
    let steps = Limits { steps: Some(1000), ..unlimited() };
    assert_eq!(judged_within(&data, steps), (Verdict::Unproven, vec!["budget"]));
    let memory = Limits { memory: 1000, ..unlimited() };
    assert_eq!(judged_within(&data, memory.clone()), (Verdict::Unproven, vec!["budget"]));
    // However small each of them is, what pickles of a stream leave behind adds up.
    let stream = b"(NNNNNNNNt.".repeat(1000);
    assert_eq!(judged_within(&stream, unlimited()).0, Verdict::Safe);
    assert_eq!(judged_within(&stream, memory).1, ["budget"]);
    let nested = [&b"}"[..], b")", &[0x85; 20], b"Ns."].concat();
    assert_eq!(judged_within(&nested, unlimited()).0, Verdict::Safe);
    let shallow = Limits { nesting: 10, ..unlimited() };
    assert_eq!(judged_within(&nested, shallow), (Verdict::Unproven, vec!["nesting"]));
    // What was found before still counts.
    let attack = [&b"cos\nsystem\n(S'true'\ntR0"[..], &data].concat();
    let steps = Limits { steps: Some(1000), ..unlimited() };
    assert_eq!(judged_within(&attack, steps).0, Verdict::Dangerous);
}

/// Nothing may be raised above what CPython survives.
#[test]
fn nesting_is_never_trusted_beyond_the_interpreter() {
    let nested = [&b"}"[..], b")", &[0x85; 300_000], b"Ns."].concat();
    let deep = Limits { nesting: u32::MAX, ..Limits::default() };
    assert_eq!(judged_within(&nested, deep).0, Verdict::Unproven);
}

/// A constant that the memo brings back again and again costs its length each time.
#[test]
fn looking_at_the_same_again_and_again_is_given_up() {
    let text = "a".repeat(1 << 20);
    let mut pickle = format!("S'{text}'\np0\n0}}(").into_bytes();
    for _ in 0..100_000 {
        pickle.extend(b"h\x00N");
    }
    pickle.extend(b"u.");
    assert_eq!(judged_within(&pickle, Limits::default()), (Verdict::Unproven, vec!["budget"]));
    // The memory that a memo index asks for, in pickles of seven bytes.
    let gaps = b"Nr\xff\xff\x0f\x00.".repeat(1000);
    assert!(judged_within(&gaps, Limits::default()).1.contains(&"budget"));
}

#[test]
fn a_name_is_listed_once_however_it_is_spelled() {
    let pickle = b"c__builtin__\nset\n0\x80\x04\x8c\x08builtins\x8c\x03set\x930cbuiltins\nset\n.";
    let analysis = analyze(pickle, &stdlib());
    assert_eq!(analysis.pickles[0].globals, ["builtins.set"]);
    let again = [&pickle[..], pickle].concat();
    let analysis = analyze(&again, &stdlib());
    assert_eq!(analysis.pickles[1].globals, ["builtins.set"]);
}

/// A tuple that is a key again and again is hashed each time.
#[test]
fn hashing_a_key_again_costs_again() {
    let keys = |count: usize| {
        let mut pickle = b"(N".to_vec();
        pickle.extend(b"2\x86".repeat(17));
        pickle.extend(b"tq\x00}");
        pickle.extend(b"h\x00Ns".repeat(count));
        pickle.push(b'.');
        pickle
    };
    assert_safe(&keys(2));
    assert_unproven(&keys(5_000), "budget");
}
