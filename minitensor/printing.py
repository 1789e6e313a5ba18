"""A tensor as text, letter by letter as PyTorch prints it.

`tensor_str` is a pure function of a host array, a few plain facts (dtype, device, graph) and the print options. All
numbers of a tensor share one form, chosen from its finite nonzero elements: integers, fixed point, or scientific. The
file knows no tensors; who has one brings its elements to the host and adds what else there is to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
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
    prefix: str = "tensor(",
) -> str:
    """Return the text of a tensor whose elements are those of ``array``.

    Args:
        device: shown unless it is the CPU.
        grad_fn_name: what made the tensor, e.g. ``"MulBackward0"``; shown in place of ``requires_grad``.
        prefix: the class name and the bracket; the elements are indented by its length.

    >>> tensor_str(np.array([[1.0, 2.5], [3.0, np.inf]]), dtype=float64, requires_grad=True)
    'tensor([[1.0000, 2.5000],\\n        [3.0000,    inf]], dtype=torch.float64, requires_grad=True)'
    """
    suffixes = _attributes(array, dtype, device)
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _append_suffixes(prefix + _elements(array, len(prefix)), suffixes, len(prefix)) + ")"


# -------------------------------------------------------------------------------------------------------------- options


@dataclass(frozen=True)
class _Options:
    """How numbers are shown, when a tensor is summarised, and how long a line is."""

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

_options = _Options()  # the state of this module, as in PyTorch; `set_printoptions` is the only one to change it


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors are printed; what is not given stays, but ``sci_mode`` goes back to None, as in PyTorch.

    Args:
        precision: digits after the point (4).
        threshold: a tensor of more elements is summarised (1000).
        edgeitems: how many elements a summary shows at each end of a dimension (3).
        linewidth: characters in a line (80).
        profile: ``"default"``, ``"short"`` or ``"full"``: values for the options above, which may change some of them.
        sci_mode: whether floats are shown as 1.0000e+00; None: where their magnitudes ask for it.
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ArgumentError(f"set_printoptions(): no profile is called {profile!r}; there are {', '.join(_PROFILES)}")
    base = _options if profile is None else _PROFILES[profile]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _options = replace(base, **changes, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """Return the options in force, to be given to `set_printoptions` by keyword.

    >>> get_printoptions()
    {'precision': 4, 'threshold': 1000, 'edgeitems': 3, 'linewidth': 80, 'sci_mode': None}
    """
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Change the options inside a ``with`` block; takes what `set_printoptions` takes."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


# -------------------------------------------------------------------------------------------------------------- numbers


@dataclass(frozen=True)
class _Form:
    """How one number is written, and how wide a column of them is."""

    text: Callable[[Any], str]
    width: int = 1

    def __call__(self, value: Any) -> str:
        return self.text(value).rjust(self.width)


def _column_width(text: Callable[[Any], str], values: HostArray) -> int:
    return max((len(text(value)) for value in values.tolist()), default=1)


def _choose_form(shown: HostArray) -> _Form:
    """Choose the form of the elements of a real array that are shown."""
    if shown.dtype.kind != "f":
        return _Form(str, _column_width(str, shown.ravel()))
    telling = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
    if telling.size == 0:
        return _Form(_format_whole)
    text = _float_text(telling)
    return _Form(text, _column_width(text, telling))  # Not the zeros, infinities and NaNs: they may stick out.


def _float_text(telling: npt.NDArray[np.float64]) -> Callable[[float], str]:
    precision = _options.precision
    if _is_scientific(np.abs(telling)):
        return f"{{:.{precision}e}}".format
    if (telling == np.ceil(telling)).all():
        return _format_whole
    return f"{{:.{precision}f}}".format


def _is_scientific(magnitudes: npt.NDArray[np.float64]) -> bool:
    if _options.sci_mode is not None:
        return _options.sci_mode
    smallest, largest = magnitudes.min(), magnitudes.max()
    with np.errstate(over="ignore"):
        return bool(largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4)


def _format_whole(value: float) -> str:
    """Write a float without fraction: 3 is ``3.``; infinities and NaN have no point.

    >>> _whole(3.0), _whole(float("inf"))
    ('3.', 'inf')
    """
    return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"


@dataclass(frozen=True)
class _ComplexForm:
    """Two columns, each with a form of its own; the sign of the imaginary part is the operator between them."""

    real: _Form
    imag: _Form

    @property
    def width(self) -> int:
        return self.real.width + self.imag.width + 1

    def __call__(self, value: complex) -> str:
        imag = self.imag(value.imag).lstrip()
        sign = "" if imag.startswith(("+", "-")) else "+"
        return f"{self.real(value.real)}{sign}{imag}j"


# ------------------------------------------------------------------------------------------------------------- elements


def _elements(array: HostArray, indent: int) -> str:
    if array.size == 0:
        return "[]"
    edge = _options.edgeitems if array.size > _options.threshold else None
    shown = array if edge is None else _edges(array, edge)
    if array.dtype.kind == "c":
        return _block(array, indent, _ComplexForm(_choose_form(shown.real), _choose_form(shown.imag)), edge)
    return _block(array, indent, _choose_form(shown), edge)


def _edges(array: HostArray, edge: int) -> HostArray:
    """Keep the first and last ``edge`` elements of every dimension that a summary cuts.

    All dimensions at once: one by one, the others of an expanded array would be copied whole.
    """
    ends = [[*range(edge), *range(size - edge, size)] if size > 2 * edge else [*range(size)] for size in array.shape]
    kept: HostArray = array[np.ix_(*ends)]
    return kept


def _block(array: HostArray, indent: int, form: _Form | _ComplexForm, edge: int | None) -> str:
    """Write an array in brackets, one line or more for each innermost row, blank lines between higher dimensions."""
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
    """Write the entries of the first dimension, or only those at its two ends and dots between."""
    if edge is None or len(array) <= 2 * edge:
        return write(array)
    return [*write(array[:edge]), dots, *write(array[len(array) - edge :])]


# ------------------------------------------------------------------------------------------------------------- suffixes


def _attributes(array: HostArray, dtype: dtype, device: str) -> list[str]:
    """Return what the elements do not tell: the device, the shape of nothing, a dtype that they would not get again."""
    default = get_default_dtype()
    told_by_elements = {default, complex128 if default is float64 else complex64, int64, bool_}
    if array.size == 0:
        told_by_elements = {default}
    facts = [] if device == "cpu" else [f"device='{device}'"]
    if (array.size == 0 and array.ndim != 1) or (array.size and not _options.edgeitems):
        facts.append(f"size={array.shape}")
    if dtype not in told_by_elements:
        facts.append(f"dtype={dtype!r}")
    return facts


def _append_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """Append the suffixes; one that does not fit on the line begins the next."""
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if used + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text
