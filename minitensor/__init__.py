"""minitensor: a strided tensor library with autograd on NumPy and CuPy, in PyTorch's names.

This is the shop window: every public name, by hand, grouped.
"""

from __future__ import annotations

import warnings

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
from minitensor.device import device as device
from minitensor.dtypes import (
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
)
from minitensor.shapes import Size as Size
from minitensor.tensor import Tensor as Tensor

# -- creation
from minitensor.ops.creation import (
    arange as arange,
    as_tensor as as_tensor,
    empty as empty,
    empty_like as empty_like,
    eye as eye,
    from_numpy as from_numpy,
    full as full,
    full_like as full_like,
    linspace as linspace,
    logspace as logspace,
    ones as ones,
    ones_like as ones_like,
    tensor as tensor,
    zeros as zeros,
    zeros_like as zeros_like,
)

# -- printing
from minitensor.printing import (
    get_printoptions as get_printoptions,
    set_printoptions as set_printoptions,
)

# -- pointwise
from minitensor.ops.pointwise import (
    abs as abs,
    acos as acos,
    acosh as acosh,
    add as add,
    addcdiv as addcdiv,
    addcmul as addcmul,
    asin as asin,
    asinh as asinh,
    atan as atan,
    atan2 as atan2,
    atanh as atanh,
    ceil as ceil,
    clamp as clamp,
    clamp_max as clamp_max,
    clamp_min as clamp_min,
    conj as conj,
    cos as cos,
    cosh as cosh,
    div as div,
    exp as exp,
    exp2 as exp2,
    expm1 as expm1,
    floor as floor,
    floor_divide as floor_divide,
    fmod as fmod,
    frac as frac,
    hypot as hypot,
    lerp as lerp,
    log as log,
    log1p as log1p,
    log2 as log2,
    log10 as log10,
    logaddexp as logaddexp,
    maximum as maximum,
    minimum as minimum,
    mul as mul,
    nan_to_num as nan_to_num,
    neg as neg,
    positive as positive,
    pow as pow,
    reciprocal as reciprocal,
    remainder as remainder,
    round as round,
    rsqrt as rsqrt,
    rsub as rsub,
    sgn as sgn,
    sigmoid as sigmoid,
    sign as sign,
    sin as sin,
    sinh as sinh,
    sqrt as sqrt,
    square as square,
    sub as sub,
    tan as tan,
    tanh as tanh,
    trunc as trunc,
    where as where,
)

# -- matmul
from minitensor.ops.einsum import einsum as einsum
from minitensor.ops.matmul import (
    addbmm as addbmm,
    addmm as addmm,
    addmv as addmv,
    addr as addr,
    baddbmm as baddbmm,
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
from minitensor.ops.reduce import (
    all as all,
    amax as amax,
    amin as amin,
    aminmax as aminmax,
    any as any,
    argmax as argmax,
    argmin as argmin,
    count_nonzero as count_nonzero,
    dist as dist,
    logsumexp as logsumexp,
    max as max,
    mean as mean,
    median as median,
    min as min,
    nanmean as nanmean,
    nansum as nansum,
    norm as norm,
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
    bitwise_and as bitwise_and,
    bitwise_left_shift as bitwise_left_shift,
    bitwise_not as bitwise_not,
    bitwise_or as bitwise_or,
    bitwise_right_shift as bitwise_right_shift,
    bitwise_xor as bitwise_xor,
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
    diff as diff,
    logcumsumexp as logcumsumexp,
)

# -- memory formats
from minitensor.memory_format import (
    channels_last as channels_last,
    channels_last_3d as channels_last_3d,
    contiguous_format as contiguous_format,
    memory_format as memory_format,
    preserve_format as preserve_format,
)

# -- cast
from minitensor.ops.cast import (
    clone as clone,
    is_complex as is_complex,
    is_floating_point as is_floating_point,
    numel as numel,
)

# -- shape
from minitensor.ops.shape import (
    adjoint as adjoint,
    as_strided as as_strided,
    atleast_1d as atleast_1d,
    atleast_2d as atleast_2d,
    atleast_3d as atleast_3d,
    broadcast_tensors as broadcast_tensors,
    broadcast_to as broadcast_to,
    diag as diag,
    diag_embed as diag_embed,
    diagflat as diagflat,
    diagonal as diagonal,
    flatten as flatten,
    flip as flip,
    fliplr as fliplr,
    flipud as flipud,
    meshgrid as meshgrid,
    moveaxis as moveaxis,
    movedim as movedim,
    narrow as narrow,
    permute as permute,
    ravel as ravel,
    repeat_interleave as repeat_interleave,
    reshape as reshape,
    roll as roll,
    rot90 as rot90,
    select as select,
    squeeze as squeeze,
    swapaxes as swapaxes,
    swapdims as swapdims,
    t as t,
    tile as tile,
    transpose as transpose,
    tril as tril,
    triu as triu,
    unflatten as unflatten,
    unsqueeze as unsqueeze,
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
    stack as stack,
    tensor_split as tensor_split,
    unbind as unbind,
    vsplit as vsplit,
    vstack as vstack,
)

# -- index
from minitensor.ops.index import (
    argwhere as argwhere,
    gather as gather,
    index_add as index_add,
    index_copy as index_copy,
    index_fill as index_fill,
    index_put as index_put,
    index_select as index_select,
    masked_fill as masked_fill,
    masked_scatter as masked_scatter,
    masked_select as masked_select,
    nonzero as nonzero,
    scatter as scatter,
    scatter_add as scatter_add,
    take as take,
    take_along_dim as take_along_dim,
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
    unique as unique,
)

# -- activation
from minitensor.ops.activation import (
    celu as celu,
    hardshrink as hardshrink,
    log_softmax as log_softmax,
    prelu as prelu,
    relu as relu,
    relu_ as relu_,
    selu as selu,
    softmax as softmax,
    threshold as threshold,
)
from minitensor.ops.special import erf as erf, erfc as erfc

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

# -- rooms
from minitensor import cuda as cuda, nn as nn, optim as optim, utils as utils

__version__ = "0.1.0"

ger = outer
bool, int, float = dtypes.bool_, dtypes.int_, dtypes.float_  # PyTorch's names shadow Python's, here and nowhere else

# NumPy warns where IEEE arithmetic gives inf or NaN; tensors give them silently, as PyTorch's do. An errstate around
# each operation would cost more than the operation (0.7 us), so the warnings are muted for this package's own modules.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"minitensor(\.|$)")
