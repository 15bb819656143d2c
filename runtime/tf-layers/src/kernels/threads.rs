//! Worker threads for parts of one layer.
//!
//! A layer takes 5 µs to some milliseconds, so starting and joining has to cost less than a microsecond: workers spin
//! for [`SPIN`] after the last layer before they sleep. On a busy machine a worker may not get a processor in that
//! time; the caller then takes over the parts that the worker has not begun, so that the layer becomes slower in
//! proportion to the processors that are left, and no more. A part that a worker has begun cannot be taken over: a caller
//! that waited [`INTERRUPTED`] for one computes alone for [`REST`].

use std::any::Any;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::prepare_thread;
use crate::aligned_bytes::AlignedBytes;

/// How long a worker looks for the next layer before it sleeps: longer than the gaps between the layers of a model,
/// short enough to leave the processor to others between models.
const SPIN: Duration = Duration::from_micros(50);

/// How long a caller waits for a worker's part before it takes it for interrupted, if it has not worked as long itself. A
/// turn of another process takes some 3 ms.
const INTERRUPTED: Duration = Duration::from_millis(2);

/// How long workers then sleep. Longer, and they come back later when the processor is free again; shorter, and beside a
/// busy process the caller waits more often.
const REST: Duration = Duration::from_millis(8);

/// The threads that a layer may use: the caller's own, and workers that live as long as the handle.
///
/// Results do not depend on the number of threads. Clones share the workers. One layer runs at a time: a second
/// caller, or a layer inside of a part, finds the workers taken and runs on its own thread alone.
#[derive(Clone, Default)]
pub struct Threads {
    pool: Option<Arc<Pool>>,
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Threads({})", self.count())
    }
}

impl Threads {
    /// The caller's thread alone.
    pub const fn single() -> Self {
        Self { pool: None }
    }

    /// The caller's thread and `count - 1` workers; fewer where the system refuses to start them.
    ///
    /// # Panics
    /// If `count` is zero.
    pub fn new(count: usize) -> Self {
        assert!(count > 0, "Threads::new: at least one thread is needed");
        if count == 1 {
            return Self::single();
        }
        let shared = Arc::new(Shared::new(count));
        let workers: Vec<_> = (1..count)
            .map_while(|index| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("tf-layers-{index}"))
                    .spawn(move || shared.work(index))
                    .ok()
            })
            .collect();
        if workers.is_empty() {
            return Self::single();
        }
        let scratch = (1..count)
            .map(|_| Mutex::new(AlignedBytes::zeroed(0)))
            .collect();
        Self {
            pool: Some(Arc::new(Pool {
                shared,
                workers,
                scratch,
                rest: AtomicU64::new(0),
                made: Instant::now(),
            })),
        }
    }

    /// With scratch memory of at least `length` elements for each worker. Layers that need scratch memory for each part of
    /// their work then run parts side by side, if none needs more; else they share out each of their steps.
    #[must_use]
    pub fn with_scratch(self, length: usize) -> Self {
        let bytes = length.saturating_mul(size_of::<f32>());
        for memory in self.pool.iter().flat_map(|pool| &pool.scratch) {
            let mut memory = lock(memory);
            if memory.len() < bytes {
                *memory = AlignedBytes::zeroed(bytes);
            }
        }
        self
    }

    /// How many threads a layer can use.
    pub fn count(&self) -> usize {
        self.pool.as_ref().map_or(1, |pool| pool.workers.len() + 1)
    }

    /// Calls `body(0)`, …, `body(parts - 1)`, each once, in any order and on any of the threads, and returns when all
    /// are done.
    ///
    /// # Panics
    /// If a call panics: with the payload of one of the panics, after all calls have ended.
    #[inline]
    pub fn run(&self, parts: usize, body: impl Fn(usize) + Sync) {
        match &self.pool {
            Some(pool) if parts > 1 => pool.run(parts, &|part, _| body(part)),
            _ => (0..parts).for_each(body),
        }
    }

    /// Whether there are workers, with scratch memory of `length` elements.
    pub(crate) fn have_scratch(&self, length: usize) -> bool {
        self.pool.as_ref().is_some_and(|pool| {
            pool.scratch.iter().all(|memory| {
                let memory = lock(memory);
                memory.len() / size_of::<f32>() >= length
            })
        })
    }

    /// As [`Threads::run`], with scratch memory of `length` elements for each call: that of the worker, and `own` on the
    /// caller's thread. What an earlier call left there is still in it.
    ///
    /// # Panics
    /// As [`Threads::run`], or if there is less memory, see [`have_scratch`](Threads::have_scratch).
    pub(crate) fn run_with_scratch(
        &self,
        parts: usize,
        own: &mut [f32],
        length: usize,
        body: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let own = &mut own[..length];
        let Some(pool) = &self.pool else {
            return (0..parts).for_each(|part| body(part, own));
        };
        let own = Mutex::new(own);
        // A thread computes one part at a time, and a caller that finds the workers taken is thread 0: no lock is waited
        // for.
        pool.run(parts, &|part, thread| match thread.checked_sub(1) {
            None => {
                let mut own = lock(&own);
                body(part, &mut own);
            }
            Some(worker) => {
                let mut memory = lock(&pool.scratch[worker]);
                body(
                    part,
                    &mut bytemuck::cast_slice_mut(memory.bytes_mut())[..length],
                );
            }
        });
    }

    /// Cuts `out` into chunks of `length` elements, the last one shorter, and calls `body` with the index of each chunk
    /// and the chunk.
    ///
    /// # Panics
    /// If `length` is zero, or as [`Threads::run`].
    pub fn for_each_chunk<T: Send>(
        &self,
        out: &mut [T],
        length: usize,
        body: impl Fn(usize, &mut [T]) + Sync,
    ) {
        assert!(length > 0, "Threads::for_each_chunk: chunks of no elements");
        let chunks = Chunks::new(out, length);
        self.run(chunks.count(), |index| {
            // SAFETY: `run` calls with each index once.
            body(index, unsafe { chunks.get(index) });
        });
    }

    /// As [`Threads::for_each_chunk`], with scratch memory as in [`Threads::run_with_scratch`].
    ///
    /// # Panics
    /// If `length` is zero, or as [`Threads::run_with_scratch`].
    pub(crate) fn for_each_chunk_with_scratch(
        &self,
        out: &mut [f32],
        length: usize,
        own: &mut [f32],
        needed: usize,
        body: impl Fn(usize, &mut [f32], &mut [f32]) + Sync,
    ) {
        assert!(length > 0, "Threads::for_each_chunk: chunks of no elements");
        let chunks = Chunks::new(out, length);
        self.run_with_scratch(chunks.count(), own, needed, |index, scratch| {
            // SAFETY: `run_with_scratch` calls with each index once.
            body(index, unsafe { chunks.get(index) }, scratch);
        });
    }
}

/// Parts of `length` elements of a slice, the last one shorter, that several threads write.
struct Chunks<'a, T> {
    start: SendPtr<T>,
    total: usize,
    length: usize,
    borrow: PhantomData<&'a ()>,
}

impl<'a, T: Send> Chunks<'a, T> {
    fn new(out: &'a mut [T], length: usize) -> Self {
        Self {
            start: SendPtr(out.as_mut_ptr()),
            total: out.len(),
            length,
            borrow: PhantomData,
        }
    }

    fn count(&self) -> usize {
        self.total.div_ceil(self.length)
    }

    /// Chunk `index`.
    ///
    /// # Safety
    /// Each index is asked for once.
    #[expect(clippy::mut_from_ref, reason = "chunks are disjoint")]
    unsafe fn get(&self, index: usize) -> &mut [T] {
        let offset = index * self.length;
        let length = self.length.min(self.total - offset);
        // SAFETY: the elements are part of the slice, which is borrowed, and of no other chunk.
        unsafe { std::slice::from_raw_parts_mut(self.start.get().add(offset), length) }
    }
}

/// A pointer that parts of a layer on several threads write through, each to elements of its own.
pub(crate) struct SendPtr<T>(pub *mut T);

impl<T> SendPtr<T> {
    /// The pointer. (A method, so that a closure captures the whole struct.)
    #[inline(always)]
    pub fn get(&self) -> *mut T {
        self.0
    }
}

// SAFETY: the users of the pointer write disjoint elements.
unsafe impl<T: Send> Sync for SendPtr<T> {}

/// The lock, whether or not a part panicked while it held it: what it guards is valid after every write.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// One for each worker: only it takes the lock while parts run.
    scratch: Box<[Mutex<AlignedBytes>]>,
    /// Until when the workers rest, in nanoseconds after `made`.
    rest: AtomicU64,
    made: Instant,
}

/// On a cache line of its own, so that threads that wait for different things do not disturb each other.
#[repr(align(128))]
struct Line<T>(T);

struct Shared {
    /// Counts the runs; workers wait for a change.
    epoch: Line<AtomicU32>,
    /// Parts that are done in this run.
    done: Line<AtomicU32>,
    /// For each thread the parts that it should do: see [`Claim`].
    claims: Box<[Line<AtomicU64>]>,
    parked: Box<[Line<AtomicBool>]>,
    /// A caller uses the workers.
    busy: AtomicBool,
    stop: AtomicBool,
    /// The body of the run. Written before the claims of a run are stored, and read only by holders of a part of it.
    body: UnsafeCell<Option<Body>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `body` is written only by the caller that holds `busy`, while no part is claimed (`run` returns only when all
// parts are done); a thread reads it only after it has claimed a part, which happens after the write (the claim is
// stored with Release and taken with Acquire).
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `body` is to a `Sync` closure, as above.
unsafe impl Send for Shared {}

/// A reference to the caller's closure, of a part and the thread that it runs on, whose lifetime the run guarantees.
type Body = *const (dyn Fn(usize, usize) + Sync);

/// A range of parts that are still to be done, packed with the run's number so that a claim from an earlier run cannot
/// succeed: bits 0..16 the first part, 16..32 the end, 32..64 the run.
#[derive(Clone, Copy)]
struct Claim(u64);

const MOST_PARTS: usize = u16::MAX as usize;

impl Claim {
    fn new(run: u32, first: usize, end: usize) -> Self {
        debug_assert!(end <= MOST_PARTS);
        Self(u64::from(run) << 32 | (end as u64) << 16 | first as u64)
    }

    fn first(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    fn end(self) -> usize {
        (self.0 >> 16 & 0xffff) as usize
    }
}

/// Takes a part: the owner of the range from its front, others from its end.
fn claim(range: &AtomicU64, owner: bool) -> Option<usize> {
    let mut now = Claim(range.load(Ordering::Acquire));
    while now.first() < now.end() {
        let (part, next) = if owner {
            (now.first(), now.0 + 1)
        } else {
            (now.end() - 1, now.0 - (1 << 16))
        };
        match range.compare_exchange_weak(now.0, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Some(part),
            Err(other) => now = Claim(other),
        }
    }
    None
}

impl Shared {
    fn new(count: usize) -> Self {
        Self {
            epoch: Line(AtomicU32::new(0)),
            done: Line(AtomicU32::new(0)),
            claims: (0..count).map(|_| Line(AtomicU64::new(0))).collect(),
            parked: (0..count).map(|_| Line(AtomicBool::new(false))).collect(),
            busy: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            body: UnsafeCell::new(None),
            panic: Mutex::new(None),
        }
    }

    /// Does parts until none is left: first those of thread `index`, then those that others have not begun.
    fn help(&self, index: usize) {
        let count = self.claims.len();
        for turn in 0..count {
            let range = &self.claims[(index + turn) % count].0;
            while let Some(part) = claim(range, turn == 0) {
                // SAFETY: a part is claimed, so the caller waits in `Pool::run`: the closure lives, and nobody writes
                // the cell.
                let body = unsafe { (*self.body.get()).map(|body| &*body) };
                if let Some(body) = body
                    && let Err(payload) = catch_unwind(AssertUnwindSafe(|| body(part, index)))
                {
                    let mut first = lock(&self.panic);
                    first.get_or_insert(payload);
                }
                self.done.0.fetch_add(1, Ordering::Release);
            }
        }
    }

    /// The life of worker `index`.
    fn work(&self, index: usize) {
        prepare_thread();
        let mut seen = 0;
        loop {
            let mut started = Instant::now();
            let mut spins = 0u32;
            while self.epoch.0.load(Ordering::Acquire) == seen {
                spins += 1;
                if !spins.is_multiple_of(64) || started.elapsed() < SPIN {
                    std::hint::spin_loop();
                    continue;
                }
                // Sequentially consistent with `Pool::run`: either this thread sees the next epoch, or the caller sees
                // that it sleeps.
                self.parked[index].0.store(true, Ordering::SeqCst);
                if self.epoch.0.load(Ordering::SeqCst) == seen {
                    std::thread::park();
                }
                self.parked[index].0.store(false, Ordering::SeqCst);
                started = Instant::now();
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            seen = self.epoch.0.load(Ordering::Acquire);
            self.help(index);
        }
    }
}

impl Pool {
    /// Calls `body` with each part and the thread that it runs on, of which the caller's is number 0.
    fn run(&self, parts: usize, body: &(dyn Fn(usize, usize) + Sync)) {
        let shared = &*self.shared;
        let begun = self.made.elapsed();
        let rests = begun.as_nanos() < u128::from(self.rest.load(Ordering::Relaxed));
        if rests || shared.busy.swap(true, Ordering::Acquire) {
            return (0..parts).for_each(|part| body(part, 0));
        }
        if parts <= MOST_PARTS {
            self.run_claimed(parts, body, begun);
        } else {
            let together = parts.div_ceil(MOST_PARTS);
            let bodies = |index: usize, thread| {
                let end = ((index + 1) * together).min(parts);
                (index * together..end).for_each(|part| body(part, thread));
            };
            self.run_claimed(parts.div_ceil(together), &bodies, begun);
        }
        let panic = lock(&shared.panic).take();
        shared.busy.store(false, Ordering::Release);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// Does all parts; the caller holds `busy`, since the time `begun`.
    fn run_claimed(&self, parts: usize, body: &(dyn Fn(usize, usize) + Sync), begun: Duration) {
        let shared = &*self.shared;
        let body: *const (dyn Fn(usize, usize) + Sync + '_) = body;
        // SAFETY: the lifetime is forgotten, not exceeded: this function returns only when all parts are done, and no
        // thread touches the closure without a part. Nobody reads the cell meanwhile, as no part is left to claim.
        unsafe {
            *shared.body.get() = Some(std::mem::transmute::<
                *const (dyn Fn(usize, usize) + Sync + '_),
                Body,
            >(body))
        };
        shared.done.0.store(0, Ordering::Relaxed);
        let run = shared.epoch.0.load(Ordering::Relaxed).wrapping_add(1);
        let threads = self.workers.len() + 1;
        for (index, range) in shared.claims.iter().enumerate() {
            let bound = |index: usize| parts * index.min(threads) / threads;
            let range_of_thread = Claim::new(run, bound(index), bound(index + 1));
            range.0.store(range_of_thread.0, Ordering::Release);
        }
        self.wake(run);
        shared.help(0);
        let all_done = || shared.done.0.load(Ordering::Acquire) as usize == parts;
        if !all_done() {
            self.wait(begun, all_done);
        }
    }

    /// Waits for the parts that workers have begun.
    fn wait(&self, begun: Duration, all_done: impl Fn() -> bool) {
        /// Some 0.2 ms: longer than threads are apart that are not interrupted.
        const MOST_SPINS: u32 = 10_000;
        let waits = self.made.elapsed();
        let mut spins = 0u32;
        while !all_done() {
            spins += 1;
            if spins < MOST_SPINS {
                std::hint::spin_loop();
            } else {
                // A worker was interrupted in the middle of a part: leave it the processor.
                std::thread::yield_now();
            }
        }
        if spins < MOST_SPINS {
            return;
        }
        let now = self.made.elapsed();
        // Parts are about as long as each other: without an interruption, the last one takes no longer than what the
        // caller has done.
        if now - waits > INTERRUPTED.max(waits - begun) {
            let rest = u64::try_from((now + REST).as_nanos()).unwrap_or(0);
            self.rest.store(rest, Ordering::Relaxed);
        }
    }

    /// Publishes the next epoch.
    fn wake(&self, run: u32) {
        self.shared.epoch.0.store(run, Ordering::SeqCst);
        for (worker, parked) in self.workers.iter().zip(&self.shared.parked[1..]) {
            if parked.0.load(Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let next = self.shared.epoch.0.load(Ordering::Relaxed).wrapping_add(1);
        self.wake(next);
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its parts, so it ends without one.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::{Duration, Instant};

    use super::{REST, Threads};

    #[test]
    fn every_part_runs_once() {
        for count in 1..=4 {
            let threads = Threads::new(count);
            // Miri, which finds data races, is a thousand times slower.
            let (few, many): (_, &[usize]) = if cfg!(miri) {
                (8, &[])
            } else {
                (40, &[1000, 70_000, 200_001])
            };
            for parts in (0..few).chain(many.iter().copied()) {
                let calls: Vec<_> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
                threads.run(parts, |part| {
                    calls[part].fetch_add(1, Relaxed);
                });
                assert!(
                    calls.iter().all(|calls| calls.load(Relaxed) == 1),
                    "{count} threads, {parts} parts"
                );
            }
        }
    }

    #[test]
    fn chunks_are_disjoint_and_cover_everything() {
        let threads = Threads::new(3);
        for length in if cfg!(miri) { 0..9 } else { 0..50 } {
            for chunk in 1..9 {
                let mut out = vec![0; length];
                threads.for_each_chunk(&mut out, chunk, |index, part| {
                    part.iter_mut().for_each(|x| *x += index + 1);
                });
                assert!(out.iter().enumerate().all(|(i, &x)| x == i / chunk + 1));
            }
        }
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "the machine has no threads")]
    fn each_thread_has_scratch_memory_of_its_own() {
        let threads = Threads::new(3).with_scratch(5).with_scratch(4);
        assert!(threads.have_scratch(5) && !threads.have_scratch(6));
        assert!(!Threads::single().have_scratch(0));
        let mut own = [0.0; 5];
        for _ in 0..if cfg!(miri) { 2 } else { 100 } {
            let mut out = [0.0; 64];
            threads.for_each_chunk_with_scratch(&mut out, 3, &mut own, 5, |index, out, scratch| {
                scratch.fill(index as f32);
                std::hint::spin_loop();
                for (i, out) in out.iter_mut().enumerate() {
                    *out = scratch.iter().sum::<f32>() + i as f32;
                }
            });
            let expected = |i| (i / 3 * 5 + i % 3) as f32;
            assert!(out.iter().enumerate().all(|(i, &x)| x == expected(i)));
        }
        let mut out = [0.0; 4];
        let single = Threads::single();
        single.for_each_chunk_with_scratch(&mut out, 1, &mut own, 2, |_, out, scratch| {
            out[0] = scratch.len() as f32;
        });
        assert_eq!(out, [2.0; 4]);
    }

    #[test]
    fn workers_wake_from_sleep() {
        let threads = Threads::new(3);
        for _ in 0..if cfg!(miri) { 2 } else { 20 } {
            std::thread::sleep(Duration::from_micros(300));
            let calls = AtomicUsize::new(0);
            threads.run(7, |_| {
                calls.fetch_add(1, Relaxed);
            });
            assert_eq!(calls.into_inner(), 7);
        }
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "the machine has no threads")]
    fn a_worker_that_was_interrupted_rests_for_a_while() {
        let threads = Threads::new(2);
        let caller = std::thread::current().id();
        let is_shared = |interruption: Duration| {
            let begun = AtomicUsize::new(0);
            threads.run(2, |_| {
                let is_worker = std::thread::current().id() != caller;
                begun.fetch_add(if is_worker { 1 } else { 2 }, Relaxed);
                // The caller leaves the worker the time to begin the other part.
                let start = Instant::now();
                while !is_worker && begun.load(Relaxed) < 3 && start.elapsed() < REST {
                    std::thread::yield_now();
                }
                if is_worker {
                    std::thread::sleep(interruption);
                }
            });
            begun.into_inner() == 3
        };
        let start = Instant::now();
        // Longer than a busy machine keeps the caller from its own part.
        while !is_shared(16 * REST) {}
        let end = Instant::now();
        let shared = is_shared(Duration::ZERO);
        assert!(!shared || end.elapsed() >= REST, "a rest begins");
        while !is_shared(Duration::ZERO) {}
        assert!(
            start.elapsed() >= 17 * REST,
            "the rest ends, and not before"
        );
    }

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "the machine has no threads")]
    fn concurrent_and_nested_runs_do_their_own_parts() {
        const ROUNDS: usize = if cfg!(miri) { 3 } else { 200 };
        let threads = Threads::new(2);
        let calls = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let threads = threads.clone();
                let calls = &calls;
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        threads.run(3, |_| {
                            threads.run(2, |_| {
                                calls.fetch_add(1, Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(calls.into_inner(), 3 * ROUNDS * 3 * 2);
    }

    #[test]
    #[cfg_attr(not(panic = "unwind"), ignore = "a panic ends the process")]
    fn a_panic_reaches_the_caller_after_all_parts_and_the_workers_live_on() {
        let threads = Threads::new(2);
        let calls = AtomicUsize::new(0);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            threads.run(8, |part| {
                calls.fetch_add(1, Relaxed);
                assert_ne!(part, 5, "part five fails");
            });
        }));
        assert!(result.is_err());
        assert_eq!(calls.load(Relaxed), 8);
        threads.run(4, |_| {
            calls.fetch_add(1, Relaxed);
        });
        assert_eq!(calls.into_inner(), 12);
    }
}
