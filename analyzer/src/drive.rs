//! Runs the machine over one pickle, as fast as can be: most of what an analysis takes is taken here.

use assay_pickle::{Argument, Error, Instruction, Opcode, Reader};

use crate::machine::{Behind, Fault, Flow, Machine};

/// Opcodes between two looks at the memory in use.
const MEMORY_INTERVAL: usize = 1 << 14;

/// The protocol of a pickle: what the first PROTO says, or else the highest that its opcodes need.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Protocol {
    declared: Option<u8>,
    /// A bit for each that an opcode needs.
    needed: u8,
}

impl Protocol {
    pub(crate) fn number(self) -> u8 {
        self.declared.unwrap_or_else(|| self.needed.checked_ilog2().unwrap_or(0) as u8)
    }

    #[inline(always)]
    fn note(&mut self, instruction: &Instruction<'_>) {
        self.needed |= 1 << instruction.opcode.info().protocol;
        if let (Opcode::Proto, Argument::UInt(number)) = (instruction.opcode, instruction.argument)
        {
            self.declared.get_or_insert(number as u8);
        }
    }
}

/// How a run over one pickle ended.
pub(crate) struct Run {
    /// Bytes that were read.
    pub(crate) length: usize,
    pub(crate) protocol: Protocol,
    /// Why it ended before STOP, and the offset of where.
    pub(crate) fault: Option<(usize, Fault)>,
}

/// Runs the pickle at an offset, within so many bytes of memory.
pub(crate) fn drive(
    machine: &mut Machine<'_, '_>,
    bytes: &[u8],
    offset: usize,
    memory: u64,
) -> Run {
    let mut reader = Reader::at(bytes, offset);
    let mut protocol = Protocol::default();
    let fault = loop {
        match go_on(machine, &mut reader, &mut protocol, memory) {
            Ok(None) => {
                return Run { length: reader.offset() - offset, protocol, fault: None };
            }
            Ok(Some(behind)) => match skip(machine, bytes, reader.offset(), behind, memory) {
                Ok(next) => reader = Reader::at(bytes, next),
                Err(fault) => break (reader.offset(), fault),
            },
            Err(fault) => break fault,
        }
    };
    Run { length: bytes.len() - offset, protocol, fault: Some(fault) }
}

/// Runs opcodes up to STOP, or to one behind which the loader reads something else.
///
/// Those that most of a pickle is made of have code of their own, which the compiler makes of the
/// same source: it leaves out what is for others.
#[inline(always)]
fn go_on(
    machine: &mut Machine<'_, '_>,
    reader: &mut Reader<'_>,
    protocol: &mut Protocol,
    memory: u64,
) -> Result<Option<Behind>, (usize, Fault)> {
    let mut count = 0_usize;
    loop {
        let offset = reader.offset();
        if count.is_multiple_of(MEMORY_INTERVAL) && machine.size() as u64 > memory {
            let message = format!("gave up: the analysis needs more than {memory} bytes");
            return Err((offset, Fault::budget(message)));
        }
        count += 1;
        macro_rules! each_by_itself {
            ($($common:ident)*; memoized: $($memoized:ident)*) => {
                match reader.next_byte() {
                    $(Some(byte) if byte == Opcode::$common as u8 => {
                        match run(machine, reader, Opcode::$common, protocol) {
                            // From here, so that nothing is handed on.
                            Ok(Flow::Continue) => continue,
                            flow => flow,
                        }
                    })*
                    $(Some(byte) if byte == Opcode::$memoized as u8 => {
                        match run(machine, reader, Opcode::$memoized, protocol) {
                            Ok(Flow::Continue) => {
                                memoize_behind(machine, reader, protocol);
                                continue;
                            }
                            flow => flow,
                        }
                    })*
                    _ => match reader.opcode() {
                        Ok(opcode) => run(machine, reader, opcode, protocol),
                        Err(error) => Err(unreadable(machine, &error)),
                    },
                }
            };
        }
        let flow = each_by_itself!(
            BinGet LongBinGet Memoize BinPut Mark None NewTrue NewFalse BinInt BinInt1 BinInt2 BinFloat;
            memoized: ShortBinUnicode BinUnicode EmptyList EmptyDict
        );
        match flow {
            Ok(Flow::Continue) => memoize_behind(machine, reader, protocol),
            Ok(Flow::Stop) => return Ok(None),
            Ok(Flow::Skip(behind)) => return Ok(Some(behind)),
            Err(fault) => return Err((offset, fault)),
        }
    }
}

/// Runs a MEMOIZE that comes next, as picklers put one behind most of what they make, unless there is
/// more to it than storing the object.
#[inline(always)]
fn memoize_behind(machine: &mut Machine<'_, '_>, reader: &mut Reader<'_>, protocol: &mut Protocol) {
    let offset = reader.offset();
    if reader.next_byte() == Some(Opcode::Memoize as u8) && machine.memoize_plainly(offset) {
        reader.pass();
        protocol.needed |= 1 << Opcode::Memoize.info().protocol;
    }
}

/// Reads the rest of an instruction and runs it.
#[inline(always)]
fn run(
    machine: &mut Machine<'_, '_>,
    reader: &mut Reader<'_>,
    opcode: Opcode,
    protocol: &mut Protocol,
) -> Result<Flow, Fault> {
    let instruction = match reader.read_rest(opcode) {
        // The same opcode, but the compiler knows it.
        Ok(instruction) => Instruction { opcode, ..instruction },
        Err(error) => return Err(unreadable(machine, &error)),
    };
    protocol.note(&instruction);
    if !machine.judge.step() {
        return Err(Fault::budget("gave up: the analysis takes more steps than it may"));
    }
    machine.step(&instruction)
}

#[cold]
#[inline(never)]
fn unreadable(machine: &mut Machine<'_, '_>, error: &Error) -> Fault {
    machine.ask_cut_short(error);
    Fault::of_bytes(error.kind)
}

/// Passes what a loader reads by itself; where the next opcode is.
fn skip(
    machine: &mut Machine<'_, '_>,
    bytes: &[u8],
    start: usize,
    behind: Behind,
    memory: u64,
) -> Result<usize, Fault> {
    let within = |start: usize, length: u64| {
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        end.filter(|end| *end <= bytes.len()).ok_or_else(|| Fault::from("an array is cut short"))
    };
    let next = match behind {
        Behind::Opcode => start,
        Behind::Bytes(length) => within(start, length)?,
        Behind::Padded(length) => {
            let padding = bytes.get(start).ok_or("an array is cut short")?;
            within(within(start, 1 + u64::from(*padding))?, length)?
        }
        Behind::Pickle => {
            let outer = machine.begin_inner();
            let run = drive(machine, bytes, start, memory);
            let result = machine.end_inner(outer);
            if let Some((_, fault)) = run.fault {
                return Err(fault);
            }
            machine.replace_wrapper_by(result)?;
            return Ok(start + run.length);
        }
    };
    machine.replace_wrapper();
    Ok(next)
}
