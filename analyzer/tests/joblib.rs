//! Files of joblib: how many bytes of an array follow is never what the file alone claims.
//!
//! Each file hides a call among what this analyser, or one version of joblib, takes for an array.

use std::io::Write;

use assay_analyzer::{FileAnalysis, Policy, Verdict, analyze_file};

const ATTACK: &[u8] = b"cos\nsystem\n(S'true'\ntR.";

fn judge(bytes: &[u8]) -> FileAnalysis {
    analyze_file(bytes, &Policy::load(&["joblib"]).expect("the profile is built in"))
}

fn text(text: &str) -> Vec<u8> {
    [&[0x8c, text.len() as u8], text.as_bytes()].concat()
}

fn global(module: &str, name: &str) -> Vec<u8> {
    [text(module), text(name), vec![0x93]].concat()
}

/// `numpy.dtype(NAME, False, True)`, and `state` by BUILD.
fn dtype(name: &str, state: &[u8]) -> Vec<u8> {
    [&global("numpy", "dtype")[..], &text(name), b"\x89\x88\x87R", state].concat()
}

/// A wrapper of one dimension, with more entries in its state.
fn wrapper(length: u8, dtype: &[u8], more: &[u8]) -> Vec<u8> {
    [
        &b"\x80\x04"[..],
        &global("joblib.numpy_pickle", "NumpyArrayWrapper"),
        b")\x81\x94}(",
        &text("subclass"),
        &global("numpy", "ndarray"),
        &text("shape"),
        &[b'K', length, 0x85],
        &text("order"),
        &text("C"),
        &text("dtype"),
        dtype,
        &text("allow_mmap"),
        b"\x89",
        more,
        b"ub",
    ]
    .concat()
}

/// A constant that is taken for an array's bytes if `skipped` of them are passed.
fn hidden(skipped: &[u8]) -> Vec<u8> {
    [skipped, &[b'C', ATTACK.len() as u8], ATTACK, b"0."].concat()
}

#[test]
fn arrays_are_followed() {
    let file = [wrapper(3, &dtype("b1", b""), b""), b"\x00\x01\x00.".to_vec()].concat();
    assert_eq!(judge(&file).verdict, Verdict::Safe);
    let padded = [&text("numpy_array_alignment_bytes")[..], b"K\x10"].concat();
    let file = [&wrapper(3, &dtype("b1", b""), &padded)[..], b"\x02\xff\xff\x00\x01\x00."].concat();
    assert_eq!(judge(&file).verdict, Verdict::Safe);
}

/// What stands for an array of objects is asked for its type, and for methods.
#[test]
fn the_pickle_of_an_array_gives_an_array() {
    let objects = |inner: &[u8]| {
        let file = [&wrapper(1, &dtype("O8", b""), b"")[..], inner, b"."].concat();
        judge(&file).verdict
    };
    let array = [
        &b"\x80\x04"[..],
        &global("numpy.core.multiarray", "_reconstruct"),
        &global("numpy", "ndarray"),
        b"K\0\x85C\x01b\x87R(K\x01K\x01\x85",
        &dtype("O8", b""),
        b"\x89]Natb.",
    ]
    .concat();
    assert_eq!(objects(&array), Verdict::Safe);
    assert_eq!(objects(b"\x80\x04N."), Verdict::Unproven);
    let other = [&b"\x80\x04"[..], &global("collections", "deque"), b")R."].concat();
    assert_eq!(objects(&other), Verdict::Unproven);
}

#[test]
fn a_later_entry_takes_an_earlier_ones_place() {
    let again = [&text("shape")[..], b"K\x02\x85"].concat();
    let filler: Vec<u8> =
        (0..12).flat_map(|n| [text(&format!("k{n}")), b"N".to_vec()]).flatten().collect();
    for more in [again.clone(), [filler, again].concat()] {
        let file = [wrapper(0, &dtype("b1", b""), &more), hidden(b"")].concat();
        assert_ne!(judge(&file).verdict, Verdict::Safe);
    }
}

#[test]
fn a_key_that_may_be_any_is_one_of_them() {
    // What a call gives is not known, and neither is which key it is.
    let key =
        [&global("_codecs", "encode")[..], &text("shape"), &text("latin1"), b"\x86R"].concat();
    let more = [&key[..], b"K\x02\x85"].concat();
    let file = [wrapper(0, &dtype("b1", b""), &more), hidden(b"")].concat();
    assert_ne!(judge(&file).verdict, Verdict::Safe);
}

/// `descriptor.c` arraydescr_setstate takes the size over for text and void only.
#[test]
fn a_state_does_not_size_a_number() {
    let state = [&b"(K\x03"[..], &text("|"), b"NNNK\x00J\xff\xff\xff\xffK\x00tb"].concat();
    let file = [wrapper(2, &dtype("b1", &state), b""), hidden(b"")].concat();
    assert_ne!(judge(&file).verdict, Verdict::Safe);
}

/// What a second state lacks, the first one gave.
#[test]
fn a_second_state_is_not_followed() {
    let padded = [&text("numpy_array_alignment_bytes")[..], b"K\x10"].concat();
    let first = wrapper(0, &dtype("b1", b""), &padded);
    let state = wrapper(1, &dtype("b1", b""), b"");
    let state = &state[state.iter().position(|byte| *byte == b'}').expect("a dict")..];
    let file = [&first[..], b"\x00h\x00", state, &hidden(b"\x00")].concat();
    assert_ne!(judge(&file).verdict, Verdict::Safe);
}

/// joblib 1.1 takes the length of the padding for the array's first byte.
#[test]
fn padding_is_opcodes_to_older_versions() {
    let padded = [&text("numpy_array_alignment_bytes")[..], b"K\x10"].concat();
    // One byte of padding's length and one of the array, or one of the array and BININT1, which
    // takes the next opcode for its argument.
    let attack = [ATTACK, &vec![b'N'; 0x30 - ATTACK.len()]].concat();
    let file =
        [&wrapper(1, &dtype("b1", b""), &padded)[..], b"\x00KC\x30", &attack, b"0."].concat();
    let judged = judge(&file);
    assert_ne!(judged.verdict, Verdict::Safe);
    let loaders: Vec<_> = judged.items.iter().filter_map(|item| item.loader).collect();
    assert!(loaders.contains(&"joblib.load before 1.2"), "{loaders:?}");
}

/// `numpy.load` unpickles as `pickle.load` does, whatever the pickle names.
#[test]
fn a_wrapper_in_an_npy_is_no_array() {
    let header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n";
    let header = [&b"\x93NUMPY\x01\x00"[..], &[header.len() as u8, 0], header.as_bytes()].concat();
    for inner in [&b"cunlisted\nname\n."[..], b"N."] {
        let length = inner.len() as u8;
        let file = [&header[..], &wrapper(length, &dtype("b1", b""), b""), inner, b"."].concat();
        assert_ne!(judge(&file).verdict, Verdict::Safe);
    }
}

/// Whoever loads joblib's file plainly imports what the array's bytes name.
#[test]
fn the_plain_reading_of_an_array_counts() {
    let inner = b"cunlisted\nname\n.";
    let file = [&wrapper(inner.len() as u8, &dtype("b1", b""), b"")[..], inner, b"."].concat();
    assert_ne!(judge(&file).verdict, Verdict::Safe);
}

/// `pickle.py` looks up what a line names that the end of the file cuts short.
#[test]
fn a_name_cut_short_is_asked_for_by_older_versions() {
    let padded = [&text("numpy_array_alignment_bytes")[..], b"K\x10"].concat();
    let file = |padding: &[u8]| {
        [&wrapper(3, &dtype("b1", b""), &padded)[..], b"\x06", padding, b"\x00\x00\x00."].concat()
    };
    assert_eq!(judge(&file(b"\xff\xff\xff\xff\xff\xff")).verdict, Verdict::Safe);
    // joblib 1.1 takes three bytes for the array, and what follows for opcodes.
    assert_ne!(judge(&file(b"\xff\xffcos\n")).verdict, Verdict::Safe);
}

/// A file of which joblib 1.1 takes `opcodes` for opcodes, where later versions see an array and the
/// padding before it.
fn older(opcodes: &[u8]) -> Vec<u8> {
    const ARRAY: u8 = 200;
    let padded = [&text("numpy_array_alignment_bytes")[..], b"K\x10"].concat();
    let wrapper = wrapper(ARRAY, &dtype("b1", b""), &padded);
    // The length of the padding is the first byte of the older version's array, and no opcode.
    let array = [u8::MAX; ARRAY as usize];
    let room = 256 - opcodes.len();
    [&wrapper[..], &array, opcodes, &vec![u8::MAX; room], b"."].concat()
}

fn is_told_of_older(opcodes: &[u8], rule: &str) -> bool {
    let judged = judge(&older(opcodes));
    let mut older =
        judged.items.iter().filter(|item| item.loader == Some("joblib.load before 1.2"));
    older.any(|item| item.pickle.reasons.iter().any(|reason| reason.rule == rule))
}

/// `pickle.py` misses INST's mark only after it has asked for the class.
#[test]
fn a_class_is_asked_for_without_a_mark() {
    assert_eq!(judge(&older(b"")).verdict, Verdict::Safe);
    assert!(is_told_of_older(b"iunlisted\nname\n", "unlisted-global"));
}

/// `pickle.py` sets whole pairs before it misses a value.
#[test]
fn items_are_set_before_a_value_is_missed() {
    assert_eq!(judge(&older(b"}(NNNu")).verdict, Verdict::Safe);
    assert!(is_told_of_older(b"(NNNu", "setitem"));
}

/// Where the array within a frame ends, the frame goes on.
#[test]
fn an_array_within_a_frame_is_not_the_end() {
    let wrapper = wrapper(0, &dtype("b1", b""), b"");
    let length = [wrapper.len() as u8 + 20, 0, 0, 0, 0, 0, 0, 0];
    let opcodes = [b"\x95", &length[..], &wrapper].concat();
    assert!(is_told_of_older(&opcodes, "unknown-extent"));
}

/// Of an array whose length is not known, anything may follow.
#[test]
fn an_array_of_unknown_length_is_not_the_end() {
    let again = [&text("shape")[..], b"K\x02\x85"].concat();
    let opcodes = wrapper(0, &dtype("b1", b""), &again);
    assert!(is_told_of_older(&opcodes, "unknown-extent"));
}

/// Behind a PUT beyond all proportion nobody knows what is fetched, nor what is made of it.
#[test]
fn what_a_lost_memo_gives_counts() {
    assert!(is_told_of_older(b"Nr\xff\xff\xff\x7f0h\0", "memo-lost"));
}

/// `joblib.load` knows no archives: to it a tar is a pickle that begins with a name.
#[test]
fn a_tar_is_followed_as_joblib_reads_it() {
    let array = [b'C', ATTACK.len() as u8];
    let pickle =
        [&wrapper(array.len() as u8, &dtype("b1", b""), b"")[..], &array, ATTACK, b"0."].concat();
    assert_ne!(judge(&pickle).verdict, Verdict::Safe);
    // No pickle itself, and as long as a block of the archive.
    let filler = vec![b'x'; 512 - pickle.len()];
    let member = [&filler[..], &pickle].concat();
    let mut header = tar::Header::new_ustar();
    // To `pickle`, a constant up to where the pickle begins; the rest of the name is in it.
    let length = 512 - 5 + filler.len() as u32;
    let constant = [b"B", &length.to_le_bytes()[..], b"name"].concat();
    header.as_mut_bytes()[..constant.len()].copy_from_slice(&constant);
    header.set_size(member.len() as u64);
    header.set_cksum();
    let file = [&header.as_bytes()[..], &member].concat();
    let judged = judge(&file);
    assert_eq!(judged.format, Some("tar"));
    assert!(judged.items.iter().any(|item| item.loader == Some("joblib.load")));
    assert_ne!(judged.verdict, Verdict::Safe);
    // Nor does it look for them in what it unpacks.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&file).expect("in memory");
    let judged = judge(&packed.finish().expect("in memory"));
    assert_eq!(judged.format, Some("gzip"));
    assert_ne!(judged.verdict, Verdict::Safe);
}

/// An attribute that is none of the wrapper's own may stand for a method that reads.
#[test]
fn a_wrapper_has_no_attributes_but_its_own() {
    let more = |key: &str| [&text(key)[..], b"N"].concat();
    let file = |more: &[u8]| [&wrapper(1, &dtype("b1", b""), more)[..], b"\xff."].concat();
    assert_eq!(judge(&file(&more("numpy_array_alignment_bytes"))).verdict, Verdict::Safe);
    assert_ne!(judge(&file(&more("safe_get_numpy_array_alignment_bytes"))).verdict, Verdict::Safe);
}
