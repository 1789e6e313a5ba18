"""What public functions compute from masked tensors, by the names of the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentError, ArgumentTypeError, OverrideError, UsageError, UsageTypeError
from minitensor.masked import reductions
from minitensor.masked.masks import is_masked
from minitensor.masked.normalizations import softmax
from minitensor.ops.choice import where
from minitensor.ops.creation import ones_like
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Make = Callable[[Tensor, Tensor], Tensor]  # from data and a mask to a masked tensor

# Of the data alone; the mask stays.
POINTWISE = frozenset("""
    abs absolute acos acosh angle arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh bitwise_not ceil
    clamp clip clone conj_physical cos cosh deg2rad detach digamma double erf erfc erfinv exp exp2 expm1 fix float floor
    frac half i0 int invert isnan lgamma log log10 log1p log2 logit long nan_to_num neg negative ones_like pos positive
    pow rad2deg reciprocal round rsqrt sgn sigmoid sign signbit sin sinc sinh sqrt square tan tanh to trunc zeros_like
""".split())
# Of two data whose masks are equal.
PAIRS = frozenset("""
    add arctan2 atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor div divide eq
    floor_divide floordiv fmax fmin fmod ge greater greater_equal gt iadd imul isub itruediv le less less_equal
    logaddexp logaddexp2 lt maximum minimum mod mul multiply ne nextafter not_equal radd rdiv remainder rmul rsub
    rtruediv sub subtract true_divide truediv
""".split())
# Of data and mask alike.
MOVES = frozenset("""
    T broadcast_to cat concat concatenate contiguous expand expand_as flatten getitem mT movedim narrow permute ravel
    reshape select split squeeze stack swapaxes t transpose unbind unfold unsqueeze view
""".split())
REDUCTIONS = frozenset("sum mean amin amax argmin argmax prod norm var std".split())
# Conversions of one element to a number of Python.
NUMBERS = frozenset("__bool__ __int__ __float__ __complex__ __index__".split())
# Of the data, with a plain result.
FACTS = frozenset("""
    device dim dtype element_size get_device grad_fn has_names is_complex is_contiguous is_cpu is_cuda is_floating_point
    is_leaf is_meta is_same_size is_signed item itemsize layout ndim ndimension nelement numel shape size stride tolist
    requires_grad names
""".split())


def compute(make: Make, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return what a public function computes from masked tensors.

    Raises:
        TypeError: If the function has no meaning here.
    """
    name = name_of(func)
    if getattr(func, "__name__", "") in NUMBERS:
        check_mask("item", args[0])
        return func(data_of(args[0]))
    if name in REDUCTIONS or name == "all":
        return reduce(make, name, *args, **kwargs)
    if name in OTHERS:
        return OTHERS[name](make, *args, **kwargs)
    if name in FACTS:
        check_mask(name, args[0])
        return func(*map(data_of, args), **kwargs)
    if name in POINTWISE:
        require_one(name, args[1:])
        return renew(make, args[0], func(data_of(args[0]), *args[1:], **kwargs), args[0]._masked_mask)
    if name in PAIRS:
        return pair(make, func, args, kwargs)
    if name in MOVES:
        return wrap(make, func(*map(data_of, args), **kwargs), func(*map(mask_of, args), **kwargs))
    raise OverrideError(f"{name} is not implemented for MaskedTensor: compute from get_data() and get_mask()")


def name_of(func: Any) -> str:
    """Return a function's name without underscores; of a property's reader, that of the property."""
    if getattr(func, "__name__", "") == "__get__":
        return str(func.__self__.fget.__name__)
    return str(getattr(func, "__name__", func)).strip("_")


def data_of(value: Any) -> Any:
    """Return the data of a masked tensor, or of those in a list."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(data_of, value))
    return value._masked_data if is_masked(value) else value


def mask_of(value: Any) -> Any:
    """Return the mask of a masked tensor, or those of tensors in a list."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(mask_of, value))
    return value._masked_mask if is_masked(value) else value


def wrap(make: Make, data: Any, mask: Any) -> Any:
    """Return results with their masks."""
    if isinstance(data, (list, tuple)):
        return type(data)([wrap(make, *each) for each in zip(data, mask, strict=True)])
    return make(data, mask)


def require_one(name: str, others: Sequence[Any]) -> None:
    """Raise if a function of one tensor got more."""
    if any(isinstance(each, Tensor) for each in others):
        raise ArgumentTypeError(f"{name}: a MaskedTensor does not support additional Tensor arguments here")


def check_mask(name: str, input: Any) -> None:
    """Raise if the number that is asked for is masked out."""
    if name == "item" and input._masked_data.numel() == 1 and not input._masked_mask.item():
        raise ArgumentError("item: the element is masked out")
    if name == "tolist":
        raise UsageError(".tolist() is not supported for tensor subclasses, got MaskedTensor")


def pair(make: Make, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Compute from two operands, of which at least one is masked; masks must be equal."""
    masks = [each._masked_mask for each in args[:2] if is_masked(each)]
    if len(masks) > 1 and not (masks[0].shape == masks[1].shape and masks[0].equal(masks[1])):
        raise ArgumentError("input masks must match: masked tensors with different masks cannot be combined")
    result = func(*map(data_of, args), **kwargs)
    return renew(make, args[0], result, masks[0].expand_as(result))


def renew(make: Make, input: Any, data: Tensor, mask: Tensor) -> Any:
    """Return a masked tensor: the given one if its data were changed in place."""
    return input if data is data_of(input) else make(data, mask)


def reduce(
    make: Make, name: str, input: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """Return a reduction, masked out where nothing was let in."""
    data, mask = input._masked_data, input._masked_mask
    given = {} if dim is None else {"dim": dim, "keepdim": keepdim}
    if name == "all":
        found = data.masked_fill(~mask, True).all(**given)
    else:
        function = getattr(reductions, name)
        found = function(data, mask=mask, **given, **({} if dtype is None else {"dtype": dtype}))
    return make(found, mask.any(**given))


def choose(make: Make, condition: Any, input: Any, other: Any) -> Tensor:
    """Return elements of one or the other, with their masks."""
    data = where(condition, data_of(input), data_of(other))
    masks = [mask_of(each) if is_masked(each) else ones_like(condition) for each in (input, other)]
    return make(data, where(condition, *masks))


def masked_softmax(make: Make, input: Any, dim: int, *args: Any, dtype: Any = None) -> Tensor:
    """Return the softmax of what the mask lets in."""
    return make(softmax(input._masked_data, dim, dtype=dtype, mask=input._masked_mask), input._masked_mask)


def refuse_write(*args: Any, **kwargs: Any) -> Any:
    """Raise: the elements of a masked tensor are not written."""
    raise UsageTypeError("a MaskedTensor cannot be written: write to its parts before it is made")


OTHERS: dict[str, Callable[..., Any]] = {
    "where": choose, "softmax": masked_softmax, "setitem": refuse_write,
}  # fmt: skip
