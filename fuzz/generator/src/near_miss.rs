//! Near misses: a benign idiom with one thing wrong, which a policy must not wave through.

use assay_corpus::GlobalName;
use assay_pickle::Opcode;

use crate::choices::Choices;
use crate::config::SafeGlobal;
use crate::emitter::Emitter;
use crate::template::Template;

/// The one thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tweak {
    /// Nothing.
    Faithful,
    /// The argument of this number is of another type.
    Type(u8),
    /// The argument of this number is another text, such as another codec's name.
    Text(u8),
    /// The argument of this number is the result of a gadget, or a gadget itself.
    Gadget(u8),
    /// An argument too many.
    Extra,
    /// One too few.
    Missing,
    /// The name goes on to an attribute.
    Attribute,
    /// The name is looked for in another module, or is another one.
    Elsewhere,
    /// The arguments are those of this idiom, the callable is another's.
    Twin,
    /// The arguments are those of this idiom, the callable is a gadget's: what a policy that is
    /// wrong about that one name lets pass.
    Stranger,
    /// The state is not what the type expects.
    State,
    /// State is given to the class or function itself.
    Class,
    /// The result is called.
    Again,
    /// The result is filled as if it were another container.
    Fill,
    /// Keyword arguments that were not there.
    Keywords,
}

impl Tweak {
    /// Something wrong.
    pub(crate) fn draw(choices: &mut Choices<'_, '_>) -> Self {
        let number = choices.below(3) as u8;
        match choices.below(15) {
            0 | 1 => Self::Type(number),
            2 | 3 => Self::Text(number),
            4 => Self::Gadget(number),
            5 => Self::Extra,
            6 => Self::Missing,
            7 => Self::Attribute,
            8 => Self::Elsewhere,
            9 => Self::Twin,
            10 => Self::State,
            11 => Self::Class,
            12 => Self::Again,
            13 => Self::Stranger,
            _ if choices.one_in(2) => Self::Fill,
            _ => Self::Keywords,
        }
    }

    /// How many arguments there are when there should be `count`.
    pub(crate) fn arity(self, count: usize) -> usize {
        match self {
            Self::Extra => count + 1,
            Self::Missing => count.saturating_sub(1),
            _ => count,
        }
    }

    /// Whether the global is not the idiom's.
    pub(crate) fn renames(self) -> bool {
        matches!(
            self,
            Self::Attribute | Self::Elsewhere | Self::Twin | Self::Stranger | Self::Class
        )
    }
}

/// Codecs that do more than `latin1`, and other texts that stand where a known one should.
const CODECS: [&str; 20] = [
    "rot13",
    "rot_13",
    "hex",
    "zlib",
    "bz2",
    "base64",
    "uu",
    "quopri",
    "utf-7",
    "idna",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
    "undefined",
    "LATIN1",
    "latin-1",
    "latin1 ",
    "mbcs",
    "utf-8",
    "",
];

/// Attributes that every object or class has, and some that make others.
const ATTRIBUTES: [&str; 14] = [
    "__init__",
    "__new__",
    "__call__",
    "__class__",
    "__reduce__",
    "__reduce_ex__",
    "__setstate__",
    "__subclasses__",
    "__init_subclass__",
    "__getattribute__",
    "__dict__",
    "fromkeys",
    "mro",
    "__doc__",
];

/// Attributes whose change makes an object do something else.
const POISONS: [&str; 12] = [
    "__class__",
    "__dict__",
    "__setstate__",
    "__reduce__",
    "__new__",
    "__init__",
    "__call__",
    "__getattr__",
    "__hash__",
    "__eq__",
    "append",
    "__missing__",
];

/// Modules that hold the same names, or none.
const NEIGHBOURS: [(&str, &str); 12] = [
    ("collections", "_collections"),
    ("collections", "collections.abc"),
    ("datetime", "_datetime"),
    ("datetime", "_pydatetime"),
    ("decimal", "_decimal"),
    ("decimal", "_pydecimal"),
    ("builtins", "__builtin__"),
    ("builtins", "os"),
    ("pathlib", "pathlib._local"),
    ("re", "sre_compile"),
    ("copyreg", "copy_reg"),
    ("_codecs", "codecs"),
];

impl Emitter<'_, '_> {
    fn word(&mut self, words: &'static [&'static str]) {
        let word = *self.choices.pick(words);
        self.str(word);
    }

    /// Pushes an argument of an idiom.
    pub(crate) fn argument(&mut self, idiom: &SafeGlobal, index: usize, tweak: Tweak) {
        let own = idiom.args.get(index);
        let this = |number: u8| usize::from(number) % idiom.args.len().max(1) == index;
        match (tweak, own) {
            (Tweak::Type(number), _) if this(number) => self.wrong_type(),
            (Tweak::Text(number), _) if this(number) => self.word(&CODECS),
            (Tweak::Gadget(number), _) if this(number) => self.dangerous_argument(),
            (_, Some(template)) => self.template(template),
            (_, None) => self.wrong_type(),
        }
    }

    fn wrong_type(&mut self) {
        match self.choices.below(8) {
            0 => self.op(Opcode::None),
            1 => self.int(-1),
            2 => self.empty_list(),
            3 => self.empty_dict(),
            4 => self.bytes(b"cos\nsystem\n."),
            5 => self.word(&ATTRIBUTES),
            6 if self.benign() => {}
            _ => self.data(1),
        }
    }

    fn dangerous_argument(&mut self) {
        let grammar = self.grammar;
        let usable = grammar.gadgets_of(self.protocol);
        let index = usize::from(*self.choices.pick(usable));
        let gadget = &assay_corpus::gadgets()[index];
        self.global(&gadget.global);
        if let (Some(args), true) = (&gadget.args, self.choices.one_in(2)) {
            self.tuple_of(args.len(), |e, index| e.value(&args[index], false));
            self.op(Opcode::Reduce);
        }
    }

    /// Pushes the global of an idiom.
    pub(crate) fn global_tweaked(&mut self, idiom: &SafeGlobal, tweak: Tweak) {
        match tweak {
            Tweak::Attribute => {
                let attribute = *self.choices.pick(&ATTRIBUTES);
                let name = format!("{}.{attribute}", idiom.global.name);
                self.global(&GlobalName { module: idiom.global.module.clone(), name });
            }
            Tweak::Elsewhere => {
                let start = self.choices.below(NEIGHBOURS.len());
                let own = |pair: &&(&str, &str)| pair.0 == idiom.global.module;
                let found = NEIGHBOURS[start..].iter().find(own);
                let module = found.or_else(|| NEIGHBOURS.iter().find(own)).map(|pair| pair.1);
                self.global(&GlobalName {
                    module: module.unwrap_or("builtins").to_owned(),
                    name: idiom.global.name.clone(),
                });
            }
            Tweak::Twin => {
                let idioms = &self.grammar.idioms;
                let other = self.choices.below(idioms.len());
                self.global(&idioms[other].global);
            }
            Tweak::Stranger => {
                let gadgets = assay_corpus::gadgets();
                let other = self.choices.below(gadgets.len());
                self.global(&gadgets[other].global);
            }
            Tweak::Class => {
                self.global(&idiom.global);
                self.poison();
                self.op(Opcode::Build);
            }
            _ => self.global(&idiom.global),
        }
    }

    /// Pushes the state of an idiom.
    pub(crate) fn state(&mut self, state: &Template, tweak: Tweak) {
        if tweak == Tweak::State {
            self.poison();
        } else {
            self.template(state);
        }
    }

    /// Pushes state that sets what should not be set.
    fn poison(&mut self) {
        match self.choices.below(4) {
            0 => self.poisoned_dict(),
            1 => self.tuple_of(2, |e, index| match index {
                0 => e.op(Opcode::None),
                _ => e.poisoned_dict(),
            }),
            2 => self.wrong_type(),
            _ => self.tuple_of(2, |e, _| e.poisoned_dict()),
        }
    }

    fn poisoned_dict(&mut self) {
        self.empty_dict();
        self.set_items(1, |e| {
            e.word(&POISONS);
            match e.choices.below(3) {
                0 => e.dangerous_argument(),
                1 => e.scalar(),
                _ if e.benign() => {}
                _ => e.scalar(),
            }
        });
    }

    /// Pushes the keyword arguments of NEWOBJ_EX.
    pub(crate) fn keywords(&mut self, kwargs: &Template, tweak: Tweak) {
        if tweak == Tweak::Keywords {
            self.poisoned_dict();
        } else {
            self.template(kwargs);
        }
    }

    /// What is wrong once the object stands on the stack.
    pub(crate) fn afterwards(&mut self, tweak: Tweak) {
        match tweak {
            Tweak::Again => {
                let count = self.choices.below(3);
                self.tuple_of(count, |e, _| e.scalar());
                self.op(Opcode::Reduce);
            }
            Tweak::Fill => match self.choices.below(4) {
                0 => {
                    self.scalar();
                    self.op(Opcode::Append);
                }
                1 if self.protocol >= 1 => {
                    self.op(Opcode::Mark);
                    self.scalar();
                    self.op(Opcode::Appends);
                }
                2 if self.protocol >= 4 => {
                    self.op(Opcode::Mark);
                    self.scalar();
                    self.op(Opcode::AddItems);
                }
                _ => {
                    self.hashable();
                    self.scalar();
                    self.op(Opcode::SetItem);
                }
            },
            Tweak::State if self.room() > 8 => {
                self.poison();
                self.op(Opcode::Build);
            }
            _ => {}
        }
    }

    /// Pushes a near miss of some idiom, if one fits.
    pub(crate) fn near_miss(&mut self) -> bool {
        let tweak = Tweak::draw(&mut self.choices);
        let fits = |idiom: &SafeGlobal| match tweak {
            Tweak::Type(_) | Tweak::Text(_) | Tweak::Gadget(_) | Tweak::Missing => {
                !idiom.args.is_empty()
            }
            Tweak::Keywords => idiom.kwargs.is_some(),
            Tweak::State => idiom.state.is_some(),
            _ => true,
        };
        let Some(index) = self.any_idiom(fits) else { return false };
        let idioms = &self.grammar.idioms;
        self.idiom(&idioms[index], tweak);
        true
    }
}
