//! The opcode *at fault*: the one at which a touch that matters came about.
//!
//! The pure Python unpickler says where it is; the others do not, so touches are aligned with
//! the run of the machine of labels, by name first, then by order.

use assay_oracle::{TouchKind, Touched};
use assay_pickle::{Argument, Opcode, Program};

use crate::compare::Discrepancy;
use crate::machine::{Kind, Run, Step};

/// The step at fault.
pub fn step<'r>(program: &Program, run: &'r Run, discrepancy: &Discrepancy) -> Option<&'r Step> {
    let direct = discrepancy.touched.iter().find(|touched| touched.by.is_none());
    match direct.or(discrepancy.touched.first()) {
        Some(touched) => of_touch(program, run, touched),
        // An effect without a touch, or no offence at all: whatever was called or asked for last.
        None => last(run, calls).or_else(|| last(run, names)),
    }
}

/// The step at which this touch came about.
pub fn of_touch<'r>(program: &Program, run: &'r Run, touched: &Touched) -> Option<&'r Step> {
    if let Some(offset) = touched.opcode_offset
        && let Some(step) = run.steps.iter().find(|step| step.offset as u64 == offset)
    {
        return Some(step);
    }
    let wanted: fn(Opcode) -> bool = match touched.kind {
        TouchKind::Resolve | TouchKind::Import => names,
        TouchKind::Call | TouchKind::Method | TouchKind::Setattr => calls,
        TouchKind::Persistent => |opcode| matches!(opcode, Opcode::PersId | Opcode::BinPersId),
    };
    let by_name = run.steps.iter().find(|step| {
        wanted(step.opcode)
            && asked(program, run, naming(run, step).unwrap_or(step))
                .is_some_and(|asked| asked == touched.name)
    });
    by_name.or_else(|| last(run, wanted)).or_else(|| last(run, names))
}

/// The step that named what this step calls: itself, if it names.
pub fn naming<'r>(run: &'r Run, step: &'r Step) -> Option<&'r Step> {
    if names(step.opcode) {
        return Some(step);
    }
    if !calls(step.opcode) {
        return None;
    }
    let &callee = step.took.first()?;
    let value = &run.values[callee];
    let made_by = run.step(value.made_by)?;
    if names(made_by.opcode) {
        return Some(made_by);
    }
    // Through memo or DUP: the one that asked for the same name first.
    let Kind::Global(name) = &value.kind else { return None };
    run.steps
        .iter()
        .find(|step| names(step.opcode) && run.kind(step) == Some(&Kind::Global(name.clone())))
}

/// The step that names and the step that calls what it named, for a step that does either.
pub fn naming_and_calling<'r>(
    run: &'r Run,
    step: &'r Step,
) -> (Option<&'r Step>, Option<&'r Step>) {
    let naming = naming(run, step);
    let calling = if calls(step.opcode) {
        Some(step)
    } else {
        run.steps.iter().find(|other| {
            calls(other.opcode)
                && self::naming(run, other).is_some_and(|named| named.index == step.index)
        })
    };
    (naming, calling)
}

/// The name that a step asks for, if it is known.
pub fn asked(program: &Program, run: &Run, step: &Step) -> Option<String> {
    if step.opcode == Opcode::Inst {
        let Argument::Name { module, name } = program.codes[step.index].view().argument else {
            return None;
        };
        let text = String::from_utf8_lossy;
        return Some(format!("{}.{}", text(module), text(name)));
    }
    match run.kind(step) {
        Some(Kind::Global(name)) if !name.is_empty() => Some(name.clone()),
        _ => None,
    }
}

/// Module and name that a step asks for, if they are known.
pub fn module_and_name(program: &Program, run: &Run, step: &Step) -> Option<(String, String)> {
    if let Argument::Name { module, name } = program.codes[step.index].view().argument {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        return Some((text(module), text(name)));
    }
    match step.took.as_slice() {
        &[module, name] if step.opcode == Opcode::StackGlobal => {
            match (&run.values[module].kind, &run.values[name].kind) {
                (Kind::Text(module), Kind::Text(name)) => Some((module.clone(), name.clone())),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether the opcode asks for a global.
pub fn names(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::Global
            | Opcode::StackGlobal
            | Opcode::Inst
            | Opcode::Ext1
            | Opcode::Ext2
            | Opcode::Ext4
    )
}

/// Whether the opcode may call something.
pub fn calls(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::Reduce
            | Opcode::Inst
            | Opcode::Obj
            | Opcode::NewObj
            | Opcode::NewObjEx
            | Opcode::Build
            | Opcode::Append
            | Opcode::Appends
            | Opcode::SetItem
            | Opcode::SetItems
            | Opcode::AddItems
            | Opcode::Dict
            | Opcode::FrozenSet
    )
}

fn last(run: &Run, wanted: fn(Opcode) -> bool) -> Option<&Step> {
    run.steps.iter().rev().find(|step| wanted(step.opcode))
}
