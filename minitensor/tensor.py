"""The face: every name a Tensor answers to, one line each.

The class is a table of contents. Methods are operations bound in the class body, where editors find them, and calling
one takes no extra frame. The operations are in ``ops/``, the data of a tensor in ``base.py``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from minitensor.autograd import face as graph
from minitensor.autograd.declare import operator_of, reflection_of
from minitensor.autograd.protocol import announce
from minitensor.autograd.spellings import as_method
from minitensor.base import TensorBase
from minitensor.compat.reasons import missing_attributes
from minitensor.ops import (
    activation,
    aliasing,
    arithmetic,
    assemble,
    beside,
    bits,
    broadcast,
    cast,
    choice,
    compare,
    conversion,
    counting,
    creation,
    cumulative,
    draws,
    duals,
    elements,
    exchange,
    exponentials,
    extremes,
    face,
    fill,
    fused,
    held,
    index,
    integrate,
    join,
    lazy,
    masks,
    matrices,
    metadata,
    other_kinds,
    powers,
    product_sums,
    random,
    rearrange,
    reduce,
    rounding,
    shape,
    sharing,
    slices,
    sparse,
    special,
    spectral,
    subclasses,
    tensor_types,
    triangle,
    trigonometry,
    view_copies,
)
from minitensor.ops import complex as parts
from minitensor.ops import copy as copying
from minitensor.ops import matmul as products
from minitensor.ops import out as delivery
from minitensor.ops import quantile as quantiles
from minitensor.ops import resize as memory
from minitensor.ops import scatter as scattering
from minitensor.ops import softmax as along_dim
from minitensor.ops import sort as sorting
from minitensor.ops.linalg import norms as linalg_norms
from minitensor.ops.linalg import products as linalg_products
from minitensor.ops.linalg import reflections
from minitensor.ops.linalg import solve as linalg_solve
from minitensor.ops.linalg import spellings as linalg

S = TypeVar("S", bound="Tensor")


class Tensor(TensorBase):
    """An array of any number of dims, with strides, a storage, and a history to differentiate; see ``tensor``.

    Args:
        *data: Sizes, for a tensor whose elements are not set; or nested lists, which become float32.

    >>> import minitensor as torch
    >>> torch.Tensor([[1, 2], [3, 4]])
    tensor([[1., 2.],
            [3., 4.]])
    """

    __slots__ = ("__dict__",)  # users may set any attribute; its memory is taken when one is set

    _variable_class = tensor_types.Variable
    _refresh = aliasing.refresh
    _deliver = delivery.deliver
    _deliver_several = staticmethod(delivery.deliver_several)
    _written_by = aliasing.record_foreign_write
    _dual_level = duals.DualLevel

    def __init__(self, *data: Any, **options: Any) -> None:
        """Do nothing: ``__new__`` does everything, so that a subclass may take any arguments."""

    def __new__(cls: type[S], *data: Any, **options: Any) -> S:
        return tensor_types.construct(cls, *data, **options)

    def __init_subclass__(cls, announces_itself: bool = False, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, attribute in subclasses.attributes_of_subclass(cls, announces_itself):
            setattr(cls, name, attribute)

    __torch_function__: Any = classmethod(subclasses.torch_function)

    new, as_subclass = tensor_types.new_like, tensor_types.as_subclass
    _is_view, _cdata = graph.is_view, property(id)
    _make_subclass = staticmethod(tensor_types.make_subclass)
    new_tensor, new_zeros, new_ones = beside.new_tensor, beside.new_zeros, beside.new_ones
    new_full, new_empty = beside.new_full, beside.new_empty
    new_empty_strided = beside.new_empty_strided

    __dir__ = face.names
    __repr__, __format__, __reversed__ = face.text, face.text_in_format, face.backwards
    __deepcopy__ = face.deepcopy
    __reduce_ex__ = face.reduce
    __array_priority__ = 1000  # NumPy leaves `array + tensor` to the tensor

    # -- pointwise (ops/arithmetic.py, powers.py, exponentials.py, trigonometry.py, rounding.py, choice.py) ----------

    add, add_ = arithmetic.add, arithmetic.add_
    sub, sub_ = arithmetic.sub, arithmetic.sub_
    mul, mul_ = arithmetic.mul, arithmetic.mul_
    div, div_ = arithmetic.div, arithmetic.div_
    floor_divide, floor_divide_ = arithmetic.floor_divide, arithmetic.floor_divide_
    remainder, remainder_ = arithmetic.remainder, arithmetic.remainder_
    fmod, fmod_ = arithmetic.fmod, arithmetic.fmod_
    pow, pow_ = powers.pow, powers.pow_
    subtract, subtract_ = arithmetic.subtract, arithmetic.subtract_
    multiply, divide, true_divide = mul, div, arithmetic.true_divide
    multiply_, divide_, true_divide_ = mul_, div_, div_
    neg, neg_ = arithmetic.neg, arithmetic.neg_
    negative, negative_, positive = neg, neg_, arithmetic.positive
    reciprocal, reciprocal_ = arithmetic.reciprocal, arithmetic.reciprocal_
    square, square_ = powers.square, powers.square_
    sqrt, sqrt_ = powers.sqrt, powers.sqrt_
    rsqrt, rsqrt_ = powers.rsqrt, powers.rsqrt_
    exp, exp_ = exponentials.exp, exponentials.exp_
    exp2, exp2_ = exponentials.exp2, exponentials.exp2_
    expm1, expm1_ = exponentials.expm1, exponentials.expm1_
    log, log_ = exponentials.log, exponentials.log_
    log2, log2_ = exponentials.log2, exponentials.log2_
    log10, log10_ = exponentials.log10, exponentials.log10_
    log1p, log1p_ = exponentials.log1p, exponentials.log1p_
    sin, sin_ = trigonometry.sin, trigonometry.sin_
    cos, cos_ = trigonometry.cos, trigonometry.cos_
    tan, tan_ = trigonometry.tan, trigonometry.tan_
    asin, asin_ = arcsin, arcsin_ = trigonometry.asin, trigonometry.asin_
    acos, acos_ = arccos, arccos_ = trigonometry.acos, trigonometry.acos_
    atan, atan_ = arctan, arctan_ = trigonometry.atan, trigonometry.atan_
    atan2, atan2_ = arctan2, arctan2_ = trigonometry.atan2, trigonometry.atan2_
    sinh, sinh_ = trigonometry.sinh, trigonometry.sinh_
    cosh, cosh_ = trigonometry.cosh, trigonometry.cosh_
    tanh, tanh_ = trigonometry.tanh, trigonometry.tanh_
    asinh, asinh_ = arcsinh, arcsinh_ = trigonometry.asinh, trigonometry.asinh_
    acosh, acosh_ = arccosh, arccosh_ = trigonometry.acosh, trigonometry.acosh_
    atanh, atanh_ = arctanh, arctanh_ = trigonometry.atanh, trigonometry.atanh_
    abs, abs_ = rounding.abs, rounding.abs_
    absolute, absolute_ = abs, abs_
    sign, sign_ = rounding.sign, rounding.sign_
    sgn, sgn_ = rounding.sgn, rounding.sgn_
    floor, floor_ = rounding.floor, rounding.floor_
    ceil, ceil_ = rounding.ceil, rounding.ceil_
    trunc, trunc_ = fix, fix_ = rounding.trunc, rounding.trunc_
    round, round_ = rounding.round, rounding.round_
    frac, frac_ = rounding.frac, rounding.frac_
    maximum, minimum = choice.maximum, choice.minimum
    clamp, clamp_ = choice.clamp, choice.clamp_
    clip, clip_ = clamp, clamp_
    clamp_min, clamp_min_ = choice.clamp_min, choice.clamp_min_
    clamp_max, clamp_max_ = choice.clamp_max, choice.clamp_max_
    lerp, lerp_ = fused.lerp, fused.lerp_
    addcmul, addcmul_ = fused.addcmul, fused.addcmul_
    addcdiv, addcdiv_ = fused.addcdiv, fused.addcdiv_
    logaddexp, hypot, hypot_ = exponentials.logaddexp, trigonometry.hypot, trigonometry.hypot_
    sigmoid, sigmoid_ = exponentials.sigmoid, exponentials.sigmoid_
    nan_to_num, nan_to_num_ = rounding.nan_to_num, rounding.nan_to_num_
    conj, _neg_view = lazy.conj, lazy.neg_view

    # -- less frequent pointwise functions (also ops/bits.py, complex.py, special.py) --------------------------------

    fmax, fmin, logaddexp2 = choice.fmax, choice.fmin, exponentials.logaddexp2
    float_power, float_power_ = powers.float_power, powers.float_power_
    deg2rad, deg2rad_ = trigonometry.deg2rad, trigonometry.deg2rad_
    rad2deg, rad2deg_ = trigonometry.rad2deg, trigonometry.rad2deg_
    copysign, copysign_, signbit = rounding.copysign, rounding.copysign_, rounding.signbit
    nextafter, nextafter_ = bits.nextafter, bits.nextafter_
    heaviside, heaviside_ = rounding.heaviside, rounding.heaviside_
    frexp, ldexp, ldexp_ = bits.frexp, bits.ldexp, bits.ldexp_
    gcd, gcd_, lcm, lcm_ = arithmetic.gcd, arithmetic.gcd_, arithmetic.lcm, arithmetic.lcm_
    real, imag = property(parts.real, parts.set_real), property(parts.imag, parts.set_imag)
    angle, conj_physical, conj_physical_ = parts.angle, parts.conj_physical, parts.conj_physical_
    is_conj, resolve_conj, is_neg, resolve_neg = lazy.is_conj, lazy.resolve_conj, lazy.is_neg, lazy.resolve_neg
    erf, erf_, erfc, erfc_ = special.erf, special.erf_, special.erfc, special.erfc_
    erfinv, erfinv_, i0, i0_ = special.erfinv, special.erfinv_, special.i0, special.i0_
    lgamma, lgamma_, digamma, digamma_ = special.lgamma, special.lgamma_, special.digamma, special.digamma_
    logit, logit_ = special.logit, special.logit_
    sinc, sinc_ = special.sinc, special.sinc_
    xlogy, xlogy_ = special.xlogy, special.xlogy_
    mvlgamma, mvlgamma_ = special.multigammaln, special.multigammaln_
    igamma, igamma_, igammac, igammac_ = special.gammainc, special.igamma_, special.gammaincc, special.igammac_
    polygamma, polygamma_ = special.polygamma_method, special.polygamma_

    __add__ = __radd__ = operator_of(arithmetic.add)
    __iadd__ = operator_of(arithmetic.add_)
    __sub__, __rsub__ = operator_of(arithmetic.sub), reflection_of(arithmetic.sub)
    __isub__ = operator_of(arithmetic.sub_)
    __mul__ = __rmul__ = operator_of(arithmetic.mul)
    __imul__ = operator_of(arithmetic.mul_)
    __truediv__, __rtruediv__ = operator_of(arithmetic.div), reflection_of(arithmetic.div)
    __itruediv__ = operator_of(arithmetic.div_)
    __floordiv__, __rfloordiv__ = operator_of(arithmetic.floor_divide), reflection_of(arithmetic.floor_divide, False)
    __ifloordiv__ = operator_of(arithmetic.floor_divide_)
    __mod__, __rmod__ = operator_of(arithmetic.remainder), reflection_of(arithmetic.remainder, False)
    __imod__ = operator_of(arithmetic.remainder_)
    __pow__, __rpow__ = operator_of(powers.pow), reflection_of(powers.pow, False)
    __ipow__ = operator_of(powers.pow_)
    __neg__ = arithmetic.neg
    __pos__ = arithmetic.positive
    __abs__ = rounding.abs

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """Return ``self`` where ``condition`` is true and ``other`` elsewhere.

        >>> import minitensor as torch
        >>> torch.tensor([1, 2]).where(torch.tensor([True, False]), 0)
        tensor([1, 0])
        """
        return choice.choose(condition, self, other)

    # -- compare (ops/compare.py) --------------------------------------------------------------------------------------

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
    bitwise_and, bitwise_and_ = bits.bitwise_and, bits.bitwise_and_
    bitwise_or, bitwise_or_ = bits.bitwise_or, bits.bitwise_or_
    bitwise_xor, bitwise_xor_ = bits.bitwise_xor, bits.bitwise_xor_
    bitwise_not, bitwise_not_ = bits.bitwise_not, bits.bitwise_not_
    bitwise_left_shift, bitwise_left_shift_ = bits.bitwise_left_shift, bits.bitwise_left_shift_
    bitwise_right_shift, bitwise_right_shift_ = bits.bitwise_right_shift, bits.bitwise_right_shift_

    __lt__, __le__ = operator_of(compare.lt), operator_of(compare.le)
    __gt__, __ge__ = operator_of(compare.gt), operator_of(compare.ge)
    __and__, __rand__ = operator_of(bits.bitwise_and), reflection_of(bits.bitwise_and)
    __or__, __ror__ = operator_of(bits.bitwise_or), reflection_of(bits.bitwise_or)
    __xor__, __rxor__ = operator_of(bits.bitwise_xor), reflection_of(bits.bitwise_xor)
    __lshift__, __rlshift__ = operator_of(bits.bitwise_left_shift), reflection_of(bits.bitwise_left_shift, False)
    __rshift__, __rrshift__ = operator_of(bits.bitwise_right_shift), reflection_of(bits.bitwise_right_shift, False)
    __iand__, __ior__ = operator_of(bits.bitwise_and_), operator_of(bits.bitwise_or_)
    __ixor__ = operator_of(bits.bitwise_xor_)
    __ilshift__ = operator_of(bits.bitwise_left_shift_)
    __irshift__ = operator_of(bits.bitwise_right_shift_)
    __invert__ = bits.bitwise_not
    __hash__ = TensorBase.__hash__

    def __eq__(self, other: object) -> Any:
        return compare.eq_or_neither(self, other)

    def __ne__(self, other: object) -> Any:
        return compare.ne_or_neither(self, other)

    # -- activation (ops/activation.py) --------------------------------------------------------------------------------

    relu, relu_, prelu, hardshrink = activation.relu, activation.relu_, activation.prelu, activation.hardshrink
    softmax, log_softmax = along_dim.softmax, along_dim.log_softmax

    # -- reduce (ops/reduce.py, ops/extremes.py) -----------------------------------------------------------------------

    sum, nansum, mean, nanmean = reduce.sum, reduce.nansum, reduce.mean, reduce.nanmean
    prod, logsumexp = reduce.prod, reduce.logsumexp
    var, std = reduce.var, reduce.std
    amax, amin, aminmax = extremes.amax, extremes.amin, extremes.aminmax
    max, min, median, nanmedian = extremes.max, extremes.min, quantiles.median, quantiles.nanmedian
    mode, quantile, nanquantile = quantiles.mode, quantiles.quantile, quantiles.nanquantile
    argmax, argmin = extremes.argmax, extremes.argmin
    all, any, count_nonzero = reduce.all, reduce.any, reduce.count_nonzero

    # -- sort, cumulative (ops/sort.py, ops/cumulative.py) -------------------------------------------------------------

    cumsum, cumsum_, cumprod, cumprod_ = cumulative.cumsum, cumulative.cumsum_, cumulative.cumprod, cumulative.cumprod_
    logcumsumexp, cummax, cummin = cumulative.logcumsumexp, cumulative.cummax, cumulative.cummin
    diff, stft, istft = integrate.diff, spectral.stft, spectral.istft
    argsort, msort, topk, kthvalue = sorting.argsort, sorting.msort, sorting.topk, sorting.kthvalue
    sort, unique, unique_consecutive = sorting.sort, counting.unique, counting.unique_consecutive
    bincount, histc, histogram = counting.bincount, counting.histc, counting.histogram

    # -- matmul (ops/matmul.py, ops/product_sums.py) -------------------------------------------------------------------

    matmul, mm, bmm, mv = products.matmul, products.mm, products.bmm, products.mv
    dot, vdot, inner = products.dot, products.vdot, products.inner
    outer = ger = products.outer
    addmm, addmm_ = as_method(product_sums.addmm), as_method(product_sums.addmm_)
    addmv, addmv_ = as_method(product_sums.addmv), as_method(product_sums.addmv_)
    addr, addr_ = as_method(product_sums.addr), as_method(product_sums.addr_)
    addbmm, addbmm_ = as_method(product_sums.addbmm), as_method(product_sums.addbmm_)
    baddbmm, baddbmm_ = as_method(product_sums.baddbmm), as_method(product_sums.baddbmm_)
    kron, cross, trace = products.kron, products.cross, products.trace

    # -- linear algebra (ops/linalg/) ----------------------------------------------------------------------------------

    norm, dist = linalg_norms.plain_norm, linalg_norms.dist
    cov, corrcoef = linalg_products.cov, linalg_products.corrcoef
    inverse, det, slogdet, logdet = linalg.inverse, linalg.det, linalg.slogdet, linalg_solve.logdet
    cholesky, cholesky_solve = linalg.cholesky, linalg_solve.cholesky_solve
    lu, lu_solve, triangular_solve = linalg.lu, linalg.lu_solve, linalg.triangular_solve
    geqrf, orgqr, ormqr = reflections.geqrf, reflections.orgqr, reflections.ormqr
    cholesky_inverse, qr, svd = linalg_solve.cholesky_inverse, linalg.qr, linalg.svd
    pinverse, matrix_power, matrix_exp = linalg.pinverse, linalg_products.matrix_power, linalg_products.matrix_exp

    __matmul__, __rmatmul__ = operator_of(products.matmul), reflection_of(products.matmul)

    # -- shape and views (ops/shape.py, ops/rearrange.py) --------------------------------------------------------------

    view, view_as, reshape, reshape_as = shape.view, shape.view_as, shape.reshape, shape.reshape_as
    flatten, unflatten, ravel = shape.flatten, shape.unflatten, shape.ravel
    transpose, transpose_, t, t_ = shape.transpose, shape.transpose_, shape.t, shape.t_
    swapaxes, swapaxes_ = rearrange.swapaxes, rearrange.swapaxes_
    swapdims, swapdims_ = shape.transpose, shape.transpose_
    permute, movedim, moveaxis, adjoint = shape.permute, shape.movedim, shape.movedim, matrices.adjoint
    T, mT, H, mH = (property(each) for each in (matrices.T, matrices.mT, matrices.H, matrices.adjoint))
    unsqueeze, unsqueeze_ = shape.unsqueeze, shape.unsqueeze_
    squeeze, squeeze_ = shape.squeeze, shape.squeeze_
    expand, expand_as, broadcast_to = shape.expand, shape.expand_as, broadcast.broadcast_to
    narrow, select, unfold, diagonal = shape.narrow, shape.select, shape.unfold, shape.diagonal
    narrow_copy = view_copies.narrow_copy
    as_strided, as_strided_ = shape.as_strided, shape.as_strided_
    resize_, resize_as_, set_ = memory.resize_, memory.resize_as_, memory.set_
    resize, resize_as = memory.resize, memory.resize_as
    repeat, tile, repeat_interleave = rearrange.repeat, rearrange.tile, rearrange.repeat_interleave
    flip, fliplr, flipud = rearrange.flip, rearrange.fliplr, rearrange.flipud
    roll, rot90 = rearrange.roll, rearrange.rot90
    tril, tril_, triu, triu_ = triangle.tril, triangle.tril_, triangle.triu, triangle.triu_
    diag, diag_embed, diagflat = triangle.diag, triangle.diag_embed, triangle.diagflat
    fill_diagonal_ = triangle.fill_diagonal_

    select_scatter, slice_scatter = assemble.select_scatter, assemble.slice_scatter
    diagonal_scatter, as_strided_scatter = assemble.diagonal_scatter, assemble.as_strided_scatter
    sum_to_size = assemble.sum_to_size

    # -- join and split (ops/join.py) ----------------------------------------------------------------------------------

    split, chunk, unbind, tensor_split = join.split, join.chunk, join.unbind, join.tensor_split
    hsplit, vsplit, dsplit = join.hsplit, join.vsplit, join.dsplit
    unsafe_split_with_sizes, slice_inverse = join.unsafe_split_with_sizes, slices.slice_inverse
    hash_tensor, is_set_to, const_data_ptr = bits.hash_tensor, metadata.is_set_to, metadata.data_ptr
    unsafe_split, unsafe_chunk, split_with_sizes = join.unsafe_split, join.chunk, join.split_with_sizes

    # -- index, scatter, masks (ops/index.py, ops/slices.py, ops/scatter.py, ops/masks.py) -----------------------------

    __getitem__, __setitem__ = index.getitem, index.setitem
    index_put, index_put_ = index.index_put, index.index_put_
    index_select, gather = slices.index_select, scattering.gather
    index_add, index_add_ = slices.index_add, slices.index_add_
    index_copy, index_copy_ = slices.index_copy, slices.index_copy_
    index_fill, index_fill_ = slices.index_fill, slices.index_fill_
    index_reduce, index_reduce_ = slices.index_reduce, slices.index_reduce_
    scatter, scatter_ = scattering.scatter, scattering.scatter_
    scatter_add, scatter_add_ = scattering.scatter_add, scattering.scatter_add_
    scatter_reduce, scatter_reduce_ = scattering.scatter_reduce, scattering.scatter_reduce_
    take, take_along_dim, put, put_ = scattering.take, scattering.take_along_dim, scattering.put, scattering.put_
    masked_fill, masked_fill_ = masks.masked_fill, masks.masked_fill_
    masked_scatter, masked_scatter_ = masks.masked_scatter, masks.masked_scatter_
    masked_select, nonzero, argwhere = masks.masked_select, masks.nonzero, masks.argwhere
    nonzero_static = masks.nonzero_static

    # -- copies, casts, conversions, metadata (ops/copy.py, cast.py, conversion.py, metadata.py) -----------------------

    clone, contiguous, detach = copying.clone, copying.contiguous, copying.detach
    data = property(copying.data, copying.set_data)
    renorm, renorm_ = linalg_norms.renorm, linalg_norms.renorm_
    copy_, fill_, zero_ = fill.copy_, fill.fill_, fill.zero_
    apply_, map_, map2_ = elements.apply_, elements.map_, elements.map2_
    to, type, type_as = cast.to, cast.to_type, cast.type_as
    _like_dtype, _decode = cast._like_dtype, cast.decode
    float, double, half, bfloat16 = cast.to_float, cast.to_double, cast.to_half, cast.to_bfloat16
    cfloat, cdouble = cast.to_cfloat, cast.to_cdouble
    long, int, short, char, byte = cast.to_long, cast.to_int, cast.to_short, cast.to_char, cast.to_byte
    bool = cast.to_bool
    cpu, cuda = cast.cpu, cast.cuda
    to_sparse, to_sparse_coo, to_sparse_csr = sparse.to_sparse, sparse.to_sparse_coo, sparse.to_sparse_csr
    to_dense, sparse_mask = sparse.to_dense, sparse.sparse_mask
    numpy, tolist, item = conversion.numpy, conversion.tolist, conversion.item
    numel = nelement = metadata.numel
    dim = ndimension = metadata.dim
    size, stride, storage_offset = metadata.size, metadata.stride, metadata.storage_offset
    untyped_storage, data_ptr, element_size = metadata.untyped_storage, metadata.data_ptr, metadata.element_size
    is_cpu, is_meta = property(metadata.is_cpu), property(metadata.is_meta)
    is_sparse, is_quantized = property(metadata.always_false), property(metadata.always_false)
    is_sparse_csr = property(metadata.always_false)
    is_ipu = is_maia = is_mkldnn = is_mps = is_mtia = is_nested = property(metadata.always_false)
    is_vulkan = is_xla = is_xpu = property(metadata.always_false)
    is_distributed, name = other_kinds.is_distributed, property(other_kinds.name)
    grad_dtype, module_load = property(other_kinds.grad_dtype), other_kinds.module_load
    sparse_dim, dense_dim = other_kinds.sparse_dim, other_kinds.dense_dim
    coalesce, is_coalesced = other_kinds.coalesce, other_kinds.is_coalesced
    indices, values = other_kinds.indices, other_kinds.values
    crow_indices, col_indices = other_kinds.crow_indices, other_kinds.col_indices
    is_nonzero, is_same_size, get_device = metadata.is_nonzero, metadata.is_same_size, metadata.get_device
    is_inference = metadata.always_false
    is_shared, share_memory_ = sharing.is_shared, sharing.share_memory_
    pin_memory, is_pinned = sharing.pin_memory, sharing.is_pinned
    record_stream = held.record_stream
    __dlpack__, __dlpack_device__ = exchange.to_dlpack, exchange.dlpack_device
    itemsize, nbytes, is_cuda = property(metadata.element_size), property(metadata.nbytes), property(metadata.is_cuda)
    is_contiguous, is_floating_point = metadata.is_contiguous, metadata.is_floating_point
    dim_order = metadata.dim_order
    is_complex, is_signed = metadata.is_complex, metadata.is_signed

    __array__, __array_wrap__ = conversion.to_array, creation.from_numpy_function
    __bool__, __int__, __float__ = conversion.truth, conversion.integer_number, conversion.real_number
    __complex__, __index__, __len__ = conversion.complex_number, conversion.as_index, conversion.length
    __iter__, __contains__ = conversion.iterate, conversion.contains

    # -- random (ops/random.py, ops/draws.py) --------------------------------------------------------------------------

    uniform_, normal_, random_ = draws.uniform_, draws.normal_, draws.random_
    bernoulli, bernoulli_, exponential_ = random.bernoulli, draws.bernoulli_, draws.exponential_
    multinomial = random.multinomial
    log_normal_, cauchy_, geometric_ = draws.log_normal_, draws.cauchy_, draws.geometric_

    # -- graph (autograd/face.py) --------------------------------------------------------------------------------------

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

    locals().update(missing_attributes("torch.Tensor"))


announce(Tensor)
subclasses.name_methods(Tensor)
