//! From the table to programs: the base filter, and the tail filter of a child.

use libc::{c_long, sock_filter};

use super::bpf::{self, Action, AssembleError, Assembler, Label, Program, Target};
use super::table::{Row, Rule, Test, syscalls};
use crate::trusted::MARK;

/// What `struct seccomp_data` says of calls in this architecture's own form.
#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xC000_003E;
/// What `struct seccomp_data` says of calls in this architecture's own form.
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xC000_00B7;

/// The bit in the number of a call in x32 form, a second set of numbers for the same calls.
const X32: u32 = 0x4000_0000;

/// The filter of the zygote, inherited by its children: the table, and `denied` for whatever
/// it does not allow.
pub(crate) fn base(denied: Action) -> Result<Program, AssembleError> {
    let mut asm = Assembler::default();
    native_only(&mut asm);
    for row in syscalls() {
        compile(&mut asm, row, denied);
    }
    asm.finish_with(denied);
    asm.finish()
}

/// Another architecture's numbers mean other calls: kill. x32 numbers likewise.
fn native_only(asm: &mut Assembler) {
    let native = asm.label();
    asm.load(bpf::ARCHITECTURE);
    asm.if_equal(NATIVE, Target::To(native), Target::Next);
    asm.finish_with(Action::Kill);
    asm.bind(native);
    asm.load(bpf::NUMBER);
    if cfg!(target_arch = "x86_64") {
        let plain = asm.label();
        asm.if_any_bit(X32, Target::Next, Target::To(plain));
        asm.finish_with(Action::Kill);
        asm.bind(plain);
    }
}

/// One row. The number is loaded before and, if the row is not the call's, still after.
fn compile(asm: &mut Assembler, row: &Row, denied: Action) {
    let end = asm.label();
    asm.if_equal(number(row.number), Target::Next, Target::To(end));
    match row.rule {
        Rule::Allow => asm.finish_with(Action::Allow),
        Rule::Absent(errno) => asm.finish_with(Action::Errno(errno)),
        Rule::If(test) => {
            let (holds, fails) = (asm.label(), asm.label());
            compile_test(asm, test, holds, fails);
            asm.bind(fails);
            asm.finish_with(denied);
            asm.bind(holds);
            asm.finish_with(Action::Allow);
        }
        Rule::Trusted => {
            let unmarked = asm.label();
            compile_mark(asm, unmarked);
            asm.finish_with(Action::Allow);
            asm.bind(unmarked);
            asm.finish_with(denied);
        }
        Rule::IfOrTrusted(test) => {
            let (holds, fails, unmarked) = (asm.label(), asm.label(), asm.label());
            compile_test(asm, test, holds, fails);
            asm.bind(fails);
            compile_mark(asm, unmarked);
            asm.bind(holds);
            asm.finish_with(Action::Allow);
            asm.bind(unmarked);
            asm.finish_with(denied);
        }
    }
    asm.bind(end);
}

/// Goes to `holds` or to `fails`.
fn compile_test(asm: &mut Assembler, test: Test, holds: Label, fails: Label) {
    match test {
        Test::NoneOf(argument, bits) => {
            asm.load(bpf::low(argument));
            asm.if_any_bit(bits, Target::To(fails), Target::To(holds));
        }
        Test::OneOf(argument, values) => {
            asm.load(bpf::low(argument));
            for &value in values {
                asm.if_equal(value, Target::To(holds), Target::Next);
            }
        }
        Test::Null(argument) => {
            asm.load(bpf::low(argument));
            asm.if_equal(0, Target::Next, Target::To(fails));
            asm.load(bpf::high(argument));
            asm.if_equal(0, Target::To(holds), Target::To(fails));
        }
    }
}

/// Goes on if the call is marked, else to `unmarked`.
fn compile_mark(asm: &mut Assembler, unmarked: Label) {
    asm.load(bpf::low(5));
    asm.if_equal(MARK as u32, Target::Next, Target::To(unmarked));
    asm.load(bpf::high(5));
    asm.if_equal((MARK >> 32) as u32, Target::Next, Target::To(unmarked));
}

fn number(call: c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

/// The filter of a child, on top of the inherited one: refuses what only the zygote may do,
/// and `tgkill` of anyone but the child itself.
///
/// It answers with an error rather than death: the mark may be left over in a register from
/// our own last call when the pickle's first call of that kind comes.
pub(crate) struct Tail {
    program: Program,
    /// The instruction that compares with the process id.
    own_id: usize,
}

impl Tail {
    pub(crate) fn new() -> Result<Self, AssembleError> {
        let mut asm = Assembler::default();
        let allow = asm.label();
        native_only(&mut asm);

        let refuse_if_marked = asm.label();
        for row in syscalls() {
            if matches!(row.rule, Rule::Trusted | Rule::IfOrTrusted(_)) {
                asm.if_equal(number(row.number), Target::To(refuse_if_marked), Target::Next);
            }
        }
        asm.if_equal(number(libc::SYS_tgkill), Target::Next, Target::To(allow));
        let (own, other) = (asm.label(), asm.label());
        asm.load(bpf::low(0));
        let own_id = asm.position();
        asm.if_equal(0, Target::To(own), Target::To(other));
        asm.bind(refuse_if_marked);
        compile_mark(&mut asm, allow);
        asm.bind(other);
        asm.finish_with(Action::Errno(libc::EPERM));
        asm.bind(own);
        asm.bind(allow);
        asm.finish_with(Action::Allow);
        Ok(Self { program: asm.finish()?, own_id })
    }

    /// How many instructions the filter has: short enough to be copied to the stack.
    pub(crate) const MOST: usize = 32;

    /// The filter for process `id`, made without allocation.
    pub(crate) fn of(&self, id: u32) -> ([sock_filter; Self::MOST], usize) {
        let mut code = [sock_filter { code: 0, jt: 0, jf: 0, k: 0 }; Self::MOST];
        let length = self.program.0.len();
        code[..length].copy_from_slice(&self.program.0);
        code[self.own_id].k = id;
        (code, length)
    }
}
