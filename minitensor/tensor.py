"""The face: every name a Tensor answers to, one line each.

The class is a table of contents: a method is an operation bound in the class body, so it costs no frame and editors find it.
What an operation does stands in ``ops/``; what a tensor *is*, in ``base.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd import face as graph
from minitensor.base import TensorBase
from minitensor.ops import aliasing, creation, face, pointwise, reduce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minitensor.autograd.node import Node


class Tensor(TensorBase):
    """A multi-dimensional array with strides, a storage, and a history to differentiate."""

    __slots__ = ()

    _refresh = aliasing.refresh
    _receive = aliasing.receive
    _written_by = aliasing.written_by

    def __init__(self, *data: Any) -> None:
        made = creation.legacy(*data)
        self._storage, self._layout = made.storage, made.layout
        self._node = self._base = None

    new_tensor, new_zeros, new_ones = creation.new_tensor, creation.new_zeros, creation.new_ones
    new_full, new_empty = creation.new_full, creation.new_empty

    __repr__ = face.text
    __deepcopy__ = face.deepcopy
    __reduce_ex__ = face.reduce
    __array_priority__ = 1000  # NumPy leaves `array + tensor` to the tensor

    # -- pointwise (ops/pointwise.py) --------------------------------------------------------------------------------

    add, add_ = pointwise.add, pointwise.add_
    sub, sub_ = pointwise.sub, pointwise.sub_
    mul, mul_ = pointwise.mul, pointwise.mul_
    div, div_ = pointwise.div, pointwise.div_
    floor_divide, floor_divide_ = pointwise.floor_divide, pointwise.floor_divide_
    remainder, remainder_ = pointwise.remainder, pointwise.remainder_
    fmod, fmod_ = pointwise.fmod, pointwise.fmod_
    pow, pow_ = pointwise.pow, pointwise.pow_
    subtract, multiply, divide, true_divide = sub, mul, div, div
    neg, neg_ = pointwise.neg, pointwise.neg_
    negative, positive = neg, pointwise.positive
    reciprocal, reciprocal_ = pointwise.reciprocal, pointwise.reciprocal_
    square, square_ = pointwise.square, pointwise.square_
    sqrt, sqrt_ = pointwise.sqrt, pointwise.sqrt_
    rsqrt, rsqrt_ = pointwise.rsqrt, pointwise.rsqrt_
    exp, exp_ = pointwise.exp, pointwise.exp_
    exp2, exp2_ = pointwise.exp2, pointwise.exp2_
    expm1, expm1_ = pointwise.expm1, pointwise.expm1_
    log, log_ = pointwise.log, pointwise.log_
    log2, log2_ = pointwise.log2, pointwise.log2_
    log10, log10_ = pointwise.log10, pointwise.log10_
    log1p, log1p_ = pointwise.log1p, pointwise.log1p_
    sin, sin_ = pointwise.sin, pointwise.sin_
    cos, cos_ = pointwise.cos, pointwise.cos_
    tan, tan_ = pointwise.tan, pointwise.tan_
    asin, asin_ = pointwise.asin, pointwise.asin_
    acos, acos_ = pointwise.acos, pointwise.acos_
    atan, atan_ = pointwise.atan, pointwise.atan_
    atan2 = pointwise.atan2
    sinh, sinh_ = pointwise.sinh, pointwise.sinh_
    cosh, cosh_ = pointwise.cosh, pointwise.cosh_
    tanh, tanh_ = pointwise.tanh, pointwise.tanh_
    asinh, acosh, atanh = pointwise.asinh, pointwise.acosh, pointwise.atanh
    abs, abs_ = pointwise.abs, pointwise.abs_
    absolute = abs
    sign, sign_ = pointwise.sign, pointwise.sign_
    sgn = pointwise.sgn
    floor, floor_ = pointwise.floor, pointwise.floor_
    ceil, ceil_ = pointwise.ceil, pointwise.ceil_
    trunc, trunc_ = pointwise.trunc, pointwise.trunc_
    round, round_ = pointwise.round, pointwise.round_
    frac = pointwise.frac
    maximum, minimum = pointwise.maximum, pointwise.minimum
    clamp, clamp_ = pointwise.clamp, pointwise.clamp_
    clip, clip_ = clamp, clamp_
    clamp_min, clamp_max = pointwise.clamp_min, pointwise.clamp_max
    lerp, addcmul, addcdiv = pointwise.lerp, pointwise.addcmul, pointwise.addcdiv
    logaddexp, hypot = pointwise.logaddexp, pointwise.hypot
    sigmoid, sigmoid_ = pointwise.sigmoid, pointwise.sigmoid_
    nan_to_num, nan_to_num_ = pointwise.nan_to_num, pointwise.nan_to_num_
    conj = pointwise.conj

    __add__ = __radd__ = pointwise._add
    __iadd__ = pointwise._add_
    __sub__ = pointwise._sub
    __isub__ = pointwise._sub_
    __mul__ = __rmul__ = pointwise.mul
    __imul__ = pointwise.mul_
    __truediv__ = pointwise._div
    __itruediv__ = pointwise._div_
    __floordiv__ = pointwise.floor_divide
    __ifloordiv__ = pointwise.floor_divide_
    __mod__ = pointwise.remainder
    __imod__ = pointwise.remainder_
    __pow__ = pointwise.pow
    __ipow__ = pointwise.pow_
    __neg__ = pointwise.neg
    __pos__ = pointwise.positive
    __abs__ = pointwise.abs

    def __rsub__(self, other: Any) -> Tensor:
        return pointwise._sub(other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return pointwise._div(other, self)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return pointwise.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Tensor:
        return pointwise.remainder(other, self)

    def __rpow__(self, other: Any) -> Tensor:
        return pointwise.pow(other, self)

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """Return ``self`` where ``condition`` holds and ``other`` elsewhere."""
        return pointwise._where(condition, self, other)

    # -- compare (ops/compare.py) ------------------------------------------------------------------------------------

    # -- activation (ops/activation.py) ------------------------------------------------------------------------------

    # -- reduce (ops/reduce.py) --------------------------------------------------------------------------------------

    sum = reduce.sum

    # -- sort, cumulative (ops/sort.py, ops/cumulative.py) -----------------------------------------------------------

    # -- matmul (ops/matmul.py) --------------------------------------------------------------------------------------

    # -- shape and views (ops/shape.py) ------------------------------------------------------------------------------

    # -- join and split (ops/join.py) --------------------------------------------------------------------------------

    # -- index (ops/index.py) ----------------------------------------------------------------------------------------

    # -- cast, copy (ops/cast.py) ------------------------------------------------------------------------------------

    # -- random (ops/random.py) --------------------------------------------------------------------------------------

    # -- graph (autograd/face.py) ------------------------------------------------------------------------------------

    backward = graph.backward
    requires_grad = property(graph.requires_grad, graph.set_requires_grad)
    requires_grad_ = graph.requires_grad_
    grad = property(graph.grad, graph.set_grad, graph.del_grad)
    grad_fn = property(graph.grad_fn)
    is_leaf = property(graph.is_leaf)
    output_nr = property(graph.output_nr)
    retain_grad, retains_grad = graph.retain_grad, property(graph.retains_grad)
    register_hook = graph.register_hook
    register_post_accumulate_grad_hook = graph.register_post_accumulate_grad_hook
    detach_ = graph.detach_
