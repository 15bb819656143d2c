//! The matrix product behind matmul and convolutions: rows that lie in a tensor in a regular way, times packed weights.
//!
//! A convolution is a product whose row for an output pixel consists of the input pixels under the filter. In a NHWC
//! tensor these rows are affine in the pixel's and the tap's coordinates, so that the register tile reads them in
//! place, without a copy ("implicit GEMM").
//!
//! Blocking: a block of tiles whose rows fit the second-level cache, times a group of columns, times a range of K
//! whose weights fit that cache as well; between ranges of K the accumulators rest in the output. Each element of the
//! result is the same sequence of operations for any blocking, and so has the same bits for any number of threads.

use std::ops::Range;

use super::block::Block;
use super::pack::packed_len;
use super::product;
use super::threads::{SendPtr, Threads};
use super::tile::{self, Kernels, PANEL, Tile};
use crate::activation::Activation;
use crate::simd::Isa;

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
    fn count(self) -> usize {
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

/// Below this number of multiply-adds (some 5 µs) a product stays on one thread.
const PARALLEL_WORK: usize = 400_000;
/// Elements of x that a block of tiles may touch: half of a typical second-level cache of 1 MiB.
const BLOCK_ROWS: usize = 128 * 1024;
/// Elements of the weights for a group of columns and a range of K: a quarter of such a cache, so that the next ones can
/// arrive while these are in use.
const BLOCK_WEIGHTS: usize = 64 * 1024;

impl Product<'_> {
    /// The distances of groups in `x`, of rows in the output and of groups in the output.
    fn distances(&self) -> [usize; 3] {
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
    pub(crate) fn run(mut self, threads: &Threads, out: &mut [f32]) {
        let rows = product(self.rows.map(|axis| axis.count));
        let k = product(self.taps.map(|axis| axis.count)).saturating_mul(self.segment);
        let groups = self.groups.count();
        let [group_x, stride, group_out] = self.distances();
        let width = match self.groups {
            Groups::Adjacent(_) => {
                assert_eq!(
                    out.len(),
                    rows.saturating_mul(stride),
                    "the output is not {rows} rows of {stride} columns"
                );
                groups.saturating_mul(self.columns)
            }
            Groups::Apart { .. } => {
                assert!(
                    out.len() == groups.saturating_mul(group_out)
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
        let plan = Plan::new(&self, k);
        let out = SendPtr(out.as_mut_ptr());
        let parts = plan.parts(&self, threads);
        threads.run(parts.count(), |part| {
            let (group, tiles, columns) = parts.get(part);
            // SAFETY: `parts` are disjoint, and the assertions above bound what they touch.
            unsafe { self.part(&plan, group, tiles, columns, out.get()) }
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

    /// Computes some tiles of some groups of columns.
    ///
    /// # Safety
    /// The lengths are as `run` checks them; no other thread writes these elements of `out`.
    unsafe fn part(
        &self,
        plan: &Plan,
        group: usize,
        tiles: Range<usize>,
        column_groups: Range<usize>,
        out: *mut f32,
    ) {
        let lanes = plan.kernels.lanes;
        let all_columns = self.groups.count() * self.columns;
        let [group_x, stride, group_out] = self.distances();
        let out = out.wrapping_add(self.out.first());
        let x = self.x.as_ptr().wrapping_add(group * group_x);
        let matrix = self
            .packed
            .as_ptr()
            .wrapping_add(group * packed_len(plan.k, self.columns));
        let weights = |column: usize, k: usize| {
            matrix.wrapping_add(column / PANEL * plan.k * PANEL + column % PANEL + k * PANEL)
        };
        let (low, high) = self.activation.as_clamp().unwrap_or(Activation::UNBOUNDED);
        let hard_swish = self.activation == Activation::HardSwish;
        // What the tile does not compute in registers.
        let rest = !hard_swish && self.activation.as_clamp().is_none();
        let mut block = tiles.start;
        while block < tiles.end {
            let block_end = (block + plan.block_tiles).min(tiles.end);
            for column_group in column_groups.clone() {
                let vectors = plan.vectors(column_group);
                let kernels = plan.kernels.tiles[vectors.len() - 1];
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
                        // What follows the matrix is the next group's, or the next layer's.
                        (true, false) if block_end == tiles.end => {
                            matrix.wrapping_add(packed_len(plan.k, self.columns))
                        }
                        (true, false) => {
                            weights(plan.vectors(column_groups.start).start * lanes, 0)
                        }
                    };
                    let panels = (vectors.len() * lanes).div_ceil(PANEL);
                    let share = Share::new(panels, k - range.k, block_end - block);
                    let mut cursor = Cursor::new(self, plan, block);
                    for tile in 0..block_end - block {
                        let rows = cursor.rows(plan);
                        let c = out.wrapping_add(cursor.index * stride + column);
                        let tile = Tile {
                            a: x.wrapping_add(cursor.offset + range.offset),
                            a_stride: self.rows[3].stride,
                            outer: range.outer,
                            outer_stride: self.taps[1].stride,
                            inner: range.inner,
                            inner_stride: self.taps[2].stride,
                            length: range.length,
                            b,
                            panel: plan.k * PANEL,
                            seed: match (is_first, self.bias) {
                                (true, Some(bias)) => bias.as_ptr().wrapping_add(column),
                                (true, None) => std::ptr::null(),
                                (false, _) => c,
                            },
                            seed_stride: if is_first { 0 } else { stride },
                            // Added with the first range, before the output is written: it may lie there.
                            residual: match (is_first, self.residual) {
                                (true, Some(residual)) => residual
                                    .as_ptr()
                                    .wrapping_add(cursor.index * all_columns + column),
                                (true, None) if self.out.accumulate => c,
                                _ => std::ptr::null(),
                            },
                            residual_stride: match self.residual {
                                Some(_) => all_columns,
                                None => stride,
                            },
                            c,
                            c_stride: stride,
                            tail,
                            low: if is_last { low } else { f32::NEG_INFINITY },
                            high: if is_last { high } else { f32::INFINITY },
                            hard_swish: is_last && hard_swish,
                            next: next.wrapping_add(share.offset(tile, plan.k)),
                            next_step: share.step,
                        };
                        // SAFETY: `run` bounded the largest offsets into all slices, the axes and ranges are within
                        // them, and the active instruction set is one that the machine has.
                        unsafe { kernels[rows - 1](&tile) };
                        if is_last && rest {
                            // SAFETY: the tile's rows were just written, and belong to this part.
                            let block = unsafe { Block::new(c, rows, stride, width) };
                            self.activation.apply_block(block);
                        }
                        cursor.advance(self, plan, rows);
                    }
                    if is_last {
                        break;
                    }
                }
            }
            block = block_end;
        }
    }
}

/// How the tiles of a block share the prefetch of the next weights.
struct Share {
    tiles: usize,
    /// Bytes that a tile prefetches for each k.
    step: usize,
    /// Elements of a panel's range of K, and of all panels'.
    panel: usize,
    all: usize,
}

impl Share {
    /// `tiles` tiles prefetch `panels` panels' ranges of `k`.
    fn new(panels: usize, k: usize, tiles: usize) -> Self {
        let line = PANEL * size_of::<f32>();
        Self {
            tiles,
            // One prefetch for each k reaches a line at most.
            step: (panels * line / tiles).min(line),
            panel: k * PANEL,
            all: panels * k * PANEL,
        }
    }

    /// Where tile `tile` begins, relative to the first panel's range, in a matrix of `k` rows.
    fn offset(&self, tile: usize, k: usize) -> usize {
        let position = self.all / self.tiles * tile;
        match self.panel {
            0 => 0,
            panel => position / panel * k * PANEL + position % panel,
        }
    }
}

/// Joins axes whose rows are evenly spaced to one, towards the innermost.
fn merge_rows(rows: &mut [Axis; 4]) {
    for outer in [2, 1, 0] {
        let next = rows[3];
        if rows[outer].count == 1 {
            continue;
        }
        let evenly = rows[outer].stride == next.count * next.stride || next.count == 1;
        if !evenly {
            break;
        }
        let stride = if next.count == 1 {
            rows[outer].stride
        } else {
            next.stride
        };
        rows[3] = Axis::new(rows[outer].count * next.count, stride);
        rows[outer].count = 1;
    }
}

/// How a product is cut into tiles and blocks.
struct Plan {
    kernels: &'static Kernels,
    k: usize,
    /// Tiles of a line: the first `longer` have `rows + 1` rows, the others `rows`.
    line_tiles: usize,
    rows: usize,
    longer: usize,
    tiles: usize,
    block_tiles: usize,
    /// Vectors of all columns, in `column_groups` groups of about the same width.
    all_vectors: usize,
    column_groups: usize,
    /// Filter lines in a range of K, or zero if a range is `length` elements of one segment.
    lines: usize,
    length: usize,
}

/// A range of K: `outer` lines of `inner` segments of `length` elements.
struct KRange {
    /// The first k.
    k: usize,
    /// Where it starts, relative to the row.
    offset: usize,
    outer: usize,
    inner: usize,
    length: usize,
}

fn kernels() -> &'static Kernels {
    match Isa::active() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &tile::AVX512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &tile::AVX2,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => &tile::NEON,
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Isa::Wasm => &tile::WASM,
        #[cfg(feature = "portable4")]
        Isa::Portable4 => &tile::PORTABLE4,
        _ => &tile::PORTABLE,
    }
}

impl Plan {
    fn new(p: &Product, k: usize) -> Self {
        let kernels = kernels();
        let line = p.rows[3].count;
        let all_vectors = p.columns.div_ceil(kernels.lanes);
        let (rows, vectors) = p
            .register_tile
            .and_then(|tile| known_tile(kernels, line, all_vectors, tile))
            .unwrap_or_else(|| tile_shape(kernels, line, p.rows[3].stride, all_vectors));
        let line_tiles = line.div_ceil(rows);
        let lines: usize = p.rows[..3].iter().map(|axis| axis.count).product();
        let filter_line = p.taps[2].count * p.segment;
        let budget = (BLOCK_WEIGHTS / (vectors * kernels.lanes)).max(1);
        let whole_lines = (budget / filter_line.max(1)).min(p.taps[1].count);
        let length = if p.segment <= budget {
            p.segment
        } else {
            p.segment.div_ceil(p.segment.div_ceil(budget))
        };
        Self {
            kernels,
            k,
            line_tiles,
            rows: line / line_tiles,
            longer: line % line_tiles,
            tiles: lines * line_tiles,
            block_tiles: (BLOCK_ROWS / (rows * k).max(1)).max(1),
            all_vectors,
            column_groups: all_vectors.div_ceil(vectors),
            lines: whole_lines,
            length,
        }
    }

    /// The vectors of a group of columns. A vector narrower than a panel starts a group only where a multiple of the
    /// group's width does, so that a group does not cross panels in its middle.
    fn vectors(&self, group: usize) -> Range<usize> {
        if self.kernels.lanes == PANEL {
            let start = |group| group * self.all_vectors / self.column_groups;
            start(group)..start(group + 1)
        } else {
            let width = self.kernels.tiles.len();
            group * width..self.all_vectors.min((group + 1) * width)
        }
    }

    /// The range that starts at `k`.
    fn k_range(&self, p: &Product, k: usize) -> KRange {
        let line = p.taps[2].count * p.segment;
        let plane = p.taps[1].count * line;
        if plane == 0 {
            return KRange {
                k,
                offset: 0,
                outer: 0,
                inner: 0,
                length: 0,
            };
        }
        let y = k % plane / line;
        let within = k % p.segment;
        let offset = k / plane * p.taps[0].stride
            + y * p.taps[1].stride
            + k % line / p.segment * p.taps[2].stride
            + within;
        if self.lines > 0 {
            let outer = self.lines.min(p.taps[1].count - y);
            KRange {
                k,
                offset,
                outer,
                inner: p.taps[2].count,
                length: p.segment,
            }
        } else {
            let length = self.length.min(p.segment - within);
            KRange {
                k,
                offset,
                outer: 1,
                inner: 1,
                length,
            }
        }
    }

    /// Cuts the product into parts for the threads.
    fn parts(&self, p: &Product, threads: &Threads) -> Parts {
        let rows: usize = p.rows.iter().map(|axis| axis.count).product();
        let groups = p.groups.count();
        let work = rows * p.columns * self.k * groups;
        let mut parts = Parts {
            tiles: self.tiles,
            tile_parts: 1,
            column_groups: self.column_groups,
            column_parts: 1,
            groups,
        };
        let count = threads.count();
        if count > 1 && work >= PARALLEL_WORK {
            let wanted = (PARTS_PER_THREAD * count).div_ceil(groups);
            // What is not cut is read by every thread: cut the larger of the rows and the weights.
            if rows >= p.columns && self.tiles >= wanted || self.column_groups < count {
                parts.tile_parts = wanted.min(self.tiles);
            } else {
                parts.column_parts = wanted.min(self.column_groups);
            }
        }
        parts
    }
}

/// Parts for each thread: more than one, so that a thread that is late leaves some to the others.
const PARTS_PER_THREAD: usize = 2;

/// A division of a product in disjoint parts.
struct Parts {
    tiles: usize,
    tile_parts: usize,
    column_groups: usize,
    column_parts: usize,
    groups: usize,
}

impl Parts {
    fn count(&self) -> usize {
        self.groups * self.tile_parts * self.column_parts
    }

    /// The group, the tiles and the groups of columns of a part.
    fn get(&self, part: usize) -> (usize, Range<usize>, Range<usize>) {
        let (column_part, part) = (part % self.column_parts, part / self.column_parts);
        let (tile_part, group) = (part % self.tile_parts, part / self.tile_parts);
        let cut = |index: usize, parts: usize, total: usize| {
            index * total / parts..(index + 1) * total / parts
        };
        (
            group,
            cut(tile_part, self.tile_parts, self.tiles),
            cut(column_part, self.column_parts, self.column_groups),
        )
    }
}

/// The narrowest tiles that may be used, in vectors: one that is narrower than a panel takes the widest tiles only, see
/// [`Plan::vectors`].
fn narrowest(kernels: &Kernels, vectors: usize) -> usize {
    if kernels.lanes == PANEL {
        1
    } else {
        kernels.tiles.len().min(vectors)
    }
}

/// Rows and vectors of a tile of [rows, columns], if there is such a tile and the product is not smaller.
fn known_tile(
    kernels: &Kernels,
    line: usize,
    vectors: usize,
    [rows, columns]: [usize; 2],
) -> Option<(usize, usize)> {
    let width = columns / kernels.lanes;
    let exists = columns.is_multiple_of(kernels.lanes)
        && (narrowest(kernels, vectors)..=kernels.tiles.len().min(vectors)).contains(&width)
        && (1..=kernels.tiles[width - 1].len().min(line)).contains(&rows);
    exists.then_some((rows, width))
}

/// The tiles [rows, columns] for rows that start at `rows` which the model of the core expects to take up to a seventh
/// longer than its choice, which is the first.
pub(crate) fn register_tiles(mut rows: [Axis; 4], columns: usize) -> Vec<[usize; 2]> {
    let kernels = kernels();
    merge_rows(&mut rows);
    let Axis { count, stride } = rows[3];
    let mut shapes = Vec::new();
    if count > 0 && columns > 0 {
        each_tile_shape(
            kernels,
            count,
            stride,
            columns.div_ceil(kernels.lanes),
            |shape| {
                shapes.push(shape);
            },
        );
    }
    shapes.sort_unstable();
    let best = shapes.first().map_or(0, |shape| shape.0);
    shapes.retain(|shape| shape.0 <= best + best / 7);
    let tile = |(_, (rows, vectors))| [rows, vectors * kernels.lanes];
    shapes.into_iter().map(tile).collect()
}

/// Rows and vectors of the tiles that take the least time by the model of [`each_tile_shape`].
fn tile_shape(kernels: &Kernels, line: usize, stride: usize, vectors: usize) -> (usize, usize) {
    let mut best = (usize::MAX, (1, 1));
    each_tile_shape(kernels, line, stride, vectors, |shape| {
        best = best.min(shape)
    });
    best.1
}

/// Calls `visit` with the cost, rows and vectors of the tiles for a line of rows, by a model of a core that does two
/// multiply-adds and two loads in a cycle, with a latency of four cycles.
fn each_tile_shape(
    kernels: &Kernels,
    line: usize,
    stride: usize,
    vectors: usize,
    mut visit: impl FnMut((usize, (usize, usize))),
) {
    // Rows that are a multiple of 4 KiB apart compete for the 8 ways of one set of the first-level cache.
    let most_rows = if stride.is_multiple_of(1024) {
        7
    } else {
        usize::MAX
    };
    let half_cycles = |rows: usize, vectors: usize| {
        // The last term is the weights' way from the second-level cache, in part hidden.
        (rows * vectors).max(rows + vectors).max(8) * 8 + vectors
    };
    let widest = kernels.tiles.len().min(vectors);
    for (index, tiles) in kernels.tiles[..widest]
        .iter()
        .enumerate()
        .skip(narrowest(kernels, vectors) - 1)
    {
        let groups = vectors.div_ceil(index + 1);
        let width = vectors / groups;
        let wider = vectors % groups;
        let mut count = 0;
        for rows in (1..=tiles.len().min(line).min(most_rows)).rev() {
            if line.div_ceil(rows) == count {
                continue;
            }
            count = line.div_ceil(rows);
            let height = line / count;
            let longer = line % count;
            let column = |rows: usize| {
                wider * half_cycles(rows, width + 1) + (groups - wider) * half_cycles(rows, width)
            };
            let cost = longer * column(height + 1) + (count - longer) * column(height);
            visit((cost, (rows, index + 1)));
        }
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
    /// Image, plane and line.
    position: [usize; 3],
}

impl Cursor {
    fn new(p: &Product, plan: &Plan, tile: usize) -> Self {
        let (mut line, tile) = (tile / plan.line_tiles, tile % plan.line_tiles);
        let row = tile * plan.rows + tile.min(plan.longer);
        let index = line * p.rows[3].count + row;
        let mut position = [0; 3];
        let mut offset = row * p.rows[3].stride;
        for (axis, place) in p.rows[..3].iter().zip(&mut position).rev() {
            *place = line % axis.count;
            line /= axis.count;
            offset += *place * axis.stride;
        }
        Self {
            tile,
            index,
            offset,
            position,
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
        self.offset -= p.rows[3].count * p.rows[3].stride;
        for (axis, place) in p.rows[..3].iter().zip(&mut self.position).rev() {
            *place += 1;
            self.offset += axis.stride;
            if *place < axis.count {
                return;
            }
            *place = 0;
            self.offset -= axis.count * axis.stride;
        }
    }
}
