//! State of the one interpreter in this process, guarded by its lock.

use std::cell::UnsafeCell;

/// A variable that is touched only by the thread that holds the GIL.
pub struct Global<T>(UnsafeCell<T>);

// SAFETY: every access is from Python's callbacks or from code called by Python, all of which
// hold the GIL; `get` makes the caller promise that no two borrows overlap.
unsafe impl<T> Sync for Global<T> {}

impl<T> Global<T> {
    /// A variable with this value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Borrows it.
    ///
    /// # Safety
    /// The GIL is held, and the borrow ends before anything runs that could borrow again.
    #[allow(clippy::mut_from_ref, reason = "that is its purpose; see the contract")]
    pub unsafe fn get(&self) -> &mut T {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.0.get() }
    }
}
