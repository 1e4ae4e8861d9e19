//! What the analyser says of pickles written by hand, one behaviour of the machine each.

use assay_analyzer::{Policy, Verdict, analyze};

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
    let analysis = analyze(b"cos\nsystem\n(S'id'\ntR.", &stdlib());
    let messages: Vec<_> = analysis.reasons().map(|reason| reason.message.as_str()).collect();
    assert_eq!(
        messages,
        ["asks for `os.system`, which starts or ends processes", "calls `os.system('id')`"]
    );
}
