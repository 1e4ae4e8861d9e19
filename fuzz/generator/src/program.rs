//! Programs: which recipe a profile follows, and in which order its parts are written.

use assay_pickle::Opcode;

use crate::Profile;
use crate::emitter::Emitter;
use crate::features::Features;
use crate::walk::Walk;

/// Where an attack stands in its pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Its result is the pickle's.
    Whole,
    /// Within a list, tuple or dict.
    Contained,
    /// Its result is dropped by POP.
    Dropped,
    /// Its result is dropped with a mark.
    DroppedWithMark,
    /// Before a fault.
    BeforeFault,
    /// Before the pickle is cut short.
    CutShort,
    /// In a second pickle.
    Second,
    /// Past the end of a frame.
    PastFrame,
    /// After a pickle and something that is no pickle.
    AfterTrail,
    /// By an extension code that the pickle registers itself.
    Extension,
    /// Behind more bytes than some read.
    Behind,
}

/// Weights are by repetition: most attacks load to the end, so that what is missed is the attack.
const PLACES: [Place; 21] = [
    Place::Whole,
    Place::Whole,
    Place::Whole,
    Place::Whole,
    Place::Whole,
    Place::Contained,
    Place::Contained,
    Place::Contained,
    Place::Contained,
    Place::Dropped,
    Place::Dropped,
    Place::DroppedWithMark,
    Place::DroppedWithMark,
    Place::BeforeFault,
    Place::CutShort,
    Place::Second,
    Place::Second,
    Place::PastFrame,
    Place::AfterTrail,
    Place::Extension,
    Place::Behind,
];

/// How much stands before an attack that is to be out of reach: what readers take for enough to
/// know a file by, and a page. What is longer would take the time of hundreds of pickles.
const BEHIND: [usize; 4] = [600, 1100, 4100, 4100];

impl Emitter<'_, '_> {
    /// Writes a program of a profile.
    pub(crate) fn program(&mut self, profile: Profile) {
        match profile {
            Profile::Data => self.data_program(),
            Profile::Attack => self.attack_program(),
            Profile::Mixed => self.mixed_program(),
            Profile::Divergent => self.divergent_program(),
        }
    }

    fn data_program(&mut self) {
        if self.choices.one_in(3) {
            self.features = self.features.plain();
        }
        self.supply_seldom();
        self.start();
        match self.choices.below(4) {
            0 => self.data(4),
            1 => self.records(),
            _ => {
                let most = self.most_steps();
                let steps = 4 + self.choices.below(most);
                self.walk(Walk::Strict, steps);
            }
        }
        self.finish();
    }

    /// In one program of 64, what a caller must supply.
    fn supply_seldom(&mut self) {
        if self.choices.one_in(64) {
            self.features = self.features.with(Features::SUPPLIED);
        } else {
            self.features = self.features.without(Features::SUPPLIED);
        }
    }

    /// Rows of the same keys, as data sets are pickled.
    fn records(&mut self) {
        self.empty_list();
        let count = 1 + self.choices.below(4);
        self.append_items(count, |emitter| {
            emitter.empty_dict();
            emitter.set_items(2, |emitter| {
                emitter.str("key");
                emitter.data(1);
            });
        });
    }

    fn mixed_program(&mut self) {
        match self.choices.below(100) {
            0..=49 => self.benign_program(),
            50..=60 => self.near_miss_program(),
            61..=74 => self.data_program(),
            75..=85 => self.attack_program(),
            86..=94 => {
                self.supply_seldom();
                self.start();
                let most = self.most_steps();
                let steps = 8 + self.choices.below(most);
                self.walk(Walk::Strict, steps);
                self.finish();
                if self.choices.one_in(8) {
                    self.trail();
                }
            }
            95 => self.divergent_program(),
            _ => {
                self.start();
                self.walk(Walk::Rogue, 56);
                self.finish();
            }
        }
    }

    /// Benign idioms and data only, spelled so that every unpickler reads it alike.
    fn benign_program(&mut self) {
        self.features = self.features.agreed();
        if self.choices.one_in(2) {
            self.features = self.features.plain();
        }
        self.start();
        let mut first = true;
        let contained = self.choices.below(4);
        match contained {
            0 => self.op(Opcode::Mark),
            1 => self.empty_list(),
            2 => self.empty_dict(),
            _ => {}
        }
        for _ in 0..1 + self.choices.below(3) {
            if self.room() < 12 && !first {
                break;
            }
            if contained == 2 {
                self.hashable();
            }
            if !self.benign() {
                self.scalar();
            }
            first = false;
            match contained {
                1 => self.op(Opcode::Append),
                2 => self.op(Opcode::SetItem),
                0 if self.choices.one_in(2) => self.data(2),
                _ => {}
            }
            self.noise();
        }
        if contained == 0 {
            let closer = if self.choices.one_in(2) { Opcode::List } else { Opcode::Tuple };
            self.op(closer);
        }
        self.finish();
    }

    fn near_miss_program(&mut self) {
        self.features = self.features.agreed();
        if self.choices.one_in(2) {
            self.features = self.features.plain();
        }
        self.start();
        if self.choices.one_in(3) {
            self.benign();
        }
        if !self.near_miss() {
            self.benign();
        }
        if self.choices.one_in(4) {
            self.data(1);
        }
        self.finish();
    }

    fn attack_program(&mut self) {
        if self.choices.one_in(2) {
            self.features = self.features.agreed();
        }
        self.features = self.features.without(Features::SUPPLIED);
        let from = self.len();
        let place = *self.choices.pick(&PLACES);
        self.start();
        if self.choices.one_in(3) && self.room() > 30 {
            self.benign();
        } else if self.choices.one_in(3) {
            self.data(1);
        }
        match place {
            Place::Whole => self.attack(),
            Place::Contained => self.attack_contained(),
            Place::Dropped => {
                self.attack();
                self.op(Opcode::Pop);
                self.data(1);
            }
            Place::DroppedWithMark => {
                self.op(Opcode::Mark);
                self.attack();
                self.noise();
                let closer = if self.protocol >= 1 { Opcode::PopMark } else { Opcode::Tuple };
                self.op(closer);
                self.data(1);
            }
            Place::BeforeFault => {
                self.attack();
                self.end_in_fault();
                return;
            }
            Place::CutShort => {
                self.attack();
                self.memo();
                self.end_cut_short(from);
                return;
            }
            Place::Second | Place::AfterTrail => {
                self.data(1);
                self.finish();
                if place == Place::AfterTrail {
                    self.trail();
                }
                self.start();
                self.attack();
            }
            Place::PastFrame => {
                self.end_frame();
                self.attack();
            }
            Place::Extension if self.protocol >= 2 => match self.any_gadget() {
                Some(gadget) => self.extension_attack(gadget),
                None => self.attack(),
            },
            Place::Extension => self.attack(),
            Place::Behind => {
                if self.choices.one_in(4) {
                    let length = *self.choices.pick(&BEHIND);
                    self.op_counted(Opcode::BinUnicode, 4, &vec![b' '; length]);
                    self.op(Opcode::Pop);
                }
                self.attack();
            }
        }
        self.finish();
        if self.choices.one_in(16) {
            self.trail();
        }
    }

    fn attack(&mut self) {
        if let Some(gadget) = self.any_gadget() {
            self.gadget(gadget);
            self.noise();
        }
    }

    fn attack_contained(&mut self) {
        match self.choices.below(4) {
            0 => {
                self.empty_list();
                self.data(0);
                self.op(Opcode::Append);
                self.attack();
                self.op(Opcode::Append);
            }
            1 => {
                self.empty_dict();
                self.str("key");
                self.attack();
                self.op(Opcode::SetItem);
            }
            2 => {
                self.op(Opcode::Mark);
                self.data(0);
                self.attack();
                self.op(Opcode::Tuple);
            }
            _ => {
                // As the state of something harmless.
                self.tuple_of(1, |emitter, _| emitter.attack());
            }
        }
    }

    fn divergent_program(&mut self) {
        self.features = if self.choices.one_in(4) {
            self.features.with(Features::SUPPLIED)
        } else {
            self.features.without(Features::SUPPLIED)
        };
        let mut pickles = 1 + usize::from(self.choices.one_in(6));
        let from = self.len();
        while pickles > 0 {
            pickles -= 1;
            self.start();
            match self.choices.below(10) {
                0 | 1 => self.one_opcode(),
                2 | 3 => self.misfit(),
                4 => self.walk(Walk::Rogue, 12),
                5 => {
                    self.benign();
                    self.walk(Walk::Boundary, 4);
                }
                _ => {
                    // Few opcodes: the first fault ends a pickle, so length only dilutes.
                    let steps = 1 + self.choices.below(14);
                    self.walk(Walk::Boundary, steps);
                }
            }
            match self.choices.below(12) {
                0 => self.end_cut_short(from),
                1 => self.end_in_fault(),
                2 => {
                    // With whatever is on the stack: marks, several objects, or nothing.
                    self.op(Opcode::Stop);
                    let missing = *self.choices.pick(&[0, 1, -1, 3]);
                    self.end_frame_wrongly(missing);
                }
                3 => {
                    self.finish();
                    self.trail();
                }
                _ => self.finish(),
            }
        }
    }

    /// One opcode at a boundary, on a stack that suits it: the least that can tell readers apart.
    fn one_opcode(&mut self) {
        let opcode = *self.choices.pick(&Opcode::ALL);
        for item in opcode.info().before {
            use assay_pickle::StackItem as Item;
            match item {
                Item::Mark => self.op(Opcode::Mark),
                Item::Slice => (0..self.choices.below(4)).for_each(|_| self.hashable()),
                Item::Tuple => self.tuple_of(1, |emitter, _| emitter.scalar()),
                Item::List => self.empty_list(),
                Item::Dict => self.empty_dict(),
                Item::Set => self.op(Opcode::EmptySet),
                Item::Str => self.str("os"),
                Item::Bytes | Item::Buffer => self.bytes_literal(b"bytes"),
                _ if self.choices.one_in(4) => {
                    self.benign();
                }
                _ => self.scalar(),
            }
        }
        let close = self.choices.one_in(4);
        self.boundary(opcode);
        if close && self.machine.depth() > 0 {
            self.op(Opcode::Dup);
        }
    }
}
