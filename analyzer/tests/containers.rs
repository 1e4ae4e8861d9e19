//! Pickles in the containers they travel in.

use std::io::{Cursor, Write};

use assay_analyzer::{FileAnalysis, Policy, Verdict, analyze_file};

const DATA: &[u8] = b"\x80\x04]\x94K\x01a.";
const ATTACK: &[u8] = b"cos\nsystem\n(S'true'\ntR.";

fn judge(bytes: &[u8]) -> FileAnalysis {
    analyze_file(bytes, &Policy::load(&["stdlib"]).expect("the profile is built in"))
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn npy(descr: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\n");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

#[test]
fn members_of_a_zip_are_judged_each() {
    let file =
        judge(&zip(&[("m/data.pkl", DATA), ("m/version", b"3\n"), ("m/data/0", b"\x80\x02")]));
    assert_eq!((file.verdict, file.items.len()), (Verdict::Safe, 1));
    assert_eq!(file.items[0].member.as_deref(), Some("m/data.pkl"));
    assert_eq!(file.items[0].loader, Some("torch.load"));
    let file = judge(&zip(&[("a.pkl", DATA), ("readme", ATTACK)]));
    assert_eq!(file.verdict, Verdict::Dangerous);
}

#[test]
fn a_damaged_zip_still_gets_its_pickles_judged_and_is_never_safe() {
    let mut bytes = zip(&[("a.pkl", DATA)]);
    let at = bytes.windows(DATA.len()).position(|window| window == DATA);
    if let Some(at) = at {
        bytes[at + 5] ^= 1;
    } else {
        bytes[40] ^= 0x55;
    }
    assert_ne!(judge(&bytes).verdict, Verdict::Safe);
    assert_ne!(judge(b"PK\x03\x04garbage").verdict, Verdict::Safe);
}

#[test]
fn an_entry_hidden_from_the_central_directory_is_damage() {
    let honest = zip(&[("a.pkl", DATA)]);
    let mut bytes = zip(&[("b.pkl", ATTACK)]);
    let local = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bytes.truncate(local);
    let shift = bytes.len() as u32;
    bytes.extend(honest);
    let eocd = bytes.len() - 22;
    let start = u32::from_le_bytes(*bytes[eocd + 16..].first_chunk().unwrap()) + shift;
    bytes[eocd + 16..eocd + 20].copy_from_slice(&start.to_le_bytes());
    assert_ne!(judge(&bytes).verdict, Verdict::Safe);
}

#[test]
fn compressed_streams_and_nested_containers() {
    assert_eq!(judge(&gzip(DATA)).verdict, Verdict::Safe);
    assert_eq!(judge(&gzip(ATTACK)).verdict, Verdict::Dangerous);
    assert_eq!(judge(&gzip(&zip(&[("x", ATTACK)]))).verdict, Verdict::Dangerous);
    let cut = gzip(DATA);
    assert_ne!(judge(&cut[..cut.len() - 6]).verdict, Verdict::Safe);
}

#[test]
fn only_object_arrays_hold_pickles() {
    assert_eq!(judge(&npy("'<f8'", &[0; 8])).verdict, Verdict::Safe);
    assert_eq!(judge(&npy("'|O'", DATA)).verdict, Verdict::Safe);
    for descr in ["'object'", r"'|\x4f'", "[('f', 'object')]", "[('f', '|O')]"] {
        assert_ne!(judge(&npy(descr, ATTACK)).verdict, Verdict::Safe, "{descr}");
    }
    let file = judge(&npy("'|O'", ATTACK));
    assert_eq!(file.verdict, Verdict::Dangerous);
    assert_eq!(file.items[0].loader, Some("numpy.load"));
    assert!(file.items[0].pickle.offset > 10);
    assert_ne!(judge(b"\x93NUMPY\x01\x00\xff\xff{}").verdict, Verdict::Safe);
}

#[test]
fn a_tar_that_is_a_pickle_too_is_judged_as_both() {
    let mut header = tar::Header::new_ustar();
    let name = b"cstring\ncapwords\n0cos\nsystem\n(S'true'\ntR.";
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_size(0);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(512 * 3, 0);
    assert_ne!(judge(&bytes).verdict, Verdict::Safe);
}

#[test]
fn members_that_ask_for_globals_are_judged_though_cut() {
    let file = judge(&zip(&[("notes", b"Vos\nVsystem\n\x93(S'true'\ntR\xff")]));
    assert_ne!(file.verdict, Verdict::Safe);
}

#[test]
fn plain_streams_have_no_loader() {
    let file = judge(b"N.cos\nsystem\n.");
    assert_eq!((file.format, file.items.len(), file.verdict), (None, 2, Verdict::Dangerous));
}

/// Members are judged by threads of a pool, whose stacks are small.
#[test]
fn deep_members_are_judged_on_small_stacks() {
    let tuples = [b"cunlisted\nname\nN".to_vec(), vec![0x85; 200_000], b"\x85R.".to_vec()].concat();
    let lists = [vec![b']'; 200_000], vec![b'a'; 199_999], b".".to_vec()].concat();
    let file = judge(&zip(&[("a", &tuples), ("b", &lists), ("c", DATA)]));
    let members: Vec<_> = file.items.iter().filter_map(|item| item.member.as_deref()).collect();
    assert_eq!((members, file.verdict), (vec!["a", "b", "c"], Verdict::Unproven));
}
