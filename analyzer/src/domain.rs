//! The abstract domain: what is known of objects that do not exist yet.
//!
//! Values, the heap that holds what must be remembered of them, the globals that a pickle asks
//! for, and who is surely still loading. It must not know which opcode made what, nor judge.

mod alive;
mod globals;
mod heap;
mod room;
mod value;

pub(crate) use alive::Alive;
pub(crate) use globals::Globals;
pub(crate) use heap::{Heap, Room, Traits, is_hook, is_noted};
pub(crate) use room::emptied;
pub(crate) use value::{GlobalId, NOWHERE, Value};
