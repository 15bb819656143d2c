//! Packed weights: one form for all instruction sets.

use std::ops::Range;

pub(crate) use super::tile::PANEL;
use crate::simd::{Simd, WithSimd, dispatch};

/// Length of a packed [k, n] matrix, `ceil(n / 16) * k * 16`: see [`pack`].
pub const fn packed_len(k: usize, n: usize) -> usize {
    n.div_ceil(PANEL).saturating_mul(k).saturating_mul(PANEL)
}

/// Packs a row-major [k, n] matrix into `[ceil(n / 16)][k][16]` panels, padded with zeros.
///
/// # Panics
/// If the lengths are not `k * n` and [`packed_len(k, n)`](packed_len).
pub fn pack(k: usize, n: usize, w: &[f32], packed: &mut [f32]) {
    assert_eq!(w.len(), k * n, "pack: the matrix is not [{k}, {n}]");
    assert_eq!(
        packed.len(),
        packed_len(k, n),
        "pack: wrong length of the packed matrix"
    );
    pack_columns(k, n, 0..n, w, packed);
}

/// Packs some `columns` of a matrix with rows of `width` elements into panels of their own.
pub(crate) fn pack_columns(
    k: usize,
    width: usize,
    columns: Range<usize>,
    w: &[f32],
    packed: &mut [f32],
) {
    if packed.is_empty() {
        return;
    }
    for (panel, first) in packed
        .chunks_exact_mut(k * PANEL)
        .zip(columns.clone().step_by(PANEL))
    {
        let count = PANEL.min(columns.end - first);
        for (to, from) in panel.chunks_exact_mut(PANEL).zip(w.chunks_exact(width)) {
            to[..count].copy_from_slice(&from[first..][..count]);
            to[count..].fill(0.0);
        }
    }
}

/// As [`pack`], from the transposed matrix: row-major [n, k].
///
/// # Panics
/// As [`pack`].
pub fn pack_transposed(k: usize, n: usize, w: &[f32], packed: &mut [f32]) {
    assert_eq!(w.len(), k * n, "pack: the matrix is not [{n}, {k}]");
    assert_eq!(
        packed.len(),
        packed_len(k, n),
        "pack: wrong length of the packed matrix"
    );
    pack_transposed_columns(k, 0..k, w, packed);
}

/// Packs some `columns` of a matrix with rows of `width` elements, transposed: its rows are the columns that are packed.
pub(crate) fn pack_transposed_columns(
    width: usize,
    columns: Range<usize>,
    w: &[f32],
    packed: &mut [f32],
) {
    if packed.is_empty() {
        return;
    }
    dispatch(PackTransposed {
        width,
        columns,
        w,
        packed,
    });
}

struct PackTransposed<'a> {
    width: usize,
    columns: Range<usize>,
    w: &'a [f32],
    packed: &'a mut [f32],
}

impl WithSimd for PackTransposed<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Self {
            width,
            columns,
            w,
            packed,
        } = self;
        let k = columns.len();
        for (panel, rows) in packed
            .chunks_exact_mut(k * PANEL)
            .zip(w.chunks(width * PANEL))
        {
            let mut rest = 0;
            if rows.len() == width * PANEL {
                rest = k - k % 4;
                let (steps, _) = panel.as_chunks_mut::<{ 4 * PANEL }>();
                for (step, k) in steps.iter_mut().zip((0..rest).step_by(4)) {
                    for lane in (0..PANEL).step_by(S::LANES) {
                        let rows = &rows[lane * width + columns.start + k..];
                        for (i, v) in s.load_columns(rows, width).into_iter().enumerate() {
                            s.store(v, &mut step[i * PANEL + lane..]);
                        }
                    }
                }
            } else {
                panel.fill(0.0);
            }
            for (column, row) in rows.chunks_exact(width).enumerate() {
                let from = &row[columns.start + rest..columns.end];
                for (to, &x) in panel[rest * PANEL..].chunks_exact_mut(PANEL).zip(from) {
                    to[column] = x;
                }
            }
        }
    }
}
