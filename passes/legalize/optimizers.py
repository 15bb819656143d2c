"""Fused updates of variables by optimizers, as reads, arithmetic and assignments.

Old files and `tf_keras.optimizers.legacy` have them; the optimizers of Keras 3 are written out. The
equations are those of TensorFlow's training_ops.cc. Sparse updates have the same for the rows that
occur: see `unique.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature

from tfrc.ir import nn
from tfrc.ir.shape import element_of
from tfrc.ir.tf import NodeOp
from tfrc.passes.legalize.state import handle_of
from tfrc.passes.legalize.table import LEGALIZATIONS, Builder, Refusal, Results
from tfrc.passes.legalize.terms import Term, absolute, maximum, rsqrt, sign, sqrt
from tfrc.passes.legalize.unique import UPDATES, Operands, update

Update = Callable[..., Sequence[Term]]
"""From the builder, the values of the variables and the operands to the variables' new values."""


def updates(op: str, variables: int, *, sparse: bool = True) -> Callable[[Update], Update]:
    """Register the equations of an op whose first operands are that many variables.

    With `sparse`, they are those of the sparse op as well, whose `indices` stand behind `grad`.
    """

    def register(function: Update) -> Update:
        def dense(node: NodeOp, b: Builder) -> Results:
            return _apply(function, variables, node, b, None)

        dense.__doc__ = function.__doc__
        LEGALIZATIONS[op] = dense
        if sparse:
            # The first parameter is the builder.
            gradient = list(signature(function).parameters).index("grad") - 1
            operands = Operands(indices=gradient + 1, rows=gradient)

            def of_rows(node: NodeOp, b: Builder) -> Results:
                return _apply(function, variables, node, b, operands)

            of_rows.__doc__ = f"As {op}, in the rows that occur."
            name = op.replace("ResourceApply", "ResourceSparseApply")
            LEGALIZATIONS[name], UPDATES[name] = of_rows, operands
        return function

    return register


def _apply(
    function: Update, variables: int, node: NodeOp, b: Builder, sparse: Operands | None
) -> Results:
    handles = [handle_of(node, i) for i in range(variables)]
    before = [b.variables.read(handle) for handle in handles]
    others = [i for i in range(variables, len(node.inputs)) if not sparse or i != sparse.indices]
    if sparse and node.inputs[sparse.indices] not in b.variables.seen:
        raise Refusal(
            "its indices may repeat, and TensorFlow updates a row once for each: add up what "
            "belongs to one row first (tf.unique, tf.math.unsorted_segment_sum), as Keras does"
        )
    values = [*before, *(b.tensor(i) for i in others)]
    after = [term.value for term in function(b, *(Term(b, value) for value in values))]
    for handle, old, new in zip(handles, before, after, strict=True):
        if new is not old:
            b.variables.assign(handle, update(b, old, new) if sparse else new)
    return []


@updates("ResourceApplyGradientDescent", 1, sparse=False)
def gradient_descent(b: Builder, var: Term, alpha: Term, delta: Term) -> list[Term]:
    """`var -= alpha · delta`."""
    return [var - delta * alpha]


@updates("ResourceApplyMomentum", 2)
def momentum(
    b: Builder, var: Term, accum: Term, lr: Term, grad: Term, momentum: Term
) -> list[Term]:
    """`accum = accum · momentum + grad; var -= lr · accum`, or Nesterov's form."""
    accum = accum * momentum + grad
    if b.get_flag("use_nesterov"):
        return [var - (grad * lr + accum * momentum * lr), accum]
    return [var - accum * lr, accum]


@updates("ResourceApplyKerasMomentum", 2)
def keras_momentum(
    b: Builder, var: Term, accum: Term, lr: Term, grad: Term, momentum: Term
) -> list[Term]:
    """`accum = accum · momentum - lr · grad; var += accum`, or Nesterov's form."""
    accum = accum * momentum - grad * lr
    if b.get_flag("use_nesterov"):
        return [var + (accum * momentum - grad * lr), accum]
    return [var + accum, accum]


def _adam_moments(m: Term, v: Term, beta1: Term, beta2: Term, grad: Term) -> tuple[Term, Term]:
    return m + (grad - m) * (1 - beta1), v + (grad * grad - v) * (1 - beta2)


@updates("ResourceApplyAdam", 3, sparse=False)
def adam(
    b: Builder,
    var: Term,
    m: Term,
    v: Term,
    beta1_power: Term,
    beta2_power: Term,
    lr: Term,
    beta1: Term,
    beta2: Term,
    epsilon: Term,
    grad: Term,
) -> list[Term]:
    """`var -= alpha · m / (√v + epsilon)` with the moments m and v (Kingma and Ba)."""
    alpha = lr * sqrt(1 - beta2_power) / (1 - beta1_power)
    m, v = _adam_moments(m, v, beta1, beta2, grad)
    step = grad * (1 - beta1) + m * beta1 if b.get_flag("use_nesterov") else m
    return [var - step * alpha / (sqrt(v) + epsilon), m, v]


@updates("ResourceApplyAdamWithAmsgrad", 4, sparse=False)
def adam_with_amsgrad(
    b: Builder,
    var: Term,
    m: Term,
    v: Term,
    vhat: Term,
    beta1_power: Term,
    beta2_power: Term,
    lr: Term,
    beta1: Term,
    beta2: Term,
    epsilon: Term,
    grad: Term,
) -> list[Term]:
    """Adam with the largest v so far (Reddi, Kale and Kumar)."""
    alpha = lr * sqrt(1 - beta2_power) / (1 - beta1_power)
    m, v = _adam_moments(m, v, beta1, beta2, grad)
    vhat = maximum(vhat, v)
    return [var - m * alpha / (sqrt(vhat) + epsilon), m, v, vhat]


@updates("ResourceApplyAdaMax", 3, sparse=False)
def ada_max(
    b: Builder,
    var: Term,
    m: Term,
    v: Term,
    beta1_power: Term,
    lr: Term,
    beta1: Term,
    beta2: Term,
    epsilon: Term,
    grad: Term,
) -> list[Term]:
    """Adam with the infinity norm: `v = max(beta2 · v, |grad|)`."""
    m = m + (grad - m) * (1 - beta1)
    v = maximum(v * beta2, absolute(grad))
    return [var - m / (v + epsilon) * (lr / (1 - beta1_power)), m, v]


@updates("ResourceApplyAdagrad", 2)
def adagrad(b: Builder, var: Term, accum: Term, lr: Term, grad: Term) -> list[Term]:
    """`accum += grad²; var -= lr · grad / √accum`."""
    accum = accum + grad * grad if b.get_flag("update_slots", True) else accum
    return [var - grad * lr * rsqrt(accum), accum]


@updates("ResourceApplyAdagradV2", 2)
def adagrad_v2(
    b: Builder, var: Term, accum: Term, lr: Term, epsilon: Term, grad: Term
) -> list[Term]:
    """`accum += grad²; var -= lr · grad / (√accum + epsilon)`."""
    accum = accum + grad * grad if b.get_flag("update_slots", True) else accum
    return [var - grad * lr / (sqrt(accum) + epsilon), accum]


@updates("ResourceApplyAdadelta", 3)
def adadelta(
    b: Builder,
    var: Term,
    accum: Term,
    accum_update: Term,
    lr: Term,
    rho: Term,
    epsilon: Term,
    grad: Term,
) -> list[Term]:
    """Zeiler's Adadelta: the step has the magnitude of earlier steps."""
    accum = accum * rho + grad * grad * (1 - rho)
    update = sqrt(accum_update + epsilon) * rsqrt(accum + epsilon) * grad
    accum_update = accum_update * rho + update * update * (1 - rho)
    return [var - update * lr, accum, accum_update]


@updates("ResourceApplyRMSProp", 3)
def rms_prop(
    b: Builder,
    var: Term,
    ms: Term,
    mom: Term,
    lr: Term,
    rho: Term,
    momentum: Term,
    epsilon: Term,
    grad: Term,
) -> list[Term]:
    """`ms += (grad² - ms)(1 - rho); mom = momentum · mom + lr · grad / √(ms + epsilon)`."""
    ms = ms + (grad * grad - ms) * (1 - rho)
    mom = mom * momentum + grad * lr / sqrt(ms + epsilon)
    return [var - mom, ms, mom]


@updates("ResourceApplyCenteredRMSProp", 4)
def centered_rms_prop(
    b: Builder,
    var: Term,
    mg: Term,
    ms: Term,
    mom: Term,
    lr: Term,
    rho: Term,
    momentum: Term,
    epsilon: Term,
    grad: Term,
) -> list[Term]:
    """RMSProp with the variance of the gradient, `ms - mg²`."""
    ms = ms + (grad * grad - ms) * (1 - rho)
    mg = mg + (grad - mg) * (1 - rho)
    mom = mom * momentum + grad * lr / sqrt(ms - mg * mg + epsilon)
    return [var - mom, mg, ms, mom]


def _ftrl(
    b: Builder,
    state: tuple[Term, Term, Term],
    grad: Term,
    with_shrinkage: Term,
    lr: Term,
    l1: Term,
    l2: Term,
    lr_power: Term,
) -> list[Term]:
    var, accum, linear = state
    new_accum = accum + grad * grad
    old_root, root = accum ** (-lr_power), new_accum ** (-lr_power)
    if b.get_flag("multiply_linear_by_lr"):
        linear = linear + (with_shrinkage * lr - (root - old_root) * var)
        l1, quadratic = l1 * lr, root + l2 * lr * 2.0
    else:
        linear = linear + (with_shrinkage - (root - old_root) / lr * var)
        quadratic = root / lr + l2 * 2.0
    solved = (sign(linear) * l1 - linear) / quadratic
    beyond = b.insert(nn.GreaterOp(absolute(linear).value, l1.value)).result
    zero = b.scalar(0, element_of(var.value))
    chosen = var.result(nn.SelectOp(beyond, solved.value, zero))
    return [chosen, new_accum, linear]


@updates("ResourceApplyFtrl", 3)
def ftrl(
    b: Builder,
    var: Term,
    accum: Term,
    linear: Term,
    grad: Term,
    lr: Term,
    l1: Term,
    l2: Term,
    lr_power: Term,
) -> list[Term]:
    """FTRL-Proximal (McMahan and others)."""
    return _ftrl(b, (var, accum, linear), grad, grad, lr, l1, l2, lr_power)


@updates("ResourceApplyFtrlV2", 3)
def ftrl_v2(
    b: Builder,
    var: Term,
    accum: Term,
    linear: Term,
    grad: Term,
    lr: Term,
    l1: Term,
    l2: Term,
    l2_shrinkage: Term,
    lr_power: Term,
) -> list[Term]:
    """FTRL-Proximal with `grad + 2 · l2_shrinkage · var` in the linear part."""
    shrunk = grad + var * l2_shrinkage * 2.0
    return _ftrl(b, (var, accum, linear), grad, shrunk, lr, l1, l2, lr_power)


def _proximal(point: Term, step: Term, l1: Term, l2: Term) -> Term:
    """What `point` becomes by the two penalties in a step of this size (Duchi and Singer)."""
    shrunk = absolute(point) - step * l1
    zero = Term(point.b, point.of(0.0))
    return sign(point) * maximum(shrunk, zero) / (step * l2 + 1.0)


@updates("ResourceApplyProximalGradientDescent", 1)
def proximal_gradient_descent(
    b: Builder, var: Term, alpha: Term, l1: Term, l2: Term, grad: Term
) -> list[Term]:
    """`var -= alpha · grad`, then the penalties l1 and l2."""
    return [_proximal(var - grad * alpha, alpha, l1, l2)]


@updates("ResourceApplyProximalAdagrad", 2)
def proximal_adagrad(
    b: Builder, var: Term, accum: Term, lr: Term, l1: Term, l2: Term, grad: Term
) -> list[Term]:
    """`accum += grad²`, a step of `lr / √accum`, then the penalties l1 and l2."""
    accum = accum + grad * grad
    step = rsqrt(accum) * lr
    return [_proximal(var - grad * step, step, l1, l2), accum]


@updates("ResourceApplyAdagradDA", 3)
def adagrad_da(
    b: Builder,
    var: Term,
    gradient_accumulator: Term,
    gradient_squared_accumulator: Term,
    grad: Term,
    lr: Term,
    l1: Term,
    l2: Term,
    global_step: Term,
) -> list[Term]:
    """Dual averaging: the variable follows from the sums of gradients and of their squares."""
    step = Term(b, b.cast(global_step.value, element_of(var.value)))
    total = gradient_accumulator + grad
    squares = gradient_squared_accumulator + grad * grad
    zero = Term(b, var.of(0.0))
    beyond = sign(total) * maximum(absolute(total) - l1 * step, zero)
    return [-(beyond * lr) / (sqrt(squares) + l2 * step * lr), total, squares]
