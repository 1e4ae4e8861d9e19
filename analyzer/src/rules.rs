//! The rules of the analyser: what each reason against `safe` means.

/// A rule, by its stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name that reasons carry.
    pub name: &'static str,
    /// What it finds, one sentence.
    pub summary: &'static str,
}

macro_rules! rules {
    ($($name:literal $summary:literal;)*) => {
        /// Every rule.
        pub const RULES: &[Rule] = &[$(Rule { name: $name, summary: $summary },)*];
    };
}

rules! {
    "ambiguous-argument" "An argument is spelled so that CPython's unpicklers read it differently.";
    "append" "APPEND or APPENDS calls a method of an object that the policy does not let be extended.";
    "add" "ADDITEMS calls a method of an object that the policy does not let be added to.";
    "arguments" "An allowed global is called with arguments outside its contract.";
    "budget" "The analysis, or unpacking, would take more than it may.";
    "buffer" "READONLY_BUFFER takes a view of something that is not an out-of-band buffer.";
    "call-of-value" "Something is called that is not a global by name, such as the result of a call.";
    "computed-global" "A global is asked for whose name is not a constant.";
    "damaged-container" "Part of a container can't be read, or readers differ in how they read it.";
    "data" "An object is put into what was taken for data before, and may be in use.";
    "denied-call" "A global of the deny list is called.";
    "denied-global" "A global of the deny list is asked for.";
    "extension" "The extension registry is asked, whose contents no pickle shows.";
    "frame" "A frame does not hold whole opcodes: C and Python read on at different bytes.";
    "hash" "What is hashed runs more than its own code: its type is unknown, or it holds objects.";
    "malformed" "The bytes are not a whole pickle, or no unpickler gets past a fault in them.";
    "memo-index" "A memo index is out of proportion: the C unpickler allocates memory up to it.";
    "memo-lost" "What is fetched from the memo is not known.";
    "name-encoding" "A global's name is an 8-bit string, which one load mode refuses.";
    "nesting" "Values are nested so deeply that the interpreter may crash.";
    "persistent-id" "A persistent id is handed to the loader's own code.";
    "setitem" "SETITEM or SETITEMS calls a method of an object that the policy does not let be set.";
    "state" "BUILD restores a state that the object's contract does not allow.";
    "storage" "A tensor's storage is not as long as its record in the archive.";
    "stream-memo" "A later pickle of the stream means another object to an Unpickler used again.";
    "unknown-extent" "A loader reads an array behind an opcode, and where it goes on is not known.";
    "unlisted-call" "A global that the policy does not know is called.";
    "unlisted-global" "A global that the policy does not know is asked for.";
}

/// The rule of that name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

/// Rules of what makes a load fail, or take what it does not have: not do what is not allowed, nor
/// read on elsewhere than it was followed. That something nests is none, since it ends the interpreter;
/// nor that what a GET gives is not known, of which nothing more is said.
const FAILS: [&str; 2] = ["malformed", "memo-index"];

/// Whether a load of which the rule speaks may do something that is not allowed, even if it then
/// fails.
pub(crate) fn acts(rule: &str) -> bool {
    !FAILS.contains(&rule)
}
