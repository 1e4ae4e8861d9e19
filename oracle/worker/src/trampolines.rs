//! Many copies of one function, told apart by a number known at compile time.
//!
//! A slot of a type is a plain C function without room for data, so a trampoline can know which
//! function it stands for only by being another function for each.

/// Sixteen copies from `$at` on.
macro_rules! row {
    ($name:ident, $at:expr) => {
        [
            $name::<{ $at }>,
            $name::<{ $at + 1 }>,
            $name::<{ $at + 2 }>,
            $name::<{ $at + 3 }>,
            $name::<{ $at + 4 }>,
            $name::<{ $at + 5 }>,
            $name::<{ $at + 6 }>,
            $name::<{ $at + 7 }>,
            $name::<{ $at + 8 }>,
            $name::<{ $at + 9 }>,
            $name::<{ $at + 10 }>,
            $name::<{ $at + 11 }>,
            $name::<{ $at + 12 }>,
            $name::<{ $at + 13 }>,
            $name::<{ $at + 14 }>,
            $name::<{ $at + 15 }>,
        ]
    };
}

/// 256 copies from `$at` on.
macro_rules! block {
    ($name:ident, $at:expr) => {
        [
            row!($name, $at),
            row!($name, $at + 16),
            row!($name, $at + 32),
            row!($name, $at + 48),
            row!($name, $at + 64),
            row!($name, $at + 80),
            row!($name, $at + 96),
            row!($name, $at + 112),
            row!($name, $at + 128),
            row!($name, $at + 144),
            row!($name, $at + 160),
            row!($name, $at + 176),
            row!($name, $at + 192),
            row!($name, $at + 208),
            row!($name, $at + 224),
            row!($name, $at + 240),
        ]
    };
}

/// The copies, in rows and blocks.
pub type Table<F, const BLOCKS: usize> = [[[F; 16]; 16]; BLOCKS];

/// The copy with that number; `None` beyond the last.
pub fn at<F: Copy, const BLOCKS: usize>(table: &Table<F, BLOCKS>, index: usize) -> Option<F> {
    table.get(index / 256).map(|block| block[index / 16 % 16][index % 16])
}

pub(crate) use {block, row};
