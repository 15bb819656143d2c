//! The matrix product behind matmul and convolutions: rows that lie in a tensor in a regular way, times packed weights.
//!
//! A convolution is a product whose row for an output pixel consists of the input pixels under the filter. In a NHWC
//! tensor these rows are affine in the pixel's and the tap's coordinates, so that the register tile reads them in
//! place, without a copy ("implicit GEMM").
//!
//! [`blocking`](super::blocking) says in which order the elements are computed.
//!
//! A step of Strassen's algorithm (seven products of halves for eight) was measured and is not here: the sums of halves
//! come from the second-level cache as slowly as they save multiplications, so that 1280 rows of 256 and 1024 columns take
//! 0.95 of the time and others 0.98 to 1.07, with errors of 1e-6 to 8e-6 of the largest result instead of 5e-7 to 1e-6.

use std::cell::Cell;
use std::ops::Range;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::amx;
use super::block::Block;
use super::blocking::{PARTS_PER_THREAD, Parts, Piece, Plan, is_cut_by_rows, merge_rows};
use super::pack::packed_len;
use super::places::Places;
use super::product;
use super::threads::{SendPtr, Threads};
use super::tile::{FEW_ROWS, PANEL, Tile};
use crate::activation::{Activation, InRegisters};

/// Elements to which an activation function is applied together: that many stay in the first-level cache, and what a call
/// takes besides (its constants, and the way through the last of them) is some 5 % of it.
const ACTIVATED_AT_ONCE: usize = 2048;

/// `count` things that are `stride` elements apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    pub count: usize,
    pub stride: usize,
}

impl Axis {
    pub(crate) const fn new(count: usize, stride: usize) -> Self {
        Self { count, stride }
    }

    /// Offset of the last one.
    fn extent(self) -> usize {
        self.count.saturating_sub(1).saturating_mul(self.stride)
    }
}

/// Where the rows of a product lie in the output, and what is added to them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rows {
    /// The columns `.0..` of rows of `.1` elements; None if the rows have no others.
    pub columns: Option<(usize, usize)>,
    /// Whether the output holds a residual, which the product is added to.
    pub accumulate: bool,
}

impl Rows {
    /// Rows one after the other, which hold nothing before.
    pub(crate) const PLAIN: Self = Self {
        columns: None,
        accumulate: false,
    };

    /// With a residual in the output.
    pub(crate) const fn accumulate(self) -> Self {
        Self {
            accumulate: true,
            ..self
        }
    }

    /// As the columns `first..` of rows of `of` elements.
    pub(crate) const fn columns(self, first: usize, of: usize) -> Self {
        Self {
            columns: Some((first, of)),
            ..self
        }
    }

    /// The distance of two rows of `width` elements.
    pub(crate) const fn stride(self, width: usize) -> usize {
        match self.columns {
            Some((_, of)) => of,
            None => width,
        }
    }

    /// The first column.
    pub(crate) const fn first(self) -> usize {
        match self.columns {
            Some((first, _)) => first,
            None => 0,
        }
    }
}

/// Where the groups of a product lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Groups {
    /// So many, side by side in every row: a group's segments follow those of the group before, and so do its columns in
    /// the output.
    Adjacent(usize),
    /// `count` products of their own, that start `x` elements apart in the input and `out` elements in the output.
    Apart { count: usize, x: usize, out: usize },
}

impl Groups {
    pub(super) fn count(self) -> usize {
        match self {
            Groups::Adjacent(count) | Groups::Apart { count, .. } => count,
        }
    }
}

/// `out[r, g, j] = activation(Σ_k x[row r, group g, k] · packed[g, k, j] + bias[g, j] + residual[r, g, j])`.
pub(crate) struct Product<'a> {
    pub x: &'a [f32],
    /// Where the rows start: images, planes, lines, pixels.
    pub rows: [Axis; 4],
    /// Where the segments of a row start, in the order of K: depth, height, width.
    pub taps: [Axis; 3],
    /// Adjacent elements of a segment.
    pub segment: usize,
    pub groups: Groups,
    /// For each group a packed [K, columns] matrix.
    pub packed: &'a [f32],
    /// Columns of one group.
    pub columns: usize,
    pub bias: Option<&'a [f32]>,
    /// Row-major [rows, groups * columns].
    pub residual: Option<&'a [f32]>,
    pub activation: Activation,
    pub out: Rows,
    /// Rows and columns of the register tile, if the active instruction set has it; else those of a model of the core.
    pub register_tile: Option<[usize; 2]>,
}

impl Product<'_> {
    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        product(self.rows.map(|axis| axis.count))
    }

    /// The distances of groups in `x`, of rows in the output and of groups in the output.
    pub(super) fn distances(&self) -> [usize; 3] {
        match self.groups {
            Groups::Adjacent(count) => {
                let row = self.out.stride(count.saturating_mul(self.columns));
                [self.segment, row, self.columns]
            }
            Groups::Apart { x, out, .. } => [x, self.columns, out],
        }
    }

    /// Computes the product into `out`: row-major [rows, groups * columns], or the columns of it that `self.out` names; a
    /// [rows, columns] matrix for each group if they are [apart](Groups::Apart), where there is nothing but the product.
    ///
    /// # Panics
    /// If a slice is too short or too long.
    pub(crate) fn run(self, threads: &Threads, out: &mut [f32]) {
        // SAFETY: the slice is borrowed.
        unsafe { self.run_into(threads, SendPtr(out.as_mut_ptr()), out.len()) }
    }

    /// As [`run`](Product::run), into `length` elements from `out` on.
    ///
    /// # Safety
    /// The elements are valid for reads and writes, and no other thread has to do with those that are the product's.
    unsafe fn run_into(mut self, threads: &Threads, out: SendPtr<f32>, length: usize) {
        let rows = self.rows();
        let k = product(self.taps.map(|axis| axis.count)).saturating_mul(self.segment);
        let groups = self.groups.count();
        let [group_x, stride, group_out] = self.distances();
        let width = match self.groups {
            Groups::Adjacent(_) => {
                assert_eq!(
                    length,
                    rows.saturating_mul(stride),
                    "the output is not {rows} rows of {stride} columns"
                );
                groups.saturating_mul(self.columns)
            }
            Groups::Apart { .. } => {
                assert!(
                    length == groups.saturating_mul(group_out)
                        && rows.saturating_mul(stride) <= group_out,
                    "the output is not {groups} matrices of {rows} rows of {stride} columns"
                );
                let plain = self.bias.is_none() && self.residual.is_none();
                assert!(
                    plain && self.out == Rows::PLAIN,
                    "groups apart are bare products"
                );
                self.columns
            }
        };
        assert!(
            self.out.first().saturating_add(width) <= stride,
            "{width} columns from {} on are not within {stride}",
            self.out.first()
        );
        assert!(
            !self.out.accumulate || self.residual.is_none(),
            "a residual is added to what the output holds or to a tensor, not to both"
        );
        assert_eq!(
            self.packed.len(),
            groups.saturating_mul(packed_len(k, self.columns)),
            "the weights are not {groups} packed [{k}, {}] matrices",
            self.columns
        );
        if let Some(bias) = self.bias {
            assert_eq!(bias.len(), width, "the bias does not have {width} elements");
        }
        if let Some(residual) = self.residual {
            assert_eq!(
                residual.len(),
                rows * width,
                "the residual is not {rows} rows of {width} columns"
            );
        }
        if rows * width == 0 {
            return;
        }
        if k > 0 {
            let axes = self.rows.iter().chain(&self.taps);
            let last = (groups - 1)
                .saturating_mul(group_x)
                .saturating_add(self.segment);
            let end = axes.fold(last, |end, axis| end.saturating_add(axis.extent()));
            assert!(
                end <= self.x.len(),
                "the input has {} elements, fewer than {end}",
                self.x.len()
            );
        }
        merge_rows(&mut self.rows);
        if self.groups == Groups::Adjacent(1) {
            self.merge_taps();
        }
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if let Some(plan) = amx::Plan::new(&self, k) {
            // SAFETY: the assertions above bound what the product touches; AMX is active, so the machine has it.
            return unsafe { plan.run(&self, threads, out) };
        }
        let plan = Plan::new(&self, k, length, threads.count() > 1);
        let backwards = rows <= FEW_ROWS && takes_turns(self.packed);
        let cut = [plan.tiles, plan.column_groups];
        let by_rows = is_cut_by_rows(&self, k);
        let parts = Parts::new(&self, k, cut, by_rows, threads, PARTS_PER_THREAD);
        threads.run(parts.count(), |part| {
            let mut pieces = parts.get(part).peekable();
            while let Some(piece) = pieces.next() {
                let behind = pieces.peek().cloned().or_else(|| parts.behind(part));
                // SAFETY: `parts` are disjoint, and the assertions above bound what they touch.
                unsafe { self.piece(&plan, piece, behind, backwards, out.get()) }
            }
        });
    }

    /// Joins neighbouring taps to one segment where their elements are adjacent, as in a line of an undilated filter.
    fn merge_taps(&mut self) {
        for axis in [2, 1, 0] {
            let Axis { count, stride } = self.taps[axis];
            if count > 1 && stride != self.segment {
                break;
            }
            self.segment *= count;
            self.taps[axis].count = 1;
        }
    }

    /// Computes a piece; `backwards` begins with its last group of columns. The thread goes on with the piece `behind`, or
    /// with the next layer.
    ///
    /// # Safety
    /// The lengths are as `run` checks them; no other thread writes these elements of `out`.
    unsafe fn piece(
        &self,
        plan: &Plan,
        piece: Piece,
        behind: Option<Piece>,
        backwards: bool,
        out: *mut f32,
    ) {
        let Piece {
            group,
            tiles,
            column_groups,
        } = piece;
        let lanes = plan.kernels.lanes;
        let all_columns = self.groups.count() * self.columns;
        let [group_x, stride, group_out] = self.distances();
        let out = out.wrapping_add(self.out.first());
        let x = self.x.as_ptr().wrapping_add(group * group_x);
        let a_stride = self.rows[3].stride;
        let matrix = |group: usize| {
            self.packed
                .as_ptr()
                .wrapping_add(group * packed_len(plan.k, self.columns))
        };
        let weights_of = |group: usize, column: usize, k: usize| {
            matrix(group).wrapping_add(column / PANEL * plan.k * PANEL + column % PANEL + k * PANEL)
        };
        let weights = |column: usize, k: usize| weights_of(group, column, k);
        let InRegisters {
            low,
            high,
            hard_swish,
            rest,
        } = self.activation.in_registers();
        let mut block = tiles.start;
        while block < tiles.end {
            let block_end = (block + plan.block_tiles).min(tiles.end);
            for index in column_groups.clone() {
                let column_group = if backwards {
                    column_groups.start + column_groups.end - 1 - index
                } else {
                    index
                };
                let vectors = plan.vectors(column_group);
                let kernels = plan.tiles_of(&vectors);
                let first = vectors.start * lanes;
                let tail = lanes.min(self.columns - (vectors.end - 1) * lanes);
                let width = (vectors.len() - 1) * lanes + tail;
                let column = group * group_out + first;
                let mut k = 0;
                loop {
                    let range = plan.k_range(self, k);
                    let b = weights(first, k);
                    let is_first = k == 0;
                    k += range.outer * range.inner * range.length;
                    let is_last = k == plan.k;
                    // The tiles share the work to bring the weights that follow into the cache.
                    let next = match (is_last, column_group + 1 < column_groups.end) {
                        (false, _) => weights(first, k),
                        (true, true) => weights(vectors.end * lanes, 0),
                        (true, false) if block_end == tiles.end => match &behind {
                            Some(next) => {
                                let vectors = plan.vectors(next.column_groups.start);
                                weights_of(next.group, vectors.start * lanes, 0)
                            }
                            // What follows the matrix is the next group's, or the next layer's.
                            None => matrix(group + 1),
                        },
                        (true, false) => {
                            weights(plan.vectors(column_groups.start).start * lanes, 0)
                        }
                    };
                    let panels = (vectors.len() * lanes).div_ceil(PANEL);
                    // Adjacent rows, which the groups of columns that follow find in the cache.
                    let is_ahead = plan.far_rows
                        && range.length == a_stride
                        && column_group == column_groups.start;
                    let mut share = Share::new(panels, range.k..k, block_end - block, plan.k);
                    let mut cursor = Cursor::new(self, plan, block);
                    let mut tile = Tile {
                        a: x,
                        a_stride,
                        outer: range.outer,
                        outer_stride: self.taps[1].stride,
                        inner: range.inner,
                        inner_stride: self.taps[2].stride,
                        length: range.length,
                        b,
                        panel: plan.k * PANEL,
                        seed: match self.bias {
                            Some(bias) if is_first => bias.as_ptr().wrapping_add(column),
                            _ => std::ptr::null(),
                        },
                        seed_stride: if is_first { 0 } else { stride },
                        residual: std::ptr::null(),
                        residual_stride: match self.residual {
                            Some(_) => all_columns,
                            None => stride,
                        },
                        c: out,
                        c_stride: stride,
                        tail,
                        low: if is_last { low } else { f32::NEG_INFINITY },
                        high: if is_last { high } else { f32::INFINITY },
                        hard_swish: is_last && hard_swish,
                        // Whole rows are one stream, which the core foresees.
                        fetch: is_first && plan.far_output && width < stride,
                        ahead: x,
                        ahead_step: 0,
                        next,
                        next_step: share.step,
                    };
                    let activate = |rows: Range<usize>| {
                        if is_last && rest {
                            let first = out.wrapping_add(rows.start * stride + column);
                            // SAFETY: the rows were just written by tiles, and belong to this part.
                            let block = unsafe { Block::new(first, rows.len(), stride, width) };
                            self.activation.apply_block(block);
                        }
                    };
                    let mut activated = cursor.index;
                    for index in block..block_end {
                        let rows = cursor.rows(plan);
                        tile.a = x.wrapping_add(cursor.offset + range.offset);
                        tile.c = out.wrapping_add(cursor.index * stride + column);
                        if !is_first {
                            tile.seed = tile.c;
                        } else if let Some(residual) = self.residual {
                            // Added with the first range, before the output is written: it may lie there.
                            let row = residual.as_ptr().wrapping_add(cursor.index * all_columns);
                            tile.residual = row.wrapping_add(column);
                        } else if self.out.accumulate {
                            tile.residual = tile.c;
                        }
                        tile.ahead = tile.a.wrapping_add(rows * a_stride);
                        // Rows behind the last piece are another thread's, whose next layer would have to get them back.
                        let is_followed = index + 1 < tiles.end || behind.is_some();
                        tile.ahead_step = if is_ahead && is_followed {
                            rows * size_of::<f32>()
                        } else {
                            0
                        };
                        tile.next = next.wrapping_add(share.next());
                        // SAFETY: `run` bounded the largest offsets into all slices, the axes and ranges are within
                        // them, and the active instruction set is one that the machine has.
                        unsafe { kernels[rows - 1](&tile) };
                        cursor.advance(self, plan, rows);
                        if (cursor.index - activated) * width >= ACTIVATED_AT_ONCE {
                            activate(activated..cursor.index);
                            activated = cursor.index;
                        }
                    }
                    activate(activated..cursor.index);
                    if is_last {
                        break;
                    }
                }
            }
            block = block_end;
        }
    }
}

/// Computes products with `columns` columns, of which `beside` after one another lie side by side in rows of `beside * columns`
/// elements: `out` is [products / beside, rows, beside, columns]. Each runs on one thread: `product` is called once for each of
/// the `count` products, with scratch memory as [`Threads::run_with_scratch`] gives it, and calls its last argument to run it.
///
/// # Panics
/// As [`Product::run`] and [`Threads::run_with_scratch`], or if a product has another number of columns, or `count` is no
/// multiple of `beside`.
pub(crate) fn run_side_by_side(
    threads: &Threads,
    [count, beside, columns]: [usize; 3],
    out: &mut [f32],
    scratch: &mut [f32],
    needed: usize,
    product: impl Fn(usize, &mut [f32], &dyn Fn(Product)) + Sync,
) {
    assert!(
        count > 0 && count.is_multiple_of(beside) && out.len().is_multiple_of(count),
        "{count} products are not {beside} in each row of the output"
    );
    let length = out.len() / count * beside;
    let out = SendPtr(out.as_mut_ptr());
    threads.run_with_scratch(count, scratch, needed, |index, scratch| {
        product(index, scratch, &|product| {
            assert!(
                product.columns == columns && product.groups == Groups::Adjacent(1),
                "a product does not have {columns} columns"
            );
            let rows = out.get().wrapping_add(index / beside * length);
            let of_row = Rows::PLAIN.columns(index % beside * columns, beside * columns);
            let product = Product {
                out: of_row,
                ..product
            };
            // SAFETY: the slice is borrowed, and has `count / beside` times `length` elements, as was checked; no other index has
            // these columns of them.
            unsafe { product.run_into(&Threads::single(), SendPtr(rows), length) }
        });
    });
}

/// Whether a product of few rows computes its columns from the last to the first this time: every second time that a thread
/// computes one with these weights.
///
/// Where a network's weights are a little more than the second-level cache holds, a run in the same order finds none of
/// them there: each has just made room for another. In turns it finds what the run before ended with: 2.7 MB of weights
/// and a cache of 2 MiB take 36 µs instead of 71.
fn takes_turns(weights: &[f32]) -> bool {
    thread_local! {
        /// A bit for each matrix, of those that do not share it.
        static TURNS: Cell<u64> = const { Cell::new(0) };
    }
    // Fibonacci hashing, Knuth, "The Art of Computer Programming", volume 3, 6.4.
    let hash = (weights.as_ptr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
    let turns = TURNS.get() ^ (1 << hash);
    TURNS.set(turns);
    turns & (1 << hash) != 0
}

/// How the tiles of a block share the prefetch of the next weights.
struct Share {
    /// Bytes that a tile prefetches for each k.
    step: usize,
    /// Elements that a tile prefetches.
    each: usize,
    /// Elements of a panel's range of K, and from one panel to the next.
    panel: usize,
    distance: usize,
    /// Where the next tile begins, and how far that is within its panel.
    next: usize,
    within: usize,
}

impl Share {
    /// `tiles` tiles prefetch the range `k` of `panels` panels of a matrix of `rows` rows.
    fn new(panels: usize, k: Range<usize>, tiles: usize, rows: usize) -> Self {
        let line = PANEL * size_of::<f32>();
        let panel = k.len() * PANEL;
        Self {
            // One prefetch for each k reaches a line at most.
            step: (panels * line / tiles).min(line),
            each: panels * panel / tiles,
            panel,
            distance: rows * PANEL,
            next: 0,
            within: 0,
        }
    }

    /// Where the next tile begins, relative to the first panel's range.
    #[inline]
    fn next(&mut self) -> usize {
        let begin = self.next;
        self.next += self.each;
        self.within += self.each;
        while self.within >= self.panel && self.panel > 0 {
            self.within -= self.panel;
            self.next += self.distance - self.panel;
        }
        begin
    }
}

/// A position among the tiles.
struct Cursor {
    /// The tile within its line.
    tile: usize,
    /// The first row, counted over all lines.
    index: usize,
    /// Where it starts in x.
    offset: usize,
    /// Its line.
    line: Places,
}

impl Cursor {
    fn new(p: &Product, plan: &Plan, tile: usize) -> Self {
        let (line, tile) = (tile / plan.line_tiles, tile % plan.line_tiles);
        let row = tile * plan.rows + tile.min(plan.longer);
        let index = line * p.rows[3].count + row;
        let line = Places::new(&p.rows[..3], line);
        Self {
            tile,
            index,
            offset: line.offset + row * p.rows[3].stride,
            line,
        }
    }

    /// The number of rows of the tile.
    #[inline]
    fn rows(&self, plan: &Plan) -> usize {
        plan.rows + usize::from(self.tile < plan.longer)
    }

    /// Moves to the next tile, past one of `rows` rows.
    #[inline]
    fn advance(&mut self, p: &Product, plan: &Plan, rows: usize) {
        self.tile += 1;
        self.index += rows;
        self.offset += rows * p.rows[3].stride;
        if self.tile < plan.line_tiles {
            return;
        }
        self.tile = 0;
        self.line.advance(&p.rows[..3]);
        self.offset = self.line.offset;
    }
}
