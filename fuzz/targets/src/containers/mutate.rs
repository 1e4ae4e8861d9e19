//! Mutation of files: of what a container holds, then packed again, sums and all.

use arbitrary::Unstructured;
use assay_generator::mutate as by;

use super::pack::Container;
use super::place::{ASKS, between, in_place};
use super::readings;

/// Names of members that loaders look for.
const NAMES: [&str; 8] = [
    "m/data.pkl",
    "M/DATA.PKL",
    "m/constants.pkl",
    "data.pkl",
    "m/data/0",
    "a.npy",
    "b.npy",
    "m/code/x.pkl",
];

/// Mutates what the container holds, or the container of what it holds.
pub(super) fn file(input: &[u8], u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    if u.ratio(1, 16)? {
        return readings::file(u);
    }
    let Some(mut container) = Container::open(input) else {
        let part = part_of(input, u)?;
        return Ok(match u.ratio(1, 4)? {
            true => Container::of(u.arbitrary()?, part).pack(),
            false => part,
        });
    };
    match u.int_in_range(0..=15)? {
        // Another container behind it, or the same again within another.
        0 => {
            let asks = *u.choose(&ASKS)?;
            let other = Container::of(u.arbitrary()?, asks.to_vec());
            return Ok([&container.pack()[..], &other.pack()].concat());
        }
        1 => return Ok(Container::of(u.arbitrary()?, input.to_vec()).pack()),
        // What it holds, by itself or in a container of another kind.
        2 => {
            let mut parts = container.parts();
            if let Some(part) = parts.first_mut() {
                let part = std::mem::take(*part);
                return Ok(match u.arbitrary()? {
                    true => part,
                    false => Container::of(u.arbitrary()?, part).pack(),
                });
            }
        }
        3 | 4 => {
            if let Container::Zip(members) = &mut container {
                let name = (*u.choose(&NAMES)?).to_owned();
                if u.arbitrary()? || members.is_empty() {
                    let asks = *u.choose(&ASKS)?;
                    members.push((name, asks.to_vec()));
                } else {
                    let index = u.choose_index(members.len())?;
                    members[index].0 = name;
                }
            }
        }
        _ => {}
    }
    let mut parts = container.parts();
    if !parts.is_empty() {
        let index = u.choose_index(parts.len())?;
        let part = part_of(parts[index], u)?;
        *parts[index] = part;
    }
    Ok(container.pack())
}

/// Mutates a pickle, perhaps with raw bytes of arrays within.
fn part_of(part: &[u8], u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    // Often near the end, where what one reader takes for data is left over for another.
    let place = |u: &mut Unstructured<'_>| {
        let first = if u.arbitrary()? { part.len().saturating_sub(32) } else { 0 };
        u.int_in_range(first..=part.len())
    };
    Ok(match u.int_in_range(0..=7)? {
        0 | 1 => between(part, place(u)?, u.choose(&ASKS)?),
        2 | 3 => in_place(part, place(u)?, u.choose(&ASKS)?),
        // A piece again, elsewhere.
        4 => {
            let (from, to, at) = (place(u)?, place(u)?, place(u)?);
            between(part, at, &part[from.min(to)..from.max(to)])
        }
        5 => {
            let mut part = part.to_vec();
            if !part.is_empty() {
                let at = u.choose_index(part.len())?;
                part[at] = u.arbitrary()?;
            }
            part
        }
        _ => by::mutate(part, None, u),
    })
}
