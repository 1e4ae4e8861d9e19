use super::*;

/// Bytes of a member with its local header.
const NAME: &[u8] = b"a";
const DATA: &[u8] = b"data";
const MEMBER: usize = LOCAL_SIZE + NAME.len() + DATA.len();

fn local() -> Vec<u8> {
    let mut header = [&LOCAL[..], &[0; LOCAL_SIZE - 4], NAME, DATA].concat();
    header[26] = NAME.len() as u8;
    header
}

/// An entry with sizes, an offset and extra fields as given.
fn central([packed, unpacked, offset]: [u32; 3], extra: &[u8]) -> Vec<u8> {
    let mut entry = [&ENTRY[..], &[0; ENTRY_SIZE - 4], NAME, extra].concat();
    entry[20..24].copy_from_slice(&packed.to_le_bytes());
    entry[24..28].copy_from_slice(&unpacked.to_le_bytes());
    entry[28] = NAME.len() as u8;
    entry[30] = extra.len() as u8;
    entry[42..46].copy_from_slice(&offset.to_le_bytes());
    entry
}

fn plain(offset: usize) -> Vec<u8> {
    let size = DATA.len() as u32;
    central([size, size, offset as u32], b"")
}

fn end([count, size, offset]: [usize; 3]) -> Vec<u8> {
    let mut end = [&END[..], &[0; END_SIZE - 4]].concat();
    end[8..10].copy_from_slice(&(count as u16).to_le_bytes());
    end[10..12].copy_from_slice(&(count as u16).to_le_bytes());
    end[12..16].copy_from_slice(&(size as u32).to_le_bytes());
    end[16..20].copy_from_slice(&(offset as u32).to_le_bytes());
    end
}

/// The end record of zip64 and its locator, where they stand at `at`.
fn end64([count, size, offset]: [usize; 3], at: usize) -> Vec<u8> {
    let mut end = [&END64[..], &[0; END64_SIZE - 4], LOCATOR, &[0; LOCATOR_SIZE - 4]].concat();
    end[4] = END64_REST as u8;
    for (place, value) in [(24, count), (32, count), (40, size), (48, offset), (64, at)] {
        end[place..place + 8].copy_from_slice(&(value as u64).to_le_bytes());
    }
    end[END64_SIZE + 16] = 1;
    end
}

/// An archive of these entries, over `members` that lie side by side.
fn archive(members: usize, entries: &[Vec<u8>], zip64: bool) -> Vec<u8> {
    let mut bytes = local().repeat(members);
    let fields = [entries.len(), entries.concat().len(), bytes.len()];
    bytes.extend(entries.concat());
    if zip64 {
        bytes.extend(end64(fields, bytes.len()));
    }
    bytes.extend(end(fields));
    bytes
}

fn fault(bytes: &[u8]) -> String {
    check(bytes).expect_err("a fault")
}

/// Of an archive of one entry.
fn fault_of(entry: Vec<u8>) -> String {
    let fault = fault(&archive(1, &[entry], false));
    fault.strip_prefix("entry 0 of the central directory: ").expect("it is the entry's").to_owned()
}

#[test]
fn good_archives_have_no_fault() {
    let two = [plain(MEMBER), plain(0)];
    assert_eq!(check(&archive(2, &two, false)), Ok(2 * MEMBER as u64));
    assert_eq!(check(&archive(2, &two, true)), Ok(2 * MEMBER as u64));
    assert_eq!(check(&archive(0, &[], false)), Ok(0));
    let mut commented = archive(1, &[plain(0)], false);
    let at = commented.len() - 2;
    commented[at] = 3;
    commented.extend(b"Hi!");
    assert_eq!(check(&commented), Ok(MEMBER as u64));
    // Sizes and offset of 64 bits, behind another extra field.
    let extra = [&[9, 0, 1, 0, 7, 1, 0, 24, 0][..], &[4, 0, 0, 0, 0, 0, 0, 0].repeat(2), &[0; 8]];
    let wide = central([u32::MAX; 3], &extra.concat());
    assert_eq!(check(&archive(1, &[wide], false)), Ok(MEMBER as u64));
    let mut ones = archive(1, &[plain(0)], true);
    let at = ones.len() - END_SIZE;
    ones[at + 4..at + 20].fill(0xff);
    assert_eq!(check(&ones), Ok(MEMBER as u64));
}

#[test]
fn the_end_record_is_where_the_file_ends() {
    assert_eq!(fault(b"PK"), "there is no end record");
    let trailed = [archive(1, &[plain(0)], false), vec![0]].concat();
    assert_eq!(fault(&trailed), "the file does not end where its last end record does");
    let two = [archive(1, &[plain(0)], false), b"PK\x05\x06".to_vec()].concat();
    assert_eq!(fault(&two), CUT);
}

/// With one byte of the records at the end changed.
fn changed(zip64: bool, from_end: usize) -> String {
    let mut bytes = archive(1, &[plain(0)], zip64);
    let at = bytes.len() - from_end;
    bytes[at] ^= 1;
    fault(&bytes)
}

#[test]
fn fields_of_the_end_record() {
    let several = "the archive is said to be a part of several";
    assert_eq!(changed(false, END_SIZE - 4), several);
    assert_eq!(changed(false, END_SIZE - 6), several);
    assert_eq!(changed(false, END_SIZE - 8), several);
    let elsewhere = "the central directory does not end where its end record begins";
    assert_eq!(changed(false, END_SIZE - 12), elsewhere);
    assert_eq!(changed(false, END_SIZE - 16), elsewhere);
    let mut bytes = archive(1, &[plain(0)], false);
    let at = bytes.len() - END_SIZE;
    bytes[at + 8..at + 10].fill(0xff);
    assert_eq!(fault(&bytes), "the end record of zip64 is missing");
    // One entry more is said than there is, and one less.
    for (count, message) in [
        (3, "entry 2 of the central directory: it does not begin as one"),
        (1, "the central directory holds more than its entries"),
    ] {
        let mut bytes = archive(2, &[plain(0), plain(MEMBER)], false);
        let at = bytes.len() - END_SIZE;
        (bytes[at + 8], bytes[at + 10]) = (count, count);
        assert_eq!(fault(&bytes), message);
    }
}

#[test]
fn fields_of_zip64() {
    let end64 = END64_SIZE + LOCATOR_SIZE + END_SIZE;
    assert_eq!(changed(true, end64), "the end record of zip64 is not before its locator");
    let length = "the end record of zip64 says another length than it has";
    assert_eq!(changed(true, end64 - 4), length);
    for field in [16, 20, 24, 32, 40, 48] {
        assert_eq!(changed(true, end64 - field), "the end record differs from that of zip64");
    }
    let locator = LOCATOR_SIZE + END_SIZE;
    let pointed = "the locator of zip64 points elsewhere than before itself";
    assert_eq!(changed(true, locator - 8), pointed);
    for disk in [4, 16] {
        assert_eq!(changed(true, locator - disk), "the archive is said to be a part of several");
    }
    // Without its signature it is no locator.
    let unknown = "the central directory does not end where its end record begins";
    assert_eq!(changed(true, locator), unknown);
}

#[test]
fn fields_of_an_entry() {
    let size = DATA.len() as u32;
    let with = |extra: &[u8]| fault_of(central([size, size, 0], extra));
    assert_eq!(with(&[9, 0, 1]), "its extra fields are cut");
    assert_eq!(with(&[9, 0, 1, 0]), "its extra fields are cut");
    assert_eq!(with(&[9, 0, 0, 0, 9, 0, 0, 0]), "it has an extra field twice");
    let more = "its extra field of zip64 holds more than is asked of it";
    assert_eq!(with(&[1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]), more);
    let lacks = "its extra field of zip64 lacks a value";
    assert_eq!(fault_of(central([size, size, u32::MAX], b"")), lacks);
    assert_eq!(fault_of(central([size, size, u32::MAX], &[1, 0, 4, 0, 0, 0, 0, 0])), lacks);
    assert_eq!(with(b"\x75\x70\x06\0\x01\0\0\0\0b"), "it has two names");
    let same = central([size, size, 0], b"\x75\x70\x06\0\x01\0\0\0\0a");
    assert_eq!(check(&archive(1, &[same], false)), Ok(MEMBER as u64));
    let resized = fault_of(central([size, size + 1, 0], b""));
    assert_eq!(resized, "it is stored as it is, in another size");
    assert_eq!(fault_of(central([size, size, 1], b"")), "no member begins where it says");
    let set = |at: usize, value: u8| {
        let mut entry = plain(0);
        entry[at] = value;
        fault_of(entry)
    };
    assert_eq!(set(34, 1), "it is said to be on another disk");
    assert_eq!(set(ENTRY_SIZE, 0), "its name holds a NUL, which ends it for some");
    assert_eq!(set(32, 1), CUT);
}

#[test]
fn members_share_no_bytes() {
    let overlap = "members overlap each other or the central directory";
    assert_eq!(fault(&archive(2, &[plain(0), plain(0)], false)), overlap);
    let size = DATA.len() as u32 + 1;
    let long = central([size, size, 0], b"");
    assert_eq!(fault(&archive(1, std::slice::from_ref(&long), false)), overlap);
    assert_eq!(fault(&archive(2, &[long, plain(MEMBER)], false)), overlap);
}
