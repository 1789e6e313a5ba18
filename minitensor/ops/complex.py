"""Complex numbers: building them from parts, taking them apart, and reading the same memory as reals.

``view_as_real``, ``view_as_complex``, ``real`` and ``imag`` are views: the complex tensor sees what is written through
them, and gradients flow both ways. ``view_dtype`` reads any memory as any dtype, without a gradient.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor import dtypes, layouts
from minitensor.autograd.declare import differentiable, visible
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import Node, make_node
from minitensor.autograd.strides import in_layout, lay_out_composite, of_input, of_tensors, row_major
from minitensor.autograd.tables import by_table
from minitensor.backends.encoded import ConjugateArray, NegativeArray
from minitensor.base import TensorBase, is_encoded, new, on_storage
from minitensor.errors import DtypeError, ShapeError
from minitensor.layouts import Layout
from minitensor.ops.aliasing import inplace, op_of
from minitensor.ops.arithmetic import conj, conjugate, mul
from minitensor.ops.choice import where
from minitensor.ops.constant import step_grad
from minitensor.ops.fill import copy_, fill_
from minitensor.ops.operand import as_float, require_tensors, same_device, two_arrays
from minitensor.ops.out import write_out
from minitensor.ops.pairs import as_pairs, complexes_of, conjugates_of, negatives_of, pairs_of
from minitensor.ops.trigonometry import cos, sin
from minitensor.storage import Storage, encode, reinterpret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.autograd.node import Op
    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


# -- the same memory in another dtype ----------------------------------------------------------------------------------


def view_memory(input: Tensor, storage: Storage, layout: Layout, op: Op) -> Tensor:
    """Return a view of a tensor's memory in another dtype; ``op`` represents it in the graph."""
    result: Any = new(input.result_class)
    result._storage, result._layout = storage, layout
    result._base = input if input._base is None else input._base
    result._seen, result._array, result._node = storage.version, None, None
    node = input.node
    if node is not None and (mode := grad_mode.get()):
        made: Node = make_node(op, (node,), (), layout.shape, storage.array.dtype)
        result._node = made
        if mode is not True:
            mode.on_node(made, (input,), result)
    seen: Tensor = result
    return seen


@composite
@visible
def view_as_real(input: Tensor) -> Tensor:
    """Return a view of complex numbers as pairs of reals: ``(...)`` gives ``(..., 2)``. Shares memory.

    Raises:
        RuntimeError: If the tensor is not complex.

    >>> import minitensor as torch
    >>> torch.view_as_real(torch.tensor([1 + 2j, 3 - 1j]))
    tensor([[ 1.,  2.],
            [ 3., -1.]])
    """
    require_tensors("view_as_real", input=input)
    if not input.dtype.is_complex:
        raise DtypeError(f"view_as_real is only supported for complex tensors, got {input.dtype.name}")
    if is_encoded(input):
        raise DtypeError(
            "view_as_real doesn't work on unresolved conjugated tensors: use resolve_conj() first, whose result does "
            "not share the memory"
        )
    storage = reinterpret(input.storage, input.dtype.to_real().numpy)
    return view_memory(input, storage, as_pairs(input.layout), AS_REAL)


@composite
@visible
def view_as_complex(input: Tensor) -> Tensor:
    """Return a view of pairs of reals as complex numbers: ``(..., 2)`` gives ``(...)``. Shares memory.

    Raises:
        RuntimeError: If the last dim is not 2, the strides do not fit, or the dtype is not float32 or float64.

    >>> import minitensor as torch
    >>> torch.view_as_complex(torch.tensor([[1., 2.], [3., -1.]]))
    tensor([1.+2.j, 3.-1.j])
    """
    require_tensors("view_as_complex", input=input)
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise DtypeError(f"view_as_complex is only supported for float32 and float64 tensors, got {input.dtype.name}")
    if is_encoded(input):
        raise DtypeError("view_as_complex doesn't work on unresolved negative tensors: use resolve_neg() first")
    layout = complex_layout(input.layout)
    return view_memory(input, reinterpret(input.storage, input.dtype.to_complex().numpy), layout, AS_COMPLEX)


def complex_layout(layout: Layout) -> Layout:
    """Return the complex layout of pairs of reals; raise if the strides do not allow it."""
    shape, strides, offset = layout
    if not shape or shape[-1] != 2:
        raise ShapeError(f"view_as_complex: the last dim must have size 2, got shape {shape}")
    if strides[-1] != 1:
        raise ShapeError(f"view_as_complex: the last dim must have stride 1, got strides {strides}; use contiguous()")
    if offset % 2 or any(step % 2 for step, n in zip(strides[:-1], shape, strict=False) if n > 1):
        raise ShapeError(
            f"view_as_complex: offset and strides must be divisible by 2, got offset {offset} and strides {strides}; "
            "use contiguous()"
        )
    return Layout(shape[:-1], tuple([step // 2 for step in strides[:-1]]), offset // 2)


AS_REAL, AS_COMPLEX = op_of(pairs_of), op_of(complexes_of)
AS_CONJUGATES, AS_NEGATIVES = op_of(conjugates_of), op_of(negatives_of)


@composite
def real(input: Tensor) -> Tensor:
    """Return a view of the real parts; a real tensor is returned itself. Shares memory.

    >>> import minitensor as torch
    >>> torch.real(torch.tensor([1 + 2j]))
    tensor([1.])
    """
    require_tensors("real", input=input)
    if not input.dtype.is_complex:
        return input
    return view_as_real(conjugate_view(input) if is_encoded(input) else input).select(-1, 0)


@composite
def imag(input: Tensor) -> Tensor:
    """Return a view of the imaginary parts of a complex tensor. Shares memory.

    Raises:
        RuntimeError: If the tensor is real.

    >>> import minitensor as torch
    >>> z = torch.tensor([1 + 2j, 3 - 1j])
    >>> z.imag = torch.zeros(2)
    >>> z
    tensor([1.+0.j, 3.+0.j])
    """
    require_tensors("imag", input=input)
    if not input.dtype.is_complex:
        raise DtypeError(f"imag is not implemented for tensors with non-complex dtypes, got {input.dtype.name}")
    if is_encoded(input):
        return negative_view(view_as_real(conjugate_view(input)).select(-1, 1))
    return view_as_real(input).select(-1, 1)


def conjugate_view(input: Tensor) -> Tensor:
    """Return a lazy conjugate: a view of the memory; that of a lazy conjugate is the plain tensor."""
    return view_memory(input, encode(input.storage, ConjugateArray), input.layout, AS_CONJUGATES)


def negative_view(input: Tensor) -> Tensor:
    """Return a lazy negative: a view of the memory; that of a lazy negative is the plain tensor."""
    return view_memory(input, encode(input.storage, NegativeArray), input.layout, AS_NEGATIVES)


def set_real(input: Tensor, value: Any) -> None:
    """Write the real parts."""
    (copy_ if isinstance(value, TensorBase) else fill_)(real(input), value)


def set_imag(input: Tensor, value: Any) -> None:
    """Write the imaginary parts."""
    (copy_ if isinstance(value, TensorBase) else fill_)(imag(input), value)


def view_dtype(input: Tensor, dtype: Dtype) -> Tensor:
    """Reinterpret the memory as another dtype: the last dim grows or shrinks with the element size. Shares memory.

    >>> import minitensor as torch
    >>> torch.tensor([1.0, -0.0]).view(torch.int32)
    tensor([ 1065353216, -2147483648], dtype=torch.int32)
    """
    if is_encoded(input) and input.dtype.decoded is input.dtype:
        raise DtypeError(f"view as {dtype.name}: not supported for a lazy conjugate or negative: use resolve_conj()")
    if dtype is input.dtype:
        return input.view(input.shape)
    layout = layout_in_dtype(input, dtype)
    seen: Tensor = on_storage(input.result_class, reinterpret(input.storage, dtype.memory), layout)
    return seen


def layout_in_dtype(input: Tensor, wanted: Dtype) -> Layout:
    """Return a tensor's layout counted in elements of another dtype; raise if they do not fit."""
    (shape, strides, offset), old, size = input.layout, input.dtype.itemsize, wanted.itemsize
    if old == size:
        return input.layout
    call = f"view as {wanted.name} of {input.dtype.name} with shape {list(shape)} and strides {strides}"
    if not shape:
        raise ShapeError(f"{call}: self.dim() cannot be 0, as the element sizes differ; use reshape(1)")
    if strides[-1] != 1:
        raise ShapeError(f"{call}: self.stride(-1) must be 1, as the element sizes differ; use contiguous()")
    if old > size:
        ratio = old // size
        steps = tuple([step * ratio for step in strides[:-1]])
        return Layout((*shape[:-1], shape[-1] * ratio), (*steps, 1), offset * ratio)
    ratio = size // old
    if shape[-1] % ratio or offset % ratio or any(step % ratio for step in strides[:-1]):
        raise ShapeError(
            f"{call}: self.size(-1), the storage offset ({offset}) and the other strides must be divisible by {ratio}"
        )
    return Layout((*shape[:-1], shape[-1] // ratio), (*[step // ratio for step in strides[:-1]], 1), offset // ratio)


# -- from parts --------------------------------------------------------------------------------------------------------


def imag_grad(grad: Tensor) -> Tensor:
    """Return the imaginary part of a gradient; that of a real one is zero."""
    return imag(grad) if grad.dtype.is_complex else grad * 0


@differentiable(real=lambda grad: real(grad), imag=imag_grad)
@in_layout(of_tensors)
def complex(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the complex numbers ``real + imag * 1j`` of two tensors.

    Raises:
        RuntimeError: If the parts are not floating-point tensors of one dtype.

    >>> import minitensor as torch
    >>> torch.complex(torch.tensor([1., 2.]), torch.tensor([0., -1.]))
    tensor([1.+0.j, 2.-1.j])
    """
    check_parts("complex", real=real, imag=imag)
    a, b = two_arrays(real, imag)
    whole = dtypes.from_numpy(a.dtype).to_complex().numpy
    xp = same_device(real, imag).xp
    # Not `a + b * 1j`, whose real part is NaN where b is infinite.
    parts = xp.stack(xp.broadcast_arrays(a, b), -1).astype(whole.char.lower(), copy=False)
    made: Array = parts.reshape(-1).view(whole).reshape(parts.shape[:-1])
    return made


def check_parts(name: str, **parts: Any) -> None:
    """Raise unless the parts are floating-point tensors of one dtype."""
    require_tensors(name, **parts)
    first, second = [part.dtype for part in parts.values()]
    if not (first.is_floating_point and second.is_floating_point):
        raise DtypeError(
            f"{name}: expected both inputs to be half, float or double tensors, got {first.name} and {second.name}"
        )
    if first is not second:
        raise DtypeError(f"{name}: expected two parts of one dtype, got {first.name} and {second.name}; cast one")


@composite
def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return ``abs * exp(i * angle)``: complex numbers of the given moduli and angles in radians.

    Raises:
        RuntimeError: If the dtypes differ, or are not floating-point.

    >>> import minitensor as torch
    >>> torch.polar(torch.tensor([2.]), torch.tensor([0.]))
    tensor([2.+0.j])
    """
    check_parts("polar", abs=abs, angle=angle)
    points = complex(mul(abs, cos(angle)), mul(abs, sin(angle)))
    return write_out("polar", lay_out_composite(of_tensors, (abs, angle), points), out)


# -- angles and conjugates ---------------------------------------------------------------------------------------------


def angle_grad(grad: Tensor, input: Tensor) -> Tensor:
    """Return the gradient of ``angle``: ``i * z / |z|**2``, and zero at zero and for real numbers."""
    if not input.dtype.is_complex:
        return step_grad(grad)
    square = real(input * conj(input))
    # See Note [Safe arguments] in choice.py.
    nothing = square == 0
    turned: Tensor = where(nothing, 0, grad * input * 1j / where(nothing, 1, square))
    return turned


def layout_of_angle(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of angles: row-major for complex numbers."""
    return row_major(arguments, shape) if arguments[0].is_complex() else of_input(arguments, shape)


@differentiable(input=angle_grad)
@in_layout(layout_of_angle)
@by_table
def angle(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the angle of complex numbers in radians; for real numbers 0, or pi if they are negative.

    >>> import minitensor as torch
    >>> torch.angle(torch.tensor([1j, -2.0]))
    tensor([1.5708, 3.1416])
    """
    array, xp = as_float(input), input.xp
    if array.dtype.kind == "c":
        return xp.arctan2(array.imag, array.real)
    found = xp.asarray(xp.multiply(array < 0, array.dtype.type(math.pi)))
    xp.copyto(found, math.nan, where=array != array)
    return found


@composite
def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the complex conjugate in memory of its own; a real tensor is returned itself.

    >>> import minitensor as torch
    >>> torch.conj_physical(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return write_out("conj_physical", conj(input), out, input)


@inplace(conjugate)
def conjugate_(input: Tensor) -> None:
    """Replace ``input`` by its conjugate."""


def overlaps_itself(input: Tensor) -> bool:
    """Whether elements share memory. Writing the values that are there is allowed even then."""
    return input._layout is not None and layouts.has_overlap(input._layout)


@composite
def conj_physical_(input: Tensor) -> Tensor:
    """Replace complex numbers by their conjugates in place; real numbers stay as they are, wherever they lie.

    Raises:
        RuntimeError: If the tensor overlaps itself, or is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.tensor([1 + 2j]).conj_physical_()
    tensor([1.-2.j])
    """
    require_tensors("conj_physical_", input=input)
    if input.dtype.is_complex or input.requires_grad or not overlaps_itself(input):
        return conjugate_(input)
    input.storage.version += 1
    return input
