//! Where a child of the zygote puts what it makes: side by side, in pages of its own.
//!
//! After a fork every page that is written to is copied first, and that is most of what a load
//! costs. Allocators write all over the place: a header here, a list of free blocks there, one
//! page for each size. This one stands before Python's and Rust's own, from the moment the
//! zygote is ready, and packs small blocks of all sizes tightly; a child begins on a page that
//! was never used, which needs no copy. Everything else goes to the original allocators, and so
//! does what they gave out before.
//!
//! There is one thread: the sandbox admits no other.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;
use std::ptr;

use crate::global::Global;

/// Address space of the arena. More than small blocks of a load need by far; if not, the
/// original allocators go on.
const SIZE: usize = 32 << 20;
/// Blocks are multiples of it, as Python's alignment asks.
const GRAIN: usize = 16;
/// The largest block, as in Python's own allocator.
const LARGEST: usize = 512;
const CLASSES: usize = LARGEST / GRAIN + 1;
const PAGE: usize = 4096;

/// What the arena and its table of sizes take of a process's address space.
pub const ADDRESS_SPACE: u64 = (SIZE + SIZE / GRAIN) as u64;

struct Arena {
    base: usize,
    /// The class of the block that begins at each grain.
    classes: *mut u8,
    next: usize,
    end: usize,
    /// Freed blocks by class, each pointing to the next.
    free: [*mut u8; CLASSES],
    object: Option<Allocator>,
    memory: Option<Allocator>,
}

static ARENA: Global<Arena> = Global::new(Arena {
    base: 0,
    classes: ptr::null_mut(),
    next: 0,
    end: 0,
    free: [ptr::null_mut(); CLASSES],
    object: None,
    memory: None,
});

/// `PyMemAllocatorEx`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Allocator {
    context: *mut c_void,
    malloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    calloc: unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void,
    realloc: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void, *mut c_void),
}

/// `PYMEM_DOMAIN_MEM` and `PYMEM_DOMAIN_OBJ`.
const MEMORY: i32 = 1;
const OBJECT: i32 = 2;

unsafe extern "C" {
    fn PyMem_GetAllocator(domain: i32, allocator: *mut Allocator);
    fn PyMem_SetAllocator(domain: i32, allocator: *mut Allocator);
}

/// Puts the arena before the allocators, for good.
pub fn open() -> std::io::Result<()> {
    let map = |size| {
        // SAFETY: a fresh mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(base) }
    };
    let (base, classes) = (map(SIZE)?, map(SIZE / GRAIN)?);
    // A huge page would be copied whole.
    // SAFETY: the mapping just made; where the kernel knows no huge pages, it refuses.
    unsafe { libc::madvise(base, SIZE, libc::MADV_NOHUGEPAGE) };
    // SAFETY: the GIL is held, and the arena is not in use yet. The functions set live as long
    // as the process; what the originals gave out goes back to them.
    unsafe {
        let arena = ARENA.get();
        (arena.base, arena.classes) = (base as usize, classes.cast());
        (arena.next, arena.end) = (arena.base, arena.base + SIZE);
        for (domain, original) in [(OBJECT, &mut arena.object), (MEMORY, &mut arena.memory)] {
            let original = original.insert(NO_ALLOCATOR);
            PyMem_GetAllocator(domain, original);
            let context: *mut Allocator = original;
            PyMem_SetAllocator(domain, &mut Allocator { context: context.cast(), ..OURS });
        }
    }
    Ok(())
}

/// Begins on pages that nobody used; in a child, before anything else.
pub fn begin_anew() {
    // SAFETY: no block is being handed out.
    let arena = unsafe { ARENA.get() };
    arena.next = arena.next.next_multiple_of(PAGE).min(arena.end);
    arena.free = [ptr::null_mut(); CLASSES];
}

impl Arena {
    #[inline]
    fn owns(&self, block: *const u8) -> bool {
        (block as usize).wrapping_sub(self.base) < SIZE && self.base != 0
    }

    #[inline]
    unsafe fn class_of(&mut self, block: *const u8) -> &mut u8 {
        // SAFETY: the block lies within the arena, says the caller; the table covers it.
        unsafe { &mut *self.classes.add((block as usize - self.base) / GRAIN) }
    }

    /// A block, or null if it is none of the arena's business or there is no room.
    #[inline]
    fn allocate(&mut self, size: usize) -> *mut u8 {
        if size > LARGEST || self.base == 0 {
            return ptr::null_mut();
        }
        let class = size.max(1).div_ceil(GRAIN);
        let block = self.free[class];
        // SAFETY: a free block holds the address of the next; a new one lies within the arena.
        unsafe {
            if !block.is_null() {
                self.free[class] = block.cast::<*mut u8>().read();
                return block;
            }
            if self.end - self.next < class * GRAIN {
                return ptr::null_mut();
            }
            let block = self.next as *mut u8;
            self.next += class * GRAIN;
            *self.class_of(block) = class as u8;
            block
        }
    }

    /// Takes a block of its own back.
    #[inline]
    unsafe fn release(&mut self, block: *mut u8) {
        // SAFETY: the caller's block, of at least one grain.
        unsafe {
            let class = *self.class_of(block) as usize;
            // A process that writes where it should not may have spoilt the table.
            if let Some(first) = self.free.get_mut(class) {
                block.cast::<*mut u8>().write(*first);
                *first = block;
            }
        }
    }
}

const NO_ALLOCATOR: Allocator = Allocator { context: ptr::null_mut(), ..OURS };
const OURS: Allocator = Allocator { context: ptr::null_mut(), malloc, calloc, realloc, free };

unsafe extern "C" fn malloc(original: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: Python calls this with the GIL held and the context it was given.
    unsafe {
        let block = ARENA.get().allocate(size);
        if !block.is_null() {
            return block.cast();
        }
        let original = &*original.cast::<Allocator>();
        (original.malloc)(original.context, size)
    }
}

unsafe extern "C" fn calloc(original: *mut c_void, count: usize, size: usize) -> *mut c_void {
    // SAFETY: as `malloc`; the block is as large as asked for.
    unsafe {
        let total = count.saturating_mul(size);
        let block = ARENA.get().allocate(total);
        if !block.is_null() {
            block.write_bytes(0, total);
            return block.cast();
        }
        let original = &*original.cast::<Allocator>();
        (original.calloc)(original.context, count, size)
    }
}

unsafe extern "C" fn realloc(
    original: *mut c_void,
    block: *mut c_void,
    size: usize,
) -> *mut c_void {
    // SAFETY: as `malloc`; the block was given out by us or by the original.
    unsafe {
        let arena = ARENA.get();
        if block.is_null() || !arena.owns(block.cast()) {
            let original = &*original.cast::<Allocator>();
            return (original.realloc)(original.context, block, size);
        }
        let room = *arena.class_of(block.cast()) as usize * GRAIN;
        if size <= room && (room <= 64 || size > room / 2) {
            return block;
        }
        let new = malloc(original, size);
        if !new.is_null() {
            ptr::copy_nonoverlapping(block.cast::<u8>(), new.cast(), room.min(size));
            ARENA.get().release(block.cast());
        }
        new
    }
}

unsafe extern "C" fn free(original: *mut c_void, block: *mut c_void) {
    // SAFETY: as `realloc`.
    unsafe {
        let arena = ARENA.get();
        if arena.owns(block.cast()) {
            arena.release(block.cast());
        } else {
            let original = &*original.cast::<Allocator>();
            (original.free)(original.context, block);
        }
    }
}

/// Rust's side: the worker's own tables and texts.
struct Rust;

#[global_allocator]
static RUST: Rust = Rust;

// SAFETY: blocks of the arena are as large as asked for, aligned to a grain and given out once;
// all others are the system's. There is one thread.
unsafe impl GlobalAlloc for Rust {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, which the system's allocator asks for too.
        unsafe {
            if layout.align() <= GRAIN {
                let block = ARENA.get().allocate(layout.size());
                if !block.is_null() {
                    return block;
                }
            }
            System.alloc(layout)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; the block goes to whoever gave it out.
        unsafe {
            let arena = ARENA.get();
            if arena.owns(block) { arena.release(block) } else { System.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            let arena = ARENA.get();
            if !arena.owns(block) {
                return System.realloc(block, layout, size);
            }
            let room = *arena.class_of(block) as usize * GRAIN;
            if size <= room {
                return block;
            }
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(room));
                ARENA.get().release(block);
            }
            new
        }
    }
}
