//! Archives that lie, are cut, or are bombs: what is readable is judged, and they are never safe.

use std::io::{Cursor, Write};

use assay_analyzer::{FileAnalysis, Limits, Policy, Verdict, analyze_file, analyze_file_with};

const DATA: &[u8] = b"\x80\x04]\x94K\x01a.";
const ATTACK: &[u8] = b"cos\nsystem\n(S'true'\ntR.";

fn policy() -> Policy {
    Policy::load(&["torch"]).expect("the profile is built in")
}

fn judge(bytes: &[u8]) -> FileAnalysis {
    analyze_file(bytes, &policy())
}

fn within(bytes: &[u8], limits: Limits) -> FileAnalysis {
    analyze_file_with(bytes, &policy(), &limits)
}

fn rules(analysis: &FileAnalysis) -> Vec<&'static str> {
    analysis.items.iter().flat_map(|item| &item.pickle.reasons).map(|reason| reason.rule).collect()
}

/// A zip archive whose members are stored as they are.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, data) in members {
        writer.start_file(*name, stored).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).expect("it is there")
}

/// Where the local header, the central one and the record at the end begin.
fn headers(bytes: &[u8]) -> [usize; 3] {
    [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"].map(|signature| find(bytes, signature))
}

/// Python refuses a member whose sum is wrong; torch does not look.
#[test]
fn a_wrong_sum_hides_nothing() {
    let mut bytes = zip(&[("m/data.pkl", ATTACK)]);
    let [local, central, _] = headers(&bytes);
    bytes[local + 14] ^= 1;
    bytes[central + 16] ^= 1;
    let file = judge(&bytes);
    assert_eq!(file.verdict, Verdict::Dangerous);
    assert!(rules(&file).contains(&"damaged-container"));
}

#[test]
fn a_flag_that_says_encrypted_hides_nothing() {
    for both in [false, true] {
        let mut bytes = zip(&[("m/data.pkl", ATTACK)]);
        let [local, central, _] = headers(&bytes);
        bytes[central + 8] |= 1;
        if both {
            bytes[local + 6] |= 1;
        }
        assert_eq!(judge(&bytes).verdict, Verdict::Dangerous);
        let mut bytes = zip(&[("m/data.pkl", DATA)]);
        bytes[central + 8 - ATTACK.len() + DATA.len()] |= 1;
        assert_eq!(judge(&bytes).verdict, Verdict::Unproven);
    }
}

/// Python compares the two names, torch takes the central one.
#[test]
fn two_names_for_one_member() {
    let mut bytes = zip(&[("m/data.pkl", DATA)]);
    assert_eq!(judge(&bytes).verdict, Verdict::Safe);
    let name = find(&bytes, b"data.pkl");
    bytes[name] = b'x';
    assert_eq!(judge(&bytes).verdict, Verdict::Unproven);
}

#[test]
fn sizes_and_methods_that_differ() {
    for (at, byte) in [(8, 8), (18, 1), (22, 1)] {
        let mut bytes = zip(&[("m/data.pkl", DATA)]);
        bytes[at] ^= byte;
        assert_eq!(judge(&bytes).verdict, Verdict::Unproven, "byte {at} of the local header");
    }
    // A method that no reader undoes: the bytes are judged as they are.
    let mut bytes = zip(&[("m/data.pkl", ATTACK)]);
    let [local, central, _] = headers(&bytes);
    bytes[local + 8] = 8;
    bytes[central + 10] = 8;
    assert_ne!(judge(&bytes).verdict, Verdict::Safe);
}

/// Torch finds its members whatever the case of their names.
#[test]
fn names_that_differ_in_case() {
    let file = judge(&zip(&[("m/DATA.PKL", DATA)]));
    assert_eq!((file.verdict, file.items[0].loader), (Verdict::Safe, Some("torch.load")));
    let file = judge(&zip(&[("m/data.pkl", DATA), ("m/Data.pkl", DATA)]));
    assert_eq!(file.verdict, Verdict::Unproven);
}

/// `torch.load` hands an archive with constants to a reader of its own, in C++.
#[test]
fn archives_of_torchscript() {
    let file = judge(&zip(&[("m/data.pkl", DATA), ("m/Constants.pkl", DATA)]));
    assert_eq!(file.verdict, Verdict::Unproven);
    assert_eq!(judge(&zip(&[("m/data.pkl", DATA)])).verdict, Verdict::Safe);
}

#[test]
fn two_members_of_one_name() {
    let mut bytes = zip(&[("m/data.pkl", DATA), ("m/dat2.pkl", ATTACK)]);
    while let Some(at) = bytes.windows(8).position(|window| window == b"dat2.pkl") {
        bytes[at + 3] = b'a';
    }
    assert_ne!(judge(&bytes).verdict, Verdict::Safe);
}

#[test]
fn two_ends_and_bytes_before_the_archive() {
    let bytes = zip(&[("m/data.pkl", DATA)]);
    let end = bytes[headers(&bytes)[2]..].to_vec();
    assert_eq!(judge(&[&bytes[..], &end].concat()).verdict, Verdict::Unproven);
    let shifted = [&bytes[..], &bytes].concat();
    assert_eq!(judge(&shifted).verdict, Verdict::Unproven);
}

#[test]
fn without_a_central_directory_members_are_still_found() {
    let bytes = zip(&[("m/data.pkl", DATA), ("other", ATTACK)]);
    let cut = &bytes[..headers(&bytes)[1]];
    let file = judge(cut);
    assert_eq!(file.verdict, Verdict::Dangerous);
    assert_eq!(file.items[1].member.as_deref(), Some("other"));
    let bytes = zip(&[("m/data.pkl", DATA)]);
    assert_eq!(judge(&bytes[..headers(&bytes)[1]]).verdict, Verdict::Unproven);
}

/// The bytes of tensors hold no pickle, and may be larger than what may be unpacked.
#[test]
fn tensors_take_no_memory() {
    let tensor = vec![7; 1 << 20];
    let bytes = zip(&[("m/data.pkl", DATA), ("m/data/0", &tensor)]);
    let small = Limits { unpacked: 1000, ..Limits::default() };
    assert_eq!(within(&bytes, small.clone()).verdict, Verdict::Safe);
    let mut damaged = bytes;
    let at = find(&damaged, &tensor[..100]);
    damaged[at] = 8;
    assert_eq!(within(&damaged, small).verdict, Verdict::Unproven);
}

/// torch takes the size from the pickle, and the folder from the archive's first entry.
#[test]
fn storages_are_as_long_as_their_records() {
    let pickle =
        b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQ.";
    let file = |record: &[u8]| zip(&[("m/data.pkl", &pickle[..]), ("m/data/0", record)]);
    assert_eq!(judge(&file(&[0; 8])).verdict, Verdict::Safe);
    for length in [4, 12] {
        assert_eq!(rules(&judge(&file(&vec![0; length]))), ["storage"], "{length}");
    }
    let other = zip(&[("m/x/data.pkl", b"N."), ("m/data.pkl", pickle), ("m/data/0", &[0; 4])]);
    assert_eq!(rules(&judge(&other)), ["storage"]);
    let elsewhere = zip(&[("m/data.pkl", b"N."), ("m/other", pickle), ("m/data/0", &[0; 8])]);
    assert_eq!(rules(&judge(&elsewhere)), ["storage"]);
}

#[test]
fn bombs_run_out_of_their_budgets() {
    let zeros = vec![0; 100 << 20];
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(&zeros).unwrap();
    let bomb = writer.finish().unwrap();
    let tight = Limits { ratio: 10, ..Limits::default() };
    assert!(rules(&within(&bomb, tight)).contains(&"budget"));
    let small = Limits { unpacked: 1 << 20, ..Limits::default() };
    let given_up = within(&bomb, small);
    assert!(rules(&given_up).contains(&"budget"));
    assert!(given_up.items.iter().all(|item| {
        item.pickle.malformed.is_none() || item.pickle.reasons.iter().all(|r| r.rule != "budget")
    }));
    let many = zip(&[("a", DATA), ("b", DATA), ("c", ATTACK)]);
    assert_eq!(judge(&many).verdict, Verdict::Dangerous);
    let file = within(&many, Limits { members: 2, ..Limits::default() });
    assert_eq!((file.verdict, rules(&file)), (Verdict::Unproven, vec!["budget"]));
    let nested = zip(&[("a", &zip(&[("b", &zip(&[("c", DATA)]))]))]);
    assert_eq!(judge(&nested).verdict, Verdict::Safe);
    let flat = Limits { containers: 2, ..Limits::default() };
    assert_eq!(rules(&within(&nested, flat)), ["budget"]);
}

/// With each method of the library, and as one solid block.
#[test]
fn members_of_a_7z_are_judged_each() {
    for (data, verdict) in [(DATA, Verdict::Safe), (ATTACK, Verdict::Dangerous)] {
        let bytes = sevenz(&[("a.pkl", DATA), ("notes.txt", b"Nothing."), ("b.pkl", data)]);
        let file = judge(&bytes);
        assert_eq!((file.format, file.verdict), (Some("7z"), verdict), "{:?}", file.items);
        let members: Vec<_> = file.items.iter().filter_map(|i| i.member.as_deref()).collect();
        assert_eq!(members, ["a.pkl", "b.pkl"]);
    }
    let whole = sevenz(&[("a.pkl", ATTACK)]);
    // Wherever it is cut or changed, nothing panics, and it is never safe.
    for at in 6..whole.len() {
        assert_ne!(judge(&whole[..at]).verdict, Verdict::Safe);
        let mut changed = whole.clone();
        changed[at] ^= 0xff;
        assert_ne!(judge(&changed).verdict, Verdict::Safe, "byte {at}");
    }
}

fn sevenz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = sevenz_rust2::ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    for (name, data) in members {
        let entry = sevenz_rust2::ArchiveEntry::new_file(name);
        writer.push_archive_entry(entry, Some(*data)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Torch's oldest two formats.
#[test]
fn legacy_files_of_torch() {
    let magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";
    let version = b"\x80\x02M\xe9\x03.";
    let system = b"\x80\x02}.";
    let tensor =
        b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02NtQ.";
    let keys = b"\x80\x02]X\x01\0\0\x000a.";
    let raw = b"\x02\0\0\0\0\0\0\0\0\0\x80?\0\0\0@";
    let head = [&magic[..], version, system].concat();
    let file = [&head[..], tensor, keys, raw].concat();
    let judged = judge(&file);
    assert_eq!(
        (judged.format, judged.verdict),
        (Some("torch"), Verdict::Safe),
        "{:?}",
        judged.items
    );
    assert!(judged.items.iter().all(|item| item.loader == Some("torch.load")));
    let attack = [&head[..], ATTACK, keys, raw].concat();
    assert_eq!(judge(&attack).verdict, Verdict::Dangerous);
    // Whoever loads on and on reaches what stands among the tensors' bytes.
    let behind = [&file[..], ATTACK].concat();
    assert_eq!(judge(&behind[..file.len() - raw.len()]).verdict, Verdict::Safe);
    let among = [&file[..file.len() - raw.len()], ATTACK].concat();
    assert_ne!(judge(&among).verdict, Verdict::Safe);
    assert_ne!(judge(&file[..head.len() + 9]).verdict, Verdict::Safe);
}

#[test]
fn the_oldest_files_of_torch_are_tars() {
    let tar = |pickle: &[u8]| {
        let mut builder = tar::Builder::new(Vec::new());
        let storages = [&b"\x80\x02K\x01."[..], &[0xff; 16]].concat();
        for (name, data) in [("storages", &storages[..]), ("pickle", pickle)] {
            let mut header = tar::Header::new_ustar();
            header.set_size(data.len() as u64);
            builder.append_data(&mut header, name, data).unwrap();
        }
        builder.into_inner().unwrap()
    };
    assert_eq!(judge(&tar(ATTACK)).verdict, Verdict::Dangerous);
    // The raw bytes in it are not followed.
    assert_eq!(judge(&tar(DATA)).verdict, Verdict::Unproven);
}

#[test]
fn pickles_within_pickles_are_noted_and_count_for_nothing() {
    let outer = [&b"\x80\x04C"[..], &[ATTACK.len() as u8], ATTACK, b"C\x04end.\x86."].concat();
    let file = judge(&outer);
    assert_eq!(file.verdict, Verdict::Safe);
    let [held] = &file.items[0].pickle.holds[..] else { panic!("{:?}", file.items) };
    assert_eq!((held.offset, held.length), (4, ATTACK.len()));
    assert_eq!(held.verdict, Some(Verdict::Dangerous));
    let json = serde_json::to_value(&file.items[0]).unwrap();
    assert_eq!(json["holds"][0]["verdict"], "dangerous");
}

/// `ZF`, the length in hexadecimal, and zlib: joblib before 0.10.
#[test]
fn oldest_compressed_files_of_joblib() {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(ATTACK).unwrap();
    let packed = writer.finish().unwrap();
    let file = [format!("ZF{:<19}", "0x17").as_bytes(), &packed].concat();
    assert_eq!(judge(&file).verdict, Verdict::Dangerous);
}

/// torch tries a tar before its later formats, and a tar begins with a name of anyone's choice.
#[test]
fn a_tar_named_as_torchs_magic_is_a_tar() {
    let pickles =
        [&b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."[..], b"N.N.N.N."].concat();
    // As POSIX has it, and as it was before: without magic.
    for mut header in [tar::Header::new_ustar(), tar::Header::new_old()] {
        header.as_mut_bytes()[..pickles.len()].copy_from_slice(&pickles);
        header.set_size(0);
        header.set_cksum();
        let mut builder = tar::Builder::new(header.as_bytes().to_vec());
        let mut second = tar::Header::new_ustar();
        second.set_size(ATTACK.len() as u64);
        builder.append_data(&mut second, "storages", ATTACK).unwrap();
        let file = judge(&builder.into_inner().unwrap());
        assert_eq!((file.format, file.verdict), (Some("tar"), Verdict::Dangerous));
    }
}

fn lzma(data: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(6).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut writer = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn lz4(data: &[u8]) -> Vec<u8> {
    let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

/// What packs data in one format.
type Pack = fn(&[u8]) -> Vec<u8>;

/// A fault at the end, in a sum or in what follows the pickle, takes no pickle away.
#[test]
fn what_comes_before_a_fault_is_judged() {
    let gzip = |data: &[u8]| {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    };
    let bz2 = |data: &[u8]| {
        let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    };
    let xz = |data: &[u8]| {
        let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 6);
        writer.write_all(data).unwrap();
        writer.finish().unwrap()
    };
    // The last byte of the sum, counted from the end.
    let packers: [(&str, Pack, usize); 5] =
        [("gzip", gzip, 5), ("zlib", zlib, 1), ("bz2", bz2, 2), ("xz", xz, 12), ("lz4", lz4, 1)];
    for (format, pack, from_end) in packers {
        let mut bytes = pack(ATTACK);
        assert_eq!(judge(&bytes).verdict, Verdict::Dangerous, "{format}");
        let at = bytes.len() - from_end;
        bytes[at] ^= 0x55;
        let file = judge(&bytes);
        assert_eq!((file.format, file.verdict), (Some(format), Verdict::Dangerous));
        assert!(rules(&file).contains(&"damaged-container"), "{format}");
    }
    // Noise, which is stored as it is, so that the fault lies behind the pickle.
    let mut noise = 1_u32;
    let noise = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    });
    let data: Vec<u8> = ATTACK.iter().copied().chain(noise.take(5000)).collect();
    let deflated = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("m/data.pkl", deflated).unwrap();
    writer.write_all(&data).unwrap();
    let whole = writer.finish().unwrap().into_inner();
    // With the central directory and without.
    for mut bytes in [whole.clone(), whole[..headers(&whole)[1]].to_vec()] {
        let end = headers(&whole)[1];
        bytes[end - 16..end].fill(0xff);
        let file = judge(&bytes);
        assert_eq!(file.verdict, Verdict::Dangerous);
        assert!(rules(&file).contains(&"damaged-container"));
    }
}

/// `lzma.open` and joblib's files go on with the next stream, and so do frames of LZ4.
#[test]
fn what_follows_a_stream_is_judged() {
    let packers: [(&str, Pack); 3] = [("lzma", lzma), ("lz4", lz4), ("zlib", zlib)];
    for (format, pack) in packers {
        assert_eq!(judge(&pack(DATA)).verdict, Verdict::Safe, "{format}");
        let two = judge(&[pack(DATA), pack(ATTACK)].concat());
        assert_eq!((two.format, two.verdict), (Some(format), Verdict::Dangerous));
        let trail = judge(&[&pack(DATA)[..], b"and more"].concat());
        assert_eq!(trail.verdict, Verdict::Unproven, "{format}");
    }
}

/// What is wrong with a tar's first name counts as in any pickle: it asks the loader, or is read on at
/// other bytes by C than by this analyser.
#[test]
fn a_tar_is_judged_as_the_pickle_it_begins_with() {
    let straddles = b"\x80\x04\x95\x02\0\0\0\0\0\0\0C\x01a.";
    for name in [&b"\x80\x02\x82\x01."[..], b"P1\n.", straddles] {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_size(0);
        header.set_cksum();
        let bytes = [header.as_bytes(), &[0; 1024][..]].concat();
        assert_ne!(judge(&bytes).verdict, Verdict::Safe);
    }
}
