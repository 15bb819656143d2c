//! How a product is cut into register tiles and blocks, and into parts for threads.
//!
//! A block of tiles whose rows fit the second-level cache, times a group of columns, times a range of K whose weights fit
//! that cache as well; between ranges of K the accumulators rest in the output. Each element of the result is the same
//! sequence of operations for any blocking, and so has the same bits for any number of threads.

use std::cell::Cell;
use std::ops::Range;

use super::gemm::{Axis, Product};
use super::grid::Grid;
use super::threads::Threads;
use super::tile::{self, Kernels, PANEL};
use crate::simd::Isa;

/// Below this number of multiply-adds (some 2.5 µs) a product stays on one thread.
const PARALLEL_WORK: usize = 150_000;
/// With fewer rows a product takes as long as with these: until its weights have arrived.
const LEAST_ROWS: usize = 6;
/// Parts for each thread: more than one, so that a thread that is late leaves some to the others.
pub(super) const PARTS_PER_THREAD: usize = 2;
/// Elements of x and of a far output that a block of tiles may touch: half of a typical second-level cache of 1 MiB.
const BLOCK_ROWS: usize = 128 * 1024;
/// Elements of a tensor beyond which it is not expected in a second-level cache of 1 MiB, but behind it. Measured in
/// MobileNets and ResNet50: for half as many, prefetching costs more than it brings.
const FAR: usize = 128 * 1024;
/// What a tile takes besides its products, and for each of its rows, in sixteenths of a cycle. Each row writes columns
/// elsewhere, so that few wide rows are faster than many narrow ones where K is small. Measured on Redwood Cove for outputs
/// that the cache holds; it is more for others.
const TILE_COST: u64 = 40 * 16;
const ROW_COST: u64 = 8 * 16;
/// Elements of the weights for a group of columns and a range of K: a quarter of such a cache, so that the next ones can
/// arrive while these are in use.
const BLOCK_WEIGHTS: usize = 64 * 1024;

/// Joins axes whose rows are evenly spaced to one, towards the innermost.
pub(super) fn merge_rows(rows: &mut [Axis; 4]) {
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
pub(super) struct Plan {
    pub(super) kernels: &'static Kernels,
    pub(super) k: usize,
    /// Tiles of a line: the first `longer` have `rows + 1` rows, the others `rows`.
    pub(super) line_tiles: usize,
    pub(super) rows: usize,
    pub(super) longer: usize,
    pub(super) tiles: usize,
    pub(super) block_tiles: usize,
    /// Vectors of all columns, in `column_groups` groups of about the same width.
    pub(super) all_vectors: usize,
    pub(super) column_groups: usize,
    /// Whether half of the last vector is enough.
    pub(super) half: bool,
    /// Filter lines in a range of K, or zero if a range is `length` elements of one segment.
    pub(super) lines: usize,
    pub(super) length: usize,
    /// Whether the rows and the output have to be brought into the cache.
    pub(super) far_rows: bool,
    pub(super) far_output: bool,
}

/// A range of K: `outer` lines of `inner` segments of `length` elements.
pub(super) struct KRange {
    /// The first k.
    pub(super) k: usize,
    /// Where it starts, relative to the row.
    pub(super) offset: usize,
    pub(super) outer: usize,
    pub(super) inner: usize,
    pub(super) length: usize,
}

fn kernels() -> &'static Kernels {
    match Isa::active() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Amx => &tile::AVX512,
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
    /// For rows of `k` elements, and an output of `out` elements. With several threads some of the rows lie in the cache of
    /// another core.
    pub(super) fn new(p: &Product, k: usize, out: usize, threads: bool) -> Self {
        let kernels = kernels();
        let line = p.rows[3].count;
        let all_vectors = p.columns.div_ceil(kernels.lanes);
        let half = half_is_enough(kernels, p.columns);
        let (rows, vectors) = p
            .register_tile
            .and_then(|tile| known_tile(kernels, line, p.columns, tile))
            .unwrap_or_else(|| tile_shape(kernels, line, p.rows[3].stride, k, p.columns));
        let line_tiles = line.div_ceil(rows);
        let lines: usize = p.rows[..3].iter().map(|axis| axis.count).product();
        let filter_line = p.taps[2].count * p.segment;
        // A half vector has the sums of every second k: these have to begin anew at the same k for all tiles.
        let widest = if half { kernels.tiles.len() } else { vectors };
        let budget = (BLOCK_WEIGHTS / (widest * kernels.lanes)).max(1);
        let whole_lines = (budget / filter_line.max(1)).min(p.taps[1].count);
        let length = if p.segment <= budget {
            p.segment
        } else {
            p.segment.div_ceil(p.segment.div_ceil(budget))
        };
        let far_output = out > FAR;
        // Of a row, and of its columns if these are not in the cache before.
        let touched = k + if far_output { p.columns } else { 0 };
        Self {
            kernels,
            k,
            line_tiles,
            rows: line / line_tiles,
            longer: line % line_tiles,
            tiles: lines * line_tiles,
            block_tiles: (BLOCK_ROWS / (rows * touched).max(1)).max(1),
            all_vectors,
            column_groups: all_vectors.div_ceil(vectors),
            half,
            lines: whole_lines,
            length,
            far_rows: threads || p.x.len() > FAR,
            far_output,
        }
    }

    /// The vectors of a group of columns. A vector narrower than a panel starts a group only where a multiple of the
    /// group's width does, so that a group does not cross panels in its middle.
    pub(super) fn vectors(&self, group: usize) -> Range<usize> {
        if self.kernels.lanes == PANEL {
            let start = |group| group * self.all_vectors / self.column_groups;
            start(group)..start(group + 1)
        } else {
            let width = self.kernels.tiles.len();
            group * width..self.all_vectors.min((group + 1) * width)
        }
    }

    /// The tiles for the vectors of a group, by number of rows.
    pub(super) fn tiles_of(&self, vectors: &Range<usize>) -> &'static [tile::Kernel] {
        let index = vectors.len() - 1;
        if self.half && vectors.end == self.all_vectors {
            self.kernels.halves[index]
        } else {
            self.kernels.tiles[index]
        }
    }

    /// The range that starts at `k`.
    pub(super) fn k_range(&self, p: &Product, k: usize) -> KRange {
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
}

/// Whether a product with rows of `k` elements is shared out to threads by rows, not by columns.
///
/// What is not cut is read by every thread: weights, which are foreseen, or rows, half of which come from the other's cache and
/// have to be got back when they are written again. 1024 -> 256 channels at 14 x 14 take 297 us by columns, 250 by rows; 960 ->
/// 160 at 7 x 7 51 and 47, and 160 -> 960 44 and 49.
pub(super) fn is_cut_by_rows(p: &Product, k: usize) -> bool {
    let row = k.saturating_mul(p.groups.count());
    let read = p.x.len().min(p.rows().saturating_mul(row));
    let weights = p.columns * row;
    let written = p.rows() * p.columns * p.groups.count();
    weights <= 2 * (2 * read + written)
}

/// A division of a product in disjoint parts, of which a thread computes some one after the other.
pub(super) struct Parts {
    groups: usize,
    /// Of the tiles and the groups of columns of each group.
    grid: Grid,
    /// Whether a line of the grid is a tile, not a group of columns.
    by_tiles: bool,
    parts_per_thread: usize,
}

impl Parts {
    /// Cuts a product with rows of `k` elements, of so many tiles and groups of columns, into parts for the threads: along the
    /// tiles, or along the groups of columns.
    pub(super) fn new(
        p: &Product,
        k: usize,
        [tiles, column_groups]: [usize; 2],
        by_tiles: bool,
        threads: &Threads,
        parts_per_thread: usize,
    ) -> Self {
        let groups = p.groups.count();
        let weights = p.columns * k * groups;
        let count = threads.count();
        let parallel = count > 1 && weights * p.rows().max(LEAST_ROWS) >= PARALLEL_WORK;
        let wanted = if parallel {
            (parts_per_thread * count).div_ceil(groups)
        } else {
            1
        };
        let grid = if by_tiles {
            Grid::new(tiles, column_groups, wanted)
        } else {
            Grid::new(column_groups, tiles, wanted)
        };
        Self {
            groups,
            grid,
            by_tiles,
            parts_per_thread,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.groups * self.grid.parts()
    }

    /// The pieces of a part.
    pub(super) fn get(&self, part: usize) -> impl Iterator<Item = Piece> {
        let (group, part) = (part / self.grid.parts(), part % self.grid.parts());
        let by_tiles = self.by_tiles;
        self.grid.part(part).map(move |(lines, units)| {
            let (tiles, column_groups) = if by_tiles {
                (lines, units)
            } else {
                (units, lines)
            };
            Piece {
                group,
                tiles,
                column_groups,
            }
        })
    }

    /// What a thread computes behind a part, if it has another one.
    pub(super) fn behind(&self, part: usize) -> Option<Piece> {
        let next = part + 1;
        let same_thread = !next.is_multiple_of(self.parts_per_thread) && next < self.count();
        same_thread.then(|| self.get(next).next()).flatten()
    }
}

/// Some tiles of some groups of columns, in a group of the product.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) group: usize,
    pub(super) tiles: Range<usize>,
    pub(super) column_groups: Range<usize>,
}

/// Whether the last vector of `columns` is half empty, and half of one takes less time.
fn half_is_enough(kernels: &Kernels, columns: usize) -> bool {
    !kernels.halves.is_empty() && (1..=kernels.lanes / 2).contains(&(columns % kernels.lanes))
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

/// The most rows of tiles for `columns` in groups of up to so many vectors, of which the last is the widest.
fn most_rows(kernels: &Kernels, columns: usize, vectors: usize) -> usize {
    let all = columns.div_ceil(kernels.lanes);
    let last = all.div_ceil(all.div_ceil(vectors));
    let whole = kernels.tiles[vectors - 1].len();
    if half_is_enough(kernels, columns) {
        whole.min(kernels.halves[last - 1].len())
    } else {
        whole
    }
}

/// Rows and vectors of a tile of [rows, columns], if there is such a tile and the product is not smaller.
fn known_tile(
    kernels: &Kernels,
    line: usize,
    all_columns: usize,
    [rows, columns]: [usize; 2],
) -> Option<(usize, usize)> {
    let width = columns / kernels.lanes;
    let vectors = all_columns.div_ceil(kernels.lanes);
    let exists = columns.is_multiple_of(kernels.lanes)
        && (narrowest(kernels, vectors)..=kernels.tiles.len().min(vectors)).contains(&width)
        && (1..=most_rows(kernels, all_columns, width).min(line)).contains(&rows);
    exists.then_some((rows, width))
}

/// The tiles [rows, columns] for rows of `k` elements that start at `rows` which the model of the core expects to take up
/// to a seventh longer than its choice, which is the first.
pub(crate) fn register_tiles(mut rows: [Axis; 4], k: usize, columns: usize) -> Vec<[usize; 2]> {
    let kernels = kernels();
    merge_rows(&mut rows);
    let Axis { count, stride } = rows[3];
    let mut shapes = Vec::new();
    if count > 0 && columns > 0 {
        each_tile_shape(kernels, count, stride, k, columns, |shape| {
            shapes.push(shape);
        });
    }
    shapes.sort_unstable();
    let best = shapes.first().map_or(0, |shape| shape.0);
    shapes.retain(|shape| shape.0 <= best + best / 7);
    let tile = |(_, (rows, vectors))| [rows, vectors * kernels.lanes];
    shapes.into_iter().map(tile).collect()
}

/// Rows and vectors of the tiles that take the least time by the model of [`each_tile_shape`].
///
/// A network asks the same again in every run: the answer is remembered, as finding it takes 0.4 µs, a tenth of the time
/// that a small product takes.
fn tile_shape(
    kernels: &'static Kernels,
    line: usize,
    stride: usize,
    k: usize,
    columns: usize,
) -> (usize, usize) {
    /// The question, and the answer.
    type Known = Option<((*const Kernels, usize, bool, usize, usize), (usize, usize))>;
    const PLACES: usize = 64;
    thread_local! {
        static KNOWN: [Cell<Known>; PLACES] = const { [const { Cell::new(None) }; PLACES] };
    }
    let question = (
        std::ptr::from_ref(kernels),
        line,
        rows_compete(stride),
        k,
        columns,
    );
    let place = (line.wrapping_mul(29) ^ k.wrapping_mul(5) ^ columns) % PLACES;
    KNOWN.with(|known| {
        if let Some((known, shape)) = known[place].get()
            && known == question
        {
            return shape;
        }
        let mut best = (u64::MAX, (1, 1));
        each_tile_shape(kernels, line, stride, k, columns, |shape| {
            best = best.min(shape);
        });
        known[place].set(Some((question, best.1)));
        best.1
    })
}

/// Whether rows `stride` elements apart compete for the 8 ways of one set of the first-level cache: multiples of 4 KiB.
fn rows_compete(stride: usize) -> bool {
    stride.is_multiple_of(1024)
}

/// Calls `visit` with the cost, rows and vectors of the tiles for a line of rows, by a model of a core that does two
/// multiply-adds and two loads in a cycle, with a latency of four cycles. A cost is in sixteenths of a cycle.
fn each_tile_shape(
    kernels: &Kernels,
    line: usize,
    stride: usize,
    k: usize,
    columns: usize,
    mut visit: impl FnMut((u64, (usize, usize))),
) {
    let least_conflicts = if rows_compete(stride) { 7 } else { usize::MAX };
    let tile = |rows: usize, vectors: usize, half: bool| {
        // Twice as many, as a half vector has one for two k.
        let multiply_adds = 2 * rows * vectors - if half { rows } else { 0 };
        let broadcasts = match (half, vectors) {
            (false, _) => 2 * rows,
            (true, 1) => rows,
            (true, _) => 3 * rows,
        };
        // The last term is the weights' way from the second-level cache, in part hidden.
        let step = multiply_adds.max(broadcasts + 2 * vectors).max(16) * 4 + vectors;
        k as u64 * step as u64 + TILE_COST + rows as u64 * ROW_COST
    };
    let vectors = columns.div_ceil(kernels.lanes);
    let half = half_is_enough(kernels, columns);
    let widest = kernels.tiles.len().min(vectors);
    for widths in narrowest(kernels, vectors)..=widest {
        let groups = vectors.div_ceil(widths);
        let width = vectors / groups;
        let wider = vectors % groups;
        let most_rows = most_rows(kernels, columns, widths).min(least_conflicts);
        let mut count = 0;
        for rows in (1..=most_rows.min(line)).rev() {
            if line.div_ceil(rows) == count {
                continue;
            }
            count = line.div_ceil(rows);
            let height = line / count;
            let longer = line % count;
            let last = width + usize::from(wider > 0);
            let line = |rows: usize| {
                wider as u64 * tile(rows, width + 1, false)
                    + (groups - wider) as u64 * tile(rows, width, false)
                    + tile(rows, last, half)
                    - tile(rows, last, false)
            };
            let cost = longer as u64 * line(height + 1) + (count - longer) as u64 * line(height);
            visit((cost, (rows, widths)));
        }
    }
}
