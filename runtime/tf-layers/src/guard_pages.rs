//! The allocator of this crate's tests: every allocation lies between two inaccessible pages, flush against one of them.
//!
//! A read or write one element beyond a tensor, as a vector's load or store does where a remainder is computed wrongly,
//! ends the process instead of going unseen. So does a use of freed memory, whose addresses are not given out again. The
//! environment variable `TF_LAYERS_GUARD` says which end of an allocation is flush: `end`, as without it, `start`, or
//! `none` for the system's allocator, which valgrind and the sanitizers replace by their own.
//!
//! The method is that of B. Perens' Electric Fence.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// See the module.
struct GuardPages;

#[global_allocator]
static ALLOCATOR: GuardPages = GuardPages;

const PAGE: usize = 4096;
/// Addresses that are set aside, none of which is used twice.
const RESERVED: usize = 1 << 38;
/// The most allocations that have pages of their own at a time, further ones are the system's: Linux allows a process
/// 65530 mappings. (A backtrace makes that many.)
const MOST_LIVE: usize = 16_000;

/// Which end of an allocation is flush against an inaccessible page.
#[derive(Clone, Copy, PartialEq)]
#[repr(u8)]
enum Side {
    None = 1,
    Start,
    End,
}

impl Side {
    /// What the environment asks for, the same throughout a process.
    fn of_process() -> Self {
        static SIDE: AtomicU8 = AtomicU8::new(0);
        const SIDES: [Side; 3] = [Side::None, Side::Start, Side::End];
        if let Some(index) = SIDE.load(Ordering::Relaxed).checked_sub(1) {
            return SIDES[usize::from(index)];
        }
        // SAFETY: the name ends in zero, and no test writes to the environment. (The standard library's function
        // allocates.)
        let value = unsafe { libc::getenv(c"TF_LAYERS_GUARD".as_ptr()) };
        let side = if value.is_null() {
            Side::End
        } else {
            // SAFETY: the strings of the environment end in zero.
            match unsafe { CStr::from_ptr(value) }.to_bytes() {
                b"none" => Side::None,
                b"start" => Side::Start,
                _ => Side::End,
            }
        };
        SIDE.store(side as u8, Ordering::Relaxed);
        side
    }
}

/// Inaccessible pages wherever there is room, or `None`.
fn reserve() -> Option<usize> {
    // SAFETY: a mapping that replaces none.
    let start = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        libc::mmap(ptr::null_mut(), RESERVED, libc::PROT_NONE, flags, -1, 0)
    };
    (start != libc::MAP_FAILED).then(|| start.expose_provenance())
}

/// The first of the reserved addresses; `None` where the system refuses them.
fn reserved() -> Option<usize> {
    static START: AtomicUsize = AtomicUsize::new(0);
    match START.load(Ordering::Acquire) {
        0 => {
            let start = reserve()?;
            // Another thread may have been faster; its addresses are used then.
            match START.compare_exchange(0, start, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => Some(start),
                Err(first) => Some(first),
            }
        }
        start => Some(start),
    }
}

/// Allocations that have pages of their own.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The accessible bytes of an allocation.
fn accessible(layout: Layout) -> usize {
    layout.size().next_multiple_of(PAGE)
}

/// An allocation between inaccessible pages; null where the system refuses it.
fn guarded(layout: Layout, side: Side) -> *mut u8 {
    static USED: AtomicUsize = AtomicUsize::new(0);
    let length = accessible(layout);
    let Some(start) = reserved() else {
        return ptr::null_mut();
    };
    let offset = USED.fetch_add(length + PAGE, Ordering::Relaxed) + PAGE;
    if offset + length + PAGE > RESERVED {
        return ptr::null_mut();
    }
    let pages = ptr::with_exposed_provenance_mut::<u8>(start + offset);
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: these pages are reserved, and no other allocation has had them.
    if unsafe { libc::mprotect(pages.cast(), length, access) } != 0 {
        return ptr::null_mut();
    }
    let before = match side {
        Side::End => (length - layout.size()) & !(layout.align() - 1),
        _ => 0,
    };
    pages.wrapping_add(before)
}

/// Makes the pages of an allocation inaccessible.
///
/// # Safety
/// `guarded` made the allocation with this layout, and nobody uses it any more.
unsafe fn release(pointer: *mut u8, layout: Layout) {
    let pages: *mut c_void = pointer.map_addr(|address| address & !(PAGE - 1)).cast();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // SAFETY: these are the allocation's own pages, which become as they were before.
    unsafe { libc::mmap(pages, accessible(layout), libc::PROT_NONE, flags, -1, 0) };
}

// SAFETY: a guarded allocation consists of pages that no other one ever has, accessible and zero; it starts within the first
// of them, at a multiple of its alignment. All others are the system's; the address tells them apart.
unsafe impl GlobalAlloc for GuardPages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let side = Side::of_process();
        if side == Side::None || layout.align() > PAGE {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        }
        if LIVE.fetch_add(1, Ordering::Relaxed) >= MOST_LIVE {
            LIVE.fetch_sub(1, Ordering::Relaxed);
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        }
        guarded(layout, side)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let is_guarded = Side::of_process() != Side::None
            && reserved().is_some_and(|start| (start..start + RESERVED).contains(&pointer.addr()));
        if !is_guarded {
            // SAFETY: the caller's promise; `alloc` got the memory there.
            return unsafe { System.dealloc(pointer, layout) };
        }
        LIVE.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the caller's promise; the address is that of a guarded allocation.
        unsafe { release(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the system can read a byte there: its write of an inaccessible one to a pipe is an error, not a fault.
    fn is_readable(address: *const u8) -> bool {
        let mut pipe = [0; 2];
        // SAFETY: a new pipe takes the byte, if there is one, and is closed.
        unsafe {
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            let written = libc::write(pipe[1], address.cast(), 1);
            libc::close(pipe[0]);
            libc::close(pipe[1]);
            written == 1
        }
    }

    #[test]
    fn allocations_are_flush_against_inaccessible_pages() {
        for length in [1, 3, 16, 1023, 1024, 1025, 5000] {
            let layout = Layout::array::<f32>(length).unwrap();
            for side in [Side::Start, Side::End] {
                let start = guarded(layout, side);
                let end = start.wrapping_add(layout.size());
                assert!(is_readable(start) && is_readable(end.wrapping_sub(1)));
                let beyond = match side {
                    Side::Start => start.wrapping_sub(1),
                    _ => end,
                };
                assert!(!is_readable(beyond));
                // SAFETY: the allocation is guarded and not used any more.
                unsafe { release(start, layout) };
                assert!(!is_readable(start));
            }
        }
    }
}
