//! Intel AMX: registers of 16 rows of 64 bytes, and their products of bfloat16.
//!
//! A number of float32 has 24 significant bits and one of bfloat16 has 8, with the same exponents: so a number is the sum of
//! three *parts*, which are its bits in thirds. Of the nine products of the parts of two numbers the largest six are summed,
//! as float32; what is left out is below 2^-21 of the product. A core computes 512 products of bfloat16 in
//! a cycle, and 32 of float32 with AVX-512.
//!
//! Henry, Tang and Heinecke, "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations",
//! 2019.

use std::arch::asm;
use std::marker::PhantomData;

use crate::simd::Simd;

/// Rows of a tile.
pub(super) const ROWS: usize = 16;
/// Columns of a tile of sums.
pub(super) const COLUMNS: usize = 16;
/// Values of k that tiles of factors hold.
pub(super) const STEP: usize = 32;
/// Bytes of a tile.
const TILE: usize = 1024;
/// Bytes of a step of k for two tiles: those of the first parts, of the second and of the third ones.
pub(super) const STEP_BYTES: usize = 3 * 2 * TILE;
/// Floats of a row of the sums of two tiles side by side.
pub(super) const SUMS: usize = 2 * COLUMNS;

/// Shapes of the registers, in the form of the instruction `LDTILECFG`.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    first_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

/// What is brought into the second-level cache while tiles are multiplied: [`LINES`](Ahead::LINES) lines of the cache, and as
/// many `beside` floats behind them, for the first step, and those `step` floats further on for each step behind it.
///
/// Between products it costs nothing; the same in one go takes longer than it saves, as the tiles wait for it.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub from: *const f32,
    pub beside: usize,
    pub step: usize,
}

impl Ahead {
    pub(super) const LINES: usize = 8;
    /// The steps for two tiles of [`ROWS`] rows of as many lines.
    const STEPS: usize = ROWS;

    /// What is left behind so many steps, or the last ones.
    pub(super) fn behind(self, steps: usize) -> Self {
        let steps = steps.min(Self::STEPS - 1);
        Self {
            from: self.from.wrapping_add(steps * self.step),
            ..self
        }
    }
}

/// The thread's tile registers in use: 0 to 3 for sums, 4 and 5 for rows, 6 and 7 for columns.
pub(super) struct Tiles(PhantomData<*const ()>);

impl Tiles {
    /// Tiles of [`ROWS`] rows. Fewer would take no less time, as the columns have to be brought to the multipliers.
    ///
    /// # Safety
    /// The machine has tiles, and this thread has no other ones in use.
    pub(super) unsafe fn new() -> Self {
        let mut shapes = Shapes {
            palette: 1,
            first_row: 0,
            reserved: [0; 14],
            bytes: [0; 16],
            rows: [0; 16],
        };
        shapes.bytes[..8].fill(64);
        shapes.rows[..8].fill(ROWS as u8);
        // SAFETY: the shapes are valid for the only palette; the compiler does not use the registers.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(readonly, nostack, preserves_flags))
        };
        Self(PhantomData)
    }

    /// The sums of the products of `steps` steps for one or two tiles of rows `a` and of columns `b`, added to what `out`
    /// holds if `adds`.
    ///
    /// Rows of `out` are [`SUMS`] floats apart. Rows of a second tile are behind those of the first, of [`ROWS`] rows.
    ///
    /// # Safety
    /// `a` and `b` are valid for reads of `steps * STEP_BYTES`, and `out` for reads and writes of the rows of the tiles;
    /// `steps` is not zero.
    pub(super) unsafe fn multiply(
        &self,
        [rows, columns]: [usize; 2],
        steps: usize,
        [a, b]: [*const u8; 2],
        out: *mut f32,
        adds: bool,
        ahead: Ahead,
    ) {
        let second_out = out.wrapping_add(ROWS * SUMS);
        macro_rules! load_rows {
            (1 $part:literal) => {
                concat!("tileloadd tmm4, [{a} + {row} + 2048*", $part, "]\n")
            };
            (2 $part:literal) => {
                concat!(load_rows!(1 $part), "tileloadd tmm5, [{a} + {row} + 2048*", $part, " + 1024]\n")
            };
        }
        macro_rules! load_columns {
            (1 $part:literal) => {
                concat!("tileloadd tmm6, [{b} + {row} + 2048*", $part, "]\n")
            };
            (2 $part:literal) => {
                concat!(load_columns!(1 $part), "tileloadd tmm7, [{b} + {row} + 2048*", $part, " + 1024]\n")
            };
        }
        // For each tile of sums its register, those of its factors, and where it is seeded from and stored.
        macro_rules! for_each_sum {
            (1 1 $what:ident) => {
                $what!(0 4 6 "" "")
            };
            (1 2 $what:ident) => {
                concat!(for_each_sum!(1 1 $what), $what!(1 4 7 " + 64" ""))
            };
            (2 1 $what:ident) => {
                concat!(for_each_sum!(1 1 $what), $what!(2 5 6 "" "second_"))
            };
            (2 2 $what:ident) => {
                concat!(for_each_sum!(1 2 $what), $what!(2 5 6 "" "second_"), $what!(3 5 7 " + 64" "second_"))
            };
        }
        macro_rules! zero {
            ($sum:literal $row:literal $column:literal $at:literal $second:literal) => {
                concat!("tilezero tmm", $sum, "\n")
            };
        }
        macro_rules! load {
            ($sum:literal $row:literal $column:literal $at:literal $second:literal) => {
                concat!(
                    "tileloadd tmm",
                    $sum,
                    ", [{",
                    $second,
                    "out} + {sums}",
                    $at,
                    "]\n"
                )
            };
        }
        macro_rules! prefetch {
            ($($line:literal)*) => {
                concat!($("prefetcht1 [{ahead} + 64*", $line, "]\n", "prefetcht1 [{ahead} + {beside} + 64*", $line, "]\n"),*)
            };
        }
        macro_rules! add_product {
            ($sum:literal $row:literal $column:literal $at:literal $second:literal) => {
                concat!("tdpbf16ps tmm", $sum, ", tmm", $row, ", tmm", $column, "\n")
            };
        }
        macro_rules! store {
            ($sum:literal $row:literal $column:literal $at:literal $second:literal) => {
                concat!(
                    "tilestored [{",
                    $second,
                    "out} + {sums}",
                    $at,
                    "], tmm",
                    $sum,
                    "\n"
                )
            };
        }
        // Parts are numbered from 0. From one pair of parts to the next only one side is loaded.
        macro_rules! products {
            ($rows:tt $columns:tt) => {
                asm!(
                    concat!(
                        "test {adds}, {adds}\n",
                        "jnz 3f\n",
                        for_each_sum!($rows $columns zero),
                        "jmp 2f\n",
                        "3:\n",
                        for_each_sum!($rows $columns load),
                        "2:\n",
                        load_rows!($rows 2), load_columns!($columns 0), for_each_sum!($rows $columns add_product), prefetch!(0 1),
                        load_rows!($rows 1), for_each_sum!($rows $columns add_product), prefetch!(2),
                        load_columns!($columns 1), for_each_sum!($rows $columns add_product), prefetch!(3 4),
                        load_rows!($rows 0), for_each_sum!($rows $columns add_product), prefetch!(5),
                        load_columns!($columns 2), for_each_sum!($rows $columns add_product), prefetch!(6),
                        load_columns!($columns 0), for_each_sum!($rows $columns add_product), prefetch!(7),
                        "add {a}, {step}\n",
                        "add {b}, {step}\n",
                        "add {ahead}, {ahead_step}\n",
                        "dec {steps}\n",
                        "jnz 2b\n",
                        for_each_sum!($rows $columns store),
                        // Not all cases have one.
                        "/* {second_out} */",
                    ),
                    a = inout(reg) a => _,
                    b = inout(reg) b => _,
                    steps = inout(reg) steps => _,
                    row = in(reg) 64usize,
                    sums = in(reg) SUMS * size_of::<f32>(),
                    adds = in(reg) usize::from(adds),
                    ahead = inout(reg) ahead.from => _,
                    beside = in(reg) ahead.beside * size_of::<f32>(),
                    ahead_step = in(reg) ahead.step * size_of::<f32>(),
                    out = in(reg) out,
                    second_out = in(reg) second_out,
                    step = const STEP_BYTES,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                )
            };
        }
        // SAFETY: the caller promises what is read and written, and a value of `Tiles` that the registers have their shapes.
        unsafe {
            match (rows, columns) {
                (1, 1) => products!(1 1),
                (1, _) => products!(1 2),
                (_, 1) => products!(2 1),
                _ => products!(2 2),
            }
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: the registers are in use, and nothing in them is needed.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}

/// Writes the three parts of 32 numbers, 2048 bytes apart: of `first` and `second` in turns, in which the other factor of a
/// product has to have them as well. Returns a vector with NaN if a number is NaN or infinite.
///
/// # Safety
/// `to` is valid for writes of 64 bytes at each of the three places.
#[inline(always)]
unsafe fn write_parts<S: Simd>(s: S, first: S::F32, second: S::F32, to: *mut u8) -> S::F32 {
    let write = |part: usize, x: S::F32, y: S::F32| {
        let [upper, lower] = [0xffff_0000_u32, 0xffff].map(|x| s.splat_i32(x.cast_signed()));
        let low = s.shift_right(s.bitcast_i32(x), 16) & lower;
        let both = low | (s.bitcast_i32(y) & upper);
        // SAFETY: the caller's promise.
        unsafe { s.store_ptr(s.bitcast_f32(both), to.add(part * 2 * TILE).cast()) };
    };
    write(0, first, second);
    let (first, second) = (first - upper_half(s, first), second - upper_half(s, second));
    write(1, first, second);
    // Infinity less itself is NaN.
    let finite = first + second;
    let (first, second) = (first - upper_half(s, first), second - upper_half(s, second));
    write(2, first, second);
    finite
}

/// The numbers with the first 8 of their significant bits.
#[inline(always)]
fn upper_half<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.bitcast_f32(s.bitcast_i32(x) & s.splat_i32(0xffff_0000_u32.cast_signed()))
}

/// Writes the parts of `k` numbers: row `row` of the two tiles of each step. The last step is filled up with zeros. Returns a
/// vector with NaN if a number is NaN or infinite.
///
/// # Safety
/// `x` is valid for reads of `k` elements, and `to` for writes of `k.div_ceil(STEP) * STEP_BYTES`.
#[inline(always)]
pub(super) unsafe fn write_row<S: Simd>(
    s: S,
    x: *const f32,
    k: usize,
    to: *mut u8,
    row: usize,
) -> S::F32 {
    let mut to = to.wrapping_add(row * 64);
    let mut finite = s.zero();
    let whole = k - k % STEP;
    // SAFETY: the caller's promise.
    unsafe {
        for k in (0..whole).step_by(STEP) {
            let x = x.add(k);
            finite = finite + write_parts(s, s.load_ptr(x), s.load_ptr(x.add(S::LANES)), to);
            to = to.wrapping_add(STEP_BYTES);
        }
        if whole < k {
            let (x, rest) = (x.add(whole), k - whole);
            let first = s.load_ptr_partial(x, rest.min(S::LANES));
            let second = match rest.checked_sub(S::LANES) {
                Some(rest) => s.load_ptr_partial(x.add(S::LANES), rest),
                None => s.zero(),
            };
            finite = finite + write_parts(s, first, second, to);
        }
    }
    finite
}

/// Writes the parts of a panel of packed weights, `k` rows of 16: tile `tile` of the two of each step. The last step is filled
/// up with zeros. Returns a vector with NaN if a number is NaN or infinite.
///
/// # Safety
/// As for [`write_row`], with reads of `16 * k` elements.
#[inline(always)]
pub(super) unsafe fn write_panel<S: Simd>(
    s: S,
    panel: *const f32,
    k: usize,
    to: *mut u8,
    tile: usize,
) -> S::F32 {
    let mut to = to.wrapping_add(tile * TILE);
    let mut finite = s.zero();
    for step in (0..k).step_by(STEP) {
        for row in 0..ROWS {
            // SAFETY: the caller's promise.
            unsafe {
                let first = load_row(s, panel, step + row, k);
                let second = load_row(s, panel, step + ROWS + row, k);
                finite = finite + write_parts(s, first, second, to.add(row * 64));
            }
        }
        to = to.wrapping_add(STEP_BYTES);
    }
    finite
}

/// Row `row` of a panel of `k` rows, or zeros behind them.
///
/// # Safety
/// As for [`write_panel`].
#[inline(always)]
unsafe fn load_row<S: Simd>(s: S, panel: *const f32, row: usize, k: usize) -> S::F32 {
    if row < k {
        // SAFETY: the caller's promise.
        unsafe { s.load_ptr(panel.add(row * COLUMNS)) }
    } else {
        s.zero()
    }
}
