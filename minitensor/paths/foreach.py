"""Operations on lists of tensors, with PyTorch's private names such as ``torch._foreach_add_``: optimizers use them.

Each calls the operation for one tensor after another. A second operand is a list of tensors or numbers of the same
length, one number for all, or, for ``add``, ``mul`` and ``div``, one tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitensor.errors import UsageError
from minitensor.linalg import vector_norm
from minitensor.tensor import Tensor

__all__ = [
    "_foreach_abs", "_foreach_abs_", "_foreach_acos", "_foreach_acos_", "_foreach_add", "_foreach_add_",
    "_foreach_addcdiv", "_foreach_addcdiv_", "_foreach_addcmul", "_foreach_addcmul_", "_foreach_asin",
    "_foreach_asin_", "_foreach_atan", "_foreach_atan_", "_foreach_ceil", "_foreach_ceil_", "_foreach_clamp_max",
    "_foreach_clamp_max_", "_foreach_clamp_min", "_foreach_clamp_min_", "_foreach_clone", "_foreach_copy_",
    "_foreach_cos", "_foreach_cos_", "_foreach_cosh", "_foreach_cosh_", "_foreach_div", "_foreach_div_",
    "_foreach_erf", "_foreach_erf_", "_foreach_erfc", "_foreach_erfc_", "_foreach_exp", "_foreach_exp_",
    "_foreach_expm1", "_foreach_expm1_", "_foreach_floor", "_foreach_floor_", "_foreach_frac", "_foreach_frac_",
    "_foreach_lerp", "_foreach_lerp_", "_foreach_lgamma", "_foreach_lgamma_", "_foreach_log", "_foreach_log10",
    "_foreach_log10_", "_foreach_log1p", "_foreach_log1p_", "_foreach_log2", "_foreach_log2_", "_foreach_log_",
    "_foreach_max", "_foreach_maximum", "_foreach_maximum_", "_foreach_minimum", "_foreach_minimum_", "_foreach_mm",
    "_foreach_mul", "_foreach_mul_", "_foreach_neg", "_foreach_neg_", "_foreach_norm", "_foreach_pow",
    "_foreach_pow_", "_foreach_powsum", "_foreach_reciprocal", "_foreach_reciprocal_", "_foreach_round",
    "_foreach_round_", "_foreach_rsqrt", "_foreach_rsqrt_", "_foreach_sigmoid", "_foreach_sigmoid_", "_foreach_sign",
    "_foreach_sign_", "_foreach_sin", "_foreach_sin_", "_foreach_sinh", "_foreach_sinh_", "_foreach_sqrt",
    "_foreach_sqrt_", "_foreach_sub", "_foreach_sub_", "_foreach_tan", "_foreach_tan_", "_foreach_tanh",
    "_foreach_tanh_", "_foreach_trunc", "_foreach_trunc_", "_foreach_zero_",
]  # fmt: skip

Tensors = Sequence[Tensor]


def check_lengths(first: Tensors, *others: Sequence[Any]) -> None:
    """Raise unless lists are of one length, which is not zero."""
    if not first:
        raise UsageError("Tensor list must have at least one tensor.")
    for each in others:
        if len(each) != len(first):
            raise UsageError(
                f"Tensor lists must have the same number of tensors, got {len(first)} and {len(each)}"
            )


def repeat(value: Any, count: int) -> Sequence[Any]:
    """Return a list of operands: the one that is given, or one value for all."""
    return value if isinstance(value, (list, tuple)) else [value] * count


def for_each(op: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """Return a function of a list of tensors, and of operands for each or for all, that calls ``op`` with each."""

    def call(self: Any, *operands: Any, **options: Any) -> tuple[Any, ...]:
        first = self if isinstance(self, (list, tuple)) else repeat(self, len(operands[0]))
        columns = [repeat(each, len(first)) for each in operands]
        check_lengths(first, *columns)
        return tuple(op(*each, **options) for each in zip(first, *columns, strict=True))

    return call


def change_each(op: Callable[..., Any]) -> Callable[..., Tensors]:
    """Return a function that calls ``op``, which changes its first argument, with each tensor; it returns the list."""
    call = for_each(op)

    def change(self: Tensors, *operands: Any, **options: Any) -> Tensors:
        call(self, *operands, **options)
        return self

    return change


def scale_each(op: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """Return a function of three lists that calls ``op`` with a ``value`` for all, or with ``scalars`` for each."""

    def call(self: Tensors, tensor1: Tensors, tensor2: Tensors, value: Any = 1, *, scalars: Any = None) -> Any:
        values = value if scalars is None else scalars
        values = values.tolist() if isinstance(values, Tensor) else values
        values = repeat(values, len(self))
        check_lengths(self, tensor1, tensor2, values)
        return tuple(
            op(a, b, c, value=each) for a, b, c, each in zip(self, tensor1, tensor2, values, strict=True)
        )

    return call


def scale_each_(op: Callable[..., Any]) -> Callable[..., Tensors]:
    """Return such a function that changes the tensors of its first list, and returns the list."""
    call = scale_each(op)

    def change(self: Tensors, *operands: Any, **options: Any) -> Tensors:
        call(self, *operands, **options)
        return self

    return change


_foreach_abs, _foreach_abs_ = for_each(Tensor.abs), change_each(Tensor.abs_)
_foreach_acos, _foreach_acos_ = for_each(Tensor.acos), change_each(Tensor.acos_)
_foreach_asin, _foreach_asin_ = for_each(Tensor.asin), change_each(Tensor.asin_)
_foreach_atan, _foreach_atan_ = for_each(Tensor.atan), change_each(Tensor.atan_)
_foreach_ceil, _foreach_ceil_ = for_each(Tensor.ceil), change_each(Tensor.ceil_)
_foreach_cos, _foreach_cos_ = for_each(Tensor.cos), change_each(Tensor.cos_)
_foreach_cosh, _foreach_cosh_ = for_each(Tensor.cosh), change_each(Tensor.cosh_)
_foreach_erf, _foreach_erf_ = for_each(Tensor.erf), change_each(Tensor.erf_)
_foreach_erfc, _foreach_erfc_ = for_each(Tensor.erfc), change_each(Tensor.erfc_)
_foreach_exp, _foreach_exp_ = for_each(Tensor.exp), change_each(Tensor.exp_)
_foreach_expm1, _foreach_expm1_ = for_each(Tensor.expm1), change_each(Tensor.expm1_)
_foreach_floor, _foreach_floor_ = for_each(Tensor.floor), change_each(Tensor.floor_)
_foreach_frac, _foreach_frac_ = for_each(Tensor.frac), change_each(Tensor.frac_)
_foreach_lgamma, _foreach_lgamma_ = for_each(Tensor.lgamma), change_each(Tensor.lgamma_)
_foreach_log, _foreach_log_ = for_each(Tensor.log), change_each(Tensor.log_)
_foreach_log10, _foreach_log10_ = for_each(Tensor.log10), change_each(Tensor.log10_)
_foreach_log1p, _foreach_log1p_ = for_each(Tensor.log1p), change_each(Tensor.log1p_)
_foreach_log2, _foreach_log2_ = for_each(Tensor.log2), change_each(Tensor.log2_)
_foreach_neg, _foreach_neg_ = for_each(Tensor.neg), change_each(Tensor.neg_)
_foreach_reciprocal, _foreach_reciprocal_ = for_each(Tensor.reciprocal), change_each(Tensor.reciprocal_)
_foreach_round, _foreach_round_ = for_each(Tensor.round), change_each(Tensor.round_)
_foreach_rsqrt, _foreach_rsqrt_ = for_each(Tensor.rsqrt), change_each(Tensor.rsqrt_)
_foreach_sigmoid, _foreach_sigmoid_ = for_each(Tensor.sigmoid), change_each(Tensor.sigmoid_)
_foreach_sign, _foreach_sign_ = for_each(Tensor.sign), change_each(Tensor.sign_)
_foreach_sin, _foreach_sin_ = for_each(Tensor.sin), change_each(Tensor.sin_)
_foreach_sinh, _foreach_sinh_ = for_each(Tensor.sinh), change_each(Tensor.sinh_)
_foreach_sqrt, _foreach_sqrt_ = for_each(Tensor.sqrt), change_each(Tensor.sqrt_)
_foreach_tan, _foreach_tan_ = for_each(Tensor.tan), change_each(Tensor.tan_)
_foreach_tanh, _foreach_tanh_ = for_each(Tensor.tanh), change_each(Tensor.tanh_)
_foreach_trunc, _foreach_trunc_ = for_each(Tensor.trunc), change_each(Tensor.trunc_)
_foreach_add, _foreach_add_ = for_each(Tensor.add), change_each(Tensor.add_)
_foreach_sub, _foreach_sub_ = for_each(Tensor.sub), change_each(Tensor.sub_)
_foreach_mul, _foreach_mul_ = for_each(Tensor.mul), change_each(Tensor.mul_)
_foreach_div, _foreach_div_ = for_each(Tensor.div), change_each(Tensor.div_)
_foreach_lerp, _foreach_lerp_ = for_each(Tensor.lerp), change_each(Tensor.lerp_)
_foreach_pow, _foreach_pow_ = for_each(Tensor.pow), change_each(Tensor.pow_)
_foreach_clamp_max, _foreach_clamp_max_ = for_each(Tensor.clamp_max), change_each(Tensor.clamp_max_)
_foreach_clamp_min, _foreach_clamp_min_ = for_each(Tensor.clamp_min), change_each(Tensor.clamp_min_)
# With numbers, they are clamps too.
_foreach_maximum, _foreach_maximum_ = _foreach_clamp_min, _foreach_clamp_min_
_foreach_minimum, _foreach_minimum_ = _foreach_clamp_max, _foreach_clamp_max_
_foreach_addcmul, _foreach_addcmul_ = scale_each(Tensor.addcmul), scale_each_(Tensor.addcmul_)
_foreach_addcdiv, _foreach_addcdiv_ = scale_each(Tensor.addcdiv), scale_each_(Tensor.addcdiv_)
_foreach_clone, _foreach_max, _foreach_mm = for_each(Tensor.clone), for_each(Tensor.max), for_each(Tensor.mm)
_foreach_zero_ = change_each(Tensor.zero_)


def _foreach_copy_(self: Tensors, src: Tensors, non_blocking: bool = False) -> Tensors:
    """Write tensors into those of the first list, and return it."""
    return change_each(Tensor.copy_)(self, src, non_blocking=non_blocking)


def _foreach_norm(self: Tensors, ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """Return the norm of each tensor as a vector."""
    check_lengths(self)
    return tuple(vector_norm(each, ord, dtype=dtype) for each in self)


def _foreach_powsum(self: Tensors, ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """Return the sum of the powers of the sizes of each tensor's elements."""
    check_lengths(self)
    return tuple(each.abs().pow(ord).sum(dtype=dtype) for each in self)
