//! Files of joblib in which what one reader takes for an array is opcodes to another.
//!
//! joblib from 1.2 passes padding before an array's bytes, earlier versions do not, and
//! `pickle.load` knows of no arrays at all: the same bytes are two or three pickles.

use arbitrary::Unstructured;

use super::pack::Container;
use super::place::ASKS;

/// Bytes that padding can be, as its length is one byte.
const PADDING: usize = 255;

/// Opcodes that matter to what follows a fault, or come near one.
const PIECES: [&[u8]; 26] = [
    b"N",
    b"0",
    b"1",
    b"2",
    b"(",
    b")",
    b"]",
    b"}",
    b"t",
    b"d",
    b"u",
    b"s",
    b"e",
    b"a",
    b"b",
    b"R",
    b"\x94",
    b"\x85",
    b"h\0",
    b"j\xff\xff\xff\0",
    b"q\x05",
    b"r\xff\xff\xff\x7f",
    b"I1\n",
    b"I 1\n",
    b"P1\n",
    b"\x80\x04",
];

/// A file that readers take for different pickles.
pub(super) fn file(u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let mut opcodes = opcodes(u, 2)?;
    let file = if u.ratio(3, 4)? {
        // Padding that is opcodes to earlier versions, for which an array as long as what is passed
        // before them begins with the padding's length.
        opcodes.truncate(PADDING + 1);
        let passed = u.int_in_range(0..=200_u8)?;
        let padding = opcodes.len().saturating_sub(1) as u8;
        let filler = vec![*u.choose(b"\xffN0")?; usize::from(passed)];
        [wrapper(u, &dtype("b1"), passed + 1, true)?, vec![padding], filler, opcodes].concat()
    } else {
        opcodes.truncate(PADDING);
        [wrapper(u, &dtype("b1"), opcodes.len() as u8, false)?, opcodes].concat()
    };
    let end: &[u8] =
        if u.ratio(1, 8)? { u.choose(&[&b"ca\nb"[..], b"ia\nb", b"ca", b""])? } else { b"." };
    let file = [&file, end].concat();
    Ok(match u.ratio(1, 8)? {
        true => Container::of(u.arbitrary()?, file).pack(),
        false => file,
    })
}

/// What may stand where one reader sees opcodes and another an array.
fn opcodes(u: &mut Unstructured<'_>, depth: u8) -> arbitrary::Result<Vec<u8>> {
    let mut opcodes = Vec::new();
    for _ in 0..u.int_in_range(1..=5)? {
        match u.int_in_range(0..=9)? {
            0 | 1 => opcodes.extend(*u.choose(&ASKS)?),
            2 if depth > 0 => {
                let framed = self::opcodes(u, depth - 1)?;
                let length = (framed.len() as u64).saturating_add_signed(u.int_in_range(-8..=8)?);
                opcodes.extend([&b"\x95"[..], &length.to_le_bytes(), &framed].concat());
            }
            3..=5 if depth > 0 => opcodes.extend(array(u, depth - 1)?),
            _ => opcodes.extend(*u.choose(&PIECES)?),
        }
    }
    Ok(opcodes)
}

/// A wrapper and perhaps what it wraps.
fn array(u: &mut Unstructured<'_>, depth: u8) -> arbitrary::Result<Vec<u8>> {
    let data = opcodes(u, depth)?;
    let length = (data.len() as u8).saturating_add_signed(u.int_in_range(-1..=1)?);
    let dtype = match u.int_in_range(0..=3)? {
        0 => dtype("O"),
        1 => dtype("U1"),
        _ => dtype("b1"),
    };
    let padded = u.ratio(1, 4)?;
    let padding = if padded { vec![0] } else { Vec::new() };
    let length = *u.choose(&[0, 1, length])?;
    Ok([wrapper(u, &dtype, length, padded)?, padding, data].concat())
}

fn text(text: &str) -> Vec<u8> {
    [&[0x8c, text.len() as u8], text.as_bytes()].concat()
}

/// `numpy.dtype(NAME, False, True)`.
fn dtype(name: &str) -> Vec<u8> {
    [&b"cnumpy\ndtype\n"[..], &text(name), b"\x89\x88\x87R"].concat()
}

/// A wrapper of one dimension, sometimes with an entry more than it should have.
fn wrapper(
    u: &mut Unstructured<'_>,
    dtype: &[u8],
    length: u8,
    padded: bool,
) -> arbitrary::Result<Vec<u8>> {
    let shape = [&text("shape")[..], &[b'K', length, 0x85]].concat();
    let padding = [&text("numpy_array_alignment_bytes")[..], b"K\x10"].concat();
    let more = match u.int_in_range(0..=15)? {
        0 => [&text("shape")[..], b"K\x01\x85"].concat(),
        1 => [&text("numpy_array_alignment_bytes")[..], b"N"].concat(),
        2 => [&text("order")[..], &text("X")].concat(),
        _ => Vec::new(),
    };
    let parts = [
        &b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81\x94}("[..],
        &text("subclass"),
        b"cnumpy\nndarray\n",
        &shape,
        &text("order"),
        &text("C"),
        &text("dtype"),
        dtype,
        &text("allow_mmap"),
        b"\x89",
        if padded { &padding } else { b"" },
        &more,
        b"ub",
    ];
    Ok(parts.concat())
}

/// So many files, the same for the same seed.
pub fn files_read_differently(seed: u64, count: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut entropy = [0; 1024];
    (0..count).map(move |index| {
        assay_generator::fill_entropy(seed, index, &mut entropy);
        file(&mut Unstructured::new(&entropy)).unwrap_or_default()
    })
}
