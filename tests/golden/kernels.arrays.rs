//! The interface for [`ndarray`]: views of arrays in and out.

use ndarray::{ArrayView, Ix1, Ix2, Ix3, Ix4, Ix5};

use crate::{
    BandsOutputs, DynamicOutputs, Error, GradientOutputs, HeadsOutputs, LinearOutputs, MovementOutputs, PackingOutputs,
    RandomOutputs, ReductionOutputs, Session, VolumeOutputs, WinogradOutputs,
};

impl Session {
    /// [`Session::linear`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::linear`], and if an array has another shape.
    pub fn linear_from_arrays(
        &mut self,
        x: ArrayView<'_, f32, Ix4>,
        t: ArrayView<'_, f32, Ix3>,
        v: ArrayView<'_, f32, Ix5>,
    ) -> Result<LinearOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(8), Some(8), Some(4)], "[n, 8, 8, 4]")?;
        check_shape("t", t.shape(), &[None, Some(8), Some(4)], "[n, 8, 4]")?;
        check_shape("v", v.shape(), &[None, Some(4), Some(4), Some(4), Some(2)], "[n, 4, 4, 4, 2]")?;
        let x = x.as_standard_layout();
        let t = t.as_standard_layout();
        let v = v.as_standard_layout();
        self.linear(
            x.as_slice().unwrap_or_default(),
            t.as_slice().unwrap_or_default(),
            v.as_slice().unwrap_or_default(),
        )
    }

    /// [`Session::heads`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::heads`], and if an array has another shape.
    pub fn heads_from_arrays(
        &mut self,
        q: ArrayView<'_, f32, Ix4>,
        k: ArrayView<'_, f32, Ix4>,
    ) -> Result<HeadsOutputs<'_>, Error> {
        check_shape("q", q.shape(), &[None, Some(6), Some(4), Some(8)], "[n, 6, 4, 8]")?;
        check_shape("k", k.shape(), &[None, Some(5), Some(4), Some(8)], "[n, 5, 4, 8]")?;
        let q = q.as_standard_layout();
        let k = k.as_standard_layout();
        self.heads(q.as_slice().unwrap_or_default(), k.as_slice().unwrap_or_default())
    }

    /// [`Session::bands`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::bands`], and if an array has another shape.
    pub fn bands_from_arrays(&mut self, x: ArrayView<'_, f32, Ix4>) -> Result<BandsOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(66), Some(62), Some(5)], "[n, 66, 62, 5]")?;
        let x = x.as_standard_layout();
        self.bands(x.as_slice().unwrap_or_default())
    }

    /// [`Session::winograd`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::winograd`], and if an array has another shape.
    pub fn winograd_from_arrays(
        &mut self,
        x: ArrayView<'_, f32, Ix4>,
        y: ArrayView<'_, f32, Ix4>,
        s: ArrayView<'_, f32, Ix3>,
    ) -> Result<WinogradOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(28), Some(27), Some(16)], "[n, 28, 27, 16]")?;
        check_shape("y", y.shape(), &[None, Some(6), Some(6), Some(64)], "[n, 6, 6, 64]")?;
        check_shape("s", s.shape(), &[None, Some(200), Some(64)], "[n, 200, 64]")?;
        let x = x.as_standard_layout();
        let y = y.as_standard_layout();
        let s = s.as_standard_layout();
        self.winograd(
            x.as_slice().unwrap_or_default(),
            y.as_slice().unwrap_or_default(),
            s.as_slice().unwrap_or_default(),
        )
    }

    /// [`Session::packing`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::packing`], and if an array has another shape.
    pub fn packing_from_arrays(
        &mut self,
        x: ArrayView<'_, f32, Ix2>,
        w: ArrayView<'_, f32, Ix2>,
        b_2: ArrayView<'_, f32, Ix1>,
        r: ArrayView<'_, f32, Ix2>,
    ) -> Result<PackingOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(6)], "[n, 6]")?;
        check_shape("w", w.shape(), &[Some(6), Some(20)], "[6, 20]")?;
        check_shape("b_2", b_2.shape(), &[Some(20)], "[20]")?;
        check_shape("r", r.shape(), &[None, Some(20)], "[n, 20]")?;
        let x = x.as_standard_layout();
        let w = w.as_standard_layout();
        let b_2 = b_2.as_standard_layout();
        let r = r.as_standard_layout();
        self.packing(
            x.as_slice().unwrap_or_default(),
            w.as_slice().unwrap_or_default(),
            b_2.as_slice().unwrap_or_default(),
            r.as_slice().unwrap_or_default(),
        )
    }

    /// [`Session::reduction`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::reduction`], and if an array has another shape.
    pub fn reduction_from_arrays(
        &mut self,
        x: ArrayView<'_, f32, Ix4>,
        b_2: ArrayView<'_, u8, Ix2>,
        i: ArrayView<'_, i32, Ix2>,
    ) -> Result<ReductionOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(8), Some(8), Some(4)], "[n, 8, 8, 4]")?;
        check_shape("b_2", b_2.shape(), &[None, Some(4)], "[n, 4]")?;
        check_shape("i", i.shape(), &[None, Some(4)], "[n, 4]")?;
        let x = x.as_standard_layout();
        let b_2 = b_2.as_standard_layout();
        let i = i.as_standard_layout();
        self.reduction(
            x.as_slice().unwrap_or_default(),
            b_2.as_slice().unwrap_or_default(),
            i.as_slice().unwrap_or_default(),
        )
    }

    /// [`Session::movement`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::movement`], and if an array has another shape.
    pub fn movement_from_arrays(
        &mut self,
        x: ArrayView<'_, f32, Ix3>,
        i: ArrayView<'_, i32, Ix2>,
        j: ArrayView<'_, i64, Ix2>,
    ) -> Result<MovementOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(8), Some(4)], "[n, 8, 4]")?;
        check_shape("i", i.shape(), &[None, Some(3)], "[n, 3]")?;
        check_shape("j", j.shape(), &[None, Some(3)], "[n, 3]")?;
        let x = x.as_standard_layout();
        let i = i.as_standard_layout();
        let j = j.as_standard_layout();
        self.movement(
            x.as_slice().unwrap_or_default(),
            i.as_slice().unwrap_or_default(),
            j.as_slice().unwrap_or_default(),
        )
    }

    /// [`Session::gradient`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::gradient`], and if an array has another shape.
    pub fn gradient_from_arrays(
        &mut self,
        x: ArrayView<'_, f32, Ix4>,
        y: ArrayView<'_, f32, Ix4>,
        v: ArrayView<'_, f32, Ix5>,
        p: ArrayView<'_, f32, Ix4>,
        i: ArrayView<'_, i32, Ix2>,
        j: ArrayView<'_, i64, Ix2>,
    ) -> Result<GradientOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(8), Some(8), Some(4)], "[n, 8, 8, 4]")?;
        check_shape("y", y.shape(), &[None, Some(4), Some(4), Some(8)], "[n, 4, 4, 8]")?;
        check_shape("v", v.shape(), &[None, Some(4), Some(4), Some(4), Some(2)], "[n, 4, 4, 4, 2]")?;
        check_shape("p", p.shape(), &[None, Some(4), Some(4), Some(4)], "[n, 4, 4, 4]")?;
        check_shape("i", i.shape(), &[None, Some(8)], "[n, 8]")?;
        check_shape("j", j.shape(), &[None, Some(8)], "[n, 8]")?;
        let x = x.as_standard_layout();
        let y = y.as_standard_layout();
        let v = v.as_standard_layout();
        let p = p.as_standard_layout();
        let i = i.as_standard_layout();
        let j = j.as_standard_layout();
        self.gradient(
            x.as_slice().unwrap_or_default(),
            y.as_slice().unwrap_or_default(),
            v.as_slice().unwrap_or_default(),
            p.as_slice().unwrap_or_default(),
            i.as_slice().unwrap_or_default(),
            j.as_slice().unwrap_or_default(),
        )
    }

    /// [`Session::volume`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::volume`], and if an array has another shape.
    pub fn volume_from_arrays(&mut self, v: ArrayView<'_, f32, Ix5>) -> Result<VolumeOutputs<'_>, Error> {
        check_shape("v", v.shape(), &[None, Some(4), Some(5), Some(6), Some(7)], "[n, 4, 5, 6, 7]")?;
        let v = v.as_standard_layout();
        self.volume(v.as_slice().unwrap_or_default())
    }

    /// [`Session::dynamic`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::dynamic`], and if an array has another shape.
    #[expect(clippy::too_many_arguments, reason = "one for each input of the signature")]
    pub fn dynamic_from_arrays(
        &mut self,
        x: ArrayView<'_, f32, Ix4>,
        t: ArrayView<'_, f32, Ix3>,
        v: ArrayView<'_, f32, Ix5>,
        f1: ArrayView<'_, f32, Ix3>,
        f2: ArrayView<'_, f32, Ix4>,
        f3: ArrayView<'_, f32, Ix5>,
        b_2: ArrayView<'_, f32, Ix1>,
    ) -> Result<DynamicOutputs<'_>, Error> {
        check_shape("x", x.shape(), &[None, Some(8), Some(8), Some(4)], "[n, 8, 8, 4]")?;
        check_shape("t", t.shape(), &[None, Some(8), Some(4)], "[n, 8, 4]")?;
        check_shape("v", v.shape(), &[None, Some(4), Some(4), Some(4), Some(2)], "[n, 4, 4, 4, 2]")?;
        check_shape("f1", f1.shape(), &[Some(3), Some(4), Some(8)], "[3, 4, 8]")?;
        check_shape("f2", f2.shape(), &[Some(3), Some(3), Some(4), Some(8)], "[3, 3, 4, 8]")?;
        check_shape("f3", f3.shape(), &[Some(3), Some(3), Some(3), Some(1), Some(8)], "[3, 3, 3, 1, 8]")?;
        check_shape("b_2", b_2.shape(), &[Some(8)], "[8]")?;
        let x = x.as_standard_layout();
        let t = t.as_standard_layout();
        let v = v.as_standard_layout();
        let f1 = f1.as_standard_layout();
        let f2 = f2.as_standard_layout();
        let f3 = f3.as_standard_layout();
        let b_2 = b_2.as_standard_layout();
        self.dynamic(
            x.as_slice().unwrap_or_default(),
            t.as_slice().unwrap_or_default(),
            v.as_slice().unwrap_or_default(),
            f1.as_slice().unwrap_or_default(),
            f2.as_slice().unwrap_or_default(),
            f3.as_slice().unwrap_or_default(),
            b_2.as_slice().unwrap_or_default(),
        )
    }

    /// [`Session::random`] for arrays. What is not in row-major order is copied first.
    ///
    /// # Errors
    /// As [`Session::random`], and if an array has another shape.
    pub fn random_from_arrays(
        &mut self,
        s: ArrayView<'_, i64, Ix1>,
        x: ArrayView<'_, f32, Ix2>,
    ) -> Result<RandomOutputs<'_>, Error> {
        check_shape("s", s.shape(), &[Some(2)], "[2]")?;
        check_shape("x", x.shape(), &[None, Some(4)], "[n, 4]")?;
        let s = s.as_standard_layout();
        let x = x.as_standard_layout();
        self.random(s.as_slice().unwrap_or_default(), x.as_slice().unwrap_or_default())
    }
}

impl<'session> LinearOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix5> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }

    /// `out2` as an array.
    #[must_use]
    pub fn out2_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out2_shape, self.out2).expect("a shape has as many elements as its slice")
    }

    /// `out3` as an array.
    #[must_use]
    pub fn out3_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out3_shape, self.out3).expect("a shape has as many elements as its slice")
    }

    /// `out4` as an array.
    #[must_use]
    pub fn out4_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out4_shape, self.out4).expect("a shape has as many elements as its slice")
    }

    /// `out5` as an array.
    #[must_use]
    pub fn out5_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out5_shape, self.out5).expect("a shape has as many elements as its slice")
    }

    /// `out6` as an array.
    #[must_use]
    pub fn out6_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out6_shape, self.out6).expect("a shape has as many elements as its slice")
    }
}

impl<'session> HeadsOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }
}

impl<'session> BandsOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }
}

impl<'session> WinogradOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }

    /// `out2` as an array.
    #[must_use]
    pub fn out2_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out2_shape, self.out2).expect("a shape has as many elements as its slice")
    }

    /// `out3` as an array.
    #[must_use]
    pub fn out3_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out3_shape, self.out3).expect("a shape has as many elements as its slice")
    }
}

impl<'session> PackingOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }

    /// `out2` as an array.
    #[must_use]
    pub fn out2_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out2_shape, self.out2).expect("a shape has as many elements as its slice")
    }
}

impl<'session> ReductionOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }

    /// `out2` as an array.
    #[must_use]
    pub fn out2_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out2_shape, self.out2).expect("a shape has as many elements as its slice")
    }

    /// `out3` as an array.
    #[must_use]
    pub fn out3_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out3_shape, self.out3).expect("a shape has as many elements as its slice")
    }

    /// `out4` as an array.
    #[must_use]
    pub fn out4_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out4_shape, self.out4).expect("a shape has as many elements as its slice")
    }

    /// `out5` as an array.
    #[must_use]
    pub fn out5_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out5_shape, self.out5).expect("a shape has as many elements as its slice")
    }

    /// `out6` as an array.
    #[must_use]
    pub fn out6_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out6_shape, self.out6).expect("a shape has as many elements as its slice")
    }

    /// `out7` as an array.
    #[must_use]
    pub fn out7_array(&self) -> ArrayView<'session, u8, Ix1> {
        ArrayView::from_shape(self.out7_shape, self.out7).expect("a shape has as many elements as its slice")
    }

    /// `out8` as an array.
    #[must_use]
    pub fn out8_array(&self) -> ArrayView<'session, u8, Ix1> {
        ArrayView::from_shape(self.out8_shape, self.out8).expect("a shape has as many elements as its slice")
    }

    /// `out9` as an array.
    #[must_use]
    pub fn out9_array(&self) -> ArrayView<'session, i64, Ix3> {
        ArrayView::from_shape(self.out9_shape, self.out9).expect("a shape has as many elements as its slice")
    }

    /// `out10` as an array.
    #[must_use]
    pub fn out10_array(&self) -> ArrayView<'session, i32, Ix3> {
        ArrayView::from_shape(self.out10_shape, self.out10).expect("a shape has as many elements as its slice")
    }

    /// `out11` as an array.
    #[must_use]
    pub fn out11_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out11_shape, self.out11).expect("a shape has as many elements as its slice")
    }

    /// `out12` as an array.
    #[must_use]
    pub fn out12_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out12_shape, self.out12).expect("a shape has as many elements as its slice")
    }

    /// `out13` as an array.
    #[must_use]
    pub fn out13_array(&self) -> ArrayView<'session, i32, Ix1> {
        ArrayView::from_shape(self.out13_shape, self.out13).expect("a shape has as many elements as its slice")
    }

    /// `out14` as an array.
    #[must_use]
    pub fn out14_array(&self) -> ArrayView<'session, i32, Ix1> {
        ArrayView::from_shape(self.out14_shape, self.out14).expect("a shape has as many elements as its slice")
    }

    /// `out15` as an array.
    #[must_use]
    pub fn out15_array(&self) -> ArrayView<'session, i32, Ix1> {
        ArrayView::from_shape(self.out15_shape, self.out15).expect("a shape has as many elements as its slice")
    }

    /// `out16` as an array.
    #[must_use]
    pub fn out16_array(&self) -> ArrayView<'session, i32, Ix1> {
        ArrayView::from_shape(self.out16_shape, self.out16).expect("a shape has as many elements as its slice")
    }
}

impl<'session> MovementOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }

    /// `out2` as an array.
    #[must_use]
    pub fn out2_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out2_shape, self.out2).expect("a shape has as many elements as its slice")
    }

    /// `out3` as an array.
    #[must_use]
    pub fn out3_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out3_shape, self.out3).expect("a shape has as many elements as its slice")
    }

    /// `out4` as an array.
    #[must_use]
    pub fn out4_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out4_shape, self.out4).expect("a shape has as many elements as its slice")
    }

    /// `out5` as an array.
    #[must_use]
    pub fn out5_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out5_shape, self.out5).expect("a shape has as many elements as its slice")
    }

    /// `out6` as an array.
    #[must_use]
    pub fn out6_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out6_shape, self.out6).expect("a shape has as many elements as its slice")
    }

    /// `out7` as an array.
    #[must_use]
    pub fn out7_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out7_shape, self.out7).expect("a shape has as many elements as its slice")
    }

    /// `out8` as an array.
    #[must_use]
    pub fn out8_array(&self) -> ArrayView<'session, i64, Ix2> {
        ArrayView::from_shape(self.out8_shape, self.out8).expect("a shape has as many elements as its slice")
    }

    /// `out9` as an array.
    #[must_use]
    pub fn out9_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out9_shape, self.out9).expect("a shape has as many elements as its slice")
    }

    /// `out10` as an array.
    #[must_use]
    pub fn out10_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out10_shape, self.out10).expect("a shape has as many elements as its slice")
    }
}

impl<'session> GradientOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix5> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }

    /// `out2` as an array.
    #[must_use]
    pub fn out2_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out2_shape, self.out2).expect("a shape has as many elements as its slice")
    }

    /// `out3` as an array.
    #[must_use]
    pub fn out3_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out3_shape, self.out3).expect("a shape has as many elements as its slice")
    }

    /// `out4` as an array.
    #[must_use]
    pub fn out4_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out4_shape, self.out4).expect("a shape has as many elements as its slice")
    }

    /// `out5` as an array.
    #[must_use]
    pub fn out5_array(&self) -> ArrayView<'session, i64, Ix1> {
        ArrayView::from_shape(self.out5_shape, self.out5).expect("a shape has as many elements as its slice")
    }
}

impl<'session> VolumeOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix5> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix5> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }
}

impl<'session> DynamicOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, f32, Ix3> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, f32, Ix4> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }

    /// `out2` as an array.
    #[must_use]
    pub fn out2_array(&self) -> ArrayView<'session, f32, Ix5> {
        ArrayView::from_shape(self.out2_shape, self.out2).expect("a shape has as many elements as its slice")
    }
}

impl<'session> RandomOutputs<'session> {
    /// `out0` as an array.
    #[must_use]
    pub fn out0_array(&self) -> ArrayView<'session, u64, Ix1> {
        ArrayView::from_shape(self.out0_shape, self.out0).expect("a shape has as many elements as its slice")
    }

    /// `out1` as an array.
    #[must_use]
    pub fn out1_array(&self) -> ArrayView<'session, u32, Ix2> {
        ArrayView::from_shape(self.out1_shape, self.out1).expect("a shape has as many elements as its slice")
    }

    /// `out2` as an array.
    #[must_use]
    pub fn out2_array(&self) -> ArrayView<'session, u64, Ix2> {
        ArrayView::from_shape(self.out2_shape, self.out2).expect("a shape has as many elements as its slice")
    }

    /// `out3` as an array.
    #[must_use]
    pub fn out3_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out3_shape, self.out3).expect("a shape has as many elements as its slice")
    }

    /// `out4` as an array.
    #[must_use]
    pub fn out4_array(&self) -> ArrayView<'session, f64, Ix2> {
        ArrayView::from_shape(self.out4_shape, self.out4).expect("a shape has as many elements as its slice")
    }

    /// `out5` as an array.
    #[must_use]
    pub fn out5_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out5_shape, self.out5).expect("a shape has as many elements as its slice")
    }

    /// `out6` as an array.
    #[must_use]
    pub fn out6_array(&self) -> ArrayView<'session, f64, Ix2> {
        ArrayView::from_shape(self.out6_shape, self.out6).expect("a shape has as many elements as its slice")
    }

    /// `out7` as an array.
    #[must_use]
    pub fn out7_array(&self) -> ArrayView<'session, f32, Ix2> {
        ArrayView::from_shape(self.out7_shape, self.out7).expect("a shape has as many elements as its slice")
    }

    /// `out8` as an array.
    #[must_use]
    pub fn out8_array(&self) -> ArrayView<'session, f64, Ix2> {
        ArrayView::from_shape(self.out8_shape, self.out8).expect("a shape has as many elements as its slice")
    }
}

/// `None` is a dimension of any length.
fn check_shape(
    name: &'static str,
    got: &[usize],
    known: &[Option<usize>],
    expected: &'static str,
) -> Result<(), Error> {
    let fits = |(&got, known): (&usize, &Option<usize>)| known.is_none_or(|known| got == known);
    if got.len() == known.len() && got.iter().zip(known).all(fits) {
        Ok(())
    } else {
        Err(Error::WrongShape { name, expected, got: got.to_vec() })
    }
}
