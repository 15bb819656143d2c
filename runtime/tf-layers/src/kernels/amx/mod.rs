//! Matrix products on Intel AMX, whose factors are sums of three numbers of bfloat16: see [`tiles`].
//!
//! A block of the weights whose parts fit the second-level cache is split and meets all rows; two tiles of rows are split and
//! meet all columns of the block. So a product of some hundred rows and columns spends an eighth of its time on the parts,
//! which are therefore neither in the file of the weights, where they would take half as much space again, nor kept in
//! memory.

#[cfg(test)]
mod tests;
mod tiles;

use std::cell::RefCell;
use std::ops::Range;

use self::tiles::{COLUMNS, ROWS, STEP, STEP_BYTES, SUMS, Tiles};
use super::block::Block;
use super::blocking::{Parts, Piece};
use super::gemm::Product;
use super::pack::{PANEL, packed_len};
use super::places::Places;
use super::threads::{SendPtr, Threads};
use crate::activation::{self, InRegisters};
use crate::aligned_bytes::AlignedBytes;
use crate::simd::{Avx512, Isa, Simd, WithSimd};

/// The most k of a block: the sums of more are added up in the output.
const BLOCK_K: usize = 512;
/// The most k of two tiles of rows whose parts stay in the first-level cache, 24 KiB.
const CHUNK_K: usize = 128;
/// The most elements of a block, 6 bytes each.
const BLOCK: usize = 128 * 1024;
/// Rows, and columns, of two tiles.
const PAIR: usize = 2 * ROWS;
const _: () = assert!(PAIR == SUMS && COLUMNS == PANEL);
/// Bytes of the parts of two tiles of rows, of the parts of a block, of the sums of two tiles of rows and the columns of a
/// block of several chunks, and of what the sums of these columns begin with.
const ROWS_BYTES: usize = CHUNK_K / STEP * STEP_BYTES;
const WEIGHTS_BYTES: usize = BLOCK / (PAIR * STEP) * STEP_BYTES;
const SUMS_BYTES: usize = BLOCK / CHUNK_K * PAIR * size_of::<f32>();
const SEEDS_BYTES: usize = BLOCK / STEP * size_of::<f32>();

thread_local! {
    /// Scratch memory of 0.9 MiB, of which a product touches what it needs.
    static MEMORY: RefCell<AlignedBytes> = RefCell::new(AlignedBytes::zeroed(
        ROWS_BYTES + WEIGHTS_BYTES + SUMS_BYTES + SEEDS_BYTES
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
    /// K of a block, a multiple of a step or all, and its pairs of tiles of columns.
    block_k: usize,
    block_pairs: usize,
}

impl Plan {
    /// For rows of `k` elements, if AMX is active and takes less time for the product than vectors.
    pub(super) fn new(p: &Product, k: usize) -> Option<Self> {
        if Isa::active() != Isa::Amx || k == 0 {
            return None;
        }
        let plan = Self::cut(p, k);
        plan.is_faster(p.columns).then_some(plan)
    }

    /// For rows of `k` elements, some.
    fn cut(p: &Product, k: usize) -> Self {
        let rows = p.rows();
        let column_pairs = p.columns.div_ceil(PAIR);
        let block_k = k.div_ceil(k.div_ceil(BLOCK_K)).next_multiple_of(STEP);
        Self {
            k,
            rows,
            row_pairs: rows.div_ceil(PAIR),
            column_pairs,
            block_k,
            block_pairs: (BLOCK / (PAIR * block_k)).min(column_pairs),
        }
    }

    /// By a model that was fitted to 128 products of 32 to 3136 rows and 32 to 1024 columns on a Xeon of family 6, model 167,
    /// which runs at 2.6 GHz during products of tiles and at 3.3 GHz else. Costs are in picoseconds.
    fn is_faster(&self, columns: usize) -> bool {
        /// For each product, element that is split, and sum.
        const TILES: [f64; 3] = [6.4, 170.0, 42.0];
        /// For each product and sum without tiles.
        const WITHOUT: [f64; 2] = [10.6, 51.0];
        /// What wins less is not worth that the layers behind it begin at the lower frequency.
        const WORTH: f64 = 0.8;
        let padded_columns = columns.next_multiple_of(COLUMNS) as f64;
        let padded_k = self.k.next_multiple_of(STEP) as f64;
        let padded = self.rows.next_multiple_of(ROWS) as f64 * padded_columns;
        let (rows, k) = (self.rows as f64, self.k as f64);
        let times = self.column_pairs.div_ceil(self.block_pairs) as f64;
        // Two threads that share the rows both split all weights. The choice does not depend on the number of threads.
        let split = (rows * times + 2.0 * padded_columns) * padded_k;
        let sums = padded * self.k.div_ceil(self.block_k) as f64;
        let cost = padded * padded_k * TILES[0] + split * TILES[1] + sums * TILES[2];
        let sums = rows * padded_columns;
        cost < WORTH * (sums * k * WITHOUT[0] + sums * WITHOUT[1])
    }

    /// Computes the product into `out`.
    ///
    /// # Safety
    /// The product's lengths fit, and no other thread has to do with its elements of `out`; the machine has AMX.
    pub(super) unsafe fn run(&self, p: &Product, threads: &Threads, out: SendPtr<f32>) {
        // One part for each thread, as each splits what it needs.
        let parts = Parts::new(p, self.k, [self.row_pairs, self.column_pairs], threads, 1);
        threads.run(parts.count(), |part| {
            for piece in parts.get(part) {
                // SAFETY: the caller's promise; the parts are disjoint.
                unsafe { self.piece(p, piece, out.get()) }
            }
        });
    }

    /// Computes a piece, whose tiles are pairs of tiles of rows and whose groups of columns are pairs of tiles of columns.
    ///
    /// # Safety
    /// The product's lengths fit; no other thread writes these elements of `out`.
    unsafe fn piece(&self, p: &Product, piece: Piece, out: *mut f32) {
        MEMORY.with_borrow_mut(|memory| {
            let (rows, rest) = memory.bytes_mut().split_at_mut(ROWS_BYTES);
            let (weights, rest) = rest.split_at_mut(WEIGHTS_BYTES);
            let (sums, seeds) = rest.split_at_mut(SUMS_BYTES);
            let memory = Memory {
                rows: rows.as_mut_ptr(),
                weights: weights.as_mut_ptr(),
                sums: sums.as_mut_ptr().cast(),
                seeds: seeds.as_mut_ptr().cast(),
            };
            // SAFETY: the caller's promise; this thread computes no other product meanwhile, as it borrows the memory.
            let tiles = unsafe { Tiles::new() };
            let mut first = piece.column_groups.start;
            while first < piece.column_groups.end {
                let end = (first + self.block_pairs).min(piece.column_groups.end);
                for k in (0..self.k).step_by(self.block_k) {
                    let block = Blocked {
                        plan: self,
                        p,
                        group: piece.group,
                        k: k..self.k.min(k + self.block_k),
                        pairs: first..end,
                        row_pairs: piece.tiles.clone(),
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

/// Scratch memory: parts of rows and of weights, sums of pairs of tiles, and what the columns' sums begin with.
struct Memory {
    rows: *mut u8,
    weights: *mut u8,
    sums: *mut f32,
    seeds: *mut f32,
}

/// A block of the weights, and the rows that meet it. Made in `Plan::piece` only, whose caller promises that the lengths fit;
/// `Plan::cut` chose a size whose parts the memory holds.
struct Blocked<'a> {
    plan: &'a Plan,
    p: &'a Product<'a>,
    group: usize,
    k: Range<usize>,
    /// Pairs of tiles of columns, and of rows.
    pairs: Range<usize>,
    row_pairs: Range<usize>,
    out: *mut f32,
    tiles: &'a Tiles,
    memory: &'a Memory,
}

/// The elements of a row that do not lie side by side, copied.
#[repr(align(64))]
struct Gathered([f32; BLOCK_K]);

impl WithSimd for Blocked<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let mut gathered = Gathered([0.0; BLOCK_K]);
        let mut row = self.row_pairs.start * PAIR;
        let end = (self.row_pairs.end * PAIR).min(self.plan.rows);
        let mut places = Places::new(&self.p.rows, row);
        // SAFETY: see above.
        unsafe {
            let infinite = self.split_weights(s);
            self.write_seeds();
            while row < end {
                let count = PAIR.min(end - row);
                let mut starts = [self.p.x.as_ptr(); PAIR];
                for start in &mut starts[..count] {
                    *start = start.wrapping_add(places.offset);
                    places.advance(&self.p.rows);
                }
                self.multiply(s, row, &starts[..count], infinite, &mut gathered);
                self.activate(row, count);
                row += count;
            }
        }
    }
}

impl Blocked<'_> {
    /// The block's part of panel `index` of the weights.
    fn panel(&self, index: usize) -> *const f32 {
        let matrix = self.group * packed_len(self.plan.k, self.p.columns);
        let panel = (index * self.plan.k + self.k.start) * PANEL;
        self.p.packed.as_ptr().wrapping_add(matrix + panel)
    }

    /// The output at a row and a column of the group, and the distance of its rows.
    fn output(&self, row: usize, column: usize) -> (*mut f32, usize) {
        let [_, stride, group_out] = self.p.distances();
        let offset = self.p.out.first() + self.group * group_out + row * stride + column;
        (self.out.wrapping_add(offset), stride)
    }

    /// The columns of a pair of tiles.
    fn columns(&self, pair: usize) -> Range<usize> {
        pair * PAIR..self.p.columns.min((pair + 1) * PAIR)
    }

    /// Bytes of the parts of a pair of tiles of columns.
    fn pair_bytes(&self) -> usize {
        self.k.len().div_ceil(STEP) * STEP_BYTES
    }

    /// Writes the weights' parts. Returns a bit for each pair of tiles, of those that are not finite.
    ///
    /// # Safety
    /// Of all functions here: the block is as [`Blocked`] says.
    #[inline(always)]
    unsafe fn split_weights<S: Simd>(&self, s: S) -> u128 {
        const { assert!(BLOCK / (PAIR * STEP) <= 128) };
        let mut infinite = 0;
        for (index, pair) in self.pairs.clone().enumerate() {
            for tile in 0..self.columns(pair).len().div_ceil(COLUMNS) {
                let panel = self.panel(2 * pair + tile);
                // SAFETY: the caller's promise.
                let finite = unsafe {
                    let to = self.memory.weights.add(index * self.pair_bytes());
                    tiles::write_panel(s, panel, self.k.len(), to, tile)
                };
                infinite |= u128::from(has_nan(s, finite)) << index;
            }
        }
        infinite
    }

    /// Writes what the columns' sums begin with: the bias, or zeros.
    ///
    /// Once for all rows: a tile register that is loaded from what was just written waits for all that was written before,
    /// the output among it.
    unsafe fn write_seeds(&self) {
        let first = self.pairs.start * PAIR;
        for column in first..self.pairs.end * PAIR {
            let seed = match self.bias() {
                Some(bias) if column < self.p.columns => bias[column],
                _ => 0.0,
            };
            // SAFETY: the caller's promise.
            unsafe { *self.memory.seeds.add(column - first) = seed };
        }
    }

    /// The bias of the group's columns, which is added with the first k.
    fn bias(&self) -> Option<&[f32]> {
        let [_, _, group_out] = self.p.distances();
        let bias = self.p.bias.filter(|_| self.k.start == 0)?;
        Some(&bias[self.group * group_out..])
    }

    /// Computes the rows that start at `starts` in the first group, of which `row` is the first in the output. `infinite` is
    /// of the weights.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(
        &self,
        s: S,
        row: usize,
        starts: &[*const f32],
        infinite: u128,
        gathered: &mut Gathered,
    ) {
        let Memory {
            rows,
            weights,
            sums,
            seeds,
        } = *self.memory;
        let k = self.k.len();
        let chunk = k.div_ceil(k.div_ceil(CHUNK_K)).next_multiple_of(STEP);
        let mut finite = s.zero();
        for from in (0..k).step_by(chunk) {
            let to = k.min(from + chunk);
            // SAFETY: the caller's promise.
            unsafe {
                for (index, start) in starts.iter().enumerate() {
                    let x = self.row(*start, from..to, gathered);
                    finite = finite + tiles::write_row(s, x, to - from, rows, index);
                }
                for (index, pair) in self.pairs.clone().enumerate() {
                    let columns = self.columns(pair);
                    // With one chunk nothing waits for another one.
                    let sums = sums.add(if chunk < k { index * PAIR * SUMS } else { 0 });
                    let seed = match from {
                        0 => (seeds.add(index * PAIR).cast_const(), 0),
                        _ => (sums.cast_const(), SUMS),
                    };
                    let at = index * self.pair_bytes() + from / STEP * STEP_BYTES;
                    self.tiles.multiply(
                        [starts.len().div_ceil(ROWS), columns.len().div_ceil(COLUMNS)],
                        (to - from).div_ceil(STEP),
                        rows,
                        weights.add(at),
                        seed,
                        sums,
                    );
                    if to < k {
                        continue;
                    }
                    if has_nan(s, finite) || infinite >> index & 1 != 0 {
                        for (index, start) in starts.iter().enumerate() {
                            let x = self.row(*start, 0..k, gathered);
                            self.multiply_row(s, x, columns.clone(), sums.add(index * SUMS));
                        }
                    }
                    self.finish(s, sums, row, starts.len(), columns);
                }
            }
        }
    }

    /// The elements `k` of a row, counted from the block's first: where they are, if side by side, else in `gathered`.
    #[inline(always)]
    unsafe fn row(
        &self,
        start: *const f32,
        k: Range<usize>,
        gathered: &mut Gathered,
    ) -> *const f32 {
        let p = self.p;
        let [group_x, _, _] = p.distances();
        let row = start.wrapping_add(self.group * group_x);
        if p.segment == self.plan.k {
            return row.wrapping_add(self.k.start + k.start);
        }
        let [depth, height, width] = p.taps;
        let all = k.len();
        let (mut k, end) = (self.k.start + k.start, self.k.start + k.end);
        let mut length = 0;
        while k < end {
            let (tap, within) = (k / p.segment, k % p.segment);
            let (line, x) = (tap / width.count, tap % width.count);
            let (z, y) = (line / height.count, line % height.count);
            let offset = z * depth.stride + y * height.stride + x * width.stride + within;
            let from = row.wrapping_add(offset);
            let count = (p.segment - within).min(end - k);
            if count == all {
                return from;
            }
            // SAFETY: the caller's promise, and a block has no more than `BLOCK_K` elements of a row.
            unsafe {
                std::ptr::copy_nonoverlapping(from, gathered.0[length..].as_mut_ptr(), count);
            }
            length += count;
            k += count;
        }
        gathered.0.as_ptr()
    }

    /// A row of sums without tiles: infinity has no parts, and the sums of a row with infinity or NaN are NaN.
    #[inline(always)]
    unsafe fn multiply_row<S: Simd>(
        &self,
        s: S,
        x: *const f32,
        columns: Range<usize>,
        sums: *mut f32,
    ) {
        for (index, column) in columns.clone().step_by(COLUMNS).enumerate() {
            let panel = self.panel(column / PANEL);
            let count = COLUMNS.min(columns.end - column);
            let mut sum = match self.bias() {
                Some(bias) => s.load_partial(&bias[column..][..count]),
                None => s.zero(),
            };
            // SAFETY: the caller's promise.
            unsafe {
                for k in 0..self.k.len() {
                    sum = s.mul_add(s.splat(*x.add(k)), s.load_ptr(panel.add(k * PANEL)), sum);
                }
                s.store_ptr(sum, sums.add(index * COLUMNS));
            }
        }
    }

    /// Writes the sums of some columns of `count` rows from `row` on to the output, with what comes after them.
    #[inline(always)]
    unsafe fn finish<S: Simd>(
        &self,
        s: S,
        sums: *const f32,
        row: usize,
        count: usize,
        columns: Range<usize>,
    ) {
        let p = self.p;
        let (to, stride) = self.output(row, columns.start);
        let [_, _, group_out] = p.distances();
        let all_columns = p.groups.count() * p.columns;
        let (residual, residual_stride) = match p.residual {
            _ if self.k.start > 0 || p.out.accumulate => (to.cast_const(), stride),
            Some(residual) => {
                let at = row * all_columns + self.group * group_out + columns.start;
                (residual.as_ptr().wrapping_add(at), all_columns)
            }
            None => (std::ptr::null(), 0),
        };
        let InRegisters {
            low,
            high,
            hard_swish,
            ..
        } = p.activation.in_registers();
        let is_last = self.is_last();
        let hard_swish = is_last && hard_swish;
        let bounded = is_last && (low > f32::NEG_INFINITY || high < f32::INFINITY);
        let bounds = [low, high].map(
            #[inline(always)]
            |x| s.splat(x),
        );
        // The vector at a row and a column, `count` elements of it.
        macro_rules! vector {
            ($row:expr, $column:expr, $count:expr) => {
                // SAFETY: the caller's promise.
                unsafe {
                    let (row, column, count) = ($row, $column, $count);
                    let mut sum = s.load_ptr(sums.add(row * SUMS + column));
                    if !residual.is_null() {
                        let residual = residual.add(row * residual_stride + column);
                        sum = sum + s.load_ptr_partial(residual, count);
                    }
                    if bounded {
                        sum = s.min(bounds[1], s.max(bounds[0], sum));
                    }
                    if hard_swish {
                        sum = activation::hard_swish(s, sum);
                    }
                    let to = to.add(row * stride + column);
                    if count == S::LANES {
                        s.store_ptr(sum, to);
                    } else {
                        s.store_ptr_partial(sum, to, count);
                    }
                }
            };
        }
        if columns.len() == SUMS {
            for row in 0..count {
                vector!(row, 0, S::LANES);
                vector!(row, COLUMNS, S::LANES);
            }
        } else {
            for row in 0..count {
                for column in (0..columns.len()).step_by(COLUMNS) {
                    vector!(row, column, COLUMNS.min(columns.len() - column));
                }
            }
        }
    }

    /// Applies the activation functions that `finish` does not compute to the block's columns of `rows` rows.
    unsafe fn activate(&self, row: usize, rows: usize) {
        let activation = self.p.activation;
        if self.is_last() && activation.in_registers().rest {
            let columns = self.pairs.start * PAIR..self.p.columns.min(self.pairs.end * PAIR);
            let (first, stride) = self.output(row, columns.start);
            // SAFETY: the caller's promise.
            activation.apply_block(unsafe { Block::new(first, rows, stride, columns.len()) });
        }
    }

    /// Whether the sums are complete with this block.
    fn is_last(&self) -> bool {
        self.k.end == self.plan.k
    }
}

/// Whether a lane is NaN.
#[inline(always)]
fn has_nan<S: Simd>(s: S, x: S::F32) -> bool {
    s.any(s.not_equal(x, x))
}
