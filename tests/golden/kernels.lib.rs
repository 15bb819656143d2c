//! A neural network, compiled from a TensorFlow graph.
//!
//! ```
//! let model = kernels::Model::new();
//! let mut session = model.session(1);
//! let x = vec![0.5; 256]; // [n, 8, 8, 4]
//! let t = vec![0.5; 32]; // [n, 8, 4]
//! let v = vec![0.5; 128]; // [n, 4, 4, 4, 2]
//! let outputs = session.linear(&x, &t, &v)?;
//! println!("{:?} has the shape {:?}", outputs.out0, outputs.out0_shape);
//! # Ok::<(), kernels::Error>(())
//! ```
//!
//! A [`Model`] holds the weights and can be shared by threads. A [`Session`] has the memory for one computation at a
//! time; running it allocates nothing. [`Error`] says what a caller got wrong. With the feature `ndarray`, which is on by
//! default, arrays go in and out as well.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "ndarray")]
mod arrays;
mod model;
mod weights;

use std::sync::Arc;

#[cfg(feature = "ndarray")]
pub use ndarray;
pub use tf_layers::Error;
use tf_layers::{Arena, Threads, Weights};

/// The weights. Clones share them.
#[derive(Debug, Clone)]
pub struct Model {
    weights: Arc<Weights>,
}

impl Model {
    /// The model with the weights that are part of the program.
    #[must_use]
    pub fn new() -> Self {
        Self { weights: Arc::new(Weights::embedded(&weights::EMBEDDED)) }
    }

    /// A session with room for `max_batch` examples at once, which computes on the calling thread.
    #[must_use]
    pub fn session(&self, max_batch: usize) -> Session {
        Session {
            model: self.clone(),
            threads: Threads::single(),
            arena: Arena::new(
                model::linear_arena(max_batch.max(1))
                    .max(model::heads_arena(max_batch.max(1)))
                    .max(model::bands_arena(max_batch.max(1)))
                    .max(model::winograd_arena(max_batch.max(1)))
                    .max(model::packing_arena(max_batch.max(1)))
                    .max(model::reduction_arena(max_batch.max(1)))
                    .max(model::movement_arena(max_batch.max(1)))
                    .max(model::gradient_arena(max_batch.max(1)))
                    .max(model::volume_arena(max_batch.max(1)))
                    .max(model::dynamic_arena(max_batch.max(1)))
                    .max(model::random_arena(max_batch.max(1))),
            ),
            max_batch,
        }
    }

    /// Runs `linear` in a session of its own: see [`Session::linear`].
    ///
    /// # Errors
    /// As [`Session::linear`].
    pub fn linear(&self, x: &[f32], t: &[f32], v: &[f32]) -> Result<OwnedLinearOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 256, 0)?).linear(x, t, v)?.into_owned())
    }

    /// Runs `linear` for one example, in a session of its own: see [`Session::linear_features`].
    ///
    /// # Errors
    /// As [`Session::linear_features`].
    pub fn linear_features(&self, features: &[f32]) -> Result<OwnedLinearOutputs, Error> {
        Ok(self.session(1).linear_features(features)?.into_owned())
    }

    /// Runs `heads` in a session of its own: see [`Session::heads`].
    ///
    /// # Errors
    /// As [`Session::heads`].
    pub fn heads(&self, q: &[f32], k: &[f32]) -> Result<OwnedHeadsOutputs, Error> {
        Ok(self.session(batch_size("q", q.len(), 192, 0)?).heads(q, k)?.into_owned())
    }

    /// Runs `heads` for one example, in a session of its own: see [`Session::heads_features`].
    ///
    /// # Errors
    /// As [`Session::heads_features`].
    pub fn heads_features(&self, features: &[f32]) -> Result<OwnedHeadsOutputs, Error> {
        Ok(self.session(1).heads_features(features)?.into_owned())
    }

    /// Runs `bands` in a session of its own: see [`Session::bands`].
    ///
    /// # Errors
    /// As [`Session::bands`].
    pub fn bands(&self, x: &[f32]) -> Result<OwnedBandsOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 20_460, 0)?).bands(x)?.into_owned())
    }

    /// Runs `winograd` in a session of its own: see [`Session::winograd`].
    ///
    /// # Errors
    /// As [`Session::winograd`].
    pub fn winograd(&self, x: &[f32], y: &[f32], s: &[f32]) -> Result<OwnedWinogradOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 12_096, 0)?).winograd(x, y, s)?.into_owned())
    }

    /// Runs `winograd` for one example, in a session of its own: see [`Session::winograd_features`].
    ///
    /// # Errors
    /// As [`Session::winograd_features`].
    pub fn winograd_features(&self, features: &[f32]) -> Result<OwnedWinogradOutputs, Error> {
        Ok(self.session(1).winograd_features(features)?.into_owned())
    }

    /// Runs `packing` in a session of its own: see [`Session::packing`].
    ///
    /// # Errors
    /// As [`Session::packing`].
    pub fn packing(&self, x: &[f32], w: &[f32], b_2: &[f32], r: &[f32]) -> Result<OwnedPackingOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 6, 0)?).packing(x, w, b_2, r)?.into_owned())
    }

    /// Runs `packing` for one example, in a session of its own: see [`Session::packing_features`].
    ///
    /// # Errors
    /// As [`Session::packing_features`].
    pub fn packing_features(&self, features: &[f32]) -> Result<OwnedPackingOutputs, Error> {
        Ok(self.session(1).packing_features(features)?.into_owned())
    }

    /// Runs `reduction` in a session of its own: see [`Session::reduction`].
    ///
    /// # Errors
    /// As [`Session::reduction`].
    pub fn reduction(&self, x: &[f32], b_2: &[u8], i: &[i32]) -> Result<OwnedReductionOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 256, 0)?).reduction(x, b_2, i)?.into_owned())
    }

    /// Runs `reduction` for one example, in a session of its own: see [`Session::reduction_features`].
    ///
    /// # Errors
    /// As [`Session::reduction_features`].
    pub fn reduction_features(&self, features: &[f64]) -> Result<OwnedReductionOutputs, Error> {
        Ok(self.session(1).reduction_features(features)?.into_owned())
    }

    /// Runs `movement` in a session of its own: see [`Session::movement`].
    ///
    /// # Errors
    /// As [`Session::movement`].
    pub fn movement(&self, x: &[f32], i: &[i32], j: &[i64]) -> Result<OwnedMovementOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 32, 0)?).movement(x, i, j)?.into_owned())
    }

    /// Runs `movement` for one example, in a session of its own: see [`Session::movement_features`].
    ///
    /// # Errors
    /// As [`Session::movement_features`].
    pub fn movement_features(&self, features: &[f64]) -> Result<OwnedMovementOutputs, Error> {
        Ok(self.session(1).movement_features(features)?.into_owned())
    }

    /// Runs `gradient` in a session of its own: see [`Session::gradient`].
    ///
    /// # Errors
    /// As [`Session::gradient`].
    pub fn gradient(
        &self,
        x: &[f32],
        y: &[f32],
        v: &[f32],
        p: &[f32],
        i: &[i32],
        j: &[i64],
    ) -> Result<OwnedGradientOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 256, 0)?).gradient(x, y, v, p, i, j)?.into_owned())
    }

    /// Runs `gradient` for one example, in a session of its own: see [`Session::gradient_features`].
    ///
    /// # Errors
    /// As [`Session::gradient_features`].
    pub fn gradient_features(&self, features: &[f64]) -> Result<OwnedGradientOutputs, Error> {
        Ok(self.session(1).gradient_features(features)?.into_owned())
    }

    /// Runs `volume` in a session of its own: see [`Session::volume`].
    ///
    /// # Errors
    /// As [`Session::volume`].
    pub fn volume(&self, v: &[f32]) -> Result<OwnedVolumeOutputs, Error> {
        Ok(self.session(batch_size("v", v.len(), 840, 0)?).volume(v)?.into_owned())
    }

    /// Runs `dynamic` in a session of its own: see [`Session::dynamic`].
    ///
    /// # Errors
    /// As [`Session::dynamic`].
    #[expect(clippy::too_many_arguments, reason = "one for each input of the signature")]
    pub fn dynamic(
        &self,
        x: &[f32],
        t: &[f32],
        v: &[f32],
        f1: &[f32],
        f2: &[f32],
        f3: &[f32],
        b_2: &[f32],
    ) -> Result<OwnedDynamicOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 256, 0)?).dynamic(x, t, v, f1, f2, f3, b_2)?.into_owned())
    }

    /// Runs `dynamic` for one example, in a session of its own: see [`Session::dynamic_features`].
    ///
    /// # Errors
    /// As [`Session::dynamic_features`].
    pub fn dynamic_features(&self, features: &[f32]) -> Result<OwnedDynamicOutputs, Error> {
        Ok(self.session(1).dynamic_features(features)?.into_owned())
    }

    /// Runs `random` in a session of its own: see [`Session::random`].
    ///
    /// # Errors
    /// As [`Session::random`].
    pub fn random(&self, s: &[i64], x: &[f32]) -> Result<OwnedRandomOutputs, Error> {
        Ok(self.session(batch_size("x", x.len(), 4, 0)?).random(s, x)?.into_owned())
    }

    /// Runs `random` for one example, in a session of its own: see [`Session::random_features`].
    ///
    /// # Errors
    /// As [`Session::random_features`].
    pub fn random_features(&self, features: &[f64]) -> Result<OwnedRandomOutputs, Error> {
        Ok(self.session(1).random_features(features)?.into_owned())
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

/// Elements of the scratch memory that each thread but the first has outside of the arena.
const THREAD_SCRATCH: usize = 122_760;

/// The memory for one computation at a time.
#[derive(Debug)]
pub struct Session {
    model: Model,
    threads: Threads,
    arena: Arena,
    max_batch: usize,
}

impl Session {
    /// The same session, computing on `threads` threads (at least one). The results have the same bits for any number.
    /// Each thread but the first has 480 KiB of memory of its own.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: Threads::new(threads.max(1)).with_scratch(THREAD_SCRATCH), ..self }
    }

    /// The most examples that it can take at once.
    #[must_use]
    pub fn max_batch(&self) -> usize {
        self.max_batch
    }

    /// Runs `linear` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 8, 8, 4]`, float32
    /// - `t`: `[n, 8, 4]`, float32
    /// - `v`: `[n, 4, 4, 4, 2]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn linear(&mut self, x: &[f32], t: &[f32], v: &[f32]) -> Result<LinearOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 256, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("t", t.len(), 32 * n)?;
        check_length("v", v.len(), 128 * n)?;
        let [out0, out1, out2, out3, out4, out5, out6] =
            model::linear(&self.model.weights, &self.threads, &mut self.arena, n, x, t, v)?;
        Ok(LinearOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 8, 8],
            out1: self.arena.part(out1),
            out1_shape: [n, 4, 4, 4, 8],
            out2: self.arena.part(out2),
            out2_shape: [n, 8, 8, 8],
            out3: self.arena.part(out3),
            out3_shape: [n, 8, 8],
            out4: self.arena.part(out4),
            out4_shape: [n, 8, 8],
            out5: self.arena.part(out5),
            out5_shape: [n, 4, 4],
            out6: self.arena.part(out6),
            out6_shape: [n, 8, 8],
        })
    }

    /// [`Session::linear`] for one example, whose inputs stand in one vector, one after the other:
    /// `x` (256), `t` (32), `v` (128).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn linear_features(&mut self, features: &[f32]) -> Result<LinearOutputs<'_>, Error> {
        check_length("features", features.len(), 416)?;
        self.linear(&features[0..256], &features[256..288], &features[288..416])
    }

    /// Runs `heads` for the `n` examples that the inputs hold.
    ///
    /// - `q`: `[n, 6, 4, 8]`, float32
    /// - `k`: `[n, 5, 4, 8]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn heads(&mut self, q: &[f32], k: &[f32]) -> Result<HeadsOutputs<'_>, Error> {
        let n = batch_size("q", q.len(), 192, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("k", k.len(), 160 * n)?;
        let [out0, out1] = model::heads(&self.model.weights, &self.threads, &mut self.arena, n, q, k)?;
        Ok(HeadsOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 4, 6, 5],
            out1: self.arena.part(out1),
            out1_shape: [n, 6, 4, 8],
        })
    }

    /// [`Session::heads`] for one example, whose inputs stand in one vector, one after the other:
    /// `q` (192), `k` (160).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn heads_features(&mut self, features: &[f32]) -> Result<HeadsOutputs<'_>, Error> {
        check_length("features", features.len(), 352)?;
        self.heads(&features[0..192], &features[192..352])
    }

    /// Runs `bands` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 66, 62, 5]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn bands(&mut self, x: &[f32]) -> Result<BandsOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 20_460, 0)?;
        check_batch(n, self.max_batch)?;
        let [out0, out1] = model::bands(&self.model.weights, &self.threads, &mut self.arena, n, x)?;
        Ok(BandsOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 66, 62, 5],
            out1: self.arena.part(out1),
            out1_shape: [n, 5],
        })
    }

    /// Runs `winograd` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 28, 27, 16]`, float32
    /// - `y`: `[n, 6, 6, 64]`, float32
    /// - `s`: `[n, 200, 64]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn winograd(&mut self, x: &[f32], y: &[f32], s: &[f32]) -> Result<WinogradOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 12_096, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("y", y.len(), 2304 * n)?;
        check_length("s", s.len(), 12_800 * n)?;
        let [out0, out1, out2, out3] =
            model::winograd(&self.model.weights, &self.threads, &mut self.arena, n, x, y, s)?;
        Ok(WinogradOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 28, 27, 16],
            out1: self.arena.part(out1),
            out1_shape: [n, 6, 6, 64],
            out2: self.arena.part(out2),
            out2_shape: [n, 200, 64],
            out3: self.arena.part(out3),
            out3_shape: [n, 200, 48],
        })
    }

    /// [`Session::winograd`] for one example, whose inputs stand in one vector, one after the other:
    /// `x` (12_096), `y` (2304), `s` (12_800).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn winograd_features(&mut self, features: &[f32]) -> Result<WinogradOutputs<'_>, Error> {
        check_length("features", features.len(), 27_200)?;
        self.winograd(&features[0..12_096], &features[12_096..14_400], &features[14_400..27_200])
    }

    /// Runs `packing` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 6]`, float32
    /// - `w`: `[6, 20]`, float32
    /// - `b_2` (`b`): `[20]`, float32
    /// - `r`: `[n, 20]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn packing(&mut self, x: &[f32], w: &[f32], b_2: &[f32], r: &[f32]) -> Result<PackingOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 6, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("w", w.len(), 120)?;
        check_length("b_2", b_2.len(), 20)?;
        check_length("r", r.len(), 20 * n)?;
        let [out0, out1, out2] = model::packing(&self.model.weights, &self.threads, &mut self.arena, n, x, w, b_2, r)?;
        Ok(PackingOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 20],
            out1: self.arena.part(out1),
            out1_shape: [n, 6],
            out2: self.arena.part(out2),
            out2_shape: [n, 20],
        })
    }

    /// [`Session::packing`] for one example, whose inputs stand in one vector, one after the other:
    /// `x` (6), `w` (120), `b_2` (20), `r` (20).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn packing_features(&mut self, features: &[f32]) -> Result<PackingOutputs<'_>, Error> {
        check_length("features", features.len(), 166)?;
        self.packing(&features[0..6], &features[6..126], &features[126..146], &features[146..166])
    }

    /// Runs `reduction` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 8, 8, 4]`, float32
    /// - `b_2` (`b`): `[n, 4]`, bool: bytes that are 0 or 1
    /// - `i`: `[n, 4]`, int32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn reduction(&mut self, x: &[f32], b_2: &[u8], i: &[i32]) -> Result<ReductionOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 256, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("b_2", b_2.len(), 4 * n)?;
        check_length("i", i.len(), 4 * n)?;
        let (
            out0,
            out1,
            out2,
            out3,
            out4,
            out5,
            out6,
            out7,
            out8,
            out9,
            out10,
            out11,
            out12,
            out13,
            out14,
            out15,
            out16,
        ) = model::reduction(&self.model.weights, &self.threads, &mut self.arena, n, x, b_2, i)?;
        Ok(ReductionOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 4, 4, 4],
            out1: self.arena.part(out1),
            out1_shape: [n, 4, 4, 4],
            out2: self.arena.part(out2),
            out2_shape: [n, 4],
            out3: self.arena.part(out3),
            out3_shape: [n, 1, 1, 4],
            out4: self.arena.part(out4),
            out4_shape: [n, 8, 8],
            out5: self.arena.part(out5),
            out5_shape: [n, 8, 8],
            out6: self.arena.part(out6),
            out6_shape: [n, 8, 4],
            out7: self.arena.part(out7),
            out7_shape: [n],
            out8: self.arena.part(out8),
            out8_shape: [n],
            out9: self.arena.part(out9),
            out9_shape: [n, 8, 8],
            out10: self.arena.part(out10),
            out10_shape: [n, 8, 4],
            out11: self.arena.part(out11),
            out11_shape: [n, 8, 8, 4],
            out12: self.arena.part(out12),
            out12_shape: [n, 8, 8, 4],
            out13: self.arena.part(out13),
            out13_shape: [n],
            out14: self.arena.part(out14),
            out14_shape: [n],
            out15: self.arena.part(out15),
            out15_shape: [n],
            out16: self.arena.part(out16),
            out16_shape: [n],
        })
    }

    /// [`Session::reduction`] for one example, whose inputs stand in one vector, one after the other:
    /// `x` (256), `b_2` (4), `i` (4).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn reduction_features(&mut self, features: &[f64]) -> Result<ReductionOutputs<'_>, Error> {
        check_length("features", features.len(), 264)?;
        let mut x = [0_f32; 256];
        fill_floats(&features[0..256], &mut x);
        let mut b_2 = [0_u8; 4];
        fill_integers("b_2", &features[256..260], &mut b_2)?;
        let mut i = [0_i32; 4];
        fill_integers("i", &features[260..264], &mut i)?;
        self.reduction(&x, &b_2, &i)
    }

    /// Runs `movement` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 8, 4]`, float32
    /// - `i`: `[n, 3]`, int32
    /// - `j`: `[n, 3]`, int64
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn movement(&mut self, x: &[f32], i: &[i32], j: &[i64]) -> Result<MovementOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 32, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("i", i.len(), 3 * n)?;
        check_length("j", j.len(), 3 * n)?;
        let (out0, out1, out2, out3, out4, out5, out6, out7, out8, out9, out10) =
            model::movement(&self.model.weights, &self.threads, &mut self.arena, n, x, i, j)?;
        Ok(MovementOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 4, 8],
            out1: self.arena.part(out1),
            out1_shape: [n, 4, 4],
            out2: self.arena.part(out2),
            out2_shape: [n, 11, 4],
            out3: self.arena.part(out3),
            out3_shape: [n, 11, 4],
            out4: self.arena.part(out4),
            out4_shape: [n, 12, 4],
            out5: self.arena.part(out5),
            out5_shape: [n, 16, 4],
            out6: self.arena.part(out6),
            out6_shape: [n, 8, 4],
            out7: self.arena.part(out7),
            out7_shape: [n, 3, 4],
            out8: self.arena.part(out8),
            out8_shape: [n, 3],
            out9: self.arena.part(out9),
            out9_shape: [n, 4],
            out10: self.arena.part(out10),
            out10_shape: [n, 8, 4],
        })
    }

    /// [`Session::movement`] for one example, whose inputs stand in one vector, one after the other:
    /// `x` (32), `i` (3), `j` (3).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn movement_features(&mut self, features: &[f64]) -> Result<MovementOutputs<'_>, Error> {
        check_length("features", features.len(), 38)?;
        let mut x = [0_f32; 32];
        fill_floats(&features[0..32], &mut x);
        let mut i = [0_i32; 3];
        fill_integers("i", &features[32..35], &mut i)?;
        let mut j = [0_i64; 3];
        fill_integers("j", &features[35..38], &mut j)?;
        self.movement(&x, &i, &j)
    }

    /// Runs `gradient` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 8, 8, 4]`, float32
    /// - `y`: `[n, 4, 4, 8]`, float32
    /// - `v`: `[n, 4, 4, 4, 2]`, float32
    /// - `p`: `[n, 4, 4, 4]`, float32
    /// - `i`: `[n, 8]`, int32
    /// - `j`: `[n, 8]`, int64
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn gradient(
        &mut self,
        x: &[f32],
        y: &[f32],
        v: &[f32],
        p: &[f32],
        i: &[i32],
        j: &[i64],
    ) -> Result<GradientOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 256, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("y", y.len(), 128 * n)?;
        check_length("v", v.len(), 128 * n)?;
        check_length("p", p.len(), 64 * n)?;
        check_length("i", i.len(), 8 * n)?;
        check_length("j", j.len(), 8 * n)?;
        let (out0, out1, out2, out3, out4, out5) =
            model::gradient(&self.model.weights, &self.threads, &mut self.arena, n, x, y, v, p, i, j)?;
        Ok(GradientOutputs {
            out0: self.arena.part(out0),
            out0_shape: [3, 3, 4, 8],
            out1: self.arena.part(out1),
            out1_shape: [3, 3, 3, 2, 2],
            out2: self.arena.part(out2),
            out2_shape: [3, 3, 4, 2],
            out3: self.arena.part(out3),
            out3_shape: [n, 8, 8, 4],
            out4: self.arena.part(out4),
            out4_shape: [10, 8, 4],
            out5: self.arena.part(out5),
            out5_shape: [10],
        })
    }

    /// [`Session::gradient`] for one example, whose inputs stand in one vector, one after the other:
    /// `x` (256), `y` (128), `v` (128), `p` (64), `i` (8), `j` (8).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn gradient_features(&mut self, features: &[f64]) -> Result<GradientOutputs<'_>, Error> {
        check_length("features", features.len(), 592)?;
        let mut x = [0_f32; 256];
        fill_floats(&features[0..256], &mut x);
        let mut y = [0_f32; 128];
        fill_floats(&features[256..384], &mut y);
        let mut v = [0_f32; 128];
        fill_floats(&features[384..512], &mut v);
        let mut p = [0_f32; 64];
        fill_floats(&features[512..576], &mut p);
        let mut i = [0_i32; 8];
        fill_integers("i", &features[576..584], &mut i)?;
        let mut j = [0_i64; 8];
        fill_integers("j", &features[584..592], &mut j)?;
        self.gradient(&x, &y, &v, &p, &i, &j)
    }

    /// Runs `volume` for the `n` examples that the inputs hold.
    ///
    /// - `v`: `[n, 4, 5, 6, 7]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn volume(&mut self, v: &[f32]) -> Result<VolumeOutputs<'_>, Error> {
        let n = batch_size("v", v.len(), 840, 0)?;
        check_batch(n, self.max_batch)?;
        let [out0, out1] = model::volume(&self.model.weights, &self.threads, &mut self.arena, n, v)?;
        Ok(VolumeOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 2, 2, 4, 7],
            out1: self.arena.part(out1),
            out1_shape: [n, 4, 5, 6, 7],
        })
    }

    /// Runs `dynamic` for the `n` examples that the inputs hold.
    ///
    /// - `x`: `[n, 8, 8, 4]`, float32
    /// - `t`: `[n, 8, 4]`, float32
    /// - `v`: `[n, 4, 4, 4, 2]`, float32
    /// - `f1`: `[3, 4, 8]`, float32
    /// - `f2`: `[3, 3, 4, 8]`, float32
    /// - `f3`: `[3, 3, 3, 1, 8]`, float32
    /// - `b_2` (`b`): `[8]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    #[expect(clippy::too_many_arguments, reason = "one for each input of the signature")]
    pub fn dynamic(
        &mut self,
        x: &[f32],
        t: &[f32],
        v: &[f32],
        f1: &[f32],
        f2: &[f32],
        f3: &[f32],
        b_2: &[f32],
    ) -> Result<DynamicOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 256, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("t", t.len(), 32 * n)?;
        check_length("v", v.len(), 128 * n)?;
        check_length("f1", f1.len(), 96)?;
        check_length("f2", f2.len(), 288)?;
        check_length("f3", f3.len(), 216)?;
        check_length("b_2", b_2.len(), 8)?;
        let [out0, out1, out2] =
            model::dynamic(&self.model.weights, &self.threads, &mut self.arena, n, x, t, v, f1, f2, f3, b_2)?;
        Ok(DynamicOutputs {
            out0: self.arena.part(out0),
            out0_shape: [n, 8, 8],
            out1: self.arena.part(out1),
            out1_shape: [n, 3, 3, 8],
            out2: self.arena.part(out2),
            out2_shape: [n, 4, 4, 4, 8],
        })
    }

    /// [`Session::dynamic`] for one example, whose inputs stand in one vector, one after the other:
    /// `x` (256), `t` (32), `v` (128), `f1` (96), `f2` (288), `f3` (216), `b_2` (8).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn dynamic_features(&mut self, features: &[f32]) -> Result<DynamicOutputs<'_>, Error> {
        check_length("features", features.len(), 1024)?;
        self.dynamic(
            &features[0..256],
            &features[256..288],
            &features[288..416],
            &features[416..512],
            &features[512..800],
            &features[800..1016],
            &features[1016..1024],
        )
    }

    /// Runs `random` for the `n` examples that the inputs hold.
    ///
    /// - `s`: `[2]`, int64
    /// - `x`: `[n, 4]`, float32
    ///
    /// # Errors
    /// If an input's length does not fit its shape, if the inputs have different numbers of examples or more than
    /// [`Session::max_batch`], or if an index is out of range.
    pub fn random(&mut self, s: &[i64], x: &[f32]) -> Result<RandomOutputs<'_>, Error> {
        let n = batch_size("x", x.len(), 4, 0)?;
        check_batch(n, self.max_batch)?;
        check_length("s", s.len(), 2)?;
        let (out0, out1, out2, out3, out4, out5, out6, out7, out8) =
            model::random(&self.model.weights, &self.threads, &mut self.arena, n, s, x)?;
        Ok(RandomOutputs {
            out0: self.arena.part(out0),
            out0_shape: [3],
            out1: self.arena.part(out1),
            out1_shape: [n, 5],
            out2: self.arena.part(out2),
            out2_shape: [n, 5],
            out3: self.arena.part(out3),
            out3_shape: [n, 5],
            out4: self.arena.part(out4),
            out4_shape: [n, 5],
            out5: self.arena.part(out5),
            out5_shape: [n, 5],
            out6: self.arena.part(out6),
            out6_shape: [n, 5],
            out7: self.arena.part(out7),
            out7_shape: [n, 5],
            out8: self.arena.part(out8),
            out8_shape: [n, 5],
        })
    }

    /// [`Session::random`] for one example, whose inputs stand in one vector, one after the other:
    /// `s` (2), `x` (4).
    ///
    /// # Errors
    /// If the vector has another length, if a number is none of its input's, or if an index is out of range.
    pub fn random_features(&mut self, features: &[f64]) -> Result<RandomOutputs<'_>, Error> {
        check_length("features", features.len(), 6)?;
        let mut s = [0_i64; 2];
        fill_integers("s", &features[0..2], &mut s)?;
        let mut x = [0_f32; 4];
        fill_floats(&features[2..6], &mut x);
        self.random(&s, &x)
    }
}

/// The outputs of [`Session::linear`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct LinearOutputs<'session> {
    /// `out0`: `[n, 8, 8]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 3],
    /// `out1`: `[n, 4, 4, 4, 8]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 5],
    /// `out2`: `[n, 8, 8, 8]`, float32
    pub out2: &'session [f32],
    /// The shape of `out2`.
    pub out2_shape: [usize; 4],
    /// `out3`: `[n, 8, 8]`, float32
    pub out3: &'session [f32],
    /// The shape of `out3`.
    pub out3_shape: [usize; 3],
    /// `out4`: `[n, 8, 8]`, float32
    pub out4: &'session [f32],
    /// The shape of `out4`.
    pub out4_shape: [usize; 3],
    /// `out5`: `[n, 4, 4]`, float32
    pub out5: &'session [f32],
    /// The shape of `out5`.
    pub out5_shape: [usize; 3],
    /// `out6`: `[n, 8, 8]`, float32
    pub out6: &'session [f32],
    /// The shape of `out6`.
    pub out6_shape: [usize; 3],
}

impl LinearOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedLinearOutputs {
        OwnedLinearOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
            out2: self.out2.to_vec(),
            out2_shape: self.out2_shape,
            out3: self.out3.to_vec(),
            out3_shape: self.out3_shape,
            out4: self.out4.to_vec(),
            out4_shape: self.out4_shape,
            out5: self.out5.to_vec(),
            out5_shape: self.out5_shape,
            out6: self.out6.to_vec(),
            out6_shape: self.out6_shape,
        }
    }
}

/// The outputs of [`Model::linear`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedLinearOutputs {
    /// `out0`: `[n, 8, 8]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 3],
    /// `out1`: `[n, 4, 4, 4, 8]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 5],
    /// `out2`: `[n, 8, 8, 8]`, float32
    pub out2: Vec<f32>,
    /// The shape of `out2`.
    pub out2_shape: [usize; 4],
    /// `out3`: `[n, 8, 8]`, float32
    pub out3: Vec<f32>,
    /// The shape of `out3`.
    pub out3_shape: [usize; 3],
    /// `out4`: `[n, 8, 8]`, float32
    pub out4: Vec<f32>,
    /// The shape of `out4`.
    pub out4_shape: [usize; 3],
    /// `out5`: `[n, 4, 4]`, float32
    pub out5: Vec<f32>,
    /// The shape of `out5`.
    pub out5_shape: [usize; 3],
    /// `out6`: `[n, 8, 8]`, float32
    pub out6: Vec<f32>,
    /// The shape of `out6`.
    pub out6_shape: [usize; 3],
}

/// The outputs of [`Session::heads`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct HeadsOutputs<'session> {
    /// `out0`: `[n, 4, 6, 5]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 6, 4, 8]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 4],
}

impl HeadsOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedHeadsOutputs {
        OwnedHeadsOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
        }
    }
}

/// The outputs of [`Model::heads`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedHeadsOutputs {
    /// `out0`: `[n, 4, 6, 5]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 6, 4, 8]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 4],
}

/// The outputs of [`Session::bands`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct BandsOutputs<'session> {
    /// `out0`: `[n, 66, 62, 5]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 5]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
}

impl BandsOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedBandsOutputs {
        OwnedBandsOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
        }
    }
}

/// The outputs of [`Model::bands`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedBandsOutputs {
    /// `out0`: `[n, 66, 62, 5]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 5]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
}

/// The outputs of [`Session::winograd`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct WinogradOutputs<'session> {
    /// `out0`: `[n, 28, 27, 16]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 6, 6, 64]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 4],
    /// `out2`: `[n, 200, 64]`, float32
    pub out2: &'session [f32],
    /// The shape of `out2`.
    pub out2_shape: [usize; 3],
    /// `out3`: `[n, 200, 48]`, float32
    pub out3: &'session [f32],
    /// The shape of `out3`.
    pub out3_shape: [usize; 3],
}

impl WinogradOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedWinogradOutputs {
        OwnedWinogradOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
            out2: self.out2.to_vec(),
            out2_shape: self.out2_shape,
            out3: self.out3.to_vec(),
            out3_shape: self.out3_shape,
        }
    }
}

/// The outputs of [`Model::winograd`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedWinogradOutputs {
    /// `out0`: `[n, 28, 27, 16]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 6, 6, 64]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 4],
    /// `out2`: `[n, 200, 64]`, float32
    pub out2: Vec<f32>,
    /// The shape of `out2`.
    pub out2_shape: [usize; 3],
    /// `out3`: `[n, 200, 48]`, float32
    pub out3: Vec<f32>,
    /// The shape of `out3`.
    pub out3_shape: [usize; 3],
}

/// The outputs of [`Session::packing`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct PackingOutputs<'session> {
    /// `out0`: `[n, 20]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 2],
    /// `out1`: `[n, 6]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
    /// `out2`: `[n, 20]`, float32
    pub out2: &'session [f32],
    /// The shape of `out2`.
    pub out2_shape: [usize; 2],
}

impl PackingOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedPackingOutputs {
        OwnedPackingOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
            out2: self.out2.to_vec(),
            out2_shape: self.out2_shape,
        }
    }
}

/// The outputs of [`Model::packing`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedPackingOutputs {
    /// `out0`: `[n, 20]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 2],
    /// `out1`: `[n, 6]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
    /// `out2`: `[n, 20]`, float32
    pub out2: Vec<f32>,
    /// The shape of `out2`.
    pub out2_shape: [usize; 2],
}

/// The outputs of [`Session::reduction`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct ReductionOutputs<'session> {
    /// `out0`: `[n, 4, 4, 4]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 4, 4, 4]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 4],
    /// `out2`: `[n, 4]`, float32
    pub out2: &'session [f32],
    /// The shape of `out2`.
    pub out2_shape: [usize; 2],
    /// `out3`: `[n, 1, 1, 4]`, float32
    pub out3: &'session [f32],
    /// The shape of `out3`.
    pub out3_shape: [usize; 4],
    /// `out4`: `[n, 8, 8]`, float32
    pub out4: &'session [f32],
    /// The shape of `out4`.
    pub out4_shape: [usize; 3],
    /// `out5`: `[n, 8, 8]`, float32
    pub out5: &'session [f32],
    /// The shape of `out5`.
    pub out5_shape: [usize; 3],
    /// `out6`: `[n, 8, 4]`, float32
    pub out6: &'session [f32],
    /// The shape of `out6`.
    pub out6_shape: [usize; 3],
    /// `out7`: `[n]`, bool: bytes that are 0 or 1
    pub out7: &'session [u8],
    /// The shape of `out7`.
    pub out7_shape: [usize; 1],
    /// `out8`: `[n]`, bool: bytes that are 0 or 1
    pub out8: &'session [u8],
    /// The shape of `out8`.
    pub out8_shape: [usize; 1],
    /// `out9`: `[n, 8, 8]`, int64
    pub out9: &'session [i64],
    /// The shape of `out9`.
    pub out9_shape: [usize; 3],
    /// `out10`: `[n, 8, 4]`, int32
    pub out10: &'session [i32],
    /// The shape of `out10`.
    pub out10_shape: [usize; 3],
    /// `out11`: `[n, 8, 8, 4]`, float32
    pub out11: &'session [f32],
    /// The shape of `out11`.
    pub out11_shape: [usize; 4],
    /// `out12`: `[n, 8, 8, 4]`, float32
    pub out12: &'session [f32],
    /// The shape of `out12`.
    pub out12_shape: [usize; 4],
    /// `out13`: `[n]`, int32
    pub out13: &'session [i32],
    /// The shape of `out13`.
    pub out13_shape: [usize; 1],
    /// `out14`: `[n]`, int32
    pub out14: &'session [i32],
    /// The shape of `out14`.
    pub out14_shape: [usize; 1],
    /// `out15`: `[n]`, int32
    pub out15: &'session [i32],
    /// The shape of `out15`.
    pub out15_shape: [usize; 1],
    /// `out16`: `[n]`, int32
    pub out16: &'session [i32],
    /// The shape of `out16`.
    pub out16_shape: [usize; 1],
}

impl ReductionOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedReductionOutputs {
        OwnedReductionOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
            out2: self.out2.to_vec(),
            out2_shape: self.out2_shape,
            out3: self.out3.to_vec(),
            out3_shape: self.out3_shape,
            out4: self.out4.to_vec(),
            out4_shape: self.out4_shape,
            out5: self.out5.to_vec(),
            out5_shape: self.out5_shape,
            out6: self.out6.to_vec(),
            out6_shape: self.out6_shape,
            out7: self.out7.to_vec(),
            out7_shape: self.out7_shape,
            out8: self.out8.to_vec(),
            out8_shape: self.out8_shape,
            out9: self.out9.to_vec(),
            out9_shape: self.out9_shape,
            out10: self.out10.to_vec(),
            out10_shape: self.out10_shape,
            out11: self.out11.to_vec(),
            out11_shape: self.out11_shape,
            out12: self.out12.to_vec(),
            out12_shape: self.out12_shape,
            out13: self.out13.to_vec(),
            out13_shape: self.out13_shape,
            out14: self.out14.to_vec(),
            out14_shape: self.out14_shape,
            out15: self.out15.to_vec(),
            out15_shape: self.out15_shape,
            out16: self.out16.to_vec(),
            out16_shape: self.out16_shape,
        }
    }
}

/// The outputs of [`Model::reduction`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedReductionOutputs {
    /// `out0`: `[n, 4, 4, 4]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[n, 4, 4, 4]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 4],
    /// `out2`: `[n, 4]`, float32
    pub out2: Vec<f32>,
    /// The shape of `out2`.
    pub out2_shape: [usize; 2],
    /// `out3`: `[n, 1, 1, 4]`, float32
    pub out3: Vec<f32>,
    /// The shape of `out3`.
    pub out3_shape: [usize; 4],
    /// `out4`: `[n, 8, 8]`, float32
    pub out4: Vec<f32>,
    /// The shape of `out4`.
    pub out4_shape: [usize; 3],
    /// `out5`: `[n, 8, 8]`, float32
    pub out5: Vec<f32>,
    /// The shape of `out5`.
    pub out5_shape: [usize; 3],
    /// `out6`: `[n, 8, 4]`, float32
    pub out6: Vec<f32>,
    /// The shape of `out6`.
    pub out6_shape: [usize; 3],
    /// `out7`: `[n]`, bool: bytes that are 0 or 1
    pub out7: Vec<u8>,
    /// The shape of `out7`.
    pub out7_shape: [usize; 1],
    /// `out8`: `[n]`, bool: bytes that are 0 or 1
    pub out8: Vec<u8>,
    /// The shape of `out8`.
    pub out8_shape: [usize; 1],
    /// `out9`: `[n, 8, 8]`, int64
    pub out9: Vec<i64>,
    /// The shape of `out9`.
    pub out9_shape: [usize; 3],
    /// `out10`: `[n, 8, 4]`, int32
    pub out10: Vec<i32>,
    /// The shape of `out10`.
    pub out10_shape: [usize; 3],
    /// `out11`: `[n, 8, 8, 4]`, float32
    pub out11: Vec<f32>,
    /// The shape of `out11`.
    pub out11_shape: [usize; 4],
    /// `out12`: `[n, 8, 8, 4]`, float32
    pub out12: Vec<f32>,
    /// The shape of `out12`.
    pub out12_shape: [usize; 4],
    /// `out13`: `[n]`, int32
    pub out13: Vec<i32>,
    /// The shape of `out13`.
    pub out13_shape: [usize; 1],
    /// `out14`: `[n]`, int32
    pub out14: Vec<i32>,
    /// The shape of `out14`.
    pub out14_shape: [usize; 1],
    /// `out15`: `[n]`, int32
    pub out15: Vec<i32>,
    /// The shape of `out15`.
    pub out15_shape: [usize; 1],
    /// `out16`: `[n]`, int32
    pub out16: Vec<i32>,
    /// The shape of `out16`.
    pub out16_shape: [usize; 1],
}

/// The outputs of [`Session::movement`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct MovementOutputs<'session> {
    /// `out0`: `[n, 4, 8]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 3],
    /// `out1`: `[n, 4, 4]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 3],
    /// `out2`: `[n, 11, 4]`, float32
    pub out2: &'session [f32],
    /// The shape of `out2`.
    pub out2_shape: [usize; 3],
    /// `out3`: `[n, 11, 4]`, float32
    pub out3: &'session [f32],
    /// The shape of `out3`.
    pub out3_shape: [usize; 3],
    /// `out4`: `[n, 12, 4]`, float32
    pub out4: &'session [f32],
    /// The shape of `out4`.
    pub out4_shape: [usize; 3],
    /// `out5`: `[n, 16, 4]`, float32
    pub out5: &'session [f32],
    /// The shape of `out5`.
    pub out5_shape: [usize; 3],
    /// `out6`: `[n, 8, 4]`, float32
    pub out6: &'session [f32],
    /// The shape of `out6`.
    pub out6_shape: [usize; 3],
    /// `out7`: `[n, 3, 4]`, float32
    pub out7: &'session [f32],
    /// The shape of `out7`.
    pub out7_shape: [usize; 3],
    /// `out8`: `[n, 3]`, int64
    pub out8: &'session [i64],
    /// The shape of `out8`.
    pub out8_shape: [usize; 2],
    /// `out9`: `[n, 4]`, float32
    pub out9: &'session [f32],
    /// The shape of `out9`.
    pub out9_shape: [usize; 2],
    /// `out10`: `[n, 8, 4]`, float32
    pub out10: &'session [f32],
    /// The shape of `out10`.
    pub out10_shape: [usize; 3],
}

impl MovementOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedMovementOutputs {
        OwnedMovementOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
            out2: self.out2.to_vec(),
            out2_shape: self.out2_shape,
            out3: self.out3.to_vec(),
            out3_shape: self.out3_shape,
            out4: self.out4.to_vec(),
            out4_shape: self.out4_shape,
            out5: self.out5.to_vec(),
            out5_shape: self.out5_shape,
            out6: self.out6.to_vec(),
            out6_shape: self.out6_shape,
            out7: self.out7.to_vec(),
            out7_shape: self.out7_shape,
            out8: self.out8.to_vec(),
            out8_shape: self.out8_shape,
            out9: self.out9.to_vec(),
            out9_shape: self.out9_shape,
            out10: self.out10.to_vec(),
            out10_shape: self.out10_shape,
        }
    }
}

/// The outputs of [`Model::movement`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedMovementOutputs {
    /// `out0`: `[n, 4, 8]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 3],
    /// `out1`: `[n, 4, 4]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 3],
    /// `out2`: `[n, 11, 4]`, float32
    pub out2: Vec<f32>,
    /// The shape of `out2`.
    pub out2_shape: [usize; 3],
    /// `out3`: `[n, 11, 4]`, float32
    pub out3: Vec<f32>,
    /// The shape of `out3`.
    pub out3_shape: [usize; 3],
    /// `out4`: `[n, 12, 4]`, float32
    pub out4: Vec<f32>,
    /// The shape of `out4`.
    pub out4_shape: [usize; 3],
    /// `out5`: `[n, 16, 4]`, float32
    pub out5: Vec<f32>,
    /// The shape of `out5`.
    pub out5_shape: [usize; 3],
    /// `out6`: `[n, 8, 4]`, float32
    pub out6: Vec<f32>,
    /// The shape of `out6`.
    pub out6_shape: [usize; 3],
    /// `out7`: `[n, 3, 4]`, float32
    pub out7: Vec<f32>,
    /// The shape of `out7`.
    pub out7_shape: [usize; 3],
    /// `out8`: `[n, 3]`, int64
    pub out8: Vec<i64>,
    /// The shape of `out8`.
    pub out8_shape: [usize; 2],
    /// `out9`: `[n, 4]`, float32
    pub out9: Vec<f32>,
    /// The shape of `out9`.
    pub out9_shape: [usize; 2],
    /// `out10`: `[n, 8, 4]`, float32
    pub out10: Vec<f32>,
    /// The shape of `out10`.
    pub out10_shape: [usize; 3],
}

/// The outputs of [`Session::gradient`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct GradientOutputs<'session> {
    /// `out0`: `[3, 3, 4, 8]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[3, 3, 3, 2, 2]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 5],
    /// `out2`: `[3, 3, 4, 2]`, float32
    pub out2: &'session [f32],
    /// The shape of `out2`.
    pub out2_shape: [usize; 4],
    /// `out3`: `[n, 8, 8, 4]`, float32
    pub out3: &'session [f32],
    /// The shape of `out3`.
    pub out3_shape: [usize; 4],
    /// `out4`: `[10, 8, 4]`, float32
    pub out4: &'session [f32],
    /// The shape of `out4`.
    pub out4_shape: [usize; 3],
    /// `out5`: `[10]`, int64
    pub out5: &'session [i64],
    /// The shape of `out5`.
    pub out5_shape: [usize; 1],
}

impl GradientOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedGradientOutputs {
        OwnedGradientOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
            out2: self.out2.to_vec(),
            out2_shape: self.out2_shape,
            out3: self.out3.to_vec(),
            out3_shape: self.out3_shape,
            out4: self.out4.to_vec(),
            out4_shape: self.out4_shape,
            out5: self.out5.to_vec(),
            out5_shape: self.out5_shape,
        }
    }
}

/// The outputs of [`Model::gradient`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedGradientOutputs {
    /// `out0`: `[3, 3, 4, 8]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 4],
    /// `out1`: `[3, 3, 3, 2, 2]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 5],
    /// `out2`: `[3, 3, 4, 2]`, float32
    pub out2: Vec<f32>,
    /// The shape of `out2`.
    pub out2_shape: [usize; 4],
    /// `out3`: `[n, 8, 8, 4]`, float32
    pub out3: Vec<f32>,
    /// The shape of `out3`.
    pub out3_shape: [usize; 4],
    /// `out4`: `[10, 8, 4]`, float32
    pub out4: Vec<f32>,
    /// The shape of `out4`.
    pub out4_shape: [usize; 3],
    /// `out5`: `[10]`, int64
    pub out5: Vec<i64>,
    /// The shape of `out5`.
    pub out5_shape: [usize; 1],
}

/// The outputs of [`Session::volume`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct VolumeOutputs<'session> {
    /// `out0`: `[n, 2, 2, 4, 7]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 5],
    /// `out1`: `[n, 4, 5, 6, 7]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 5],
}

impl VolumeOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedVolumeOutputs {
        OwnedVolumeOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
        }
    }
}

/// The outputs of [`Model::volume`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedVolumeOutputs {
    /// `out0`: `[n, 2, 2, 4, 7]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 5],
    /// `out1`: `[n, 4, 5, 6, 7]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 5],
}

/// The outputs of [`Session::dynamic`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct DynamicOutputs<'session> {
    /// `out0`: `[n, 8, 8]`, float32
    pub out0: &'session [f32],
    /// The shape of `out0`.
    pub out0_shape: [usize; 3],
    /// `out1`: `[n, 3, 3, 8]`, float32
    pub out1: &'session [f32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 4],
    /// `out2`: `[n, 4, 4, 4, 8]`, float32
    pub out2: &'session [f32],
    /// The shape of `out2`.
    pub out2_shape: [usize; 5],
}

impl DynamicOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedDynamicOutputs {
        OwnedDynamicOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
            out2: self.out2.to_vec(),
            out2_shape: self.out2_shape,
        }
    }
}

/// The outputs of [`Model::dynamic`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedDynamicOutputs {
    /// `out0`: `[n, 8, 8]`, float32
    pub out0: Vec<f32>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 3],
    /// `out1`: `[n, 3, 3, 8]`, float32
    pub out1: Vec<f32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 4],
    /// `out2`: `[n, 4, 4, 4, 8]`, float32
    pub out2: Vec<f32>,
    /// The shape of `out2`.
    pub out2_shape: [usize; 5],
}

/// The outputs of [`Session::random`], in the session's memory.
#[derive(Debug, Clone, Copy)]
pub struct RandomOutputs<'session> {
    /// `out0`: `[3]`, uint64
    pub out0: &'session [u64],
    /// The shape of `out0`.
    pub out0_shape: [usize; 1],
    /// `out1`: `[n, 5]`, uint32
    pub out1: &'session [u32],
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
    /// `out2`: `[n, 5]`, uint64
    pub out2: &'session [u64],
    /// The shape of `out2`.
    pub out2_shape: [usize; 2],
    /// `out3`: `[n, 5]`, float32
    pub out3: &'session [f32],
    /// The shape of `out3`.
    pub out3_shape: [usize; 2],
    /// `out4`: `[n, 5]`, float64
    pub out4: &'session [f64],
    /// The shape of `out4`.
    pub out4_shape: [usize; 2],
    /// `out5`: `[n, 5]`, float32
    pub out5: &'session [f32],
    /// The shape of `out5`.
    pub out5_shape: [usize; 2],
    /// `out6`: `[n, 5]`, float64
    pub out6: &'session [f64],
    /// The shape of `out6`.
    pub out6_shape: [usize; 2],
    /// `out7`: `[n, 5]`, float32
    pub out7: &'session [f32],
    /// The shape of `out7`.
    pub out7_shape: [usize; 2],
    /// `out8`: `[n, 5]`, float64
    pub out8: &'session [f64],
    /// The shape of `out8`.
    pub out8_shape: [usize; 2],
}

impl RandomOutputs<'_> {
    /// Copies the outputs out of the session.
    #[must_use]
    pub fn into_owned(self) -> OwnedRandomOutputs {
        OwnedRandomOutputs {
            out0: self.out0.to_vec(),
            out0_shape: self.out0_shape,
            out1: self.out1.to_vec(),
            out1_shape: self.out1_shape,
            out2: self.out2.to_vec(),
            out2_shape: self.out2_shape,
            out3: self.out3.to_vec(),
            out3_shape: self.out3_shape,
            out4: self.out4.to_vec(),
            out4_shape: self.out4_shape,
            out5: self.out5.to_vec(),
            out5_shape: self.out5_shape,
            out6: self.out6.to_vec(),
            out6_shape: self.out6_shape,
            out7: self.out7.to_vec(),
            out7_shape: self.out7_shape,
            out8: self.out8.to_vec(),
            out8_shape: self.out8_shape,
        }
    }
}

/// The outputs of [`Model::random`].
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedRandomOutputs {
    /// `out0`: `[3]`, uint64
    pub out0: Vec<u64>,
    /// The shape of `out0`.
    pub out0_shape: [usize; 1],
    /// `out1`: `[n, 5]`, uint32
    pub out1: Vec<u32>,
    /// The shape of `out1`.
    pub out1_shape: [usize; 2],
    /// `out2`: `[n, 5]`, uint64
    pub out2: Vec<u64>,
    /// The shape of `out2`.
    pub out2_shape: [usize; 2],
    /// `out3`: `[n, 5]`, float32
    pub out3: Vec<f32>,
    /// The shape of `out3`.
    pub out3_shape: [usize; 2],
    /// `out4`: `[n, 5]`, float64
    pub out4: Vec<f64>,
    /// The shape of `out4`.
    pub out4_shape: [usize; 2],
    /// `out5`: `[n, 5]`, float32
    pub out5: Vec<f32>,
    /// The shape of `out5`.
    pub out5_shape: [usize; 2],
    /// `out6`: `[n, 5]`, float64
    pub out6: Vec<f64>,
    /// The shape of `out6`.
    pub out6_shape: [usize; 2],
    /// `out7`: `[n, 5]`, float32
    pub out7: Vec<f32>,
    /// The shape of `out7`.
    pub out7_shape: [usize; 2],
    /// `out8`: `[n, 5]`, float64
    pub out8: Vec<f64>,
    /// The shape of `out8`.
    pub out8_shape: [usize; 2],
}

/// The number of examples in an input of `got` elements: `example` for each, and `rest` more.
fn batch_size(name: &'static str, got: usize, example: usize, rest: usize) -> Result<usize, Error> {
    match got.checked_sub(rest) {
        Some(0) | None => Err(Error::WrongLength { name, expected: example + rest, got }),
        Some(elements) if elements.is_multiple_of(example) => Ok(elements / example),
        Some(_) => Err(Error::NotWholeExamples { name, example, got }),
    }
}

fn check_batch(got: usize, capacity: usize) -> Result<(), Error> {
    if got <= capacity { Ok(()) } else { Err(Error::BatchTooLarge { got, capacity }) }
}

fn check_length(name: &'static str, got: usize, expected: usize) -> Result<(), Error> {
    if got == expected { Ok(()) } else { Err(Error::WrongLength { name, expected, got }) }
}

/// Features as the elements of a float32 input.
fn fill_floats(features: &[f64], elements: &mut [f32]) {
    for (element, &value) in elements.iter_mut().zip(features) {
        *element = value as f32;
    }
}

/// Integers up to this are all numbers of float64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Features as the elements of the integer input `name`.
fn fill_integers<T: TryFrom<i64>>(name: &'static str, features: &[f64], elements: &mut [T]) -> Result<(), Error> {
    for (position, (element, &value)) in elements.iter_mut().zip(features).enumerate() {
        let is_whole = value.fract() == 0.0 && value.abs() <= EXACT;
        let fits = if is_whole { T::try_from(value as i64).ok() } else { None };
        *element = fits.ok_or(Error::NotAnInteger { name, position })?;
    }
    Ok(())
}
