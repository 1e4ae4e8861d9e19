//! A contract: how one global, or several alike, may be used.

use super::pattern::{Pattern, Signature};

/// What a global is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A class; calls return an instance of it.
    #[default]
    Class,
    /// A function.
    Function,
    /// Neither: a constant such as `Ellipsis`.
    Value,
}

/// What a call returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Returns {
    /// An instance of the class that was called.
    #[default]
    Instance,
    /// An instance of the class given as that argument.
    InstanceOfArgument(usize),
    /// That argument itself.
    Argument(usize),
    /// Something of a built-in type.
    Pattern(Pattern),
    /// An instance of another class of the policy, `module:name`.
    InstanceOf(String),
    /// Another global of the policy.
    Global(String),
}

/// One way to call: the arguments, and what comes of it if not what the contract says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The arguments.
    pub args: Signature,
    /// What such a call returns, where it is not `Contract::returns`.
    pub returns: Option<Returns>,
}

/// A state with which BUILD may restore an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What it is.
    pub pattern: Pattern,
    /// Of what class the instance is from then on, `module:name`, if of another: of one that says more
    /// of what it holds.
    pub becomes: Option<String>,
}

/// With what APPEND and APPENDS may extend an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Append {
    /// Not at all.
    #[default]
    No,
    /// `None`, numbers, text and bytes.
    Atoms,
    /// Anything.
    Any,
}

/// How a global may be used. What is not said is not allowed.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The profile it stands in.
    pub profile: String,
    /// The globals it speaks of, module and qualified name.
    pub globals: Vec<(String, String)>,
    /// What they are.
    pub kind: Kind,
    /// The argument lists with which they may be called (REDUCE; INST and OBJ with arguments).
    pub call: Vec<Form>,
    /// The argument lists with which `cls.__new__` may be called (NEWOBJ, NEWOBJ_EX; INST and
    /// OBJ without arguments).
    pub new: Vec<Form>,
    /// The argument lists with which an instance may be called in its turn.
    pub apply: Vec<Form>,
    /// The states with which BUILD may restore an instance.
    pub build: Vec<State>,
    /// Whether an instance is a type of elements (`numpy.dtype`): how many bytes one has is known.
    pub elements: bool,
    /// Whether an instance is restored only before anything holds it: of others that look into its
    /// memory, or rely on what it was, nobody would know.
    pub unheld: bool,
    /// With what APPEND and APPENDS may extend an instance.
    pub append: Append,
    /// With which keys and values SETITEM and SETITEMS may set items of an instance, if at all.
    pub setitem: Option<Signature>,
    /// Whether items are attributes as well (`__getattr__`): then none may be what can be called.
    pub named: bool,
    /// Whether ADDITEMS may add to an instance.
    pub add: bool,
    /// Whether an instance can be hashed at all (dict keys, members of sets): where not, every engine
    /// raises.
    pub hash: bool,
    /// Whether hashing an instance runs more than code of its own class, such as the text of what
    /// it holds: then it must not be hashed, nor be given where it may be.
    pub unhashed: bool,
    /// Whether an instance refers to no other object: its bytes may be anything.
    pub plain: bool,
    /// Whether an instance is a scalar: printing, hashing and comparing it runs its own code only.
    pub scalar: bool,
    /// Whether an instance, of a built-in type, is data where it holds nothing else.
    pub holds_data: bool,
    /// Whether it keeps what it is given without looking into it, and hashes it at most: then it may be
    /// given any object, and else but those it asks for by kind.
    pub stores: bool,
    /// Whether it changes dicts that it is given, or that these hold.
    pub consumes: bool,
    /// Whether an instance calls what it was made of: as an attribute it stands for a method.
    pub callable: bool,
    /// Whether it can't be called, or makes a number or text of what it is given: as an attribute it
    /// stands for no method.
    pub uncalled: bool,
    /// Whether a call that conforms never raises.
    pub total: bool,
    /// Whether the global itself may be kept as a value: put into a container, or returned.
    pub kept: bool,
    /// Whether every supported CPython has the global. One that none has stands for a type
    /// without a name.
    pub everywhere: bool,
    /// What a call returns.
    pub returns: Returns,
    /// Modules beside their own whose code a conforming use may run.
    pub helpers: Vec<String>,
    /// Names that the objects give themselves where these differ.
    pub also: Vec<String>,
    /// Where it is written that this is safe.
    pub source: String,
}

impl Contract {
    /// Whether any of its patterns asks for each entry of a list or dict.
    pub(crate) fn minds_entries(&self) -> bool {
        let mut forms = self.call.iter().chain(&self.new).chain(&self.apply);
        forms.any(|form| form.args.patterns.iter().any(Pattern::minds_entries))
            || self.build.iter().any(|state| state.pattern.minds_entries())
    }

    /// Whether any of its patterns takes objects without asking for their kind.
    pub(crate) fn takes_objects(&self) -> bool {
        let forms = self.call.iter().chain(&self.new).chain(&self.apply);
        let arguments = forms.flat_map(|form| &form.args.patterns);
        let states = self.build.iter().map(|state| &state.pattern);
        let items = self.setitem.iter().flat_map(|of| &of.patterns);
        arguments.chain(states).chain(items).any(|pattern| !pattern.general().is_empty())
    }

    /// Whether an object of the contract names itself so.
    pub(crate) fn is_also(&self, name: &str) -> bool {
        self.also.iter().any(|also| also == name)
    }

    /// Whether it is the contract of that global, `module:name`.
    pub(crate) fn is_of(&self, key: &str) -> bool {
        self.globals.iter().any(|(module, name)| {
            key.strip_prefix(module.as_str()).and_then(|rest| rest.strip_prefix(':')) == Some(name)
        })
    }
}
