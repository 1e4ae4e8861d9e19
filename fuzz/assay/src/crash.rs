//! The last resort: a bug in Assay itself ends in one line and exit code 2, never in a panic's
//! backtrace.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crate::exit::Exit;
use crate::output;

/// The latest panic, wherever it happened.
static LATEST: Mutex<Option<String>> = Mutex::new(None);

thread_local! {
    /// The latest panic of this thread.
    static MINE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the program; panics that nobody caught become one line.
pub fn guard(run: fn() -> Exit) -> Exit {
    std::panic::set_hook(Box::new(|info| {
        let text = info
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
        let message = format!("{text}{}", place.unwrap_or_default());
        tracing::debug!("panic: {message}");
        MINE.set(Some(message.clone()));
        if let Ok(mut latest) = LATEST.lock() {
            *latest = Some(message);
        }
    }));
    catch_unwind(run).unwrap_or_else(|_| {
        let message = latest().unwrap_or_default();
        output::error(&format!("internal error, please report it: {message}"));
        Exit::Trouble
    })
}

/// The latest panic of any thread, with its place; once.
pub fn latest() -> Option<String> {
    LATEST.lock().ok().and_then(|mut latest| latest.take())
}

/// Runs one step of many; its panic is this step's error and nobody else's.
pub fn contain<T>(step: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(step))
        .map_err(|_| MINE.take().unwrap_or_else(|| "panicked".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_panics_is_an_error() {
        assert_eq!(contain(|| 1), Ok(1));
        assert!(contain(|| panic!("oh")).is_err());
    }
}
