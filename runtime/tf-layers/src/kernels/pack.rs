//! Packed weights: one form for all instruction sets.

use std::ops::Range;

pub(crate) use super::tile::PANEL;

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
    let k = columns.len();
    for (panel, rows) in packed
        .chunks_exact_mut(k * PANEL)
        .zip(w.chunks(width * PANEL))
    {
        if rows.len() < width * PANEL {
            panel.fill(0.0);
        }
        for (column, row) in rows.chunks_exact(width).enumerate() {
            let from = &row[columns.clone()];
            for (to, &x) in panel.chunks_exact_mut(PANEL).zip(from) {
                to[column] = x;
            }
        }
    }
}
