//! Parts of a contract, each by the name that a condition on it has.

use std::fmt::Write as _;

use crate::policy::contract::{Contract, Form};

/// A way to use a global or its instances by arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// REDUCE, INST, OBJ.
    Call,
    /// NEWOBJ, NEWOBJ_EX.
    New,
    /// The call of an instance.
    Apply,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::Call, Self::New, Self::Apply];

    fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::New => "new",
            Self::Apply => "apply",
        }
    }

    /// The forms that a contract allows it in.
    pub fn forms(self, contract: &Contract) -> &[Form] {
        match self {
            Self::Call => &contract.call,
            Self::New => &contract.new,
            Self::Apply => &contract.apply,
        }
    }

    pub(super) fn forms_mut(self, contract: &mut Contract) -> &mut Vec<Form> {
        match self {
            Self::Call => &mut contract.call,
            Self::New => &mut contract.new,
            Self::Apply => &mut contract.apply,
        }
    }
}

/// What of a contract is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// `call`: that it is not allowed at all.
    Never(Way),
    /// `call[0]/arg[1]/item[2]`: the pattern of an argument, or of an item of a tuple in it.
    Argument {
        /// By which way.
        way: Way,
        /// Which of its forms.
        form: usize,
        /// Which argument.
        index: usize,
        /// Which item of it, of that one, and so on.
        items: Vec<usize>,
    },
    /// `call[0]/count`: how many arguments there are.
    Count(Way, usize),
    /// `call[0]/returns`: of which classes instances are made, where an argument names the class.
    Made(Way, usize),
    /// `build`: that BUILD is not allowed at all.
    NeverBuilt,
    /// `build[0]/item[1]`: the pattern of a state, or of an item of it.
    State {
        /// Which of the states.
        index: usize,
        /// Which item of it, of that one, and so on.
        items: Vec<usize>,
    },
    /// `build[0]/uncalled`: that no attribute of that state, or argument, can be called.
    Uncalled(Box<Part>),
    /// `build[0]/holds`: what else attributes may hold, and under which names.
    Holds(Box<Part>),
    /// `named`: that no item can be called that is an attribute as well.
    Named,
    /// `callable`: that an instance of the class counts as something that can be called.
    Callable,
    /// `unhashed`: that an instance must not be hashed.
    Unhashed,
    /// `unheld`: that an instance is restored once, and before anything holds it.
    Unheld,
    /// `data`: that what it takes without asking for its kind is data.
    Data,
    /// `append`: with what APPEND may extend an instance.
    Append,
    /// `setitem`: that items may not be set.
    SetItem,
    /// `setitem/arg[0]`: the pattern of the key, or of the value, of an item that is set.
    Item(usize),
    /// `add`: that nothing may be added.
    Add,
    /// `kept`: that the global itself may not be kept as a value.
    Kept,
    /// `kind`: that it is no class, where a class is wanted.
    Kind,
}

impl Part {
    pub(super) fn name(&self) -> String {
        let nested = |mut name: String, items: &[usize]| {
            for item in items {
                let _ = write!(name, "/item[{item}]");
            }
            name
        };
        match self {
            Self::Never(way) => way.name().to_owned(),
            Self::Argument { way, form, index, items } => {
                nested(format!("{}[{form}]/arg[{index}]", way.name()), items)
            }
            Self::Count(way, form) => format!("{}[{form}]/count", way.name()),
            Self::Made(way, form) => format!("{}[{form}]/returns", way.name()),
            Self::NeverBuilt => "build".to_owned(),
            Self::State { index, items } => nested(format!("build[{index}]"), items),
            Self::Uncalled(of) => format!("{}/uncalled", of.name()),
            Self::Holds(of) => format!("{}/holds", of.name()),
            Self::Named => "named".to_owned(),
            Self::Callable => "callable".to_owned(),
            Self::Unhashed => "unhashed".to_owned(),
            Self::Unheld => "unheld".to_owned(),
            Self::Data => "data".to_owned(),
            Self::Append => "append".to_owned(),
            Self::SetItem => "setitem".to_owned(),
            Self::Item(item) => format!("setitem/arg[{item}]"),
            Self::Add => "add".to_owned(),
            Self::Kept => "kept".to_owned(),
            Self::Kind => "kind".to_owned(),
        }
    }
}
