"""Hooks run before and after forward, in order, and may change arguments and results."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

import minitensor
from minitensor import nn


class Add(nn.Module):
    def forward(self, x: Any, *, more: Any = 0) -> Any:
        return x + more


def test_hooks_see_arguments_and_result() -> None:
    seen: list[Any] = []
    module = Add()
    module.register_forward_pre_hook(lambda m, args: seen.append((m, args)))
    module.register_forward_hook(lambda m, args, result: seen.append((m, args, result)))
    assert module(1, more=2) == 3
    assert seen == [(module, (1,)), (module, (1,), 3)]


def test_a_hooks_return_value_replaces_arguments_or_result() -> None:
    module = Add()
    module.register_forward_pre_hook(lambda m, args: args[0] + 10)
    module.register_forward_hook(lambda m, args, result: result * 2)
    assert module(1) == 22


def test_hooks_with_kwargs_see_and_change_them() -> None:
    module = Add()
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"more": 5}), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, result: (result, kwargs), with_kwargs=True)
    assert module(1, more=2) == (6, {"more": 5})


def test_a_pre_hook_that_returns_a_wrong_value_is_reported() -> None:
    module = Add()
    module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3"):
        module(1)


def test_hooks_run_in_order_and_prepended_ones_first() -> None:
    seen: list[int] = []
    module = Add()
    for i in (1, 2):
        module.register_forward_hook(lambda m, args, result, i=i: seen.append(i))
    module.register_forward_hook(lambda m, args, result: seen.append(0), prepend=True)
    module(1)
    assert seen == [0, 1, 2]


def test_a_removed_hook_does_not_run() -> None:
    seen: list[int] = []
    module = Add()
    handle = module.register_forward_hook(lambda m, args, result: seen.append(1))
    with module.register_forward_hook(lambda m, args, result: seen.append(2)):
        module(1)
    handle.remove()
    handle.remove()
    module(1)
    assert seen == [1, 2]


def test_a_hook_may_remove_itself_while_it_runs() -> None:
    seen: list[int] = []
    module = Add()

    def once(*_: Any) -> None:
        seen.append(1)
        handle.remove()

    handle = module.register_forward_pre_hook(once)
    module(1)
    module(1)
    assert seen == [1]


def test_an_always_called_hook_runs_despite_an_error() -> None:
    class Broken(nn.Module):
        def forward(self) -> None:
            raise KeyError("broken")

    seen: list[Any] = []
    module = Broken()
    module.register_forward_hook(lambda m, args, result: seen.append("never"))
    module.register_forward_hook(lambda m, args, result: seen.append(result), always_call=True)
    with pytest.raises(KeyError, match="broken"):
        module()
    assert seen == [None]


def test_an_error_in_an_always_called_hook_does_not_hide_the_first_error() -> None:
    module = Add()
    module.register_forward_hook(lambda m, args, result: 1 / 0)

    def late(*_: Any) -> None:
        raise KeyError("late")

    module.register_forward_hook(late, always_call=True)
    with pytest.warns(UserWarning, match="silenced.*late"), pytest.raises(ZeroDivisionError):
        module(1)


def test_a_copy_has_its_own_hooks() -> None:
    import copy

    seen: list[int] = []
    module = nn.Linear(1, 1)
    copied = copy.deepcopy(module)
    module.register_forward_hook(lambda m, args, result: seen.append(1))
    copied(minitensor.ones(1, 1))
    assert seen == []


def gradients(lib: Any, register: Any) -> list[Any]:
    """Run backward through a product with a hook on it; return what the hook saw and the gradients."""
    base = lib.nn.Module

    class Product(base):  # type: ignore[misc,valid-type]  # the library is an argument
        def forward(self, x: Any, y: Any, scale: float) -> Any:
            return x * y * scale, scale

    seen: list[Any] = []
    module = Product()
    register(module, seen)
    x, y = lib.tensor([2.0], requires_grad=True), lib.tensor([3.0])
    module(x, y, 10.0)[0].sum().backward()
    return [[tuple(g if g is None else g.tolist() for g in grads) for grads in seen], x.grad.tolist()]


BACKWARD = [
    lambda m, seen: m.register_full_backward_hook(lambda _, gi, go: seen.extend([gi, go])),
    lambda m, seen: m.register_full_backward_hook(lambda _, gi, go: (gi[0] * 5, None, None)),
    lambda m, seen: m.register_full_backward_pre_hook(lambda _, go: seen.append(go)),
    lambda m, seen: m.register_full_backward_pre_hook(lambda _, go: (go[0] * 7, None)),
]


@pytest.mark.parametrize("register", BACKWARD)
def test_backward_hooks_see_and_change_gradients_as_in_pytorch(register: Any) -> None:
    torch = pytest.importorskip("torch")
    assert gradients(minitensor, register) == gradients(torch, register)


def test_a_backward_hook_runs_without_input_gradients_too() -> None:
    seen: list[Any] = []
    layer = nn.Linear(1, 1, bias=False)
    layer.register_full_backward_hook(lambda module, gi, go: seen.append((gi, go[0].tolist())))
    with pytest.warns(UserWarning, match="no inputs require gradients"):
        layer(minitensor.ones(1, 1)).sum().backward()
    assert seen == [((None,), [[1.0]])]
    layer.register_full_backward_hook(lambda module, gi, go: (minitensor.ones(1),))
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="should always return None"):
        layer(minitensor.ones(1, 1)).sum().backward()


def test_a_backward_hook_that_returns_too_many_gradients_is_reported() -> None:
    layer = nn.Linear(1, 1)
    layer.register_full_backward_hook(lambda module, gi, go: (gi[0], gi[0]))
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        layer(minitensor.ones(1, 1, requires_grad=True)).sum().backward()


# -- global hooks ------------------------------------------------------------------------------------------------------


def seen_by_global_hooks(lib: Any) -> list[Any]:
    """Return what global hooks saw, in order, while a network was built, called and differentiated."""
    module, seen = lib.nn.module if lib is minitensor else lib.nn.modules.module, []

    def note(*facts: Any) -> None:
        seen.append(facts)

    handles = [
        module.register_module_parameter_registration_hook(lambda m, name, p: note("parameter", name)),
        module.register_module_buffer_registration_hook(lambda m, name, b: note("buffer", name)),
        module.register_module_module_registration_hook(lambda m, name, inner: note("module", name)),
    ]
    try:
        net = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2))
        net.register_forward_pre_hook(lambda m, args: note("own pre"))
        net.register_forward_hook(lambda m, args, output: note("own"))
        net.register_full_backward_hook(lambda m, grad, output: note("own backward"))
        handles += [
            module.register_module_forward_pre_hook(lambda m, args: note("pre", type(m).__name__)),
            module.register_module_forward_hook(lambda m, args, output: note("after", type(m).__name__)),
            module.register_module_forward_hook(
                lambda m, args, kwargs, output: note("after", kwargs, type(m).__name__), with_kwargs=True
            ),
            module.register_module_full_backward_pre_hook(lambda m, grad: note("backward pre", len(grad))),
            module.register_module_full_backward_hook(lambda m, grad, output: note("backward", type(m).__name__)),
        ]
        net(lib.ones(3, 2, requires_grad=True)).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    before = len(seen)
    net(lib.ones(3, 2))
    assert [facts[0] for facts in seen[before:]] == ["own pre", "own"], "a removed hook is silent"
    return seen


def test_global_hooks_behave_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    assert seen_by_global_hooks(minitensor) == seen_by_global_hooks(torch)


def test_registration_hooks_may_replace_the_registered_object() -> None:
    with nn.module.register_module_parameter_registration_hook(lambda m, name, p: nn.Parameter(p.detach(), False)):
        layer = nn.Linear(2, 2)
    assert not layer.weight.requires_grad
    with nn.module.register_module_module_registration_hook(lambda m, name, inner: nn.Identity()):
        net = nn.Sequential(nn.ReLU())
    assert repr(net[0]) == "Identity()"


def test_an_always_called_global_hook_runs_despite_an_error() -> None:
    seen: list[str] = []
    with nn.module.register_module_forward_hook(
        lambda m, args, output: seen.append(type(m).__name__), always_call=True
    ), pytest.raises(RuntimeError):
        nn.Sequential(nn.Linear(2, 2))(minitensor.ones(3))
    assert seen == ["Linear", "Sequential"]


def seen_by_old_hooks(lib: Any, everywhere: bool, net: Any) -> list[Any]:
    """Return what a legacy backward hook saw, and the input's gradient, which it multiplies by five."""
    seen: list[Any] = []

    def hook(module: Any, grads: Any, arrived: Any) -> Any:
        seen.append([[None if each is None else each.tolist() for each in some] for some in (grads, arrived)])
        return tuple(each * 5 for each in grads)

    x, module = lib.tensor([1.0, -1.0], requires_grad=True), net(lib)
    # PyTorch refuses the global legacy hook forever once a full one was registered.
    own = not everywhere or lib is not minitensor
    register = module.register_backward_hook if own else nn.modules.module.register_module_backward_hook
    with register(hook):
        module(x * 2).sum().backward()
    return [seen, x.grad.tolist()]


@pytest.mark.parametrize("everywhere", [True, False])
def test_legacy_backward_hooks_see_the_last_op_as_in_pytorch(everywhere: bool) -> None:
    torch = pytest.importorskip("torch")
    found, expected = [seen_by_old_hooks(lib, everywhere, lambda lib: lib.nn.ReLU()) for lib in (minitensor, torch)]
    assert found == expected


def test_a_legacy_backward_hook_that_sees_too_little_warns() -> None:
    layer = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    layer.register_backward_hook(lambda m, grads, arrived: None)
    with pytest.warns(FutureWarning, match="contains multiple autograd Nodes"):
        layer(minitensor.ones(2))


def test_backward_hooks_of_both_kinds_cannot_be_combined() -> None:
    one, other = nn.ReLU(), nn.ReLU()
    one.register_full_backward_hook(lambda *_: None)
    other.register_backward_hook(lambda *_: None)
    for register in (one.register_backward_hook, other.register_full_backward_hook):
        with pytest.raises(RuntimeError, match=r"both regular backward hooks and full .* on a single Module"):
            register(lambda *_: None)
    with nn.module.register_module_backward_hook(lambda *_: None), pytest.raises(RuntimeError, match="as a global"):
        nn.module.register_module_full_backward_hook(lambda *_: None)


def seen_by_full_hooks(lib: Any) -> list[Any]:
    """Return how often a full hook ran, and what it saw of an output without gradient, in two backward passes."""

    class Two(lib.nn.Module):  # type: ignore[misc]  # the library is an argument
        def forward(self, x: Any, y: Any) -> Any:
            return x**3, y * 3, (x * 2).detach()

    seen: list[Any] = []
    module = Two()
    module.register_full_backward_hook(
        lambda m, *both: seen.append([[None if each is None else each.tolist() for each in some] for some in both])
    )
    x, y = (lib.ones(1, requires_grad=True) for _ in range(2))
    (slope,) = lib.autograd.grad(module(x, y)[0], x, create_graph=True)
    slope.backward()
    return [seen, x.grad.tolist()]


def test_full_hooks_see_unused_outputs_and_second_gradients_as_in_pytorch() -> None:
    torch = pytest.importorskip("torch")
    assert seen_by_full_hooks(minitensor) == seen_by_full_hooks(torch)


def test_an_output_whose_gradient_cannot_be_seen_is_reported() -> None:
    class Pack(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"y": x * 2}

    module, seen = Pack(), []
    module.register_full_backward_hook(lambda *all: seen.append(all))
    with pytest.warns(UserWarning, match="module output should be a Tensor or a tuple of Tensors but received"):
        module(minitensor.ones(1, requires_grad=True))["y"].backward()
    assert not seen


def test_private_names_that_other_packages_use_exist() -> None:
    layer, seen = nn.Linear(1, 1), []
    layer._register_state_dict_hook(lambda m, entries, prefix, metadata: {**entries, "more": 1})
    layer._register_load_state_dict_pre_hook(lambda entries, prefix, *rest: seen.append(prefix))
    layer._register_load_state_dict_pre_hook(lambda m, entries, *rest: seen.append(m), with_module=True)
    entries = layer.state_dict()
    assert entries.pop("more") == 1
    layer.load_state_dict(entries)
    assert seen == ["", layer]


LAYERS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "linear": (lambda t: t.nn.Linear(3, 2), (4, 3)),
    "two linear layers": (lambda t: t.nn.Sequential(t.nn.Linear(3, 4), t.nn.ReLU(), t.nn.Linear(4, 2)), (5, 3)),
    "convolution": (lambda t: t.nn.Conv2d(3, 2, 3), (1, 3, 5, 5)),
    "batch norm": (lambda t: t.nn.BatchNorm2d(3), (2, 3, 5, 5)),
    "layer norm": (lambda t: t.nn.LayerNorm(5), (2, 5)),
    "transformer": (lambda t: t.nn.TransformerEncoderLayer(8, 2, dropout=0.0, batch_first=True), (2, 5, 8)),
}


@pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)
def test_hooks_of_parameters_run_in_pytorchs_order(make: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")

    def order(lib: Any) -> list[str]:
        seen: list[str] = []
        layer, input = make(lib), lib.ones(shape, requires_grad=True)
        for name, value in (("input", input), *layer.named_parameters()):
            value.register_hook(lambda grad, name=name: seen.append(name))
        layer(input).sum().backward()
        return seen

    assert order(minitensor) == order(torch)


@pytest.mark.parametrize("kind", ["forward_pre", "forward", "full_backward_pre", "full_backward"])
def test_a_table_holds_the_functions_themselves(kind: str) -> None:
    layer = nn.Linear(2, 1)
    seen: list[str] = []

    def hook(*_: Any) -> None:
        seen.append(kind)

    handle = getattr(layer, f"register_{kind}_hook")(hook)
    table = getattr(layer, f"_{kind.removeprefix('full_')}_hooks")
    assert list(table.values()) == [hook] and list(table) == [handle.id]
    layer(minitensor.ones(1, 2, requires_grad=True)).sum().backward()
    table.clear()
    layer(minitensor.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == [kind]


@pytest.mark.parametrize("kind", ["forward_pre", "forward", "full_backward_pre", "full_backward"])
def test_a_program_may_put_a_plain_dict_in_place_of_a_table(kind: str) -> None:
    layer = nn.Linear(2, 1)
    seen: list[int] = []
    register = getattr(layer, f"register_{kind}_hook")
    register(lambda *_: seen.append(1) and None)
    setattr(layer, f"_{kind.removeprefix('full_')}_hooks", OrderedDict())
    layer(minitensor.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == []
    handle = register(lambda *_: seen.append(2) and None)
    layer(minitensor.ones(1, 2, requires_grad=True)).sum().backward()
    handle.remove()
    layer(minitensor.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == [2]


def test_a_hook_with_options_is_called_with_them_whatever_the_table_holds() -> None:
    layer = nn.Linear(2, 1)
    seen: list[Any] = []
    layer.register_forward_pre_hook(lambda module, args, kwargs: seen.append(sorted(kwargs)) and None, with_kwargs=True)
    layer.register_forward_hook(lambda *_: seen.append("always") and None, always_call=True)
    layer(input=minitensor.ones(1, 2))
    with pytest.raises(RuntimeError):
        layer(input=minitensor.ones(1, 3))
    assert seen == [["input"], "always", ["input"], "always"]
