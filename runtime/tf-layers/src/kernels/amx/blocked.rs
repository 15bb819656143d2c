//! A block of one factor of a product on tiles, and what meets it.

use std::ops::Range;

use super::tiles::{self, Ahead, COLUMNS, ROWS, STEP, STEP_BYTES, SUMS, Tiles};
use super::{BLOCK, CHUNK_K, PAIR, Plan};
use crate::activation::{self, InRegisters};
use crate::kernels::block::Block;
use crate::kernels::gemm::Product;
use crate::kernels::pack::{PANEL, packed_len};
use crate::kernels::places::Places;
use crate::simd::{Simd, WithSimd};

/// Scratch memory: parts of a block and of a chunk, and the sums of the chunk with each pair of tiles of the block.
pub(super) struct Memory {
    pub block: *mut u8,
    pub chunk: *mut u8,
    pub sums: *mut f32,
}

/// A block, and what meets it. Made in `Plan::piece` only, whose caller promises that the lengths fit; `Plan::cut` chose a
/// size whose parts the memory holds.
pub(super) struct Blocked<'a> {
    pub plan: &'a Plan,
    pub p: &'a Product<'a>,
    pub group: usize,
    /// The rows of the piece, whose pairs of tiles are counted from the first one.
    pub rows: Range<usize>,
    pub k: Range<usize>,
    /// Pairs of tiles of the block, and of what goes by.
    pub stay: Range<usize>,
    pub by: Range<usize>,
    pub out: *mut f32,
    pub tiles: &'a Tiles,
    pub memory: &'a Memory,
}

/// Two tiles of a factor, or less at its end.
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
enum Pair {
    /// Where the rows start in the first group, and how many there are.
    Rows([*const f32; PAIR], usize),
    Columns(Range<usize>),
}

/// The elements of a row that do not lie side by side, copied.
#[repr(align(64))]
struct Gathered([f32; CHUNK_K]);

impl WithSimd for Blocked<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let rows_stay = self.plan.rows_stay;
        // SAFETY: see above.
        unsafe {
            let infinite = self.split_block(s);
            for by in self.by.clone() {
                let pair = self.pair(!rows_stay, by);
                let mut finite = s.zero();
                for k in self.chunks() {
                    finite = finite + self.split(s, &pair, k.clone(), self.memory.chunk);
                    let ahead = self.ahead(&pair, by, &k);
                    self.multiply(s, by, k, ahead, has_nan(s, finite), infinite);
                }
                self.activate(by);
            }
        }
    }
}

impl Blocked<'_> {
    /// The ranges of k whose products are summed after one another.
    fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let Range { start, end } = self.k;
        let all = end - start;
        let chunk = all.div_ceil(all.div_ceil(CHUNK_K)).next_multiple_of(STEP);
        (start..end)
            .step_by(chunk)
            .map(move |k| k..end.min(k + chunk))
    }

    /// Pair `index` of rows or of columns.
    fn pair(&self, rows: bool, index: usize) -> Pair {
        if !rows {
            return Pair::Columns(self.columns(index..index + 1));
        }
        let rows = self.rows(index..index + 1);
        let mut starts = [self.p.x.as_ptr(); PAIR];
        let mut places = Places::new(&self.p.rows, rows.start);
        for start in &mut starts[..rows.len()] {
            *start = start.wrapping_add(places.offset);
            places.advance(&self.p.rows);
        }
        Pair::Rows(starts, rows.len())
    }

    /// Panel `index` of the weights, from `k` on.
    fn panel(&self, index: usize, k: usize) -> *const f32 {
        let matrix = self.group * packed_len(self.plan.k, self.p.columns);
        let panel = (index * self.plan.k + k) * PANEL;
        self.p.packed.as_ptr().wrapping_add(matrix + panel)
    }

    /// The output at a row and a column of the group, and the distance of its rows.
    fn output(&self, row: usize, column: usize) -> (*mut f32, usize) {
        let [_, stride, group_out] = self.p.distances();
        let offset = self.p.out.first() + self.group * group_out + row * stride + column;
        (self.out.wrapping_add(offset), stride)
    }

    /// The rows of pairs of tiles.
    fn rows(&self, pairs: Range<usize>) -> Range<usize> {
        let Range { start, end } = self.rows;
        start + pairs.start * PAIR..end.min(start + pairs.end * PAIR)
    }

    /// The columns of pairs of tiles.
    fn columns(&self, pairs: Range<usize>) -> Range<usize> {
        pairs.start * PAIR..self.p.columns.min(pairs.end * PAIR)
    }

    /// The rows and the columns of pairs of tiles of the block and of what goes by.
    fn rows_and_columns(&self, stay: Range<usize>, by: Range<usize>) -> [Range<usize>; 2] {
        let [rows, columns] = self.plan.swap([stay, by]);
        [self.rows(rows), self.columns(columns)]
    }

    /// Bytes of the parts of a pair of tiles of the block.
    fn pair_bytes(&self) -> usize {
        self.k.len().div_ceil(STEP) * STEP_BYTES
    }

    /// Writes the block's parts. Returns a bit for each pair of tiles, of those that are not finite.
    ///
    /// # Safety
    /// Of all functions here: the block is as [`Blocked`] says.
    #[inline(always)]
    unsafe fn split_block<S: Simd>(&self, s: S) -> u128 {
        const { assert!(BLOCK / (PAIR * STEP) <= 128) };
        let mut infinite = 0;
        for (index, pair) in self.stay.clone().enumerate() {
            let pair = self.pair(self.plan.rows_stay, pair);
            let to = self.memory.block.wrapping_add(index * self.pair_bytes());
            let mut finite = s.zero();
            for k in self.chunks() {
                let to = to.wrapping_add((k.start - self.k.start) / STEP * STEP_BYTES);
                // SAFETY: the caller's promise.
                finite = finite + unsafe { self.split(s, &pair, k, to) };
            }
            infinite |= u128::from(has_nan(s, finite)) << index;
        }
        infinite
    }

    /// Writes the parts of a chunk of k of a pair of tiles. Returns a vector with NaN if a number is NaN or infinite.
    #[inline(always)]
    unsafe fn split<S: Simd>(&self, s: S, pair: &Pair, k: Range<usize>, to: *mut u8) -> S::F32 {
        let mut finite = s.zero();
        match pair {
            Pair::Rows(starts, count) => {
                let mut gathered = Gathered([0.0; CHUNK_K]);
                for (index, start) in starts[..*count].iter().enumerate() {
                    // SAFETY: the caller's promise.
                    finite = finite
                        + unsafe {
                            let x = self.row(*start, k.clone(), &mut gathered);
                            tiles::write_row(s, x, k.len(), to, index)
                        };
                }
            }
            Pair::Columns(columns) => {
                for tile in 0..columns.len().div_ceil(COLUMNS) {
                    let panel = self.panel(columns.start / PANEL + tile, k.start);
                    // SAFETY: the caller's promise.
                    finite = finite + unsafe { tiles::write_panel(s, panel, k.len(), to, tile) };
                }
            }
        }
        finite
    }

    /// Multiplies chunk `k` of the pair `by`, whose parts were just written, with the block. `is_infinite` is of the pair up to
    /// there, `infinite` of the block.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(
        &self,
        s: S,
        by: usize,
        k: Range<usize>,
        ahead: Ahead,
        is_infinite: bool,
        infinite: u128,
    ) {
        let Memory { block, chunk, sums } = *self.memory;
        let steps = k.len().div_ceil(STEP);
        let from = (k.start - self.k.start) / STEP * STEP_BYTES;
        let (is_first, is_last) = (k.start == self.k.start, k.end == self.k.end);
        for (index, stay) in self.stay.clone().enumerate() {
            let part = block.wrapping_add(index * self.pair_bytes() + from);
            let [rows, columns] = self.rows_and_columns(stay..stay + 1, by..by + 1);
            let factors = self.plan.swap([part, chunk]);
            // With one chunk nothing waits for another one.
            let sums = sums.wrapping_add(if is_first && is_last {
                0
            } else {
                index * PAIR * SUMS
            });
            // SAFETY: the caller's promise.
            unsafe {
                self.tiles.multiply(
                    [rows.len().div_ceil(ROWS), columns.len().div_ceil(COLUMNS)],
                    steps,
                    factors.map(<*mut u8>::cast_const),
                    sums,
                    !is_first,
                    ahead.behind(index * steps),
                );
                if is_last {
                    let of_block = infinite >> index & 1 != 0;
                    let [of_rows, of_columns] = self.plan.swap([of_block, is_infinite]);
                    if of_rows || of_columns {
                        // Which rows share a pair depends on the number of threads, so each is looked at.
                        self.multiply_rows(s, rows.clone(), columns.clone(), of_columns, sums);
                    }
                    self.finish(s, sums, rows, columns);
                }
            }
        }
    }

    /// The chunk behind chunk `k` of the pair `by`: of the same pair or of the next one. That of a row whose elements do not
    /// lie side by side is elsewhere.
    fn ahead(&self, pair: &Pair, by: usize, k: &Range<usize>) -> Ahead {
        let (pairs, k) = if k.end < self.k.end {
            (0, k.end)
        } else {
            (1, self.k.start)
        };
        // Of the weights a line of the cache is one k of a panel, of the rows it is that much of one of them.
        match pair {
            Pair::Columns(_) => Ahead {
                from: self.panel(2 * (by + pairs), k),
                beside: self.plan.k * PANEL,
                step: Ahead::LINES * PANEL,
            },
            Pair::Rows(starts, _) => {
                let stride = self.p.rows[3].stride;
                Ahead {
                    from: self
                        .of_group(starts[0])
                        .wrapping_add(pairs * PAIR * stride + k),
                    beside: stride,
                    step: 2 * stride,
                }
            }
        }
    }

    /// Where a row of the group starts, given that of the first one.
    fn of_group(&self, start: *const f32) -> *const f32 {
        let [group_x, _, _] = self.p.distances();
        start.wrapping_add(self.group * group_x)
    }

    /// The elements `k` of a row: where they are, if side by side, else in `gathered`.
    #[inline(always)]
    unsafe fn row(
        &self,
        start: *const f32,
        k: Range<usize>,
        gathered: &mut Gathered,
    ) -> *const f32 {
        let p = self.p;
        let row = self.of_group(start);
        if p.segment == self.plan.k {
            return row.wrapping_add(k.start);
        }
        let [depth, height, width] = p.taps;
        let all = k.len();
        let Range { start: mut k, end } = k;
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
            // SAFETY: the caller's promise, and a chunk has no more than `CHUNK_K` elements of a row.
            unsafe {
                std::ptr::copy_nonoverlapping(from, gathered.0[length..].as_mut_ptr(), count);
            }
            length += count;
            k += count;
        }
        gathered.0.as_ptr()
    }

    /// Sums without tiles, of `all` rows or of those that are not finite: infinity has no parts, and the sums of a row with
    /// infinity or NaN are NaN.
    #[inline(always)]
    unsafe fn multiply_rows<S: Simd>(
        &self,
        s: S,
        rows: Range<usize>,
        columns: Range<usize>,
        all: bool,
        sums: *mut f32,
    ) {
        let mut gathered = Gathered([0.0; CHUNK_K]);
        let mut places = Places::new(&self.p.rows, rows.start);
        for row in 0..rows.len() {
            let start = self.p.x.as_ptr().wrapping_add(places.offset);
            places.advance(&self.p.rows);
            // SAFETY: the caller's promise.
            let mut is_finite = |chunk: Range<usize>| unsafe {
                let x = self.row(start, chunk.clone(), &mut gathered);
                (0..chunk.len()).all(|k| (*x.add(k)).is_finite())
            };
            if !all && self.chunks().all(&mut is_finite) {
                continue;
            }
            for chunk in self.chunks() {
                // SAFETY: the caller's promise.
                let x = unsafe { self.row(start, chunk.clone(), &mut gathered) };
                for column in columns.clone().step_by(COLUMNS) {
                    let panel = self.panel(column / PANEL, chunk.start);
                    let to = sums.wrapping_add(row * SUMS + column - columns.start);
                    // SAFETY: as above.
                    unsafe {
                        let mut sum = if chunk.start == self.k.start {
                            s.zero()
                        } else {
                            s.load_ptr(to)
                        };
                        for k in 0..chunk.len() {
                            sum = s.mul_add(
                                s.splat(*x.add(k)),
                                s.load_ptr(panel.add(k * PANEL)),
                                sum,
                            );
                        }
                        s.store_ptr(sum, to);
                    }
                }
            }
        }
    }

    /// Writes the sums of some rows and columns to the output, with what comes after them.
    #[inline(always)]
    unsafe fn finish<S: Simd>(
        &self,
        s: S,
        sums: *const f32,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        let (row, count) = (rows.start, rows.len());
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
            ($row:expr, $column:expr, $count:expr, $bias:expr) => {
                // SAFETY: the caller's promise.
                unsafe {
                    let (row, column, count) = ($row, $column, $count);
                    let mut sum = s.load_ptr(sums.add(row * SUMS + column)) + $bias;
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
        let bias = |column: usize, count: usize| match self.bias() {
            Some(bias) => s.load_partial(&bias[columns.start + column..][..count]),
            None => s.zero(),
        };
        if columns.len() == SUMS {
            let bias = [bias(0, S::LANES), bias(COLUMNS, S::LANES)];
            for row in 0..count {
                vector!(row, 0, S::LANES, bias[0]);
                vector!(row, COLUMNS, S::LANES, bias[1]);
            }
        } else {
            for column in (0..columns.len()).step_by(COLUMNS) {
                let width = COLUMNS.min(columns.len() - column);
                let bias = bias(column, width);
                for row in 0..count {
                    vector!(row, column, width, bias);
                }
            }
        }
    }

    /// The bias of the group's columns, which is added with the first k.
    fn bias(&self) -> Option<&[f32]> {
        let [_, _, group_out] = self.p.distances();
        let bias = self.p.bias.filter(|_| self.k.start == 0)?;
        Some(&bias[self.group * group_out..])
    }

    /// Applies the activation functions that `finish` does not compute to what the pair `by` and the block gave.
    unsafe fn activate(&self, by: usize) {
        let activation = self.p.activation;
        if self.is_last() && activation.in_registers().rest {
            let [rows, columns] = self.rows_and_columns(self.stay.clone(), by..by + 1);
            let (first, stride) = self.output(rows.start, columns.start);
            // SAFETY: the caller's promise.
            activation.apply_block(unsafe { Block::new(first, rows.len(), stride, columns.len()) });
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
