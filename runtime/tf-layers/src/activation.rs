//! Activation functions that a matmul or a convolution applies to its result.

use crate::kernels::block::Block;
use crate::math;
use crate::simd::{Simd, WithSimd, dispatch};

/// A function of one number, named as in TensorFlow and Keras.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// `x`.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` above zero, else `alpha * x`.
    LeakyRelu(f32),
    /// `x` above zero, else `alpha * (exp(x) - 1)`.
    Elu(f32),
    /// `scale * elu(x, alpha)` with the constants of Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    Selu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `relu6(x + 3) / 6`, as in Keras 3.
    HardSigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `x * sigmoid(x)`, also called SiLU.
    Swish,
    /// `x * relu6(x + 3) / 6`, also called hard SiLU.
    HardSwish,
    /// `x * (1 + erf(x / √2)) / 2`.
    Gelu,
    /// `x * (1 + tanh(√(2/π) * (x + 0.044715 x³))) / 2`.
    GeluTanh,
    /// `log(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `exp(x)`.
    Exp,
}

const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;

#[inline(always)]
fn relu6<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.min(s.splat(6.0), s.max(s.zero(), x))
}

#[inline(always)]
fn hard_sigmoid<S: Simd>(s: S, x: S::F32) -> S::F32 {
    relu6(s, x + s.splat(3.0)) * s.splat(1.0 / 6.0)
}

#[inline(always)]
pub(crate) fn hard_swish<S: Simd>(s: S, x: S::F32) -> S::F32 {
    x * hard_sigmoid(s, x)
}

#[inline(always)]
fn elu<S: Simd>(s: S, x: S::F32, alpha: f32) -> S::F32 {
    s.select(s.less(x, s.zero()), s.splat(alpha) * math::expm1(s, x), x)
}

/// `min(high, max(low, x))`, then hard swish or the rest, if they are asked for.
#[derive(Clone, Copy)]
pub(crate) struct InRegisters {
    pub low: f32,
    pub high: f32,
    pub hard_swish: bool,
    /// Whether the function is another one, which is applied to what was stored.
    pub rest: bool,
}

impl Activation {
    /// What a kernel computes of the function while its sums are in registers.
    pub(crate) const fn in_registers(self) -> InRegisters {
        let (low, high) = match self {
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Relu6 => (0.0, 6.0),
            _ => (f32::NEG_INFINITY, f32::INFINITY),
        };
        let hard_swish = matches!(self, Activation::HardSwish);
        let bounds = matches!(
            self,
            Activation::None | Activation::Relu | Activation::Relu6
        );
        InRegisters {
            low,
            high,
            hard_swish,
            rest: !bounds && !hard_swish,
        }
    }

    /// Applies the function to every element.
    pub fn apply(self, x: &mut [f32]) {
        self.apply_block(Block::row(x));
    }

    /// Applies the function to every element of every row.
    pub(crate) fn apply_block(self, block: Block) {
        dispatch(Apply(self, block));
    }
}

struct Apply<'a>(Activation, Block<'a>);

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let Self(activation, block) = self;
        /// A loop of its own for each function.
        macro_rules! map {
            (|$x:ident| $function:expr) => {
                block.map(
                    s,
                    #[inline(always)]
                    |$x| $function,
                )
            };
        }
        match activation {
            Activation::None => {}
            Activation::Relu => map!(|x| s.max(s.zero(), x)),
            Activation::Relu6 => map!(|x| relu6(s, x)),
            Activation::LeakyRelu(alpha) => {
                map!(|x| s.select(s.less(x, s.zero()), x * s.splat(alpha), x))
            }
            Activation::Elu(alpha) => map!(|x| elu(s, x, alpha)),
            Activation::Selu => map!(|x| s.splat(SELU_SCALE) * elu(s, x, SELU_ALPHA)),
            Activation::Sigmoid => map!(|x| math::sigmoid(s, x)),
            Activation::HardSigmoid => map!(|x| hard_sigmoid(s, x)),
            Activation::Tanh => map!(|x| math::tanh(s, x)),
            Activation::Swish => map!(|x| math::swish(s, x)),
            Activation::HardSwish => map!(|x| hard_swish(s, x)),
            Activation::Gelu => map!(|x| math::gelu(s, x)),
            Activation::GeluTanh => map!(|x| math::gelu_tanh(s, x)),
            Activation::Softplus => map!(|x| math::softplus(s, x)),
            Activation::Softsign => map!(|x| x / (s.splat(1.0) + s.abs(x))),
            Activation::Exp => map!(|x| math::exp(s, x)),
        }
    }
}
