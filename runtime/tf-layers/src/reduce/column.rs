//! Reductions of rows onto each other.

use std::ops::Range;

use super::Fold;
use crate::simd::Simd;

/// Rows after which a partial result is put aside, so that a sum's rounding errors do not grow with the number of rows.
const BLOCK: usize = 64;

/// Runs of rows that are folded on their own before their results are.
pub(super) const RUNS: usize = 4;

/// Rows below which the first run has all.
const LEAST_ROWS: usize = 32;

/// The runs of `rows` rows.
pub(super) fn runs(rows: usize) -> [Range<usize>; RUNS] {
    std::array::from_fn(|run| {
        if rows < LEAST_ROWS {
            run.min(1) * rows..rows
        } else {
            run * rows / RUNS..(run + 1) * rows / RUNS
        }
    })
}

/// Where the rows and the columns to fold lie.
pub(super) struct Columns<'a, const R: usize> {
    /// Rows of `pitch` elements.
    pub x: &'a [f32],
    pub pitch: usize,
    /// Runs of rows.
    pub runs: &'a [Range<usize>; R],
    /// The first column.
    pub first: usize,
}

impl<const R: usize> Columns<'_, R> {
    /// `out[i] = x[0, first + i] ∘ x[1, first + i] ∘ …` of the runs' rows.
    #[inline(always)]
    pub(super) fn fold<S: Simd, F: Fold>(&self, s: S, out: &mut [f32]) {
        let mut column = self.first;
        let mut wide = out.chunks_exact_mut(4 * S::LANES);
        for out in &mut wide {
            let folded = self.fold_runs::<S, F, 4>(
                s,
                column,
                #[inline(always)]
                |s, x| s.load(x),
            );
            for (out, folded) in out.chunks_exact_mut(S::LANES).zip(folded) {
                s.store(folded, out);
            }
            column += out.len();
        }
        for out in wide.into_remainder().chunks_mut(S::LANES) {
            let width = out.len();
            if width == S::LANES {
                let [folded] = self.fold_runs::<S, F, 1>(
                    s,
                    column,
                    #[inline(always)]
                    |s, x| s.load(x),
                );
                s.store(folded, out);
            } else {
                let [folded] = self.fold_runs::<S, F, 1>(
                    s,
                    column,
                    #[inline(always)]
                    |s, x| s.load_partial(&x[..width]),
                );
                s.store_partial(folded, out);
            }
            column += width;
        }
    }

    /// `N` vectors from `column` on, of each run and then of the runs.
    #[inline(always)]
    fn fold_runs<S: Simd, F: Fold, const N: usize>(
        &self,
        s: S,
        column: usize,
        load: impl Fn(S, &[f32]) -> S::F32,
    ) -> [S::F32; N] {
        let mut results = [[s.splat(F::START); N]; R];
        for (result, rows) in results.iter_mut().zip(self.runs) {
            *result = fold_vectors::<S, F, N>(s, self.x, self.pitch, rows, column, &load);
        }
        let mut count = R;
        while count > 1 {
            count /= 2;
            for i in 0..count {
                let (a, b) = (results[2 * i], results[2 * i + 1]);
                for (k, result) in results[i].iter_mut().enumerate() {
                    *result = F::fold(s, a[k], b[k]);
                }
            }
        }
        results[0]
    }
}

/// `N` vectors from `column` on of some rows.
#[inline(always)]
fn fold_vectors<S: Simd, F: Fold, const N: usize>(
    s: S,
    x: &[f32],
    pitch: usize,
    rows: &Range<usize>,
    column: usize,
    load: impl Fn(S, &[f32]) -> S::F32,
) -> [S::F32; N] {
    let start = [s.splat(F::START); N];
    // Levels of partial results: of 64 rows, of 64 blocks, of all.
    let mut top = start;
    for first in rows.clone().step_by(BLOCK * BLOCK) {
        let mut middle = start;
        let end = rows.end.min(first + BLOCK * BLOCK);
        for first in (first..end).step_by(BLOCK) {
            let mut low = start;
            for row in first..end.min(first + BLOCK) {
                let x = &x[row * pitch + column..];
                for k in 0..N {
                    low[k] = F::fold(s, low[k], load(s, &x[k * S::LANES..]));
                }
            }
            for k in 0..N {
                middle[k] = F::fold(s, middle[k], low[k]);
            }
        }
        for k in 0..N {
            top[k] = F::fold(s, top[k], middle[k]);
        }
    }
    top
}
