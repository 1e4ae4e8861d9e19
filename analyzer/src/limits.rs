//! Budgets: what judging one file may take. Running out means `unproven`, with the reason.

/// Steps for each byte of a stream, where no other budget is given. An honest pickle needs less
/// than two: one an opcode, and one for each argument that is looked at.
const STEPS_A_BYTE: u64 = 16;

/// Steps that even the smallest stream may take.
const STEPS: u64 = 1 << 20;

/// What the analysis of one file may take.
///
/// ```
/// use assay_analyzer::{Limits, Policy, Verdict, analyze_with};
///
/// let policy = Policy::load(&["data"]).unwrap();
/// let limits = Limits { steps: Some(2), ..Limits::default() };
/// let analysis = analyze_with(b"NNN000N.", &policy, &limits);
/// assert_eq!(analysis.verdict, Verdict::Unproven);
/// assert_eq!(analysis.reasons().next().unwrap().rule, "budget");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Steps for one stream of pickles: one an opcode, and one for each value, or eight bytes of
    /// text, that an opcode looks at again. `None`: 16 for each byte of the stream, and 1,048,576
    /// at least, so that time is linear whatever the input.
    pub steps: Option<u64>,
    /// Bytes that the values alive in one stream may take. 1 GiB: about what plain data of 1 GiB
    /// needs.
    pub memory: u64,
    /// How deeply values may be nested that are hashed or given to a call. 500, which is also the
    /// most that counts: CPython itself may crash beyond its recursion limit of 1,000.
    pub nesting: u32,
    /// Bytes that unpacking may give in all. 1 GiB.
    pub unpacked: u64,
    /// How many times its packed size a member may unpack to, beyond 64 MiB. 1,000: what deflate
    /// can reach.
    pub ratio: u64,
    /// Members of containers that are opened, in all. 100,000.
    pub members: usize,
    /// Containers within containers that are opened. 4.
    pub containers: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: None,
            memory: 1 << 30,
            nesting: MAX_NESTING,
            unpacked: 1 << 30,
            ratio: 1000,
            members: 100_000,
            containers: 4,
        }
    }
}

/// Nesting beyond which hashing or freeing a value may exhaust CPython's C stack: a tuple nested
/// 300,000 deep as a dict key segfaults; CPython's own recursion limit is 1,000.
const MAX_NESTING: u32 = 500;

impl Limits {
    /// Steps for a stream of so many bytes.
    pub(crate) fn steps_for(&self, bytes: usize) -> u64 {
        self.steps.unwrap_or_else(|| STEPS.max((bytes as u64).saturating_mul(STEPS_A_BYTE)))
    }

    /// The nesting that is not doubted.
    pub(crate) fn nesting(&self) -> u32 {
        self.nesting.min(MAX_NESTING)
    }
}
