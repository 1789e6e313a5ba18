"""Corner cases of ``autograd.Function`` against PyTorch: what ``ctx`` shows, what ``backward`` returns, what is freed.

Each case is a small program for either library. Both must return the same, or raise an error of the same built-in
class.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

Pair = namedtuple("Pair", "first second")


def function(lib: Any, forward: Any, backward: Any = None, setup: Any = None) -> Any:
    """Return a Function with these static methods."""
    methods = {"forward": forward, "backward": backward, "setup_context": setup}
    return type("F", (lib.autograd.Function,), {k: staticmethod(v) for k, v in methods.items() if v is not None})


def lists(found: Any) -> Any:
    """Convert tensors, single or in sequences, to lists of numbers."""
    if isinstance(found, (tuple, list)):
        return [lists(each) for each in found]
    return found.tolist() if hasattr(found, "tolist") else found


def leaf(lib: Any, *values: float) -> Any:
    return lib.tensor(list(values), dtype=lib.float64, requires_grad=True)


def outcome(program: Callable[[Any], Any], lib: Any) -> Any:
    try:
        return program(lib)
    except Exception as error:
        return next(each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins")


def a_keyword_only_argument_with_setup_context(lib: Any) -> Any:
    seen = []
    F = function(
        lib,
        lambda x, n=3, *, k=2: x**n,
        lambda ctx, g: (g,) + (None,) * (len(ctx.needs_input_grad) - 1),
        lambda ctx, i, o: seen.append((len(i), i[1:])),
    )
    x = leaf(lib, 2.0)
    F.apply(x).sum().backward()
    return seen, lists(x.grad)


def a_keyword_with_setup_context(lib: Any) -> Any:
    seen = []
    F = function(lib, lambda x, n=3: x**n, lambda ctx, g: (g, None), lambda ctx, i, o: seen.append((len(i), i[1:])))
    x = leaf(lib, 2.0)
    F.apply(x, n=4).sum().backward()
    return seen, lists(x.grad)


def a_tensor_by_keyword_with_setup_context(lib: Any) -> Any:
    seen = []
    F = function(lib, lambda x, y: x * y, lambda ctx, g: (g, g * 2), lambda ctx, i, o: seen.append((len(i), lists(i))))
    x = leaf(lib, 2.0)
    y = leaf(lib, 3.0)
    F.apply(x, y=y).sum().backward()
    return seen, lists(x.grad), lists(y.grad)


def a_keyword_without_setup_context(lib: Any) -> Any:
    F = function(lib, lambda ctx, x, n=3: x**n, lambda ctx, g: (g, None))
    x = leaf(lib, 2.0)
    r = F.apply(x, n=4)
    return lists(r)


def a_default_without_setup_context(lib: Any) -> Any:
    F = function(lib, lambda ctx, x, n=3: x**n, lambda ctx, g: (g, None))
    x = leaf(lib, 2.0)
    F.apply(x).sum().backward()
    return lists(x.grad)


def a_gradient_for_a_default_without_setup_context(lib: Any) -> Any:
    F = function(lib, lambda ctx, x, n=3: x**n, lambda ctx, g: (g, len(ctx.needs_input_grad)))
    x = leaf(lib, 2.0)
    F.apply(x).sum().backward()
    return lists(x.grad)


def setup_context_that_returns(lib: Any) -> Any:
    F = function(lib, lambda x: x * 1, lambda ctx, g: g, lambda ctx, i, o: 5)
    x = leaf(lib, 2.0)
    F.apply(x).sum().backward()
    return lists(x.grad)


def any_number_of_arguments_with_setup_context(lib: Any) -> Any:
    seen = []
    F = function(lib, lambda *xs: xs[0] * 1, lambda ctx, g: (g, None), lambda ctx, i, o: seen.append(len(i)))
    x = leaf(lib, 2.0)
    F.apply(x, 3).sum().backward()
    return seen, lists(x.grad)


def a_required_keyword_with_setup_context(lib: Any) -> Any:
    seen = []
    F = function(lib, lambda x, *, n: x * n, lambda ctx, g: (g, None), lambda ctx, i, o: seen.append((len(i), i[1:])))
    x = leaf(lib, 2.0)
    F.apply(x, n=3).sum().backward()
    return seen, lists(x.grad)


def a_missing_argument_with_setup_context(lib: Any) -> Any:
    F = function(lib, lambda x, n: x * n, lambda ctx, g: (g, None), lambda ctx, i, o: None)
    return lists(F.apply(leaf(lib, 2.0)))


def an_unknown_keyword_with_setup_context(lib: Any) -> Any:
    F = function(lib, lambda x, n=1: x * n, lambda ctx, g: (g, None), lambda ctx, i, o: None)
    return lists(F.apply(leaf(lib, 2.0), m=1))


def needs_input_grad_in_backward(lib: Any) -> Any:
    seen = []
    F = function(
        lib, lambda ctx, x, y, z, n: x * y * z, lambda ctx, g: (seen.append(ctx.needs_input_grad), (g, g, g, None))[1]
    )
    x = leaf(lib, 2.0)
    F.apply(x, lib.ones(1, dtype=lib.float64), x.detach(), 4).sum().backward()
    return seen


def needs_input_grad_in_forward(lib: Any) -> Any:
    seen = []
    F = function(lib, lambda ctx, x, y, n: (seen.append(ctx.needs_input_grad), x * y)[1], lambda ctx, g: (g, g, None))
    with lib.no_grad():
        F.apply(leaf(lib, 2.0), lib.ones(1, dtype=lib.float64), 4)
    F.apply(leaf(lib, 2.0), lib.ones(1, dtype=lib.float64), 4)
    return seen


def needs_input_grad_of_defaults(lib: Any) -> Any:
    seen = []
    F = function(
        lib,
        lambda x, n=3: x**n,
        lambda ctx, g: (seen.append(ctx.needs_input_grad), (g, None))[1],
        lambda ctx, i, o: None,
    )
    F.apply(leaf(lib, 2.0)).sum().backward()
    return seen


def a_result_without_gradient(lib: Any) -> Any:
    def fwd(ctx, x):
        a, b = x * 1, x * 2
        ctx.mark_non_differentiable(b)
        return a, b

    seen = []
    F = function(lib, fwd, lambda ctx, g, h: (seen.append(lists(h)), g)[1])
    x = leaf(lib, 2.0, 3.0)
    a, b = F.apply(x)
    r = (a.requires_grad, b.requires_grad, b.is_leaf)
    a.sum().backward()
    return r, seen, lists(x.grad)


def only_a_result_without_gradient(lib: Any) -> Any:
    def fwd(ctx, x):
        b = x * 2
        ctx.mark_non_differentiable(b)
        return b

    F = function(lib, fwd, lambda ctx, h: h)
    b = F.apply(leaf(lib, 1.0))
    return b.requires_grad, b.grad_fn is None


def an_integer_result(lib: Any) -> Any:
    def fwd(ctx, x):
        return x * 1, x.argsort()

    seen = []
    F = function(lib, fwd, lambda ctx, g, h: (seen.append((lists(h), str(h.dtype).split(".")[-1])), g)[1])
    x = leaf(lib, 2.0, 3.0)
    a, b = F.apply(x)
    a.sum().backward()
    return b.requires_grad, seen, lists(x.grad)


def an_input_marked_as_without_gradient(lib: Any) -> Any:
    def fwd(ctx, x, y):
        ctx.mark_non_differentiable(x)
        return x, y * 1

    F = function(lib, fwd, lambda ctx, g, h: (g, h))
    a, b = F.apply(leaf(lib, 1.0), leaf(lib, 1.0))
    return a.requires_grad, b.requires_grad


def gradients_not_materialized(lib: Any) -> Any:
    seen = []

    def fwd(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1, x * 2

    F = function(lib, fwd, lambda ctx, g, h: (seen.append((lists(g), lists(h))), h * 2)[1])
    x = leaf(lib, 2.0, 3.0)
    _, b = F.apply(x)
    b.sum().backward()
    return seen, lists(x.grad)


def gradients_materialized(lib: Any) -> Any:
    seen = []
    F = function(lib, lambda ctx, x: (x * 1, x * 2), lambda ctx, g, h: (seen.append((lists(g), lists(h))), h * 2)[1])
    x = leaf(lib, 2.0, 3.0)
    _, b = F.apply(x)
    b.sum().backward()
    return seen, lists(x.grad)


def materializing_by_a_number(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: (ctx.set_materialize_grads(3), x * 1)[1], lambda ctx, g: g)
    return lists(F.apply(leaf(lib, 1.0)))


def results_that_are_not_tensors(lib: Any) -> Any:
    seen = []
    F = function(lib, lambda ctx, x: (x * 1, None, "s"), lambda ctx, *g: (seen.append(lists(g)), g[0])[1])
    x = leaf(lib, 2.0)
    a, b, c = F.apply(x)
    a.sum().backward()
    return b, c, seen, lists(x.grad)


def output_list(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: [x * 1], lambda ctx, *g: g[0])
    r = F.apply(leaf(lib, 2.0))
    return type(r).__name__, r[0].requires_grad


def output_str(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: "x", lambda ctx, *g: g[0])
    return F.apply(leaf(lib, 2.0))


def output_none(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: None, lambda ctx, *g: g[0])
    return F.apply(leaf(lib, 2.0))


def output_empty(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: (), lambda ctx, *g: g[0])
    return F.apply(leaf(lib, 2.0))


def output_dict(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: {"a": x}, lambda ctx, *g: g[0])
    return F.apply(leaf(lib, 2.0))["a"].requires_grad


def output_named(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: Pair(x * 1, x * 2), lambda ctx, g, h: g + h)
    x = leaf(lib, 1.0)
    r = F.apply(x)
    return type(r).__name__, len(r)


def alone(ctx: Any, x: Any) -> Any:
    return x * 1


def beside(ctx: Any, x: Any, other: Any) -> Any:
    return x * 1


# What backward returns for the gradient g: the formula, forward, its other arguments, and the values of x.
RETURNS: dict[str, tuple[Callable[[Any, Any], Any], Any, Callable[[Any], tuple[Any, ...]], tuple[float, ...]]] = {
    "a list": (lambda lib, g: [g], alone, lambda x: (), (1.0,)),
    "too few": (lambda lib, g: g, beside, lambda x: (x,), (1.0,)),
    "too many, of None": (lambda lib, g: (g, None, None), alone, lambda x: (), (1.0,)),
    "too many": (lambda lib, g: (g, None, g), alone, lambda x: (), (1.0,)),
    "one for what is not a tensor": (lambda lib, g: (g, g), beside, lambda x: (3,), (1.0,)),
    "a number": (lambda lib, g: 3.0, alone, lambda x: (), (1.0,)),
    "None": (lambda lib, g: None, alone, lambda x: (), (1.0,)),
    "one that is not needed": (lambda lib, g: (g, g), beside, lambda x: (x.detach(),), (1.0,)),
    "a wrong shape": (lambda lib, g: lib.ones(3, dtype=lib.float64), alone, lambda x: (), (1.0, 2.0)),
    "a shape that broadcasts": (lambda lib, g: lib.ones(1, dtype=lib.float64), alone, lambda x: (), (1.0, 2.0)),
    "an expanded shape": (lambda lib, g: lib.ones(3, 2, dtype=lib.float64), alone, lambda x: (), (1.0, 2.0)),
    "a complex one": (lambda lib, g: g * (1 + 1j), alone, lambda x: (), (1.0, 2.0)),
}


@pytest.mark.parametrize("case", RETURNS)
def test_backward_may_return_what_pytorchs_may(case: str) -> None:
    torch = pytest.importorskip("torch")
    formula, forward, others, values = RETURNS[case]

    def program(lib: Any) -> Any:
        x = leaf(lib, *values)
        F = function(lib, forward, lambda ctx, g: formula(lib, g))
        F.apply(x, *others(x)).sum().backward()
        return lists(x.grad)

    assert outcome(program, mt) == outcome(program, torch)


def ret_other_dtype(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: x * 1, lambda ctx, g: g.float())
    x = leaf(lib, 1.0, 2.0)
    F.apply(x).sum().backward()
    return str(x.grad.dtype).split(".")[-1]


def saved_freed(lib: Any) -> Any:
    def fwd(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    F = function(lib, fwd, lambda ctx, g: g * ctx.saved_tensors[0])
    x = leaf(lib, 1.0)
    y = F.apply(x).sum()
    y.backward()
    y.backward()


def saved_freed_not_used(lib: Any) -> Any:
    def fwd(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    F = function(lib, fwd, lambda ctx, g: g * 2)
    x = leaf(lib, 1.0)
    y = F.apply(x).sum()
    y.backward()
    y.backward()
    return lists(x.grad)


def nothing_saved_used(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: x * 1, lambda ctx, g: g * (1 + len(ctx.saved_tensors)))
    x = leaf(lib, 1.0)
    y = F.apply(x).sum()
    y.backward()
    y.backward()
    return lists(x.grad)


def nothing_saved(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: x * 1, lambda ctx, g: g)
    x = leaf(lib, 1.0)
    y = F.apply(x).sum()
    y.backward()
    y.backward()
    return lists(x.grad)


def saved_in_forward(lib: Any) -> Any:
    seen = []

    def fwd(ctx, x):
        ctx.save_for_backward(x)
        seen.append(ctx.saved_tensors)
        return x * 1

    F = function(lib, fwd, lambda ctx, g: g)
    F.apply(leaf(lib, 1.0))
    return seen


def saved_after(lib: Any) -> Any:
    def fwd(ctx, x):
        ctx.save_for_backward(x, None, x * 2)
        return x * 1

    F = function(lib, fwd, lambda ctx, g: g)
    y = F.apply(leaf(lib, 1.0))
    return lists(y.grad_fn.saved_tensors)


def save_list(lib: Any) -> Any:
    def fwd(ctx, x):
        ctx.save_for_backward([x])
        return x * 1

    F = function(lib, fwd, lambda ctx, g: g)
    F.apply(leaf(lib, 1.0))


def save_none_only(lib: Any) -> Any:
    def fwd(ctx, x):
        ctx.save_for_backward(None, None)
        return x * 1

    seen = []
    F = function(lib, fwd, lambda ctx, g: (seen.append(ctx.saved_tensors), g)[1])
    F.apply(leaf(lib, 1.0)).sum().backward()
    return seen


def save_intermediate_modified(lib: Any) -> Any:
    def fwd(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    F = function(lib, fwd, lambda ctx, g: g * ctx.saved_tensors[0])
    x = leaf(lib, 1.0)
    m = x * 1
    y = F.apply(m)
    m.add_(1)
    y.sum().backward()


def save_output(lib: Any) -> Any:
    def fwd(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    F = function(lib, fwd, lambda ctx, g: g * ctx.saved_tensors[0])
    x = leaf(lib, 1.0)
    (g,) = lib.autograd.grad(F.apply(x).sum(), x, create_graph=True)
    (h,) = lib.autograd.grad(g.sum(), x)
    return lists(g), lists(h)


def once_twice(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: x * 1, lib.autograd.function.once_differentiable(lambda ctx, g: g * 2))
    x = leaf(lib, 1.0)
    y = F.apply(x * 1)
    (g,) = lib.autograd.grad((y * y).sum(), x, create_graph=True)
    g.sum().backward()


def once_none(lib: Any) -> Any:
    F = function(lib, lambda ctx, x, y: x * 1, lib.autograd.function.once_differentiable(lambda ctx, g: (g * 2, None)))
    x = leaf(lib, 1.0)
    z = leaf(lib, 2.0)
    y = F.apply(x * 1, z)
    g = lib.autograd.grad((y * y).sum(), [x, z], create_graph=True, allow_unused=True)
    return lists(g[0]), g[1]


def once_no_create(lib: Any) -> Any:
    seen = []
    F = function(
        lib,
        lambda ctx, x: x * 1,
        lib.autograd.function.once_differentiable(
            lambda ctx, g: (seen.append((g.requires_grad, lib.is_grad_enabled())), g * 2)[1]
        ),
    )
    x = leaf(lib, 1.0)
    F.apply(x).sum().backward()
    return lists(x.grad), seen


def no_backward(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: x * 1)
    x = leaf(lib, 1.0)
    F.apply(x).sum().backward()


def no_forward(lib: Any) -> Any:
    return type("F", (lib.autograd.Function,), {}).apply(leaf(lib, 1.0))


def vjp_and_backward(lib: Any) -> Any:
    F = type(
        "F",
        (lib.autograd.Function,),
        {
            "forward": staticmethod(lambda ctx, x: x * 1),
            "backward": staticmethod(lambda ctx, g: g),
            "vjp": staticmethod(lambda ctx, g: g),
        },
    )
    x = leaf(lib, 1.0)
    F.apply(x).sum().backward()


def nonstatic(lib: Any) -> Any:
    class F(lib.autograd.Function):
        def forward(self, x):
            return x * 1

        def backward(self, g):
            return g

    x = leaf(lib, 1.0)
    F.apply(x).sum().backward()
    return lists(x.grad)


def grad_enabled_in(lib: Any) -> Any:
    seen = []
    F = function(
        lib,
        lambda ctx, x: (seen.append(lib.is_grad_enabled()), x * 1)[1],
        lambda ctx, g: (seen.append(lib.is_grad_enabled()), g)[1],
    )
    x = leaf(lib, 1.0)
    F.apply(x).sum().backward()
    lib.autograd.grad(F.apply(x).sum(), x, create_graph=True)
    return seen


def input_list(lib: Any) -> Any:
    F = function(lib, lambda ctx, xs: xs[0] * 1, lambda ctx, g: None)
    r = F.apply([leaf(lib, 1.0)])
    return r.requires_grad


def dirty_ret(lib: Any) -> Any:
    def fwd(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    F = function(lib, fwd, lambda ctx, g: g * 2)
    x = leaf(lib, 1.0)
    m = x * 1
    r = F.apply(m)
    r.sum().backward()
    return r is m, lists(x.grad), m._version


def dirty_not_returned(lib: Any) -> Any:
    def fwd(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x * 1

    F = function(lib, fwd, lambda ctx, g: g * 2)
    x = leaf(lib, 1.0)
    m = x * 1
    F.apply(m)


def dirty_leaf(lib: Any) -> Any:
    def fwd(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    F = function(lib, fwd, lambda ctx, g: g * 2)
    F.apply(leaf(lib, 1.0))


def ctx_attr(lib: Any) -> Any:
    def fwd(ctx, x, n):
        ctx.n = n
        return x * n

    F = function(lib, fwd, lambda ctx, g: (g * ctx.n, None))
    x = leaf(lib, 1.0)
    y = F.apply(x, 3)
    y.sum().backward()
    return lists(x.grad), y.grad_fn.n, y.grad_fn.name()


def same_input_twice(lib: Any) -> Any:
    F = function(lib, lambda ctx, x, y: x * y, lambda ctx, g: (g * 2, g * 3))
    x = leaf(lib, 1.0)
    F.apply(x, x).sum().backward()
    return lists(x.grad)


def return_input(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: x, lambda ctx, g: g * 3)
    x = leaf(lib, 1.0)
    y = F.apply(x)
    y.sum().backward()
    return y is x, lists(x.grad), y.data_ptr() == x.data_ptr()


def return_input_twice(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: (x, x), lambda ctx, g, h: g * 3 + h)
    x = leaf(lib, 1.0)
    a, b = F.apply(x)
    (a + b * 5).sum().backward()
    return lists(x.grad)


def return_same_twice(lib: Any) -> Any:
    def fwd(ctx, x):
        y = x * 1
        return y, y

    F = function(lib, fwd, lambda ctx, g, h: g * 3 + h)
    x = leaf(lib, 1.0)
    a, b = F.apply(x)
    r = a is b
    (a + b * 5).sum().backward()
    return r, lists(x.grad)


def forward_signature_ctx_extra(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: x * 1, lambda ctx, g: g)
    return lists(F.apply(leaf(lib, 1.0), 2))


def hooks_on_node(lib: Any) -> Any:
    seen = []
    F = function(lib, lambda ctx, x, n, y: x * y, lambda ctx, g: (g, None, g))
    x = leaf(lib, 1.0)
    y = F.apply(x, 3, leaf(lib, 2.0))
    y.grad_fn.register_hook(lambda i, o: seen.append((lists(i), lists(o))))
    y.sum().backward()
    return seen


def unused_output_only_int(lib: Any) -> Any:
    F = function(lib, lambda ctx, x: x.argsort(), lambda ctx, g: g)
    r = F.apply(leaf(lib, 1.0))
    return r.requires_grad


CASES = [
    each
    for name, each in list(globals().items())
    if getattr(each, "__module__", None) == __name__
    and getattr(each, "__annotations__", {}).keys() == {"lib", "return"}
]


@pytest.mark.parametrize("program", CASES, ids=lambda each: each.__name__)
def test_a_function_behaves_as_in_pytorch(program: Callable[[Any], Any]) -> None:
    torch = pytest.importorskip("torch")
    assert outcome(program, mt) == outcome(program, torch)
