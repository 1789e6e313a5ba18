"""minitensor: a strided tensor library with autograd on NumPy and CuPy, in PyTorch's names.

This is the shop window: every public name, by hand, grouped.
"""

from __future__ import annotations

import warnings

from minitensor import autograd, backends, errors
from minitensor.autograd.mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from minitensor.device import device
from minitensor.dtypes import (
    bool_ as bool,
    can_cast,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    float_ as float,
    get_default_dtype,
    half,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    int_ as int,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
)
from minitensor.shapes import Size
from minitensor.tensor import Tensor

# -- creation
from minitensor.ops.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)

# -- printing
from minitensor.printing import get_printoptions, set_printoptions

# -- pointwise
from minitensor.ops.pointwise import (
    abs,
    acos,
    acosh,
    add,
    addcdiv,
    addcmul,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    ceil,
    clamp,
    clamp_max,
    clamp_min,
    conj,
    cos,
    cosh,
    div,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmod,
    frac,
    hypot,
    lerp,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    maximum,
    minimum,
    mul,
    nan_to_num,
    neg,
    positive,
    pow,
    reciprocal,
    remainder,
    round,
    rsqrt,
    rsub,
    sgn,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    sub,
    tan,
    tanh,
    trunc,
    where,
)

# -- matmul
from minitensor.ops.einsum import einsum
from minitensor.ops.matmul import (
    addbmm,
    addmm,
    addmv,
    addr,
    baddbmm,
    bmm,
    chain_matmul,
    cross,
    dot,
    inner,
    kron,
    matmul,
    mm,
    mv,
    outer,
    outer as ger,
    tensordot,
    trace,
    vdot,
)

# -- reduce
from minitensor.ops import return_types
from minitensor.ops.reduce import (
    all,
    amax,
    amin,
    aminmax,
    any,
    argmax,
    argmin,
    count_nonzero,
    dist,
    logsumexp,
    max,
    mean,
    median,
    min,
    nanmean,
    nansum,
    norm,
    prod,
    std,
    std_mean,
    sum,
    var,
    var_mean,
)

# -- compare
from minitensor.ops.compare import (
    allclose,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    eq,
    equal,
    ge,
    greater,
    greater_equal,
    gt,
    isclose,
    isfinite,
    isin,
    isinf,
    isnan,
    isneginf,
    isposinf,
    isreal,
    le,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
    not_equal,
)

# -- cumulative
from minitensor.ops.cumulative import (
    cummax,
    cummin,
    cumprod,
    cumsum,
    diff,
    logcumsumexp,
)

from minitensor.memory_format import channels_last, channels_last_3d, contiguous_format, memory_format, preserve_format

# -- cast
from minitensor.ops.cast import (
    clone,
    is_complex,
    is_floating_point,
    numel,
)

# -- shape
from minitensor.ops.shape import (
    adjoint,
    as_strided,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_tensors,
    broadcast_to,
    diag,
    diag_embed,
    diagflat,
    diagonal,
    flatten,
    flip,
    fliplr,
    flipud,
    meshgrid,
    moveaxis,
    movedim,
    narrow,
    permute,
    ravel,
    repeat_interleave,
    reshape,
    roll,
    rot90,
    select,
    squeeze,
    swapaxes,
    swapdims,
    t,
    tile,
    transpose,
    tril,
    triu,
    unflatten,
    unsqueeze,
)

# -- join
from minitensor.ops.join import (
    cat,
    chunk,
    column_stack,
    concat,
    concatenate,
    dsplit,
    dstack,
    hsplit,
    hstack,
    row_stack,
    split,
    stack,
    tensor_split,
    unbind,
    vsplit,
    vstack,
)

# -- index
from minitensor.ops.index import (
    argwhere,
    gather,
    index_add,
    index_copy,
    index_fill,
    index_put,
    index_select,
    masked_fill,
    masked_scatter,
    masked_select,
    nonzero,
    scatter,
    scatter_add,
    take,
    take_along_dim,
)

# -- sort
from minitensor.ops.sort import (
    argsort,
    bucketize,
    kthvalue,
    msort,
    searchsorted,
    sort,
    topk,
    unique,
)

# -- activation
from minitensor.ops.activation import (
    celu,
    hardshrink,
    log_softmax,
    prelu,
    relu,
    relu_,
    selu,
    softmax,
    threshold,
)
from minitensor.ops.special import erf, erfc

# -- random
from minitensor.generator import Generator, default_generator
from minitensor.ops.random import (
    bernoulli,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)

__version__ = "0.1.0"

# NumPy warns where IEEE arithmetic gives inf or NaN; tensors give them silently, as PyTorch's do. An errstate around each
# operation would cost more than the operation (0.7 us), so the warnings are muted for this package's own modules only.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"minitensor(\.|$)")
