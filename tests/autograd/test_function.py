"""User-defined operations."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd import Function, gradcheck, gradgradcheck
from minitensor.autograd.function import once_differentiable


def leaf(*values: float) -> mt.Tensor:
    return mt.tensor(list(values), dtype=mt.float64, requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: mt.Tensor, times: float) -> mt.Tensor:
        ctx.save_for_backward(x)
        ctx.times = times
        return x**3 * times

    @staticmethod
    def backward(ctx: Any, grad: mt.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2 * ctx.times, None


class Exp(Function):
    @staticmethod
    def forward(ctx: Any, x: mt.Tensor) -> mt.Tensor:
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, grad: mt.Tensor) -> mt.Tensor:
        (result,) = ctx.saved_tensors
        return grad * result


class SumAndProduct(Function):
    @staticmethod
    def forward(x: mt.Tensor, y: mt.Tensor) -> Any:
        return x + y, x * y

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, of_sum: mt.Tensor, of_product: mt.Tensor) -> Any:
        x, y = ctx.saved_tensors
        return of_sum + of_product * y, of_sum + of_product * x


def test_a_users_gradient_is_correct_to_second_order() -> None:
    assert gradcheck(lambda x: Cube.apply(x, 2.0), leaf(1.0, -2.0))
    assert gradgradcheck(lambda x: Cube.apply(x, 2.0), leaf(1.0, -2.0))


def test_a_saved_output_is_differentiable_again() -> None:
    assert gradgradcheck(Exp.apply, leaf(0.5, 1.0))


def test_several_outputs_with_setup_context() -> None:
    assert gradcheck(SumAndProduct.apply, (leaf(1.0, 2.0), leaf(3.0, 4.0)))
    assert gradgradcheck(SumAndProduct.apply, (leaf(1.0, 2.0), leaf(3.0, 4.0)))


def test_an_unused_output_arrives_as_zeros() -> None:
    x, y = leaf(1.0), leaf(2.0)
    SumAndProduct.apply(x, y)[1].sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([2.0], [1.0])


def test_needs_input_grad_says_which_inputs_need_a_gradient() -> None:
    seen = []

    class Look(Function):
        @staticmethod
        def forward(ctx: Any, x: mt.Tensor, y: mt.Tensor) -> mt.Tensor:
            seen.append(ctx.needs_input_grad)
            return x + y

        @staticmethod
        def backward(ctx: Any, grad: mt.Tensor) -> Any:
            return grad, grad

    Look.apply(leaf(1.0), mt.ones(1))
    assert seen == [(True, False)]


def test_an_input_returned_unchanged_becomes_another_tensor() -> None:
    class Same(Function):
        @staticmethod
        def forward(ctx: Any, x: mt.Tensor) -> mt.Tensor:
            return x

        @staticmethod
        def backward(ctx: Any, grad: mt.Tensor) -> mt.Tensor:
            return -grad

    x = leaf(1.0)
    y = Same.apply(x)
    assert y is not x
    y.sum().backward()
    assert x.grad.tolist() == [-1.0]


def test_an_input_changed_in_place_takes_its_place_in_the_graph() -> None:
    class Double(Function):
        @staticmethod
        def forward(ctx: Any, x: mt.Tensor) -> mt.Tensor:
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx: Any, grad: mt.Tensor) -> mt.Tensor:
            return grad * 2

    x = leaf(1.0, 3.0)
    y = x * 1
    assert Double.apply(y) is y
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_outputs_marked_non_differentiable_do_not_require_grad() -> None:
    class WithSign(Function):
        @staticmethod
        def forward(ctx: Any, x: mt.Tensor) -> Any:
            signs = x.sign()
            ctx.mark_non_differentiable(signs)
            return x * 1, signs

        @staticmethod
        def backward(ctx: Any, grad: mt.Tensor, of_sign: mt.Tensor) -> mt.Tensor:
            return grad

    value, signs = WithSign.apply(leaf(-1.0))
    assert (value.requires_grad, signs.requires_grad) == (True, False)


def test_too_few_gradients_raise() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: mt.Tensor, y: mt.Tensor) -> mt.Tensor:
            return x + y

        @staticmethod
        def backward(ctx: Any, grad: mt.Tensor) -> mt.Tensor:
            return grad

    with pytest.raises(RuntimeError, match=r"incorrect number of gradients \(expected 2, got 1\)"):
        Wrong.apply(leaf(1.0), leaf(1.0)).sum().backward()


def test_a_gradient_of_another_shape_raises() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: mt.Tensor) -> mt.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, grad: mt.Tensor) -> mt.Tensor:
            return mt.ones(3)

    with pytest.raises(RuntimeError, match=r"invalid gradient: got shape \[3\] but expected shape .* \[2\]"):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


def test_a_stale_saved_tensor_raises() -> None:
    x = leaf(1.0)
    y = x * 1
    z = Cube.apply(y, 1.0)
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation.*CubeBackward"):
        z.sum().backward()


def test_the_graph_of_a_users_function_is_freed() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y = Exp.apply(x)
        alive = weakref.ref(y.grad_fn)
        z = y.sum()
        z.backward()
        with pytest.raises(RuntimeError, match="second time"):
            z.backward()
        del y, z
        assert alive() is None
    finally:
        gc.enable()


def test_once_differentiable_refuses_a_second_derivative() -> None:
    class Once(Function):
        @staticmethod
        def forward(ctx: Any, x: mt.Tensor) -> mt.Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, grad: mt.Tensor) -> mt.Tensor:
            (x,) = ctx.saved_tensors
            return grad * 2 * x

    x = leaf(3.0)
    (first,) = mt.autograd.grad((Once.apply(x) ** 2).sum(), x, create_graph=True)
    assert first.tolist() == [108.0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        mt.autograd.grad(first.sum(), x)


# -- compared with PyTorch ---------------------------------------------------------------------------------------------


def agree(program: Any) -> None:
    """Run a program in minitensor and in PyTorch, and require equal results."""
    torch = pytest.importorskip("torch")
    assert program(mt) == program(torch)


def of(lib: Any, *values: float) -> Any:
    return lib.tensor(list(values), dtype=lib.float64, requires_grad=True)


def test_hooks_and_edges_of_a_users_node_are_pytorchs() -> None:
    def program(lib: Any) -> Any:
        class Scaled(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, factor: float, x: Any, other: Any) -> Any:
                ctx.save_for_backward(x)
                ctx.factor = factor
                return x * factor, x + other

            @staticmethod
            def backward(ctx: Any, first: Any, second: Any) -> Any:
                return None, first * ctx.factor + second, second if ctx.needs_input_grad[2] else None

        seen: list[Any] = []

        def lists(grads: Any) -> list[Any]:
            return [None if g is None else g.tolist() for g in grads]

        x = of(lib, 1.0, 2.0)
        first, second = Scaled.apply(3.0, x, lib.ones(2, dtype=lib.float64))
        node = first.grad_fn
        node.register_prehook(lambda grads: seen.append(lists(grads)))
        node.register_hook(lambda inputs, outputs: seen.append([lists(inputs), lists(outputs)]))
        edges = [edge and edge.name().rpartition(":")[2] for edge, _ in node.next_functions]
        facts = [node.name(), edges, node.needs_input_grad, first.output_nr, second.output_nr]
        facts += [each.tolist() for each in node.saved_tensors]
        first.sum().backward()
        return facts, seen, x.grad.tolist()

    agree(program)


def test_saved_tensors_of_a_users_function_go_through_hooks() -> None:
    def program(lib: Any) -> Any:
        class Root(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                result = x.sqrt()
                ctx.save_for_backward(x, result, None)
                return result

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                x, result, nothing = ctx.saved_tensors
                assert nothing is None
                return grad * result / (2 * x)

        packed: list[Any] = []

        def pack(tensor: Any) -> int:
            packed.append(tensor.clone())
            return len(packed) - 1

        x = of(lib, 4.0)
        with lib.autograd.graph.saved_tensors_hooks(pack, lambda number: packed[number]):
            y = Root.apply(x)
        (first,) = lib.autograd.grad(y, x, create_graph=True)
        (second,) = lib.autograd.grad(first, x)
        return [each.tolist() for each in packed], first.tolist(), second.tolist()

    agree(program)


def test_outputs_without_gradient_are_pytorchs() -> None:
    def program(lib: Any) -> Any:
        class Sorted(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                values, order = x.sort()
                constant = x * 0
                ctx.mark_non_differentiable(constant)
                ctx.save_for_backward(order)
                ctx.set_materialize_grads(False)
                return values, order, constant, "text"

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                seen.append([g is None for g in grads])
                (order,) = ctx.saved_tensors
                return grads[0].index_select(0, order.argsort())

        seen: list[Any] = []
        x = of(lib, 3.0, 1.0, 2.0)
        values, order, constant, text = Sorted.apply(x)
        (values * lib.tensor([1.0, 2.0, 3.0], dtype=lib.float64)).sum().backward()
        grads = [values.requires_grad, order.requires_grad, constant.requires_grad]
        return grads, text, seen, x.grad.tolist(), constant.is_leaf

    agree(program)


def test_a_function_that_writes_to_its_input_is_pytorchs() -> None:
    def program(lib: Any) -> Any:
        class Double(lib.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                x.mul_(2)
                ctx.mark_dirty(x)
                return x

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                return grad * 2

        x = of(lib, 3.0, 5.0)
        y = x * 1
        z = Double.apply(y)
        (z * z).sum().backward()
        w = of(lib, 1.0, 2.0, 3.0) * 1
        inner = w[1:]
        Double.apply(inner)
        return z is y, y._version, x.grad.tolist(), w.tolist(), w.grad_fn is not None

    agree(program)


@pytest.mark.parametrize("returned", [lambda x: x, lambda x: x[:1]], ids=["the input", "a view"])
def test_writing_to_an_output_that_is_an_input_is_refused(returned: Any) -> None:
    class Same(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return returned(x)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad

    y = Same.apply(leaf(1.0) * 2)
    with pytest.raises(RuntimeError, match=r"a view of its input .* modified inplace"):
        y.mul_(2)
    with mt.no_grad():
        y.mul_(2)
    assert y.tolist() == [4.0]


def test_backward_may_be_named_vjp() -> None:
    class Twice(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def vjp(ctx: Any, grad: Any) -> Any:
            return grad * 2

        @staticmethod
        def vmap(info: Any, dims: Any, x: Any) -> Any:
            raise AssertionError

    x = leaf(1.0)
    Twice.apply(x).backward()
    assert x.grad.tolist() == [2.0]

    class Both(Twice):
        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad

    with pytest.raises(RuntimeError, match="either `backward` or `vjp`"):
        Both.apply(x).backward()


def test_calling_a_function_class_is_refused() -> None:
    with pytest.warns(DeprecationWarning, match="all static"), pytest.raises(RuntimeError, match=r"Cube\.apply"):
        Cube()(leaf(1.0), 2.0)


def test_the_ctx_has_the_name_of_its_node() -> None:
    names = []

    class Scale(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            names.append(ctx.name())
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            names.append(ctx.name())
            return grad * 2

    result = Scale.apply(mt.ones(2, requires_grad=True))
    result.sum().backward()
    assert [*names, result.grad_fn.name()] == ["ScaleBackward"] * 3
