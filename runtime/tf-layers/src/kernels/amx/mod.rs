//! Matrix products on Intel AMX, whose factors are sums of three numbers of bfloat16: see [`tiles`].
//!
//! A block of one factor is split into these parts and stays in the second-level cache; the other one goes by, two tiles at a
//! time in chunks of k that stay in the first-level cache, each of which meets the whole block. So a product of some hundred
//! rows and columns spends an eighth of its time on the parts, which are therefore neither in the file of the weights, where
//! they would take half as much space again, nor kept in memory.

mod blocked;
#[cfg(test)]
mod tests;
mod tiles;

use std::cell::RefCell;

use self::blocked::{Blocked, Memory};
use self::tiles::{COLUMNS, ROWS, STEP, STEP_BYTES, SUMS, Tiles};
use super::blocking::{Parts, Piece, is_cut_by_rows};
use super::gemm::Product;
use super::pack::PANEL;
use super::threads::{SendPtr, Threads};
use crate::aligned_bytes::AlignedBytes;
use crate::simd::{Avx512, Isa, Simd};

/// The most k of two tiles whose parts stay in the first-level cache, 24 KiB.
const CHUNK_K: usize = 128;
/// The most elements of a block, 6 bytes each.
const BLOCK: usize = 128 * 1024;
/// The least k of a block, if a product has as many: the sums of several blocks are added up in the output.
const BLOCK_K: usize = 512;
/// The most pairs of tiles of rows that stay in the cache. Weights that go by write a few columns of all rows at once, which with
/// more rows takes longer than they save.
const ROW_PAIRS: usize = 12;
/// Rows, and columns, of two tiles.
const PAIR: usize = 2 * ROWS;
const _: () = assert!(PAIR == SUMS && COLUMNS == PANEL);
/// Bytes of the parts of a block, of the parts of a chunk that goes by, and of its sums with a block of several chunks.
const BLOCK_BYTES: usize = BLOCK / (PAIR * STEP) * STEP_BYTES;
const CHUNK_BYTES: usize = CHUNK_K / STEP * STEP_BYTES;
const SUMS_BYTES: usize = BLOCK / CHUNK_K * PAIR * size_of::<f32>();

thread_local! {
    /// Scratch memory of 0.9 MiB, of which a product touches what it needs.
    static MEMORY: RefCell<AlignedBytes> = RefCell::new(AlignedBytes::zeroed(
        BLOCK_BYTES + CHUNK_BYTES + SUMS_BYTES
    ));
}

/// Allocates the scratch memory of the thread, if AMX is active; else its first product does.
pub(super) fn prepare_thread() {
    if Isa::active() == Isa::Amx {
        MEMORY.with(|_| ());
    }
}

/// How a product is cut.
pub(super) struct Plan {
    k: usize,
    rows: usize,
    /// Pairs of tiles of rows, and of columns.
    row_pairs: usize,
    column_pairs: usize,
    /// Whether it is rows that stay in the cache while weights go by.
    rows_stay: bool,
    /// K of a block, a multiple of a step or all, and its pairs of tiles.
    block_k: usize,
    block_pairs: usize,
}

/// How many pairs of tiles a block has of `pairs`, and how much of `k`.
fn block(pairs: usize, k: usize) -> [usize; 2] {
    let most_k = (BLOCK / (PAIR * pairs) / STEP * STEP).max(BLOCK_K);
    let block_k = k.div_ceil(k.div_ceil(most_k)).next_multiple_of(STEP);
    [(BLOCK / (PAIR * block_k)).clamp(1, pairs), block_k]
}

impl Plan {
    /// For rows of `k` elements, if AMX is active and takes less time for the product than vectors.
    pub(super) fn new(p: &Product, k: usize) -> Option<Self> {
        // Weights that meet few rows take longer to split than vectors to multiply, which is known without a plan.
        if Isa::active() != Isa::Amx || k == 0 || p.rows() < PAIR {
            return None;
        }
        let plan = Self::cut(p, k);
        plan.is_faster(p.columns).then_some(plan)
    }

    /// For rows of `k` elements, with the factor in the cache whose parts take less time so.
    fn cut(p: &Product, k: usize) -> Self {
        let plans = [true, false].map(|rows_stay| Self::with(p, k, rows_stay));
        let [rows, columns] = plans.each_ref().map(|plan| plan.split_cost(p.columns));
        let [rows_stay, columns_stay] = plans;
        if rows_stay.row_pairs <= ROW_PAIRS && rows < columns {
            rows_stay
        } else {
            columns_stay
        }
    }

    /// For rows of `k` elements, with blocks of the rows or of the columns in the cache.
    fn with(p: &Product, k: usize, rows_stay: bool) -> Self {
        let rows = p.rows();
        let (row_pairs, column_pairs) = (rows.div_ceil(PAIR), p.columns.div_ceil(PAIR));
        let [block_pairs, block_k] = block(if rows_stay { row_pairs } else { column_pairs }, k);
        Self {
            k,
            rows,
            row_pairs,
            column_pairs,
            rows_stay,
            block_k,
            block_pairs,
        }
    }

    /// What belongs to the rows and to the columns, of what belongs to the factor that stays and to the one that goes by; and
    /// the other way round.
    fn swap<T>(&self, [stay, by]: [T; 2]) -> [T; 2] {
        if self.rows_stay {
            [stay, by]
        } else {
            [by, stay]
        }
    }

    /// The time in which both factors are split, in picoseconds.
    fn split_cost(&self, columns: usize) -> f64 {
        /// For each element of a block, and for each one that goes by.
        const STAYS: f64 = 305.0;
        const BY: f64 = 162.0;
        let [stay, by] = self.swap([self.rows, columns.next_multiple_of(COLUMNS)]);
        let [pairs, _] = self.swap([self.row_pairs, self.column_pairs]);
        let times = pairs.div_ceil(self.block_pairs);
        let k = self.k.next_multiple_of(STEP) as f64;
        (stay as f64 * STAYS + (by * times) as f64 * BY) * k
    }

    /// By a model that was fitted to 150 products of 32 to 3136 rows and 24 to 1024 columns, whose weights came from the
    /// third-level cache, on a Xeon of family 6, model 167, which runs at 2.6 GHz during products of tiles and at 3.3 GHz else.
    fn is_faster(&self, columns: usize) -> bool {
        /// Picoseconds for each product, and sum.
        const TILES: [f64; 2] = [6.4, 19.0];
        /// The same without tiles.
        const WITHOUT: [f64; 2] = [10.6, 10.0];
        /// What wins less is not worth that the layers behind it begin at the lower frequency: with 0.95 MobileNets took 0.96 to
        /// 1.0 of the time on one thread and 1.0 on two, ResNet50 1.01 to 1.03.
        const WORTH: f64 = 0.85;
        let padded_columns = columns.next_multiple_of(COLUMNS) as f64;
        let padded_k = self.k.next_multiple_of(STEP) as f64;
        let (rows, k) = (self.rows as f64, self.k as f64);
        let padded = self.rows.next_multiple_of(ROWS) as f64 * padded_columns;
        let sums = padded * self.k.div_ceil(self.block_k) as f64;
        let cost = padded * padded_k * TILES[0] + sums * TILES[1] + self.split_cost(columns);
        let sums = rows * padded_columns;
        cost < WORTH * (sums * k * WITHOUT[0] + sums * WITHOUT[1])
    }

    /// Computes the product into `out`.
    ///
    /// # Safety
    /// The product's lengths fit, and no other thread has to do with its elements of `out`; the machine has AMX.
    pub(super) unsafe fn run(&self, p: &Product, threads: &Threads, out: SendPtr<f32>) {
        // One part for each thread, as each splits what stays.
        let cut = [self.rows, self.column_pairs];
        let by_rows = is_cut_by_rows(p, self.k);
        let parts = Parts::new(p, self.k, cut, by_rows, threads, 1);
        threads.run(parts.count(), |part| {
            for piece in parts.get(part) {
                // SAFETY: the caller's promise; the parts are disjoint.
                unsafe { self.piece(p, piece, out.get()) }
            }
        });
    }

    /// Computes a piece, whose tiles are rows and whose groups of columns are pairs of tiles of columns.
    ///
    /// # Safety
    /// The product's lengths fit; no other thread writes these elements of `out`.
    unsafe fn piece(&self, p: &Product, piece: Piece, out: *mut f32) {
        let row_pairs = 0..piece.tiles.len().div_ceil(PAIR);
        let [stay, by] = self.swap([row_pairs, piece.column_groups]);
        MEMORY.with_borrow_mut(|memory| {
            let (block, rest) = memory.bytes_mut().split_at_mut(BLOCK_BYTES);
            let (chunk, sums) = rest.split_at_mut(CHUNK_BYTES);
            let memory = Memory {
                block: block.as_mut_ptr(),
                chunk: chunk.as_mut_ptr(),
                sums: sums.as_mut_ptr().cast(),
            };
            // SAFETY: the caller's promise; this thread computes no other product meanwhile, as it borrows the memory.
            let tiles = unsafe { Tiles::new() };
            let mut first = stay.start;
            while first < stay.end {
                let end = (first + self.block_pairs).min(stay.end);
                for k in (0..self.k).step_by(self.block_k) {
                    let block = Blocked {
                        plan: self,
                        p,
                        group: piece.group,
                        rows: piece.tiles.clone(),
                        k: k..self.k.min(k + self.block_k),
                        stay: first..end,
                        by: by.clone(),
                        out,
                        tiles: &tiles,
                        memory: &memory,
                    };
                    // SAFETY: Intel's processors with AMX have AVX-512, which `Isa::Amx` asks for as well.
                    unsafe { Avx512::enter(block) }
                }
                first = end;
            }
        });
    }
}
