//! Profiles: what a generated pickle is meant to try.

/// What a generated pickle is meant to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Plain data, as picklers write it and as they could: it loads.
    Data,
    /// The call of a gadget, named and placed in some way that could be missed.
    Attack,
    /// Benign idioms, near misses of them, data, and a few gadgets: what tests soundness.
    Mixed,
    /// Boundary values and malformed structure: what tells unpicklers apart.
    Divergent,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 4] = [Self::Data, Self::Attack, Self::Mixed, Self::Divergent];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Attack => "attack",
            Self::Mixed => "mixed",
            Self::Divergent => "divergent",
        }
    }

    /// The profile called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}
