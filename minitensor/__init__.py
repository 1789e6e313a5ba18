"""minitensor: a strided tensor library with autograd on NumPy and CuPy, in PyTorch's names.

This module lists every public name, in groups.
"""

from __future__ import annotations

import sys
from math import e as e, inf as inf, nan as nan, pi as pi
from typing import TYPE_CHECKING

from minitensor import autograd as autograd, backends as backends, dtypes, errors as errors
from minitensor.backends.numpy.threads import (
    get_num_threads as get_num_threads,
    set_num_threads as set_num_threads,
)
from minitensor.autograd.mode import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from minitensor.autograd.protocol import (
    DisableTorchFunction as DisableTorchFunction,
    DisableTorchFunctionSubclass as DisableTorchFunctionSubclass,
)
from minitensor.autograd.watch import (
    is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled,
    is_anomaly_enabled as is_anomaly_enabled,
    set_anomaly_enabled as set_anomaly_enabled,
)
from minitensor.compat import reasons
from minitensor.device import device as device
from minitensor.errors import AcceleratorError as AcceleratorError, OutOfMemoryError as OutOfMemoryError
from minitensor.dtypes import (
    bfloat16 as bfloat16,
    can_cast as can_cast,
    cdouble as cdouble,
    cfloat as cfloat,
    complex64 as complex64,
    complex128 as complex128,
    double as double,
    dtype as dtype,
    finfo as finfo,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    get_default_dtype as get_default_dtype,
    half as half,
    iinfo as iinfo,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    long as long,
    promote_types as promote_types,
    set_default_dtype as set_default_dtype,
    short as short,
    uint8 as uint8,
    uint16 as uint16,
    uint32 as uint32,
    uint64 as uint64,
)
from minitensor.compat import (
    compiler as compiler,
    distributed as distributed,
    futures as futures,
    fx as fx,
    hub as hub,
    mps as mps,
    onnx as onnx,
    version as version,
    xpu as xpu,
)
from minitensor.compat.compiler import compile as compile
from minitensor.compat.control import cond as cond, while_loop as while_loop
from minitensor.compat.engine import (
    compiled_with_cxx11_abi as compiled_with_cxx11_abi,
    get_deterministic_debug_mode as get_deterministic_debug_mode,
    get_num_interop_threads as get_num_interop_threads,
    has_lapack as has_lapack,
    has_mkl as has_mkl,
    has_openmp as has_openmp,
    has_spectral as has_spectral,
    init_num_threads as init_num_threads,
    is_vulkan_available as is_vulkan_available,
    set_deterministic_debug_mode as set_deterministic_debug_mode,
    set_num_interop_threads as set_num_interop_threads,
    thread_safe_generator as thread_safe_generator,
)
from minitensor.compat.futures import Future as Future
from minitensor.compat.once import (
    is_warn_always_enabled as is_warn_always_enabled,
    set_warn_always as set_warn_always,
)
from minitensor.compat.streams import Event as Event, Stream as Stream
from minitensor.compat.symbolic import (
    SymBool as SymBool,
    SymFloat as SymFloat,
    SymInt as SymInt,
    sym_constrain_range as sym_constrain_range,
    sym_constrain_range_for_size as sym_constrain_range_for_size,
    sym_float as sym_float,
    sym_int as sym_int,
    sym_ite as sym_ite,
    sym_max as sym_max,
    sym_min as sym_min,
    sym_not as sym_not,
    sym_sqrt as sym_sqrt,
    sym_sum as sym_sum,
)
from minitensor.compat.version import __version__ as __version__
from minitensor.compat.switches import (
    _assert as _assert,
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
    get_float32_matmul_precision as get_float32_matmul_precision,
    is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
    set_float32_matmul_precision as set_float32_matmul_precision,
    set_flush_denormal as set_flush_denormal,
    use_deterministic_algorithms as use_deterministic_algorithms,
)
from minitensor.shapes import Size as Size
from minitensor.tensor import Tensor as Tensor
from minitensor.utils.dlpack import to_dlpack as to_dlpack

# -- facts, and exchange with other libraries
from minitensor.ops.files import from_file as from_file
from minitensor.ops.exchange import asarray as asarray, from_dlpack as from_dlpack, frombuffer as frombuffer
from minitensor.ops.metadata import (
    get_device as get_device,
    is_inference as is_inference,
    is_nonzero as is_nonzero,
    is_same_size as is_same_size,
    is_storage as is_storage,
    is_tensor as is_tensor,
    typename as typename,
)

# -- creation
from minitensor.ops.creation import (
    as_tensor as as_tensor,
    empty as empty,
    empty_like as empty_like,
    empty_permuted as empty_permuted,
    empty_strided as empty_strided,
    eye as eye,
    from_numpy as from_numpy,
    full as full,
    full_like as full_like,
    ones as ones,
    ones_like as ones_like,
    scalar_tensor as scalar_tensor,
    tensor as tensor,
    zeros as zeros,
    zeros_like as zeros_like,
)
from minitensor.ops.tensor_types import (
    BFloat16Tensor as BFloat16Tensor,
    BoolTensor as BoolTensor,
    ByteTensor as ByteTensor,
    CharTensor as CharTensor,
    DoubleTensor as DoubleTensor,
    FloatTensor as FloatTensor,
    HalfTensor as HalfTensor,
    IntTensor as IntTensor,
    LongTensor as LongTensor,
    ShortTensor as ShortTensor,
    get_default_device as get_default_device,
    set_default_device as set_default_device,
    set_default_tensor_type as set_default_tensor_type,
)
from minitensor.ops.ranges import arange as arange, linspace as linspace, logspace as logspace, range as range
from minitensor.ops.fill import fill as fill

# -- printing
from minitensor.printing import (
    get_printoptions as get_printoptions,
    set_printoptions as set_printoptions,
)

# -- pointwise
from minitensor.ops.operand import result_type as result_type
from minitensor.ops.fused import addcdiv as addcdiv, addcmul as addcmul, lerp as lerp
from minitensor.ops.arithmetic import (
    add as add,
    div as div,
    floor_divide as floor_divide,
    fmod as fmod,
    gcd as gcd,
    gcd_ as gcd_,
    lcm as lcm,
    lcm_ as lcm_,
    mul as mul,
    neg as neg,
    neg_ as neg_,
    positive as positive,
    reciprocal as reciprocal,
    reciprocal_ as reciprocal_,
    remainder as remainder,
    rsub as rsub,
    sub as sub,
    subtract as subtract,
    true_divide as true_divide,
)
from minitensor.ops.powers import (
    float_power as float_power,
    pow as pow,
    rsqrt as rsqrt,
    rsqrt_ as rsqrt_,
    sqrt as sqrt,
    sqrt_ as sqrt_,
    square as square,
    square_ as square_,
)
from minitensor.ops.exponentials import (
    exp as exp,
    exp2 as exp2,
    exp2_ as exp2_,
    exp_ as exp_,
    expm1 as expm1,
    expm1_ as expm1_,
    log as log,
    log10 as log10,
    log10_ as log10_,
    log1p as log1p,
    log1p_ as log1p_,
    log2 as log2,
    log2_ as log2_,
    log_ as log_,
    logaddexp as logaddexp,
    logaddexp2 as logaddexp2,
    sigmoid as sigmoid,
    sigmoid_ as sigmoid_,
)
from minitensor.ops.trigonometry import (
    acos as acos,
    acos_ as acos_,
    acosh as acosh,
    acosh_ as acosh_,
    asin as asin,
    asin_ as asin_,
    asinh as asinh,
    asinh_ as asinh_,
    atan as atan,
    atan2 as atan2,
    atan_ as atan_,
    atanh as atanh,
    atanh_ as atanh_,
    cos as cos,
    cos_ as cos_,
    cosh as cosh,
    cosh_ as cosh_,
    deg2rad as deg2rad,
    deg2rad_ as deg2rad_,
    hypot as hypot,
    rad2deg as rad2deg,
    rad2deg_ as rad2deg_,
    sin as sin,
    sin_ as sin_,
    sinh as sinh,
    sinh_ as sinh_,
    tan as tan,
    tan_ as tan_,
    tanh as tanh,
    tanh_ as tanh_,
)
from minitensor.ops.rounding import (
    abs as abs,
    abs_ as abs_,
    ceil as ceil,
    ceil_ as ceil_,
    copysign as copysign,
    floor as floor,
    floor_ as floor_,
    frac as frac,
    frac_ as frac_,
    heaviside as heaviside,
    nan_to_num as nan_to_num,
    nan_to_num_ as nan_to_num_,
    round as round,
    round_ as round_,
    sgn as sgn,
    sign as sign,
    signbit as signbit,
    trunc as trunc,
    trunc_ as trunc_,
)
from minitensor.ops.choice import (
    clamp as clamp,
    clamp_ as clamp_,
    clamp_max as clamp_max,
    clamp_max_ as clamp_max_,
    clamp_min as clamp_min,
    clamp_min_ as clamp_min_,
    fmax as fmax,
    fmin as fmin,
    maximum as maximum,
    minimum as minimum,
    where as where,
)
from minitensor.ops.bits import (
    bitwise_and as bitwise_and,
    bitwise_left_shift as bitwise_left_shift,
    bitwise_not as bitwise_not,
    bitwise_or as bitwise_or,
    bitwise_right_shift as bitwise_right_shift,
    bitwise_xor as bitwise_xor,
    frexp as frexp,
    ldexp as ldexp,
    ldexp_ as ldexp_,
    nextafter as nextafter,
)

# -- matmul
from minitensor.ops.einsum import einsum as einsum
from minitensor.ops.product_sums import (
    addbmm as addbmm,
    addmm as addmm,
    addmv as addmv,
    addmv_ as addmv_,
    addr as addr,
    baddbmm as baddbmm,
)
from minitensor.ops.matmul import (
    bmm as bmm,
    chain_matmul as chain_matmul,
    cross as cross,
    dot as dot,
    inner as inner,
    kron as kron,
    matmul as matmul,
    mm as mm,
    mv as mv,
    outer as outer,
    tensordot as tensordot,
    trace as trace,
    vdot as vdot,
)

# -- reduce
from minitensor.ops import return_types as return_types
from minitensor.ops.extremes import (
    amax as amax,
    amin as amin,
    aminmax as aminmax,
    argmax as argmax,
    argmin as argmin,
    max as max,
    min as min,
)
from minitensor.ops.reduce import (
    all as all,
    any as any,
    count_nonzero as count_nonzero,
    logsumexp as logsumexp,
    mean as mean,
    nanmean as nanmean,
    nansum as nansum,
    prod as prod,
    std as std,
    std_mean as std_mean,
    sum as sum,
    var as var,
    var_mean as var_mean,
)

# -- compare
from minitensor.ops.compare import (
    allclose as allclose,
    eq as eq,
    equal as equal,
    ge as ge,
    greater as greater,
    greater_equal as greater_equal,
    gt as gt,
    isclose as isclose,
    isfinite as isfinite,
    isin as isin,
    isinf as isinf,
    isnan as isnan,
    isneginf as isneginf,
    isposinf as isposinf,
    isreal as isreal,
    le as le,
    less as less,
    less_equal as less_equal,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    logical_xor as logical_xor,
    lt as lt,
    ne as ne,
    not_equal as not_equal,
)

# -- cumulative
from minitensor.ops.cumulative import (
    cummax as cummax,
    cummin as cummin,
    cumprod as cumprod,
    cumsum as cumsum,
    logcumsumexp as logcumsumexp,
)

# -- memory formats
from minitensor.memory_format import (
    channels_last as channels_last,
    channels_last_3d as channels_last_3d,
    contiguous_format as contiguous_format,
    layout as layout,
    memory_format as memory_format,
    preserve_format as preserve_format,
    sparse_coo as sparse_coo,
    sparse_csr as sparse_csr,
    strided as strided,
)

# -- cast
from minitensor.ops.copy import clone as clone
from minitensor.ops.metadata import (
    is_complex as is_complex,
    is_floating_point as is_floating_point,
    is_signed as is_signed,
    numel as numel,
)

# -- shape
from minitensor.ops.rearrange import (
    fliplr as fliplr,
    flipud as flipud,
    repeat_interleave as repeat_interleave,
    roll as roll,
    rot90 as rot90,
    swapaxes as swapaxes,
)
from minitensor.ops.broadcast import (
    atleast_1d as atleast_1d,
    atleast_2d as atleast_2d,
    atleast_3d as atleast_3d,
    broadcast_tensors as broadcast_tensors,
    meshgrid as meshgrid,
)
from minitensor.ops.listed import (
    broadcast_to as broadcast_to,
    flip as flip,
    permute as permute,
    reshape as reshape,
    tile as tile,
)
from minitensor.ops.matrices import adjoint as adjoint
from minitensor.ops.shape import (
    as_strided as as_strided,
    as_strided_ as as_strided_,
    diagonal as diagonal,
    flatten as flatten,
    moveaxis as moveaxis,
    movedim as movedim,
    narrow as narrow,
    ravel as ravel,
    select as select,
    squeeze as squeeze,
    swapdims as swapdims,
    t as t,
    transpose as transpose,
    unflatten as unflatten,
    unsqueeze as unsqueeze,
)

from minitensor.ops.triangle import (
    diag as diag,
    diag_embed as diag_embed,
    diagflat as diagflat,
    tril as tril,
    tril_indices as tril_indices,
    triu as triu,
    triu_indices as triu_indices,
)

from minitensor.ops.view_copies import (
    alias_copy as alias_copy,
    as_strided_copy as as_strided_copy,
    detach_copy as detach_copy,
    diagonal_copy as diagonal_copy,
    expand_copy as expand_copy,
    narrow_copy as narrow_copy,
    permute_copy as permute_copy,
    select_copy as select_copy,
    slice_copy as slice_copy,
    split_copy as split_copy,
    split_with_sizes_copy as split_with_sizes_copy,
    squeeze_copy as squeeze_copy,
    t_copy as t_copy,
    transpose_copy as transpose_copy,
    unbind_copy as unbind_copy,
    unfold_copy as unfold_copy,
    unsqueeze_copy as unsqueeze_copy,
    view_as_complex_copy as view_as_complex_copy,
    view_as_real_copy as view_as_real_copy,
    view_copy as view_copy,
)

# -- assemble
from minitensor.ops.assemble import (
    as_strided_scatter as as_strided_scatter,
    block_diag as block_diag,
    broadcast_shapes as broadcast_shapes,
    cartesian_prod as cartesian_prod,
    combinations as combinations,
    diagonal_scatter as diagonal_scatter,
    select_scatter as select_scatter,
    slice_scatter as slice_scatter,
    unravel_index as unravel_index,
)

# -- join
from minitensor.ops.join import (
    cat as cat,
    chunk as chunk,
    column_stack as column_stack,
    concat as concat,
    concatenate as concatenate,
    dsplit as dsplit,
    dstack as dstack,
    hsplit as hsplit,
    hstack as hstack,
    row_stack as row_stack,
    split as split,
    split_with_sizes as split_with_sizes,
    stack as stack,
    tensor_split as tensor_split,
    unbind as unbind,
    unsafe_chunk as unsafe_chunk,
    unsafe_split as unsafe_split,
    unsafe_split_with_sizes as unsafe_split_with_sizes,
    vsplit as vsplit,
    vstack as vstack,
)

# -- index, scatter, masks
from minitensor.ops.index import (
    index_put as index_put,
    index_put_ as index_put_,
)
from minitensor.ops.masks import (
    argwhere as argwhere,
    masked_fill as masked_fill,
    masked_scatter as masked_scatter,
    masked_select as masked_select,
    nonzero as nonzero,
    nonzero_static as nonzero_static,
)
from minitensor.ops.scatter import (
    gather as gather,
    put as put,
    scatter as scatter,
    scatter_add as scatter_add,
    scatter_reduce as scatter_reduce,
    take as take,
    take_along_dim as take_along_dim,
)
from minitensor.ops.slices import (
    index_add as index_add,
    index_copy as index_copy,
    index_fill as index_fill,
    index_reduce as index_reduce,
    index_select as index_select,
)

# -- sort
from minitensor.ops.sort import (
    argsort as argsort,
    bucketize as bucketize,
    kthvalue as kthvalue,
    msort as msort,
    searchsorted as searchsorted,
    sort as sort,
    topk as topk,
)
from minitensor.ops.quantile import (
    median as median,
    mode as mode,
    nanmedian as nanmedian,
    nanquantile as nanquantile,
    quantile as quantile,
)
from minitensor.ops.counting import (
    bincount as bincount,
    histc as histc,
    histogram as histogram,
    histogramdd as histogramdd,
    unique as unique,
    unique_consecutive as unique_consecutive,
)
from minitensor.ops.integrate import (
    cumulative_trapezoid as cumulative_trapezoid,
    diff as diff,
    gradient as gradient,
    trapezoid as trapezoid,
    trapz as trapz,
)
from minitensor.ops.spectral import istft as istft, stft as stft
from minitensor.ops.windows import (
    bartlett_window as bartlett_window,
    blackman_window as blackman_window,
    hamming_window as hamming_window,
    hann_window as hann_window,
    kaiser_window as kaiser_window,
)

# -- activation
from minitensor.ops.activation import (
    celu as celu,
    hardshrink as hardshrink,
    prelu as prelu,
    relu as relu,
    relu_ as relu_,
    selu as selu,
    threshold as threshold,
)
from minitensor.ops.softmax import log_softmax as log_softmax, softmax as softmax

# -- less frequent pointwise functions
from minitensor.ops.lazy import (
    conj as conj,
    is_conj as is_conj,
    is_neg as is_neg,
    resolve_conj as resolve_conj,
    resolve_neg as resolve_neg,
)
from minitensor.ops.complex import (
    angle as angle,
    complex as complex,
    conj_physical as conj_physical,
    conj_physical_ as conj_physical_,
    imag as imag,
    polar as polar,
    real as real,
    view_as_complex as view_as_complex,
    view_as_real as view_as_real,
)
from minitensor.ops.special import (
    digamma as digamma,
    erf as erf,
    erf_ as erf_,
    erfc as erfc,
    erfc_ as erfc_,
    erfinv as erfinv,
    i0 as i0,
    i0_ as i0_,
    lgamma as lgamma,
    logit as logit,
    logit_ as logit_,
    polygamma as polygamma,
    sinc as sinc,
    sinc_ as sinc_,
    xlogy as xlogy,
    xlogy_ as xlogy_,
)

# -- distance
from minitensor.ops.distance import (
    cosine_similarity as cosine_similarity,
    pairwise_distance as pairwise_distance,
    pdist as pdist,
)

# -- segments
from minitensor.ops.bits import hash_tensor as hash_tensor
from minitensor.ops.slices import slice_inverse as slice_inverse
from minitensor.ops.segments import segment_reduce as segment_reduce

# -- random
from minitensor.generator import Generator as Generator, default_generator as default_generator
from minitensor.ops.random import (
    bernoulli as bernoulli,
    fork_rng as fork_rng,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    multinomial as multinomial,
    normal as normal,
    rand as rand,
    rand_like as rand_like,
    randint as randint,
    randint_like as randint_like,
    randn as randn,
    randn_like as randn_like,
    randperm as randperm,
    seed as seed,
    set_rng_state as set_rng_state,
)
from minitensor.ops.variates import (
    _dirichlet_grad as _dirichlet_grad,
    _sample_dirichlet as _sample_dirichlet,
    _standard_gamma as _standard_gamma,
    _standard_gamma_grad as _standard_gamma_grad,
    binomial as binomial,
    poisson as poisson,
)

# -- linalg
from minitensor.ops.linalg.norms import cdist as cdist, dist as dist, renorm as renorm
from minitensor.ops.linalg.products import (
    corrcoef as corrcoef,
    cov as cov,
    matrix_exp as matrix_exp,
    matrix_power as matrix_power,
)
from minitensor.ops.linalg.solve import (
    cholesky_inverse as cholesky_inverse,
    cholesky_solve as cholesky_solve,
    logdet as logdet,
)
from minitensor.ops.linalg.eigenpairs import lobpcg as lobpcg
from minitensor.ops.linalg.low_rank import pca_lowrank as pca_lowrank, svd_lowrank as svd_lowrank
from minitensor.ops.linalg.lu import lu_unpack as lu_unpack
from minitensor.ops.linalg.reflections import geqrf as geqrf, orgqr as orgqr, ormqr as ormqr
from minitensor.ops.linalg.spellings import (
    cholesky as cholesky,
    det as det,
    frobenius_norm as frobenius_norm,
    inverse as inverse,
    lu as lu,
    lu_solve as lu_solve,
    nuclear_norm as nuclear_norm,
    pinverse as pinverse,
    qr as qr,
    slogdet as slogdet,
    svd as svd,
    triangular_solve as triangular_solve,
    vander as vander,
)

# -- rooms
from minitensor import linalg as linalg, signal as signal
from minitensor import fft as fft, func as func
from minitensor.func import vmap as vmap
from minitensor import distributions as distributions, quasirandom as quasirandom
from minitensor import amp as amp, cpu as cpu
from minitensor import sparse as sparse
from minitensor import masked as masked, monitor as monitor
from minitensor.ops.matmul import mm as spmm
from minitensor.sparse.creation import sparse_coo_tensor as sparse_coo_tensor, sparse_csr_tensor as sparse_csr_tensor
from minitensor.sparse.creation import sparse_compressed_tensor as sparse_compressed_tensor
from minitensor.sparse.old_products import dsmm as dsmm, hspmm as hspmm, smm as smm, sspaddmm as sspaddmm
from minitensor.sparse.old_products import hspmm as hsmm, sspaddmm as saddmm
from minitensor.sparse.methods import resize_as_sparse_ as resize_as_sparse_
from minitensor.accelerator import get_device_module as get_device_module
from minitensor import _C as _C, accelerator as accelerator, jit as jit, overrides as overrides, random as random
from minitensor import profiler as profiler
from minitensor.jit import ScriptFunction as ScriptFunction, ScriptModule as ScriptModule
from minitensor.amp import GradScaler as GradScaler, autocast as autocast
from minitensor.amp.switches import (
    autocast_decrement_nesting as autocast_decrement_nesting,
    autocast_increment_nesting as autocast_increment_nesting,
    clear_autocast_cache as clear_autocast_cache,
    get_autocast_cpu_dtype as get_autocast_cpu_dtype,
    get_autocast_dtype as get_autocast_dtype,
    get_autocast_gpu_dtype as get_autocast_gpu_dtype,
    is_autocast_cache_enabled as is_autocast_cache_enabled,
    is_autocast_cpu_enabled as is_autocast_cpu_enabled,
    is_autocast_enabled as is_autocast_enabled,
    set_autocast_cache_enabled as set_autocast_cache_enabled,
    set_autocast_cpu_dtype as set_autocast_cpu_dtype,
    set_autocast_cpu_enabled as set_autocast_cpu_enabled,
    set_autocast_dtype as set_autocast_dtype,
    set_autocast_enabled as set_autocast_enabled,
    set_autocast_gpu_dtype as set_autocast_gpu_dtype,
)
from minitensor import multiprocessing as multiprocessing
from minitensor import library as library
from minitensor import cuda as cuda, nn as nn, optim as optim, special as special, testing as testing, utils as utils
from minitensor.serialization import load as load, save as save
from minitensor.serialization.records import PyTorchFileReader as PyTorchFileReader
from minitensor.run import as_torch as as_torch

from minitensor.nn.functional.padding import constant_pad_nd as constant_pad_nd

# What PyTorch has here under other arguments than in nn.functional.
from minitensor.nn.functional.native_names import (
    affine_grid_generator as affine_grid_generator,
    batch_norm as batch_norm,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    convolution as convolution,
    cosine_embedding_loss as cosine_embedding_loss,
    embedding as embedding,
    embedding_bag as embedding_bag,
    embedding_renorm_ as embedding_renorm_,
    grid_sampler as grid_sampler,
    grid_sampler_2d as grid_sampler_2d,
    grid_sampler_3d as grid_sampler_3d,
    hinge_embedding_loss as hinge_embedding_loss,
    instance_norm as instance_norm,
    kl_div as kl_div,
    margin_ranking_loss as margin_ranking_loss,
    norm_except_dim as norm_except_dim,
    poisson_nll_loss as poisson_nll_loss,
    triplet_margin_loss as triplet_margin_loss,
)
from minitensor.nn.functional.native_dropout import (
    alpha_dropout_ as alpha_dropout_,
    dropout_ as dropout_,
    feature_alpha_dropout_ as feature_alpha_dropout_,
    feature_dropout as feature_dropout,
    feature_dropout_ as feature_dropout_,
    native_dropout as native_dropout,
)
from minitensor.nn.native_recurrent import (
    gru as gru,
    gru_cell as gru_cell,
    lstm as lstm,
    lstm_cell as lstm_cell,
    rnn_relu as rnn_relu,
    rnn_relu_cell as rnn_relu_cell,
    rnn_tanh as rnn_tanh,
    rnn_tanh_cell as rnn_tanh_cell,
)

# What PyTorch has here too, under the same arguments as in nn.functional.
from minitensor.nn.functional import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
    adaptive_max_pool1d as adaptive_max_pool1d,
    alpha_dropout as alpha_dropout,
    avg_pool1d as avg_pool1d,
    bilinear as bilinear,
    celu_ as celu_,
    channel_shuffle as channel_shuffle,
    channel_shuffle as native_channel_shuffle,
    conv1d as conv1d,
    conv2d as conv2d,
    conv3d as conv3d,
    conv_tbc as conv_tbc,
    conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d,
    conv_transpose3d as conv_transpose3d,
    ctc_loss as ctc_loss,
    dropout as dropout,
    feature_alpha_dropout as feature_alpha_dropout,
    group_norm as group_norm,
    layer_norm as layer_norm,
    max_pool1d as max_pool1d,
    max_pool1d_with_indices as max_pool1d_with_indices,
    max_pool2d as max_pool2d,
    max_pool3d as max_pool3d,
    pixel_shuffle as pixel_shuffle,
    pixel_unshuffle as pixel_unshuffle,
    rms_norm as rms_norm,
    rrelu as rrelu,
    rrelu_ as rrelu_,
    selu_ as selu_,
    threshold_ as threshold_,
)

# Private and former paths and names of PyTorch, which programs use.
from minitensor.compat import build as __config__, future as __future__, dynamo as _dynamo, inductor as _inductor
from minitensor.compat import subclasses as _subclasses
from minitensor.paths import (
    annotating as _jit_internal,
    functional as functional,
    internals as _utils,
    printing as _tensor_str,
    types as types,
    variable_functions as _VF,
)
from minitensor.func import (
    mapping as _vmap_internals,
)
from minitensor.paths.checks import (
    _assert_async as _assert_async,
    _check as _check,
    _check_index as _check_index,
    _check_is_size as _check_is_size,
    _check_not_implemented as _check_not_implemented,
    _check_tensor_all as _check_tensor_all,
    _check_type as _check_type,
    _check_value as _check_value,
)
from minitensor.paths.storages import (
    BFloat16Storage as BFloat16Storage,
    BoolStorage as BoolStorage,
    ByteStorage as ByteStorage,
    CharStorage as CharStorage,
    ComplexDoubleStorage as ComplexDoubleStorage,
    ComplexFloatStorage as ComplexFloatStorage,
    DoubleStorage as DoubleStorage,
    FloatStorage as FloatStorage,
    HalfStorage as HalfStorage,
    IntStorage as IntStorage,
    LongStorage as LongStorage,
    ShortStorage as ShortStorage,
    TypedStorage as TypedStorage,
    UntypedStorage as UntypedStorage,
)
# The operations by name. The package that defines them is this library's own, and imported by its whole path.
from minitensor.library.registry import ops as ops
from minitensor.paths.foreach import *  # noqa: F403  # the names of its list, which begin with _foreach_

# PyTorch's dtypes of which there are no tensors here.
(
    float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz, float8_e8m0fnu, float4_e2m1fn_x2, complex32,
    uint1, uint2, uint3, uint4, uint5, uint6, uint7, int1, int2, int3, int4, int5, int6, int7,
    quint8, quint4x2, quint2x4, qint8, qint32,
) = dtypes.NAME_ONLY  # fmt: skip
chalf = complex32

newaxis: None = None
torch_version, torch = version, sys.modules[__name__]

ger, norm, detach, detach_ = outer, Tensor.norm, Tensor.detach, Tensor.detach_
fill_, zero_, resize_as_ = Tensor.fill_, Tensor.zero_, Tensor.resize_as_
absolute, negative, multiply, divide = abs, neg, mul, div
clip, clip_, fix, fix_, negative_ = clamp, clamp_, trunc, trunc_, neg_
arccos, arcsin, arctan, arctan2, arccosh, arcsinh, arctanh = acos, asin, atan, atan2, acosh, asinh, atanh
arccos_, arcsin_, arctan_, arccosh_, arcsinh_, arctanh_ = acos_, asin_, atan_, acosh_, asinh_, atanh_
mvlgamma, igamma, igammac = special.multigammaln, special.gammainc, special.gammaincc
bool, int, float = dtypes.bool_, dtypes.int_, dtypes.float_  # PyTorch's names shadow Python's, here and nowhere else

backends.silence.hide_complaints()  # Note [Silence] in `backends/silence.py`

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = reasons.attributes_of(__name__)
