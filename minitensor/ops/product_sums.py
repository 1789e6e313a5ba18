"""Products added to a tensor: ``addmm`` and the like, and their versions in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor import layouts
from minitensor.autograd.misuse import composite
from minitensor.autograd.spellings import old_orders
from minitensor.autograd.strides import elementwise, lay_out_composite
from minitensor.autograd.turns import in_turn
from minitensor.dtypes import HALVES, bool_
from minitensor.errors import DtypeError, ShapeError
from minitensor.ops import fill
from minitensor.ops.aliasing import check_tensor, refuse_write
from minitensor.ops.arithmetic import check_category, read_alpha
from minitensor.ops.matmul import bmm, mm, mv, outer
from minitensor.ops.operand import require_tensors, result_dtype
from minitensor.ops.out import write, write_out
from minitensor.scalars import fit, require_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.layouts import Layout
    from minitensor.ops.operand import Number
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


def orders_of(tensors: str) -> tuple[str, ...]:
    """Return the orders of the past for two tensors: of functions, and of methods, whose input is first."""
    factors = "beta input alpha", "beta input", "input beta alpha", "input beta"
    return tuple([f"{each} {tensors}" for each in factors])


@composite
@old_orders(*orders_of("mat1 mat2"))
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """Return ``beta * input + alpha * (mat1 @ mat2)``; with ``beta=0`` the values of ``input`` are ignored.

    Args:
        input: A tensor that broadcasts to the shape of the product.
        mat1, mat2: The matrices.
        beta: Multiplies ``input``. Default: ``1``.
        alpha: Multiplies the product. Default: ``1``.

    Raises:
        RuntimeError: If shapes or dtypes do not fit.

    >>> addmm(ones(2, 1), tensor([[1., 2.], [3., 4.]]), ones(2, 1), alpha=10)
    tensor([[31.],
            [71.]])
    """
    return add_product("addmm", mm, input, mat1, mat2, beta, alpha, out)


@composite
@old_orders(*orders_of("mat vec"))
def addmv(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """Return ``beta * input + alpha * (mat @ vec)``; arguments as for ``addmm``.

    >>> addmv(ones(2), tensor([[1., 2.], [3., 4.]]), ones(2))
    tensor([4., 8.])
    """
    return add_product("addmv", mv, input, mat, vec, beta, alpha, out)


@composite
@old_orders(*orders_of("vec1 vec2"))
def addr(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """Return ``beta * input + alpha * outer(vec1, vec2)``; arguments as for ``addmm``.

    >>> addr(zeros(1, 2), ones(1), tensor([1., 2.]))
    tensor([[1., 2.]])
    """
    require_tensors("addr", input=input)
    if beta:
        input, vec1, vec2 = in_turn(input, vec1, vec2)
    term = outer(vec1, vec2)
    common = result_dtype(input, term)
    beta, alpha = read_alpha(beta), read_alpha(alpha)
    for argument, factor in (("addr: beta", beta), ("addr: alpha", alpha)):
        check_category(argument, factor, common)
        require_fits(factor, common)
    if common is bool_:
        return write_out("addr", add_bools(input, term, beta, alpha), out, input, vec1, vec2)
    total = lay_out_composite(layout_of_addr, (input, vec1, vec2), weighted_sum("addr", input, term, beta, alpha, None))
    return write_out("addr", total, out, input.expand(tuple(total.shape)), vec1, vec2)


def layout_of_addr(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of a sum with a product of vectors, which PyTorch computes in one step."""
    input, column, row = [each.layout for each in arguments]
    return elementwise((layouts.expand(input, shape), layouts.unsqueeze(column, 1), row))


def add_bools(input: Tensor, term: Tensor, beta: Number, alpha: Number) -> Tensor:
    """Return ``beta * input + alpha * term`` for bools, whose sum is true where either is."""
    kept: Tensor = term if alpha else term ^ term
    return kept | input if beta else kept


@composite
@old_orders(*orders_of("batch1 batch2"))
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """Return ``beta * input + alpha * (batch1 @ batch2)``, matrix by matrix; arguments as for ``addmm``.

    >>> baddbmm(zeros(1), ones(2, 1, 3), ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    return add_product("baddbmm", bmm, input, batch1, batch2, beta, alpha, out)


@composite
@old_orders(*orders_of("batch1 batch2"))
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """Return ``beta * input + alpha * sum(batch1[i] @ batch2[i])``; arguments as for ``addmm``.

    >>> addbmm(zeros(1), ones(2, 1, 3), ones(2, 3, 1))
    tensor([[6.]])
    """
    return add_product("addbmm", sum_of_products, input, batch1, batch2, beta, alpha, out)


def sum_of_products(batch1: Tensor, batch2: Tensor) -> Tensor:
    """Return the sum of the products of the matrices of two batches, in their dtype."""
    return bmm(batch1, batch2).sum(0, dtype=batch1.dtype)


def add_product(
    name: str, product: Callable[[Tensor, Tensor], Tensor], input: Tensor, one: Tensor, other: Tensor, beta: Number,
    alpha: Number, out: Tensor | None,
) -> Tensor:  # fmt: skip
    """Return ``beta * input + alpha * product(one, other)``, all of one dtype.

    For integers both numbers are truncated; halves are rounded only once, at the end.
    """
    require_tensors(name, input=input)
    if input.dtype in HALVES and one.dtype is other.dtype is input.dtype:
        total = add_product(name, product, input.float(), one.float(), other.float(), beta, alpha, None)
        return write_out(name, total.to(input.dtype), out, input.expand(tuple(total.shape)))
    term = product(one, other)
    if input.dtype is not term.dtype:
        raise DtypeError(
            f"{name}: input and product must have the same dtype, but got {input.dtype.name} and {term.dtype.name}; "
            "cast with .to(...)"
        )
    beta, alpha = [fit(each, term.dtype.arithmetic).item() for each in (beta, alpha)]
    return weighted_sum(name, input, term, beta, alpha, out)


def weighted_sum(
    name: str, input: Tensor, term: Tensor, beta: Number, alpha: Number, out: Tensor | None, *others: Tensor
) -> Tensor:
    """Return ``beta * input + alpha * term``, written to an ``out`` that may overlap none of ``others``."""
    lead, shape = term.ndim - input.ndim, tuple(input.shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, term.shape[lead:])):
        raise ShapeError(f"{name}: input of shape {shape} does not broadcast to the product's {tuple(term.shape)}")
    if alpha != 1:
        term = term * alpha
    if beta == 0:
        return write_out(name, term, out)
    total = term.add(input if beta == 1 else input * beta)
    return write_out(name, total, out, input.expand(tuple(total.shape)), *others)


@composite
@old_orders(*orders_of("mat1 mat2"))
def addmm_(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """Replace ``input`` by ``beta * input + alpha * (mat1 @ mat2)``."""
    return write_back(addmm, input, mat1, mat2, beta, alpha)


@composite
@old_orders(*orders_of("mat vec"))
def addmv_(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """Replace ``input`` by ``beta * input + alpha * (mat @ vec)``; arguments as for ``addmm``."""
    return write_back(addmv, input, mat, vec, beta, alpha)


@composite
@old_orders(*orders_of("vec1 vec2"))
def addr_(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """Replace ``input`` by ``beta * input + alpha * outer(vec1, vec2)``; arguments as for ``addmm``."""
    return write_back(addr, input, vec1, vec2, beta, alpha)


@composite
@old_orders(*orders_of("batch1 batch2"))
def baddbmm_(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """Replace ``input`` by ``beta * input + alpha * (batch1 @ batch2)``; arguments as for ``addmm``."""
    return write_back(baddbmm, input, batch1, batch2, beta, alpha)


@composite
@old_orders(*orders_of("batch1 batch2"))
def addbmm_(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """Replace ``input`` by ``beta * input + alpha * sum(batch1[i] @ batch2[i])``; arguments as for ``addmm``."""
    return write_back(addbmm, input, batch1, batch2, beta, alpha)


def write_back(
    operation: Callable[..., Tensor], input: Tensor, one: Tensor, other: Tensor, beta: Number, alpha: Number
) -> Tensor:
    """Write the result of an operation into ``input``, if it fits."""
    name = operation.__name__ + "_"
    check_tensor(name, input)
    refuse_write(name, input)
    result = operation(input, one, other, beta=beta, alpha=alpha)
    if operation is addbmm and input.shape != result.shape:
        write("addbmm", result, input)  # resized, as in PyTorch; the others raise
        return input
    return fill.write_back(name, input, result)
