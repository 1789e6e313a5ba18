"""A tensor as text, exactly as PyTorch prints it.

`tensor_str` is a pure function of a host array, some attributes (dtype, device, graph) and the print options. All
numbers of a tensor share one form, chosen from its finite nonzero elements: integers, fixed point, or scientific.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from minitensor.dtypes import bool_, complex64, complex128, dtype, float64, get_default_dtype, int64
from minitensor.errors import ArgumentError

HostArray = npt.NDArray[Any]


def tensor_str(
    array: HostArray,
    *,
    dtype: dtype,
    device: str = "cpu",
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    tangent: str | None = None,
    prefix: str = "tensor(",
) -> str:
    """Return the text of a tensor whose elements are those of ``array``.

    Args:
        array: the elements, on the host.
        dtype: the tensor's dtype, printed unless the elements imply it.
        device: printed unless it is the CPU.
        requires_grad: printed if True.
        grad_fn_name: the name of the node, such as ``"MulBackward0"``; printed instead of ``requires_grad``.
        tangent: the text of the tangent, if the tensor is a dual number.
        prefix: the class name and the bracket; elements are indented by its length.

    >>> tensor_str(np.array([[1.0, 2.5], [3.0, np.inf]]), dtype=float64, requires_grad=True)
    'tensor([[1.0000, 2.5000],\\n        [3.0000,    inf]], dtype=torch.float64, requires_grad=True)'
    """
    suffixes = _attributes(array, dtype, device) + _history(requires_grad, grad_fn_name, tangent)
    return _append_suffixes(prefix + write_elements(array, len(prefix)), suffixes, len(prefix)) + ")"


def meta_str(
    shape: tuple[int, ...],
    *,
    dtype: dtype,
    device: str = "meta",
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    tangent: str | None = None,
    prefix: str = "tensor(",
) -> str:
    """Return the text of a tensor without elements; arguments as for ``tensor_str``.

    >>> meta_str((2, 3), dtype=float64)
    "tensor(..., device='meta', size=(2, 3), dtype=torch.float64)"
    """
    facts = [f"device='{device}'", f"size={shape}"]
    if dtype is not get_default_dtype():
        facts.append(f"dtype={dtype!r}")
    facts += _history(requires_grad, grad_fn_name, tangent)
    return _append_suffixes(prefix + "...", facts, len(prefix)) + ")"


def sparse_str(
    parts: Mapping[str, HostArray],
    shape: tuple[int, ...],
    layout: object,
    *,
    dtype: dtype,
    device: str = "cpu",
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
) -> str:
    """Return the text of a sparse tensor with these parts: its positions and its values, in order.

    >>> parts = {"indices": np.array([[1]]), "values": np.array([2.5])}
    >>> print(sparse_str(parts, (3,), "torch.sparse_coo", dtype=float64))
    tensor(indices=tensor([[1]]),
           values=tensor([2.5000]),
           size=(3,), nnz=1, dtype=torch.float64, layout=torch.sparse_coo)
    """
    indent = len("tensor(")
    body = (",\n" + " " * indent).join(_part_text(name, array, indent) for name, array in parts.items())
    values = parts["values"]
    facts = [] if device == "cpu" else [f"device='{device}'"]
    facts += [f"size={shape}", f"nnz={len(values)}"]
    if dtype not in _implied_dtypes():
        facts.append(f"dtype={dtype!r}")
    facts.append(f"layout={layout}")
    facts += _history(requires_grad, grad_fn_name)
    if "indices" in parts:  # PyTorch begins a line there, but not after compressed rows
        body, facts[0] = body + ",\n" + " " * indent + facts[0], ""
    return _append_suffixes("tensor(" + body, [each for each in facts if each], indent) + ")"


def _part_text(name: str, array: HostArray, indent: int) -> str:
    """Return a part of a sparse tensor, with its shape if it is empty."""
    start = f"{name}=tensor("
    shape = "" if array.size else f", size={array.shape}"
    return start + write_elements(array, indent + len(start)) + shape + ")"


def _history(requires_grad: bool, grad_fn_name: str | None, tangent: str | None = None) -> list[str]:
    """Return the name of the node, or else whether the tensor requires grad, and the tangent of a dual number."""
    tangents = [] if tangent is None else [f"tangent={tangent}"]
    if grad_fn_name is not None:
        return [f"grad_fn=<{grad_fn_name}>", *tangents]
    return ["requires_grad=True", *tangents] if requires_grad else tangents


# -- options -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Options:
    """The format of numbers, the threshold of summaries, and the length of a line."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": _Options(),
    "short": _Options(precision=2, edgeitems=2),
    "full": _Options(threshold=float("inf")),
}

_options = _Options()  # the state of this module, as in PyTorch; only `set_printoptions` changes it


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed. Options that are not given keep their values, except ``sci_mode``, as in PyTorch.

    Args:
        precision: digits after the decimal point; 4 at first.
        threshold: tensors with more elements are summarized; 1000 at first.
        edgeitems: the number of elements that a summary prints at each end of a dimension; 3 at first.
        linewidth: characters per line; 80 at first.
        profile: "default", "short" or "full", a set of values for the options above; other arguments override it.
        sci_mode: whether floats are printed as 1.0000e+00. Default: None, which depends on their magnitudes.

    Raises:
        ValueError: If there is no such profile.

    >>> import minitensor as torch
    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor(1.2345)
    tensor(1.23)
    >>> torch.set_printoptions(profile="default")
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ArgumentError(f"set_printoptions(): no profile is called {profile!r}; there are {', '.join(_PROFILES)}")
    base = _options if profile is None else _PROFILES[profile]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _options = replace(base, **changes, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """Return the current options, as keyword arguments of `set_printoptions`.

    >>> get_printoptions()
    {'precision': 4, 'threshold': 1000, 'edgeitems': 3, 'linewidth': 80, 'sci_mode': None}
    """
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Set options for the duration of a ``with`` block.

    Args:
        options: the keyword arguments of `set_printoptions`.

    >>> import minitensor as torch
    >>> with printoptions(precision=1):
    ...     print(torch.tensor(1.25))
    tensor(1.2)
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


# -- numbers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Form:
    """The format of a number and the width of a column."""

    text: Callable[[Any], str]
    width: int = 1

    def __call__(self, value: Any) -> str:
        return self.text(value).rjust(self.width)


def _column_width(text: Callable[[Any], str], values: HostArray) -> int:
    return max((len(text(value)) for value in values.tolist()), default=1)


def _choose_form(shown: HostArray) -> _Form:
    """Choose the form for the printed elements of a real array."""
    if shown.dtype.kind != "f":
        return _Form(str, _column_width(str, shown.ravel()))
    significant = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
    if significant.size == 0:
        return _Form(_format_whole)
    text = _float_text(significant)
    return _Form(text, _column_width(text, significant))  # as in PyTorch, zeros, infinities and NaN may be wider


def _float_text(significant: npt.NDArray[np.float64]) -> Callable[[float], str]:
    precision = _options.precision
    if _is_scientific(np.abs(significant)):
        return f"{{:.{precision}e}}".format
    if (significant == np.ceil(significant)).all():
        return _format_whole
    return f"{{:.{precision}f}}".format


def _is_scientific(magnitudes: npt.NDArray[np.float64]) -> bool:
    if _options.sci_mode is not None:
        return _options.sci_mode
    smallest, largest = magnitudes.min(), magnitudes.max()
    with np.errstate(over="ignore"):
        return bool(largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4)


def _format_whole(value: float) -> str:
    """Format a float without a fraction: 3.0 as ``3.``, infinities and NaN without a point.

    >>> _format_whole(3.0), _format_whole(float("inf"))
    ('3.', 'inf')
    """
    return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"


@dataclass(frozen=True)
class _ComplexForm:
    """The forms of the real and the imaginary parts; the sign of the latter is the operator between them."""

    real: _Form
    imag: _Form

    @property
    def width(self) -> int:
        return self.real.width + self.imag.width + 1

    def __call__(self, value: complex) -> str:
        imag = self.imag(value.imag).lstrip()
        sign = "" if imag.startswith(("+", "-")) else "+"
        return f"{self.real(value.real)}{sign}{imag}j"


# -- elements ----------------------------------------------------------------------------------------------------------


def write_elements(array: HostArray, indent: int) -> str:
    """Return the elements of an array in brackets, whose lines after the first are indented."""
    if array.size == 0:
        return "[]"
    edge = _options.edgeitems if array.size > _options.threshold else None
    shown = array if edge is None else _edges(array, edge)
    if array.dtype.kind == "c":
        return _block(array, indent, _ComplexForm(_choose_form(shown.real), _choose_form(shown.imag)), edge)
    return _block(array, indent, _choose_form(shown), edge)


def _edges(array: HostArray, edge: int) -> HostArray:
    """Return the first and last ``edge`` elements of every dimension that a summary shortens.

    All dimensions are indexed at once: one at a time would copy the others of an expanded array whole.
    """
    ends = [[*range(edge), *range(size - edge, size)] if size > 2 * edge else [*range(size)] for size in array.shape]
    kept: HostArray = array[np.ix_(*ends)]
    return kept


def _block(array: HostArray, indent: int, form: _Form | _ComplexForm, edge: int | None) -> str:
    """Format an array in brackets, with a new line for each innermost row and blank lines between higher dimensions."""
    if array.ndim == 0:
        return form(array.item())
    if array.ndim == 1:
        return _row(array, indent, form, edge)
    blocks = _cut(array, edge, "...", lambda part: [_block(each, indent + 1, form, edge) for each in part])
    between = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return f"[{between.join(blocks)}]"


def _row(array: HostArray, indent: int, form: _Form | _ComplexForm, edge: int | None) -> str:
    dots = " ..." if edge else "..."
    texts = _cut(array, edge, dots, lambda part: [form(value) for value in part.tolist()])
    per_line = max(1, (_options.linewidth - indent) // (form.width + 2))
    lines = [", ".join(texts[start : start + per_line]) for start in range(0, len(texts), per_line)]
    between = ",\n" + " " * (indent + 1)
    return f"[{between.join(lines)}]"


def _cut(array: HostArray, edge: int | None, dots: str, write: Callable[[HostArray], list[str]]) -> list[str]:
    """Format the entries of the first dimension; in a summary, those at its ends with dots between them."""
    if edge is None or len(array) <= 2 * edge:
        return write(array)
    return [*write(array[:edge]), dots, *write(array[len(array) - edge :])]


# -- suffixes ----------------------------------------------------------------------------------------------------------


def _attributes(array: HostArray, dtype: dtype, device: str) -> list[str]:
    """Return the attributes that the elements do not imply: the device, the shape of an empty tensor, the dtype."""
    implied = _implied_dtypes() if array.size else {get_default_dtype()}
    attributes = [] if device == "cpu" else [f"device='{device}'"]
    if (array.size == 0 and array.ndim != 1) or (array.size and not _options.edgeitems):
        attributes.append(f"size={array.shape}")
    if dtype not in implied:
        attributes.append(f"dtype={dtype!r}")
    return attributes


def _implied_dtypes() -> set[dtype]:
    """Return the dtypes that elements imply."""
    default = get_default_dtype()
    return {default, complex128 if default is float64 else complex64, int64, bool_}


def _append_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """Append the suffixes; one that does not fit on the line starts a new one."""
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text
