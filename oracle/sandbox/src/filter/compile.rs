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
        let (unmarked, refuse, allow) = (asm.label(), asm.label(), asm.label());

        // The mark comes before the number. At installation the kernel runs a filter for each
        // of its 460 numbers, up to the first argument looked at, to cache what it always
        // allows: 40 µs with the number first, 20 µs so. The base filter has seen to the
        // architecture.
        compile_mark(&mut asm, unmarked);
        asm.load(bpf::NUMBER);
        for row in syscalls() {
            if matches!(row.rule, Rule::Trusted | Rule::IfOrTrusted(_)) {
                asm.if_equal(number(row.number), Target::To(refuse), Target::Next);
            }
        }
        asm.bind(unmarked);
        asm.load(bpf::NUMBER);
        asm.if_equal(number(libc::SYS_tgkill), Target::Next, Target::To(allow));
        asm.load(bpf::low(0));
        let own_id = asm.position();
        asm.if_equal(0, Target::To(allow), Target::To(refuse));

        asm.bind(refuse);
        asm.finish_with(Action::Errno(libc::EPERM));
        asm.bind(allow);
        asm.finish_with(Action::Allow);

        let program = asm.finish()?;
        match program.0.len() {
            length if length > Self::MOST => Err(AssembleError::Length(length)),
            _ => Ok(Self { program, own_id }),
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::machine::{Call, run};
    use super::*;

    const DENIED: Action = Action::Notify;

    /// What the table says of a call, told without BPF.
    fn declared(call: &Call) -> Action {
        if call.architecture != NATIVE || (cfg!(target_arch = "x86_64") && call.number & X32 != 0) {
            return Action::Kill;
        }
        let marked = call.arguments[5] == MARK;
        let allowed = |yes| if yes { Action::Allow } else { DENIED };
        match syscalls().iter().find(|row| number(row.number) == call.number).map(|row| row.rule) {
            None => DENIED,
            Some(Rule::Allow) => Action::Allow,
            Some(Rule::Absent(errno)) => Action::Errno(errno),
            Some(Rule::Trusted) => allowed(marked),
            Some(Rule::If(test)) => allowed(holds(test, call)),
            Some(Rule::IfOrTrusted(test)) => allowed(marked || holds(test, call)),
        }
    }

    fn holds(test: Test, call: &Call) -> bool {
        match test {
            Test::NoneOf(n, bits) => call.arguments[n as usize] as u32 & bits == 0,
            Test::OneOf(n, values) => values.contains(&(call.arguments[n as usize] as u32)),
            Test::Null(n) => call.arguments[n as usize] == 0,
        }
    }

    fn call(number: c_long, arguments: [u64; 6]) -> Call {
        Call { number: number as u32, architecture: NATIVE, arguments }
    }

    fn decide(number: c_long, arguments: [u64; 6]) -> u32 {
        run(&base(DENIED).unwrap().0, &call(number, arguments))
    }

    #[test]
    fn no_call_has_two_rows() {
        let mut numbers: Vec<_> = syscalls().iter().map(|row| row.number).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]), "the second would be dead");
    }

    #[test]
    fn every_row_is_reached() {
        for row in syscalls() {
            let plain = call(row.number, [0; 6]);
            let marked = call(row.number, [u64::MAX, u64::MAX, u64::MAX, 0, 0, MARK]);
            for call in [plain, marked] {
                let decision = run(&base(DENIED).unwrap().0, &call);
                assert_eq!(decision, declared(&call).value(), "{row:?}");
            }
        }
    }

    #[test]
    fn reading_is_allowed_and_writing_is_not() {
        let at = libc::AT_FDCWD as u64;
        let open = |flags: i32| decide(libc::SYS_openat, [at, 0, flags as u64, 0, 0, 0]);
        let directory = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        assert_eq!(open(libc::O_RDONLY | libc::O_CLOEXEC), Action::Allow.value());
        assert_eq!(open(directory), Action::Allow.value());
        for flags in [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC, libc::O_TMPFILE] {
            assert_eq!(open(flags), DENIED.value(), "{flags:#o}");
        }
    }

    #[test]
    fn other_numberings_are_killed() {
        let filter = base(DENIED).unwrap();
        let mut foreign = call(libc::SYS_read, [0; 6]);
        foreign.architecture = 0x4000_0003; // i386, where this number is another call
        assert_eq!(run(&filter.0, &foreign), Action::Kill.value());
        #[cfg(target_arch = "x86_64")]
        assert_eq!(decide(libc::SYS_read | c_long::from(X32), [0; 6]), Action::Kill.value());
    }

    #[test]
    fn null_means_all_64_bits() {
        let high_half = decide(libc::SYS_prlimit64, [0, 0, 1 << 32, 0, 0, 0]);
        assert_eq!(high_half, DENIED.value());
    }

    #[test]
    fn the_tail_refuses_the_mark_and_signals_to_others() {
        let tail = Tail::new().unwrap();
        let (code, length) = tail.of(42);
        let decide = |number, arguments| run(&code[..length], &call(number, arguments));
        let refused = Action::Errno(libc::EPERM).value();
        let allowed = Action::Allow.value();

        assert_eq!(decide(libc::SYS_clone, [0, 0, 0, 0, 0, MARK]), refused);
        assert_eq!(decide(libc::SYS_ioctl, [0, 0, 0, 0, 0, MARK]), refused);
        assert_eq!(decide(libc::SYS_clone, [0; 6]), allowed, "left to the base filter to record");
        assert_eq!(decide(libc::SYS_read, [0, 0, 0, 0, 0, MARK]), allowed, "a stale register");
        assert_eq!(decide(libc::SYS_tgkill, [42, 42, 6, 0, 0, 0]), allowed);
        assert_eq!(decide(libc::SYS_tgkill, [1, 1, 6, 0, 0, 0]), refused);
        assert_eq!(decide(libc::SYS_tgkill, [1, 1, 6, 0, 0, MARK]), refused);
    }

    /// Numbers and arguments at which decisions turn.
    fn calls() -> impl Strategy<Value = Call> {
        let listed: Vec<u32> = syscalls().iter().map(|row| number(row.number)).collect();
        let number = prop_oneof![
            6 => proptest::sample::select(listed),
            3 => 0_u32..500,
            1 => any::<u32>(),
        ];
        let architecture = prop_oneof![9 => Just(NATIVE), 1 => any::<u32>()];
        let argument = || {
            prop_oneof![
                Just(0_u64),
                Just(MARK),
                Just(MARK & 0xFFFF_FFFF),
                Just(MARK & !0xFFFF_FFFF),
                (0_u32..64).prop_map(|bit| 1 << bit),
                0_u64..64,
                0x5400_u64..0x5500,
                any::<u64>(),
            ]
        };
        (number, architecture, prop::array::uniform6(argument()))
            .prop_map(|(number, architecture, arguments)| Call { number, architecture, arguments })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_filter_decides_as_the_table_declares(call in calls()) {
            let filter = base(DENIED).unwrap();
            prop_assert_eq!(run(&filter.0, &call), declared(&call).value());
        }
    }
}
