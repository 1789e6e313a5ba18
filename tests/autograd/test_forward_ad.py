"""Forward mode: levels and errors as in PyTorch, tangents that share memory, custom functions, nesting, memory."""

from __future__ import annotations

import gc
import importlib
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor import func
from minitensor.autograd import forward_ad
from ops.call import numbers, outcome, quiet

HALVES = [1.0, 2.0]


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def both(torch: Any, program: Callable[[Any, Any], Any]) -> None:
    """Assert that a program does the same in both libraries: values, printed tensors, or classes of errors."""
    ours = outcome(program, mt, mt.autograd.forward_ad)
    theirs = quiet(program, torch, importlib.import_module("torch.autograd.forward_ad"))
    if isinstance(theirs, Exception):
        bases = {each for each in type(theirs).__mro__ if each.__module__ == "builtins"}
        assert isinstance(ours, Exception), f"{ours!r} instead of {theirs!r}"
        assert bases <= set(type(ours).__mro__), f"{ours!r} instead of {theirs!r}"
        return
    if isinstance(ours, Exception):
        raise ours
    assert repr(ours) == repr(theirs)


# -- levels and errors -------------------------------------------------------------------------------------------------


def in_level(program: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def call(library: Any, level: Any) -> Any:
        with level.dual_level():
            return program(library, level)

    return call


ERRORS: dict[str, Callable[[Any, Any], Any]] = {
    "no level": lambda t, fw: fw.make_dual(t.ones(2), t.ones(2)),
    "exit without a level": lambda t, fw: fw.exit_dual_level(),
    "unpack without a level": lambda t, fw: fw.unpack_dual(t.ones(2)),
    "nested": in_level(lambda t, fw: fw.enter_dual_level()),
    "another shape": in_level(lambda t, fw: fw.make_dual(t.ones(2), t.ones(3))),
    "integers": in_level(lambda t, fw: fw.make_dual(t.ones(2).long(), t.ones(2))),
    "an integer tangent": in_level(lambda t, fw: fw.make_dual(t.ones(2), t.ones(2).long())),
    "a number": in_level(lambda t, fw: fw.make_dual(3, t.ones(2))),
    "a number as a tangent": in_level(lambda t, fw: fw.make_dual(t.ones(2), 3)),
    "unpack a number": in_level(lambda t, fw: fw.unpack_dual(3)),
    "twice": in_level(lambda t, fw: fw.make_dual(fw.make_dual(t.ones(2), t.ones(2)), t.ones(2))),
    "out": in_level(lambda t, fw: t.mul(fw.make_dual(t.ones(2), t.ones(2)), 2, out=t.ones(2))),
    "resize_": in_level(lambda t, fw: fw.make_dual(t.ones(2), t.ones(2)).resize_(1)),
    "another level": in_level(lambda t, fw: fw.make_dual(t.ones(2), t.ones(2), level=3)),
    "unpack another level": in_level(lambda t, fw: fw.unpack_dual(dual(t, fw), level=3)),
    "exit another level": in_level(lambda t, fw: fw.exit_dual_level(level=3)),
    "a negative level": in_level(lambda t, fw: fw.make_dual(t.ones(2), t.ones(2), level=-1)),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_those_of_pytorch(torch: Any, name: str) -> None:
    both(torch, ERRORS[name])


def test_a_level_ends_with_all_its_tangents() -> None:
    with forward_ad.dual_level() as number:
        assert number == 0
        dual = forward_ad.make_dual(mt.ones(2), mt.ones(2))
        assert forward_ad.unpack_dual(dual).tangent is not None
    assert forward_ad.unpack_dual(dual).tangent is None
    with forward_ad.dual_level():
        assert forward_ad.unpack_dual(dual).tangent is None
        assert forward_ad.unpack_dual(dual * 2).tangent is None


def test_a_tangent_dies_with_its_tensor() -> None:
    with forward_ad.dual_level():
        level = forward_ad.current_level()
        dual = forward_ad.make_dual(mt.ones(2), mt.ones(2))
        for _ in range(3):
            dual = dual.exp()
        assert len(level.own) == 1
        del dual
        assert not level.own


def test_tangents_can_be_switched_off(torch: Any) -> None:
    def program(t: Any, fw: Any) -> Any:
        with fw.dual_level():
            dual = fw.make_dual(t.ones(2), t.tensor([1.0, 2.0]))
            with fw._set_fwd_grad_enabled(False):
                off = fw._is_fwd_grad_enabled(), dual * 2, fw.unpack_dual(dual)
            with t.inference_mode():
                inference = dual * 2
            with t.no_grad():
                return off, repr(inference), repr(dual * 2), fw.unpack_dual(dual), fw._is_fwd_grad_enabled()

    both(torch, lambda t, fw: repr(program(t, fw)))


def test_the_guards_are_decorators_too(torch: Any) -> None:
    def program(t: Any, fw: Any) -> Any:
        @fw.dual_level()  # type: ignore[untyped-decorator]
        def push(x: Any) -> Any:
            return fw.unpack_dual(fw.make_dual(x, x) * x).tangent

        return repr(push(t.tensor(3.0)))

    @forward_ad._set_fwd_grad_enabled(False)
    def off() -> bool:
        return forward_ad._is_fwd_grad_enabled()

    both(torch, program)
    assert not off()
    assert forward_ad._is_fwd_grad_enabled()


# -- memory that is shared ---------------------------------------------------------------------------------------------


def dual(t: Any, fw: Any, value: Any = (1.0, 2.0), tangent: Any = (1.0, 10.0)) -> Any:
    return fw.make_dual(t.tensor(value), t.tensor(tangent))


def write_into_a_view(t: Any, fw: Any) -> Any:
    y = dual(t, fw) * 1
    view = y[0]
    view.add_(y[1])
    return repr((y, view))


def write_into_a_base(t: Any, fw: Any) -> Any:
    y = dual(t, fw) * 1
    view = y[:1]
    y.mul_(5)
    return repr((y, view))


def write_into_a_constant(t: Any, fw: Any) -> Any:
    x = t.zeros(3)
    former, view = x[:2], x[1:]
    view.copy_(dual(t, fw))
    former.mul_(2)
    return repr((x, former, view))


def write_items(t: Any, fw: Any) -> Any:
    x = t.zeros(3, 2)
    x.t()[0, 1:] = dual(t, fw)
    x[x == 0] = dual(t, fw, 5.0, 7.0)
    return repr(x)


def write_where_it_reads(t: Any, fw: Any) -> Any:
    x = dual(t, fw, [[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]])
    x.diagonal().mul_(x[0])
    return repr(x)


def write_complex(t: Any, fw: Any) -> Any:
    z = dual(t, fw, [1 + 2j, 3 - 1j], [1j, 2 + 0j]).clone()
    t.view_as_real(z)[0, 1] = dual(t, fw, 9.0, 8.0)
    z.real.mul_(2)
    zeros = t.zeros(2, dtype=t.complex64)
    zeros.imag.copy_(dual(t, fw))
    return repr((z, zeros, z.conj().imag))


def change_shape(t: Any, fw: Any) -> Any:
    x = fw.make_dual(t.ones(2, 3), t.arange(6.0).view(2, 3))
    x.t_().unsqueeze_(0).mul_(2)
    return repr(x)


def add_nothing(t: Any, fw: Any) -> Any:
    """The sum with a number moves as the tensor does, but in memory of its own."""
    x = dual(t, fw)
    y = x + 0
    y.mul_(3)
    return repr((x, y))


def draw_over(t: Any, fw: Any) -> Any:
    x = dual(t, fw).clone()
    return repr(fw.unpack_dual(x.uniform_()).tangent)


def make_views(t: Any, fw: Any) -> Any:
    x = dual(t, fw)
    return repr([x.expand(2, 2), x.view(2, 1), x.as_strided((1,), (1,), 1), x.unfold(0, 1, 1), *x.unbind()])


def convert(t: Any, fw: Any) -> Any:
    x = dual(t, fw)
    return repr([
        x.detach(), x.data, x.double(), x.bfloat16(), x.long(), x.to(t.complex64), t.stack([x, t.zeros(2)]),
        t.empty(2, 2).copy_(x), x.argmax(), x > 0, x.floor(), x.new_zeros(2), t.zeros_like(x), x.tolist(),
    ])  # fmt: skip


def share_memory(t: Any, fw: Any) -> Any:
    value, tangent = t.ones(2), t.tensor([1.0, 2.0])
    fw.make_dual(value, tangent).mul_(3)
    turned = t.arange(4.0).view(2, 2).t()
    strides = fw.unpack_dual(fw.make_dual(turned, t.ones(2, 2))).tangent.stride()
    primal, own = fw.unpack_dual(fw.make_dual(value, tangent))
    return repr((value, tangent, strides, primal.data_ptr() == value.data_ptr(), own.data_ptr() == tangent.data_ptr()))


PROGRAMS = (
    write_into_a_view, write_into_a_base, write_into_a_constant, write_items, write_where_it_reads, write_complex,
    change_shape, add_nothing, draw_over, make_views, convert, share_memory,
)  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_tangents_share_memory_as_in_pytorch(torch: Any, program: Callable[[Any, Any], Any]) -> None:
    both(torch, in_level(program))


# -- custom functions --------------------------------------------------------------------------------------------------


def make_function(t: Any, forward: Any, jvp: Any = None) -> Any:
    methods = {"forward": staticmethod(forward), "backward": staticmethod(lambda ctx, *grads: grads[0])}
    return type("Made", (t.autograd.Function,), methods | ({} if jvp is None else {"jvp": staticmethod(jvp)}))


def save_and_triple(ctx: Any, x: Any, *rest: Any) -> Any:
    ctx.save_for_forward(x)
    return x * 3


def double_in_place(ctx: Any, x: Any) -> Any:
    ctx.mark_dirty(x)
    return x.mul_(2)


def mark(ctx: Any, x: Any) -> Any:
    y = x * 2
    ctx.mark_non_differentiable(y)
    return y


def without_zeros(ctx: Any, x: Any, *rest: Any) -> Any:
    ctx.set_materialize_grads(False)
    return x * 3


FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "saved": (save_and_triple, lambda ctx, t, *rest: (t * ctx.saved_tensors[0] * 3)),
    "rest": (save_and_triple, lambda ctx, t, *rest: t * 3 + sum([each for each in rest if each is not None])),
    "without zeros": (without_zeros, lambda ctx, t, *rest: t * 3 if rest == (None, None) else t),
    "no jvp": (save_and_triple, None),
    "too many": (save_and_triple, lambda ctx, t, *rest: (t, t)),
    "wrong shape": (save_and_triple, lambda ctx, t, *rest: t[:1]),
    "no tensor": (save_and_triple, lambda ctx, t, *rest: 3),
    "several": (lambda ctx, x, *rest: (x * 2, x.long(), 3), lambda ctx, t, *rest: (t * 2, None, None)),
    "tangent of an integer": (lambda ctx, x, *rest: (x * 2, x.long()), lambda ctx, t, *rest: (t, t)),
    "tangent of a number": (lambda ctx, x, *rest: (x * 2, 3), lambda ctx, t, *rest: (t, 4)),
    "not a view": (lambda ctx, x, *rest: x, lambda ctx, t, *rest: t * 1),
    "a view": (lambda ctx, x, *rest: x.view(2, 1), lambda ctx, t, *rest: t.view(2, 1)),
    "in place": (lambda ctx, x, *rest: double_in_place(ctx, x), lambda ctx, t, *rest: t.mul_(2)),
    "not in place": (lambda ctx, x, *rest: double_in_place(ctx, x), lambda ctx, t, *rest: t * 2),
    "not differentiable": (lambda ctx, x, *rest: mark(ctx, x), lambda ctx, t, *rest: None),
    "moves though not differentiable": (lambda ctx, x, *rest: mark(ctx, x), lambda ctx, t, *rest: t),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_custom_functions_move_as_in_pytorch(torch: Any, name: str) -> None:
    def program(t: Any, fw: Any) -> Any:
        with fw.dual_level():
            made = make_function(t, *FUNCTIONS[name])
            return repr(made.apply(dual(t, fw).clone(), t.ones(2), 5))

    both(torch, program)


def test_jvp_of_a_function_can_be_nested_and_differentiated() -> None:
    class Cube(mt.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x ** 3

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_forward(*inputs)
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any) -> Any:
            return grad_outputs[0] * 3 * ctx.saved_tensors[0] ** 2

        @staticmethod
        def jvp(ctx: Any, *grad_inputs: Any) -> Any:
            return grad_inputs[0] * 3 * ctx.saved_tensors[0] ** 2

    x = mt.tensor(2.0)

    def slope(at: mt.Tensor) -> mt.Tensor:
        found: mt.Tensor = func.jvp(Cube.apply, (at,), (mt.ones(()),))[1]
        return found

    assert slope(x).item() == 12
    assert func.jvp(slope, (x,), (mt.ones(()),))[1].item() == 12
    assert func.grad(slope)(x).item() == 12
    assert func.jvp(func.grad(Cube.apply), (x,), (mt.ones(()),))[1].item() == 12
    assert func.vmap(slope)(mt.tensor([1.0, 2.0])).tolist() == [3.0, 12.0]


def test_the_jvp_of_a_function_runs_on_samples() -> None:
    class Product(mt.autograd.Function):
        @staticmethod
        def forward(x: Any, y: Any) -> Any:
            return x * y

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_forward(*inputs)

        @staticmethod
        def jvp(ctx: Any, of_x: Any, of_y: Any) -> Any:
            x, y = ctx.saved_tensors
            return of_x * y + x * of_y

    x, y = mt.tensor([1.0, 2.0]), mt.tensor(3.0)
    found = func.vmap(lambda each: func.jvp(Product.apply, (each, y), (mt.ones(()), mt.ones(())))[1])(x)
    assert found.tolist() == [4.0, 5.0]


# -- several passes ----------------------------------------------------------------------------------------------------


def wave(x: mt.Tensor) -> mt.Tensor:
    return (x.sin() * x.cumsum(0)).softmax(0).square().sum()


POINT = mt.tensor(np.array([0.3, -0.7, 1.1]))


def test_all_orders_of_passes_give_one_hessian() -> None:
    expected = func.jacrev(func.jacrev(wave))(POINT)
    for outer in (func.jacfwd, func.jacrev):
        for inner in (func.jacfwd, func.jacrev):
            np.testing.assert_allclose(outer(inner(wave))(POINT).numpy(), expected.numpy(), atol=1e-12)
    np.testing.assert_allclose(func.hessian(wave)(POINT).numpy(), expected.numpy(), atol=1e-12)
    found = mt.autograd.functional.hessian(wave, POINT, vectorize=True, outer_jacobian_strategy="forward-mode")
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)


def test_third_derivatives_of_nested_levels() -> None:
    def along(function: Any) -> Any:
        return lambda x: func.jvp(function, (x,), (mt.ones((), dtype=mt.float64),))[1]

    x = mt.tensor(0.4, dtype=mt.float64)
    assert along(along(along(mt.exp)))(x).item() == pytest.approx(np.exp(0.4))
    assert func.grad(along(func.grad(lambda x: x ** 4)))(x).item() == pytest.approx(24 * 0.4)


def test_the_levels_of_nested_passes_are_apart() -> None:
    """d/dx (x d/dy (x + y)) is 1: the inner pass must not see that x moves."""
    def outer(x: mt.Tensor) -> mt.Tensor:
        inner = func.jvp(lambda y: x + y, (mt.ones(()),), (mt.ones(()),))[1]
        return x * inner

    assert func.jvp(outer, (mt.tensor(3.0),), (mt.ones(()),))[1].item() == 1


def test_hessians_of_samples() -> None:
    points = mt.stack([POINT, POINT * 2])
    expected = [func.jacrev(func.jacrev(wave))(each).numpy() for each in points]
    np.testing.assert_allclose(func.vmap(func.hessian(wave))(points).numpy(), expected, atol=1e-12)


def test_a_write_can_be_differentiated_in_all_orders() -> None:
    def function(x: mt.Tensor) -> mt.Tensor:
        y = x * x
        y[1:].mul_(x[:-1])
        y.cos_().mul_(y)
        return y.sum()

    expected = func.jacrev(func.jacrev(function))(POINT)
    for outer, inner in ((func.jacfwd, func.jacrev), (func.jacrev, func.jacfwd), (func.jacfwd, func.jacfwd)):
        np.testing.assert_allclose(outer(inner(function))(POINT).numpy(), expected.numpy(), atol=1e-10)


def test_backward_adds_tangents_to_grad() -> None:
    leaf = mt.tensor(HALVES, requires_grad=True)
    with forward_ad.dual_level():
        moved = forward_ad.make_dual(leaf, mt.tensor([1.0, 10.0]))
        for count in (1, 2):
            (moved ** 3).sum().backward()
            assert forward_ad.unpack_dual(leaf.grad).tangent.tolist() == [6.0 * count, 120.0 * count]


@pytest.mark.parametrize("layer", [mt.nn.RNN, mt.nn.LSTM, mt.nn.GRU])
def test_recurrent_layers_move(layer: Any) -> None:
    model = layer(3, 2).double()
    x = mt.tensor(np.cos(np.arange(12.0)).reshape(2, 2, 3))
    along = mt.tensor(np.sin(np.arange(12.0)).reshape(2, 2, 3))

    def run(given: mt.Tensor) -> mt.Tensor:
        found: mt.Tensor = model(given)[0]
        return found

    moved = func.jvp(run, (x,), (along,))[1]
    expected = (run(x + 1e-6 * along) - run(x - 1e-6 * along)) / 2e-6
    np.testing.assert_allclose(numbers(moved), numbers(expected), atol=1e-8)


# -- one pass ----------------------------------------------------------------------------------------------------------


def peak(length: int) -> int:
    """Return the memory that a chain of operations needs at most, with tangents."""
    x, t = mt.ones(100_000), mt.ones(100_000)
    matrix = mt.ones(100_000)

    def chain(x: mt.Tensor) -> mt.Tensor:
        for _ in range(length):
            x = (x * matrix).sin().softmax(0).cumsum(0).logcumsumexp(0)
        return x

    gc.collect()
    tracemalloc.start()
    func.jvp(chain, (x,), (t,))
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_the_memory_of_a_chain_does_not_grow_with_its_length() -> None:
    peak(2)
    assert peak(60) < 1.3 * peak(20)


def test_the_function_is_called_once() -> None:
    calls: list[int] = []

    def function(x: mt.Tensor) -> mt.Tensor:
        calls.append(1)
        return x * x

    func.jvp(function, (mt.ones(2),), (mt.ones(2),))
    func.jacfwd(function)(mt.ones(2))
    mt.autograd.functional.jvp(function, mt.ones(2), mt.ones(2))
    mt.autograd.functional.jacobian(function, mt.ones(2), vectorize=True, strategy="forward-mode")
    assert len(calls) == 4
