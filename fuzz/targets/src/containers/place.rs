//! Asking for something at a place of a file where nothing was asked for.

use super::pack::Container;

/// Asks for something that no policy allows, wherever these bytes are taken for opcodes. Short: there
/// may be no more room than joblib's padding.
pub(super) const ASKS: [&[u8]; 4] = [b"ca\nb\n", b"ca\nb\n0", b"ca\nb\n.", b"ia\nb\n"];

/// The bytes, and `asks` between two of them.
pub(super) fn between(bytes: &[u8], at: usize, asks: &[u8]) -> Vec<u8> {
    [&bytes[..at], asks, &bytes[at..]].concat()
}

/// The bytes, and `asks` in the place of as many: offsets and lengths stay.
pub(super) fn in_place(bytes: &[u8], at: usize, asks: &[u8]) -> Vec<u8> {
    let end = (at + asks.len()).min(bytes.len());
    [&bytes[..at], asks, &bytes[end..]].concat()
}

/// Every file that comes of this one by asking for something at one place of what it holds: between
/// two bytes, in the place of as many, or in a container behind it.
pub fn variants(file: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let container = Container::open(file);
    let parts: Vec<Vec<u8>> = match container.clone() {
        Some(mut container) => container.parts().into_iter().map(std::mem::take).collect(),
        None => vec![file.to_vec()],
    };
    let within = parts.into_iter().enumerate().flat_map(move |(index, part)| {
        let container = container.clone();
        (0..=part.len()).flat_map(move |at| {
            let packed = |changed: Vec<u8>| match container.clone() {
                Some(mut container) => {
                    *container.parts()[index] = changed;
                    container.pack()
                }
                None => changed,
            };
            let both = |asks| [between(&part, at, asks), in_place(&part, at, asks)].map(packed);
            ASKS.into_iter().flat_map(both).collect::<Vec<_>>()
        })
    });
    let behind = (0..Container::KINDS).flat_map(move |kind| {
        ASKS.map(|asks| [file, &Container::of(kind, asks.to_vec()).pack()].concat())
    });
    within.chain(behind)
}
