//! Reductions of rows onto each other.

use super::Fold;
use crate::simd::Simd;

/// Rows after which a partial result is put aside, so that a sum's rounding errors do not grow with the number of rows.
const BLOCK: usize = 64;

/// `out[i] = x[0, first + i] ∘ x[1, first + i] ∘ …` with rows of `pitch` elements.
#[inline(always)]
pub(super) fn fold<S: Simd, F: Fold>(s: S, x: &[f32], pitch: usize, first: usize, out: &mut [f32]) {
    let mut column = first;
    let mut wide = out.chunks_exact_mut(4 * S::LANES);
    for out in &mut wide {
        let folded = fold_vectors::<S, F, 4>(
            s,
            x,
            pitch,
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
            let [folded] = fold_vectors::<S, F, 1>(
                s,
                x,
                pitch,
                column,
                #[inline(always)]
                |s, x| s.load(x),
            );
            s.store(folded, out);
        } else {
            let [folded] = fold_vectors::<S, F, 1>(
                s,
                x,
                pitch,
                column,
                #[inline(always)]
                |s, x| s.load_partial(&x[..width]),
            );
            s.store_partial(folded, out);
        }
        column += width;
    }
}

/// `N` vectors from `column` on of all rows.
#[inline(always)]
fn fold_vectors<S: Simd, F: Fold, const N: usize>(
    s: S,
    x: &[f32],
    pitch: usize,
    column: usize,
    load: impl Fn(S, &[f32]) -> S::F32,
) -> [S::F32; N] {
    let start = [s.splat(F::START); N];
    // Levels of partial results: of 64 rows, of 64 blocks, of all.
    let mut top = start;
    for x in x.chunks(pitch.saturating_mul(BLOCK * BLOCK)) {
        let mut middle = start;
        for x in x.chunks(pitch.saturating_mul(BLOCK)) {
            let mut low = start;
            for x in x.chunks_exact(pitch) {
                let x = &x[column..];
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
