"""The face: every name a Tensor answers to, one line each.

The class is a table of contents: a method is an operation bound in the class body, so it costs no frame and editors
find it. What an operation does stands in ``ops/``; what a tensor *is*, in ``base.py``.
"""

from __future__ import annotations

from typing import Any

from minitensor.autograd import face as graph
from minitensor.base import TensorBase
from minitensor.ops import (
    activation,
    aliasing,
    cast,
    compare,
    creation,
    cumulative,
    face,
    index,
    join,
    pointwise,
    random,
    reduce,
    shape,
    special,
)
from minitensor.ops import matmul as products
from minitensor.ops import sort as sorting


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
    __pow__ = pointwise._pow
    __ipow__ = pointwise._pow_
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
        return pointwise._pow(other, self)

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """Return ``self`` where ``condition`` holds and ``other`` elsewhere."""
        return pointwise._where(condition, self, other)

    # -- compare (ops/compare.py) ------------------------------------------------------------------------------------

    eq, eq_ = compare.eq, compare.eq_
    ne, ne_ = compare.ne, compare.ne_
    lt, lt_ = compare.lt, compare.lt_
    le, le_ = compare.le, compare.le_
    gt, gt_ = compare.gt, compare.gt_
    ge, ge_ = compare.ge, compare.ge_
    greater, greater_, greater_equal, greater_equal_ = gt, gt_, ge, ge_
    less, less_, less_equal, less_equal_ = lt, lt_, le, le_
    not_equal, not_equal_ = ne, ne_
    equal, allclose, isclose = compare.equal, compare.allclose, compare.isclose
    isnan, isfinite, isreal = compare.isnan, compare.isfinite, compare.isreal
    isinf, isposinf, isneginf = compare.isinf, compare.isposinf, compare.isneginf
    logical_and, logical_and_ = compare.logical_and, compare.logical_and_
    logical_or, logical_or_ = compare.logical_or, compare.logical_or_
    logical_xor, logical_xor_ = compare.logical_xor, compare.logical_xor_
    logical_not, logical_not_ = compare.logical_not, compare.logical_not_
    bitwise_and, bitwise_and_ = compare.bitwise_and, compare.bitwise_and_
    bitwise_or, bitwise_or_ = compare.bitwise_or, compare.bitwise_or_
    bitwise_xor, bitwise_xor_ = compare.bitwise_xor, compare.bitwise_xor_
    bitwise_not, bitwise_not_ = compare.bitwise_not, compare.bitwise_not_
    bitwise_left_shift, bitwise_left_shift_ = compare.bitwise_left_shift, compare.bitwise_left_shift_
    bitwise_right_shift, bitwise_right_shift_ = compare.bitwise_right_shift, compare.bitwise_right_shift_

    __lt__, __le__, __gt__, __ge__ = compare.lt, compare.le, compare.gt, compare.ge
    __and__ = __rand__ = compare.bitwise_and
    __or__ = __ror__ = compare.bitwise_or
    __xor__ = __rxor__ = compare.bitwise_xor
    __lshift__, __rshift__ = compare.bitwise_left_shift, compare.bitwise_right_shift
    __iand__, __ior__, __ixor__ = compare.bitwise_and_, compare.bitwise_or_, compare.bitwise_xor_
    __ilshift__, __irshift__ = compare.bitwise_left_shift_, compare.bitwise_right_shift_
    __invert__ = compare.bitwise_not
    __hash__ = TensorBase.__hash__

    def __eq__(self, other: object) -> Any:
        return compare.eq_or_neither(self, other)

    def __ne__(self, other: object) -> Any:
        return compare.ne_or_neither(self, other)

    def __rlshift__(self, other: Any) -> Tensor:
        return compare.bitwise_left_shift(other, self)

    def __rrshift__(self, other: Any) -> Tensor:
        return compare.bitwise_right_shift(other, self)

    # -- activation (ops/activation.py) ------------------------------------------------------------------------------

    relu, relu_, prelu, hardshrink = activation.relu, activation.relu_, activation.prelu, activation.hardshrink
    softmax, log_softmax = activation.softmax, activation.log_softmax
    erf, erfc = special.erf, special.erfc

    # -- reduce (ops/reduce.py) --------------------------------------------------------------------------------------

    sum, nansum, mean, nanmean = reduce.sum, reduce.nansum, reduce.mean, reduce.nanmean
    prod, norm, dist, logsumexp = reduce.prod, reduce.norm, reduce.dist, reduce.logsumexp
    var, std = reduce.var, reduce.std
    amax, amin, aminmax = reduce.amax, reduce.amin, reduce.aminmax
    max, min, median = reduce.max, reduce.min, reduce.median
    argmax, argmin = reduce.argmax, reduce.argmin
    all, any, count_nonzero = reduce.all, reduce.any, reduce.count_nonzero

    # -- sort, cumulative (ops/sort.py, ops/cumulative.py) -----------------------------------------------------------

    cumsum, cumprod, logcumsumexp = cumulative.cumsum, cumulative.cumprod, cumulative.logcumsumexp
    cummax, cummin, diff = cumulative.cummax, cumulative.cummin, cumulative.diff
    argsort, msort, topk, kthvalue = sorting.argsort, sorting.msort, sorting.topk, sorting.kthvalue
    sort, unique = sorting.sort, sorting.unique

    # -- matmul (ops/matmul.py) --------------------------------------------------------------------------------------

    matmul, mm, bmm, mv = products.matmul, products.mm, products.bmm, products.mv
    dot, vdot, inner = products.dot, products.vdot, products.inner
    outer = ger = products.outer
    addmm, addmv, addr = products.addmm, products.addmv, products.addr
    baddbmm, addbmm = products.baddbmm, products.addbmm
    kron, cross, trace = products.kron, products.cross, products.trace

    __matmul__ = products.matmul

    def __rmatmul__(self, other: Any) -> Tensor:
        return products.matmul(other, self)

    # -- shape and views (ops/shape.py) ------------------------------------------------------------------------------

    view, view_as, reshape, reshape_as = shape.view, shape.view_as, shape.reshape, shape.reshape_as
    flatten, unflatten, ravel = shape.flatten, shape.unflatten, shape.ravel
    transpose, transpose_, t, t_ = shape.transpose, shape.transpose_, shape.t, shape.t_
    swapaxes = swapdims = shape.transpose
    swapaxes_ = swapdims_ = shape.transpose_
    permute, movedim, moveaxis, adjoint = shape.permute, shape.movedim, shape.movedim, shape.adjoint
    T, mT, H, mH = property(shape.T), property(shape.mT), property(shape.H), property(shape.adjoint)
    unsqueeze, unsqueeze_ = shape.unsqueeze, shape.unsqueeze_
    squeeze, squeeze_ = shape.squeeze, shape.squeeze_
    expand, expand_as, broadcast_to = shape.expand, shape.expand_as, shape.broadcast_to
    narrow, select, unfold, diagonal = shape.narrow, shape.select, shape.unfold, shape.diagonal
    as_strided = shape.as_strided
    repeat, tile, repeat_interleave = shape.repeat, shape.tile, shape.repeat_interleave
    flip, fliplr, flipud, roll, rot90 = shape.flip, shape.fliplr, shape.flipud, shape.roll, shape.rot90
    tril, triu, diag, diag_embed, diagflat = shape.tril, shape.triu, shape.diag, shape.diag_embed, shape.diagflat

    # -- join and split (ops/join.py) --------------------------------------------------------------------------------

    split, chunk, unbind, tensor_split = join.split, join.chunk, join.unbind, join.tensor_split
    hsplit, vsplit, dsplit = join.hsplit, join.vsplit, join.dsplit

    # -- index (ops/index.py) ----------------------------------------------------------------------------------------

    __getitem__, __setitem__ = index.getitem, index.setitem
    index_put, index_put_ = index.index_put, index.index_put_
    index_select, gather = index.index_select, index.gather
    index_add, index_add_ = index.index_add, index.index_add_
    index_copy, index_copy_ = index.index_copy, index.index_copy_
    index_fill, index_fill_ = index.index_fill, index.index_fill_
    scatter, scatter_ = index.scatter, index.scatter_
    scatter_add, scatter_add_ = index.scatter_add, index.scatter_add_
    take, take_along_dim = index.take, index.take_along_dim
    masked_fill, masked_fill_ = index.masked_fill, index.masked_fill_
    masked_scatter, masked_scatter_ = index.masked_scatter, index.masked_scatter_
    masked_select, nonzero, argwhere = index.masked_select, index.nonzero, index.argwhere

    # -- cast, copy (ops/cast.py) ------------------------------------------------------------------------------------

    clone, contiguous, detach, data = cast.clone, cast.contiguous, cast.detach, property(cast.data, cast.set_data)
    copy_, fill_, zero_ = cast.copy_, cast.fill_, cast.zero_
    to, type, type_as, _like_dtype = cast.to, cast.to_type, cast.type_as, cast._like_dtype
    float, double, half = cast.to_float, cast.to_double, cast.to_half
    cfloat, cdouble = cast.to_cfloat, cast.to_cdouble
    long, int, short, char, byte = cast.to_long, cast.to_int, cast.to_short, cast.to_char, cast.to_byte
    bool = cast.to_bool
    cpu, cuda = cast.cpu, cast.cuda
    numpy, tolist, item = cast.numpy, cast.tolist, cast.item
    numel = nelement = cast.numel
    dim = ndimension = cast.dim
    size, stride, storage_offset = cast.size, cast.stride, cast.storage_offset
    untyped_storage, data_ptr, element_size = cast.untyped_storage, cast.data_ptr, cast.element_size
    itemsize, nbytes, is_cuda = property(cast.element_size), property(cast.nbytes), property(cast.is_cuda)
    is_contiguous, is_floating_point = cast.is_contiguous, cast.is_floating_point
    is_complex, is_signed = cast.is_complex, cast.is_signed

    __array__ = cast.to_array
    __bool__, __int__, __float__, __complex__ = cast.truth, cast.integer_number, cast.real_number, cast.complex_number
    __index__, __len__, __iter__, __contains__ = cast.as_index, cast.length, cast.iterate, cast.contains

    # -- random (ops/random.py) --------------------------------------------------------------------------------------

    uniform_, normal_, random_ = random.uniform_, random.normal_, random.random_
    bernoulli, bernoulli_, exponential_ = random.bernoulli, random.bernoulli_, random.exponential_
    multinomial = random.multinomial

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
