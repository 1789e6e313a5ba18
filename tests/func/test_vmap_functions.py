"""``vmap`` of a user's ``autograd.Function``: as a loop over the samples, with gradients, and by its own rule."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt


class Product(mt.autograd.Function):
    """Saves inputs, an output and a number; one output has no gradient, one does not depend on all inputs."""

    @staticmethod
    def forward(x: Any, w: Any, factor: float) -> Any:  # type: ignore[override]
        return x.mm(w) * factor, x.exp(), mt.ones(2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        x, w, ctx.factor = inputs
        ctx.save_for_backward(x, w, output[1])
        ctx.mark_non_differentiable(output[2])

    @staticmethod
    def backward(ctx: Any, product: Any, exp: Any, _: Any) -> Any:
        x, w, result = ctx.saved_tensors
        return product.mm(w.t()) * ctx.factor + exp * result, x.t().mm(product) * ctx.factor, None


class Former(mt.autograd.Function):
    """The older form, with a ctx in forward."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:  # type: ignore[override]
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * 3 * ctx.saved_tensors[0] ** 2


class Scaled(mt.autograd.Function):
    """Has a rule of its own, which says that it was used."""

    @staticmethod
    def forward(x: Any, factor: Any) -> Any:  # type: ignore[override]
        return x * factor

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.factor = inputs[1]

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * ctx.factor, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], x: Any, factor: Any) -> Any:  # type: ignore[override]
        assert in_dims == (0, None) and info.batch_size == x.shape[0] and info.randomness == "error"
        return Scaled.apply(x.movedim(0, -1), 10 * factor), -1


def tensors(*shapes: tuple[int, ...]) -> list[Any]:
    mt.manual_seed(0)
    return [mt.randn(shape, requires_grad=True) for shape in shapes]


CASES = [((3, 2, 2), (2, 2), (0, None)), ((3, 2, 2), (3, 2, 2), (0, 0)), ((2, 2), (3, 2, 2), (None, 0)),
         ((2, 3, 2), (2, 2, 3), (1, 2))]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "dims"), CASES)
def test_outputs_and_gradients_are_those_of_a_loop(first: Any, second: Any, dims: Any) -> None:
    x, w = tensors(first, second)

    def pick(tensor: Any, dim: int | None, sample: int) -> Any:
        return tensor if dim is None else tensor.select(dim, sample)

    together = mt.vmap(lambda a, b: Product.apply(a, b, 3), in_dims=dims)(x, w)
    one_by_one = [Product.apply(pick(x, dims[0], i), pick(w, dims[1], i), 3) for i in range(3)]
    for ours, rows in zip(together, zip(*one_by_one, strict=True), strict=True):
        mt.testing.assert_close(ours, mt.stack(list(rows)))
    for outputs in (together, [mt.stack(list(rows)) for rows in zip(*one_by_one, strict=True)]):
        found = mt.autograd.grad((outputs[0] ** 2).sum() + outputs[1].sum(), (x, w))
        if outputs is together:
            expected = found
    mt.testing.assert_close(found, expected)


def test_the_gradient_of_each_sample() -> None:
    x, w = tensors((3, 2, 2), (2, 2))

    def loss(a: Any, b: Any) -> Any:
        product, exp, _ = Product.apply(a, b, 3)
        return product.sum() + exp.sum()

    found = mt.vmap(mt.func.grad(loss, argnums=(0, 1)), in_dims=(0, None))(x.detach(), w.detach())
    expected = [mt.func.grad(loss, argnums=(0, 1))(each, w.detach()) for each in x.detach()]
    for ours, rows in zip(found, zip(*expected, strict=True), strict=True):
        mt.testing.assert_close(ours, mt.stack(list(rows)))


def test_derivatives_of_higher_order_and_nested_maps() -> None:
    points = mt.tensor([[0.5, 1.0], [2.0, 3.0]])
    cube = mt.func.grad(lambda x: Former.apply(x))
    assert mt.vmap(mt.vmap(cube))(points).tolist() == [[0.75, 3], [12, 27]]
    assert mt.vmap(mt.vmap(mt.func.grad(cube)))(points).tolist() == [[3, 6], [12, 18]]
    assert mt.func.jacrev(Former.apply)(points[1]).tolist() == [[12, 0], [0, 27]]


def test_a_function_may_have_its_own_rule() -> None:
    (x,) = tensors((3, 2))
    result = mt.vmap(lambda row: Scaled.apply(row, 2.0))(x)
    mt.testing.assert_close(result, 20 * x)
    result.sum().backward()
    assert x.grad.tolist() == [[20, 20]] * 3
    assert mt.vmap(lambda row: Scaled.apply(mt.ones(2), 2.0) + row)(x).shape == (3, 2)


def test_nodes_have_the_class_of_their_name() -> None:
    x = mt.ones(2, requires_grad=True)
    y = (x * 2).sum()
    names = [type(y.grad_fn), type(y.grad_fn.next_functions[0][0])]
    names.append(type(y.grad_fn.next_functions[0][0].next_functions[0][0]))
    assert [each.__name__ for each in names] == ["SumBackward0", "MulBackward0", "AccumulateGrad"]
    assert type(Former.apply(x).grad_fn).__name__ == "FormerBackward"
    assert isinstance(y.grad_fn, mt.autograd.graph.Node) and type(x.exp().grad_fn) is type(x.exp().grad_fn)
    y.backward()
    assert x.grad.tolist() == [2, 2]
