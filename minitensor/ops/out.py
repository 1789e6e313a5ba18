"""``out=``: writing a result into a tensor that the caller gives, in the same way for all ops.

A result is first computed in memory of its own; then ``out`` is checked, resized if its shape differs, and written.
``out`` may therefore share memory with the inputs, and an error leaves it as it was. Recorders call ``deliver``,
composites ``write_out`` for one result and ``write_outs`` for several. The tables at the end list, by name, the ops for
which PyTorch requires more of ``out``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from minitensor import dtypes, layouts
from minitensor.autograd.misuse import signature_error
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.strides import column_major
from minitensor.base import TensorBase, memory_of, write_values
from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError, DeviceError, GradError, InplaceError, OutDtypeError
from minitensor.layouts import Layout
from minitensor.ops.aliasing import refuse_write, shares_storage
from minitensor.ops.resize import change_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from minitensor.autograd.node import Op
    from minitensor.dtypes import dtype
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


# -- the doors ---------------------------------------------------------------------------------------------------------


def deliver(result: Tensor, out: Any, op: Op, inputs: Iterable[Any]) -> Tensor:
    """Write the result of a recorded op into ``out``; raise if the op does not declare that argument."""
    require_out_parameter(op)
    return write_out(op.name, result, out, *inputs)


def deliver_several(results: tuple[Tensor, ...], out: Any, op: Op) -> tuple[Tensor, ...]:
    """Write the results of a recorded op into the tensors of ``out``; raise if the op takes none."""
    require_out_parameter(op)
    return write_outs(op.name, results, out)


def require_out_parameter(op: Op) -> None:
    """Raise unless an op declares the argument ``out``."""
    if not op.takes_out:
        raise signature_error(op.name, TypeError("got an unexpected keyword argument 'out'"), op.signature)


def write_out(name: str, result: Tensor, out: Any, *inputs: Any) -> Tensor:
    """Return a composite's result, written into ``out`` if that is given; ``inputs`` must not overlap it."""
    if out is None:
        return result
    check(name, result, out, inputs)
    write(name, result, out)
    return out  # type: ignore[no-any-return]  # a tensor, as just checked


def fill(name: str, made: Tensor, out: Tensor) -> Tensor:
    """Write a new tensor into ``out``, which is resized without a warning."""
    check(name, made, out, ())
    put(refit(name, out, made.layout.shape), made)
    return out


def refit(name: str, out: Tensor, shape: Shape) -> Tensor:
    """Resize ``out`` without a warning, to be filled in place."""
    refuse_grad(name, out)
    refuse_write(name, out)
    if out.shape != shape:
        change_layout(out, Layout(shape, layouts.contiguous(shape).strides, out.layout.offset))
    return out


def write_outs(name: str, results: tuple[Tensor, ...], out: Any) -> tuple[Tensor, ...]:
    """Return a composite's results, written into the tensors of ``out`` if that is given."""
    if out is None:
        return results
    if not isinstance(out, Sequence) or len(out) != len(results):
        given = f"a tuple of {len(out)}" if isinstance(out, Sequence) else type(out).__name__
        raise ArgumentTypeError(f"{name}(): argument 'out' must be a tuple of {len(results)} tensors, not {given}")
    for result, target in zip(results, out, strict=True):
        check(name, result, target, ())
    for place, (result, target) in enumerate(zip(results, out, strict=True)):
        write(name, result, target, place)
    return tuple(out)


# -- checks ------------------------------------------------------------------------------------------------------------


def require_out(name: str, out: Any) -> None:
    """Raise if ``out`` is given and not a tensor."""
    if out is not None and not isinstance(out, TensorBase):
        raise ArgumentTypeError(f"{name}(): argument 'out' must be a tensor, not {type(out).__name__}")


def check(name: str, result: Tensor, out: Any, inputs: Iterable[Any]) -> None:
    """Raise if the result must not be written into ``out``."""
    require_out(name, out)
    refuse_grad(name, result, out)
    refuse_dtype(name, result.dtype, out.dtype)
    refuse_device(name, result, out)
    refuse_write(name, out)
    if name not in UNCHECKED:
        refuse_overlaps(name, out, inputs)


def refuse_grad(name: str, *tensors: Tensor) -> None:
    """Raise if one of the tensors requires grad, since its gradient would be lost."""
    if grad_mode.get() and any(each.node is not None for each in tensors):
        raise GradError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad: leave out= away, or wrap the call in torch.no_grad()"
        )


def refuse_device(name: str, result: Tensor, out: Tensor) -> None:
    """Raise if ``out`` is on another device than the result."""
    if result.device != out.device:
        raise DeviceError(f"{name}(): expected out= on device {result.device}, got {out.device}: give one from there")


def refuse_dtype(name: str, given: dtype, wanted: dtype) -> None:
    """Raise if the op cannot write its result to the dtype of ``out``."""
    if not FITS.get(name, dtypes.can_cast)(given, wanted):
        raise OutDtypeError(
            f"{name}(): result type {given.name} can't be cast to the desired output type {wanted.name}: give an out= "
            f"of dtype {given.name}"
        )


def require_dtype(name: str, wanted: dtype, out: Any) -> None:
    """Raise if the dtype of ``out`` is not the one that the caller gave as ``dtype``."""
    require_out(name, out)
    if out.dtype is not wanted:
        raise OutDtypeError(f"{name}(): expected out= of dtype {wanted.name}, as dtype= says, got {out.dtype.name}")


def is_same(given: dtype, wanted: dtype) -> bool:
    """Whether a result needs no cast."""
    return given is wanted


def is_mask(given: dtype, wanted: dtype) -> bool:
    """Whether a dtype can hold a mask: bool, or uint8 as in older versions of PyTorch."""
    return wanted in (dtypes.bool_, dtypes.uint8)


def is_real_cast(given: dtype, wanted: dtype) -> bool:
    """Whether a result may be cast without becoming complex."""
    return dtypes.can_cast(given, wanted) and given.is_complex == wanted.is_complex


def dtype_of_sum(wanted: dtype | None, out: Any) -> dtype | None:
    """Return the dtype in which a sum or product is computed: the wanted one, or else that of ``out``."""
    require_out("a reduction", out)
    return out.dtype if wanted is None and out is not None else wanted


class Overlap(IntEnum):
    """How much memory two tensors share, as far as PyTorch checks."""

    NONE = 0
    PARTIAL = 1
    FULL = 2


def overlap(a: Any, b: Any) -> Overlap:
    """Return how much memory two tensors share; as in PyTorch, NONE if one has gaps or repeated elements."""
    if a is b:
        return Overlap.FULL
    if not shares_storage(a, b) or not all(layouts.is_dense(each.layout) and each.numel() for each in (a, b)):
        return Overlap.NONE
    first, second = span(a), span(b)
    if first == second:
        return Overlap.FULL if a.layout.strides == b.layout.strides else Overlap.PARTIAL
    return Overlap.PARTIAL if first[0] < second[1] and second[0] < first[1] else Overlap.NONE


def span(tensor: Any) -> tuple[int, int]:
    """Return the first byte that a tensor touches in its memory, and one past the last."""
    low, high = layouts.extent(tensor.layout)
    return low * tensor.itemsize, high * tensor.itemsize


def refuse_overlaps(name: str, out: Tensor, inputs: Iterable[Any]) -> None:
    """Raise if an input shares part of the memory of ``out``, or, for the ops in the tables, all of it.

    The result would be right here, but PyTorch, which computes directly into ``out``, raises; a program that runs here
    should run there.
    """
    for position, each in tensors_among(inputs):
        if (name, position) in UNCHECKED_INPUTS:
            continue
        found = overlap(out, each)
        apart = name in APART or (name in SOURCES_APART and position)
        if found is Overlap.PARTIAL or (found is Overlap.FULL and apart):
            raise InplaceError(
                f"{name}(): unsupported operation: some elements of the input tensor and the written-to tensor refer "
                "to a single memory location: clone() the tensor before performing the operation"
            )


def tensors_among(inputs: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the tensors among the arguments and in their sequences, with the arguments' positions."""
    for position, each in enumerate(inputs):
        if isinstance(each, TensorBase):
            yield position, each
        elif isinstance(each, (tuple, list)):
            yield from [(position, one) for one in each if isinstance(one, TensorBase)]


# -- writing -----------------------------------------------------------------------------------------------------------


def write(name: str, result: Tensor, out: Tensor, place: int = 0) -> None:
    """Write a result, the one at ``place`` of several, into ``out``; resize that first, with a warning, if needed."""
    if out.shape != result.shape:
        if name not in SILENT:
            warn_of_resize(out, result.layout.shape)
        change_layout(out, resize_layout(result.layout, out.layout.offset, LAYOUTS.get((name, place))))
    put(out, result)


def put(out: Tensor, result: Tensor) -> None:
    """Write a result into a tensor of its shape."""
    mode = grad_mode.get()
    if mode is not True and mode is not False:
        mode.on_write("a function with out=...", out)
    write_values(out, memory_of(result))
    out.storage.version += 1


def resize_layout(result: Layout, offset: int, order: Callable[[Shape], Layout] | None) -> Layout:
    """Return the layout of ``out`` once it is resized for a result; its offset stays."""
    layout = result if order is None else order(result.shape)
    return Layout(layout.shape, layout.strides, offset)


def warn_of_resize(out: Tensor, shape: Shape) -> None:
    """Warn if an ``out`` with elements is resized."""
    if out.numel():
        warnings.warn(
            f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not "
            f"match the required output shape {list(shape)}: give an out= of that shape, or of none",
            UserWarning,
            stacklevel=user_level(),
        )


# -- tables ------------------------------------------------------------------------------------------------------------

# Ops that do not cast: PyTorch computes them in ``out``, which must have the dtype of the result.
EXACT = """
    abs neg sign sgn floor ceil trunc frac round nan_to_num clamp clamp_min clamp_max where isposinf isneginf signbit
    bitwise_not isin float_power heaviside complex polar conj_physical
    amax amin aminmax argmax argmin max min median nanmedian mode sort topk kthvalue cummax cummin norm
    sum prod cumsum cumprod nansum nanmean logcumsumexp
    argsort msort searchsorted bucketize quantile nanquantile histc histogram frexp
    zeros ones full eye arange range linspace logspace fftfreq rfftfreq randperm multinomial
    matmul dot vdot addmm addmv baddbmm addbmm tensordot chain_matmul cross
    ifft ihfft tril triu diag slice_scatter
    index_select gather take_along_dim take index_add index_copy scatter scatter_add scatter_reduce index_reduce
    masked_select nonzero nonzero_static
    linalg.inv linalg.inv_ex linalg.solve linalg.solve_ex linalg.solve_triangular linalg.det linalg.slogdet
    linalg.lu_solve linalg.ldl_solve ormqr
    linalg.cholesky linalg.cholesky_ex linalg.qr linalg.svd svd linalg.svdvals linalg.eigh linalg.eigvalsh
    linalg.vector_norm linalg.matrix_norm linalg.norm linalg.matrix_power linalg.multi_dot linalg.cross linalg.vecdot
    softplus logsigmoid gelu hardshrink softshrink softmax log_softmax linear renorm
    alias_copy as_strided_copy detach_copy diagonal_copy expand_copy narrow_copy permute_copy select_copy slice_copy
    split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy unsqueeze_copy
    view_as_complex_copy view_as_real_copy view_copy
""".split()

FITS: dict[str, Callable[[dtype, dtype], bool]] = {
    **dict.fromkeys(EXACT, is_same),
    **dict.fromkeys(("all", "any"), is_mask),
    **dict.fromkeys("irfft hfft irfftn hfftn irfft2 hfft2".split(), is_real_cast),
}

# The layout that a resized ``out`` takes if it is not the result's own, by op and place among the results.
LAYOUTS: dict[tuple[str, int], Callable[[Shape], Layout]] = {
    **{(name, 0): layouts.contiguous for name in """
        quantile nanquantile cholesky fft ifft rfft irfft hfft ihfft fft2 ifft2 rfft2 irfft2 hfft2 ihfft2
        fftn ifftn rfftn irfftn hfftn ihfftn linalg.tensorinv linalg.matrix_norm norm cholesky_solve
    """.split()},
    ("svd", 2): layouts.contiguous,
    ("linalg.lstsq", 0): lambda shape: column_major((), shape),
}  # fmt: skip

# Ops that resize ``out`` without a warning.
SILENT = frozenset(("addbmm", "logsigmoid"))

# Ops that refuse to overwrite any of their inputs, and those that may overwrite only the first.
APART = frozenset("cross linalg.cross index_select gather cat stack".split())
SOURCES_APART = frozenset("index_add index_copy index_reduce scatter scatter_add scatter_reduce".split())

# Ops whose inputs may share memory with ``out`` in any way, because PyTorch does not check them.
UNCHECKED = frozenset(
    """
    tril triu ndtr logsigmoid linear matmul softmax log_softmax mean var std prod all any logsumexp
    amax amin argmax argmin histc
    linalg.inv linalg.solve linalg.ldl_solve cholesky_solve linalg.det linalg.cholesky linalg.pinv linalg.vector_norm
    """.split()
)

# As above, for the input at a position.
UNCHECKED_INPUTS = frozenset([("linalg.solve_triangular", 0)])
