"""The graph as users see it: nodes and their hooks, saved-tensor hooks, multi-grad hooks, edges."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd import graph
from minitensor.errors import GradError
from strict import device


def leaf(*values: float, lib: Any = mt) -> Any:
    return lib.tensor(list(values), dtype=lib.float64, requires_grad=True)


def agree(program: Callable[[Any], Any]) -> None:
    """Run a program in minitensor and in PyTorch, and require equal results."""
    torch = pytest.importorskip("torch")
    assert program(mt) == program(torch)


def accumulator(x: Any) -> Any:
    """Return the node that accumulates a leaf's gradient."""
    return (x * 2).grad_fn.next_functions[0][0]


# -- nodes -------------------------------------------------------------------------------------------------------------


def test_hooks_run_in_pytorchs_order() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []
        x = leaf(2.0, lib=lib)
        y = x * 3
        z = y.exp()

        def note(name: str) -> Callable[..., None]:
            return lambda *given: seen.append(name)

        accumulate = y.grad_fn.next_functions[0][0]
        accumulate.register_hook(note("leaf's node, after"))
        accumulate.register_prehook(note("leaf's node, before"))
        x.register_post_accumulate_grad_hook(note("leaf, gathered"))
        x.register_hook(note("leaf"))
        y.grad_fn.register_hook(note("node, after"))
        y.grad_fn.register_prehook(note("node, before"))
        y.register_hook(note("tensor"))
        y.register_hook(note("tensor, second"))
        z.grad_fn.register_hook(note("root, after"))
        y.retain_grad()
        z.backward()
        return seen, y.grad.tolist(), x.grad.tolist()

    agree(program)


def test_leaves_accumulate_in_pytorchs_order_as_soon_as_they_can() -> None:
    def program(lib: Any) -> Any:
        seen: list[int] = []
        y = lib.eye(2, dtype=lib.float64)
        for number in range(4):
            weight = (lib.eye(2, dtype=lib.float64) * number).requires_grad_()
            weight.register_post_accumulate_grad_hook(lambda leaf, number=number: seen.append(number))
            y = weight @ y if number % 2 else (y @ weight).sin()
        y.sum().backward()
        return seen

    agree(program)


def test_hooks_of_nodes_see_and_replace_what_pytorchs_do() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []
        x, w = leaf(2.0, lib=lib), leaf(5.0, lib=lib)
        y = x * w

        def lists(grads: Any) -> list[Any]:
            return [None if g is None else g.tolist() for g in grads]

        def before(grads: Any) -> Any:
            seen.append(lists(grads))
            return (grads[0] * 2,)

        def after(inputs: Any, outputs: Any) -> Any:
            seen.append([lists(inputs), lists(outputs)])
            return inputs[0] + 1, inputs[1]

        y.grad_fn.register_prehook(before)
        y.grad_fn.register_hook(after)
        (y * 3).backward()
        return seen, x.grad.tolist(), w.grad.tolist()

    agree(program)


def test_a_hook_sees_none_for_an_input_that_needs_no_gradient() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []
        y = leaf(2.0, lib=lib) * 3
        y.grad_fn.register_hook(lambda inputs, outputs: seen.append([g is None for g in (*inputs, *outputs)]))
        y.backward()
        return seen

    agree(program)


def test_a_hook_of_a_node_with_several_results_gets_all_their_gradients() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []
        x = leaf(1.0, 2.0, 3.0, 4.0, lib=lib)
        a, b = x.reshape(2, 2).unbind(0)
        a.grad_fn.register_prehook(lambda grads: seen.append([None if g is None else g.tolist() for g in grads]))
        (b * 2).sum().backward(retain_graph=True)
        (a * 3 + b).sum().backward()
        return seen[-1], x.grad.tolist()

    agree(program)


def test_a_node_hook_that_returns_too_few_gradients_is_refused() -> None:
    x = leaf(1.0)
    y = x * x
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0],))
    with pytest.raises(GradError, match=r"MulBackward0 returned an incorrect number of gradients: got 1, expected 2"):
        y.backward()


def test_a_tensor_hook_that_returns_something_else_is_refused() -> None:
    x = leaf(1.0)
    x.register_hook(lambda grad: 3)  # type: ignore[arg-type,return-value]
    with pytest.raises(TypeError, match="expected a Tensor or None from a hook, got int"):
        x.backward()


def test_a_gradient_that_a_hook_holds_is_not_changed_by_the_next_backward() -> None:
    x, held = leaf(1.0), []
    x.register_hook(held.append)
    (x * 2).backward()
    (x * 3).backward()
    assert (held[0].tolist(), x.grad.tolist()) == ([2.0], [5.0])


def test_a_node_has_a_metadata_dict() -> None:
    y = leaf(1.0) * 2
    y.grad_fn.metadata["note"] = 5
    assert y.grad_fn.metadata == {"note": 5}
    assert isinstance(y.grad_fn, graph.Node)


def test_saved_values_can_be_read_from_a_node() -> None:
    def program(lib: Any) -> Any:
        x, w = leaf(2.0, lib=lib), leaf(3.0, lib=lib)
        y, z = x * w, x.exp()
        return y.grad_fn._saved_self is x, y.grad_fn._saved_other.tolist(), z.grad_fn._saved_result.tolist()

    agree(program)
    with pytest.raises(AttributeError, match="NegBackward0 has not saved 'other'"):
        (-leaf(1.0)).grad_fn._saved_other


def test_a_node_can_be_called_with_a_gradient_for_each_result() -> None:
    def program(lib: Any) -> Any:
        x, grad = leaf(2.0, 3.0, lib=lib), lib.tensor([1.0, 10.0])
        product, (first, _) = (x * 2).grad_fn(grad), (x * 2).view(2, 1).unbind()
        parts = first.grad_fn(lib.tensor([5.0]), None)
        gathered = accumulator(x)(grad)
        return product[0].tolist(), product[1], x.exp().grad_fn(None), parts.tolist(), gathered, x.grad.tolist()

    agree(program)


@pytest.mark.parametrize("grads", [(), (1.5,), ("a",), (mt.ones(2), mt.ones(2))], ids=["none", "number", "text", "two"])
def test_a_node_that_refuses_gradients_names_itself(grads: Any) -> None:
    x = leaf(2.0, 3.0)
    for node in ((x * 2).grad_fn, accumulator(x)):
        with pytest.raises(TypeError, match=f"^{node.name()}: (expected 1 arguments, got|argument 0 must be a tensor)"):
            node(*grads)


@pytest.mark.parametrize("write", [lambda y: y.mul_(5), lambda y: y[:1].mul_(5)], ids=["whole", "through a view"])
def test_retain_grad_stays_with_a_tensor_that_is_written_to(write: Callable[[Any], Any]) -> None:
    def program(lib: Any) -> Any:
        x = leaf(2.0, 3.0, lib=lib)
        y = x * 2
        y.retain_grad()
        write(y)
        (y * y).sum().backward()
        return y.grad.tolist(), x.grad.tolist(), y.retains_grad

    agree(program)


# -- saved tensors -----------------------------------------------------------------------------------------------------

PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "a product": lambda lib, x: x * x,
    "a result": lambda lib, x: x.exp().tanh(),
    "a division": lambda lib, x: 1 / x + x / 3,
    "a power": lambda lib, x: x**3,
    "a product of matrices": lambda lib, x: x.reshape(2, 2) @ x.reshape(2, 2).t(),
    "a sequence": lambda lib, x: lib.einsum("ij,jk->ik", x.reshape(2, 2), x.reshape(2, 2)),
    "several results": lambda lib, x: lib.cat(x.sort().values.split(2)) * x,
    "a softmax": lambda lib, x: lib.softmax(x, 0) * x.prod(),
    "a write": lambda lib, x: (x * 2).mul_(x).exp_(),
    "a write through a view": lambda lib, x: written_half(x * 2, x),
    "an index": lambda lib, x: x[lib.tensor([0, 0, 2])] * x[1:],
}


def written_half(y: Any, x: Any) -> Any:
    y[:2].mul_(x[2:])
    return y * y


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_are_the_same_through_hooks_to_second_order(name: str) -> None:
    program = PROGRAMS[name]

    def gradients() -> list[Any]:
        x = leaf(0.5, 2.0, 3.0, 1.5)
        (first,) = mt.autograd.grad((program(mt, x) ** 2).sum(), x, create_graph=True)
        (second,) = mt.autograd.grad((first**2).sum(), x)
        return [first.tolist(), second.tolist()]

    packed = []

    def pack(tensor: Any) -> int:
        packed.append(tensor.clone())
        return len(packed) - 1

    plain = gradients()
    with graph.saved_tensors_hooks(pack, lambda number: packed[number]):
        assert gradients() == plain
    assert packed


def test_a_pack_hook_gets_the_operands_themselves() -> None:
    weight, x = mt.nn.Parameter(mt.ones(2, 2, dtype=mt.float64)), leaf(1.0, 2.0)
    seen: list[Any] = []
    with graph.saved_tensors_hooks(lambda tensor: seen.append(tensor) or tensor, lambda tensor: tensor):
        double = x * 2
        y = (weight @ double).pow(2)
    assert any(each is weight for each in seen) and any(each is double for each in seen)
    assert all(each.requires_grad for each in seen)
    double.data = mt.zeros(3)  # the saved tensor keeps its memory
    y.sum().backward()
    assert x.grad.tolist() == [48.0, 48.0] and weight.grad.tolist() == [[24.0, 48.0]] * 2


def test_the_innermost_hooks_are_used_and_the_outer_ones_return() -> None:
    seen: list[str] = []

    def hooks(name: str) -> graph.saved_tensors_hooks:
        return graph.saved_tensors_hooks(lambda tensor: seen.append(name) or tensor, lambda tensor: tensor)

    x = leaf(2.0)
    with hooks("outer"):
        x.exp()
        with hooks("inner"):
            x.exp()
        x.exp()
    x.exp()
    assert seen == ["outer", "inner", "outer"]


def test_a_graph_is_unpacked_outside_the_context_and_freed_by_backward() -> None:
    x = leaf(2.0)
    with graph.saved_tensors_hooks(lambda tensor: tensor * 10, lambda tensor: tensor):
        y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [40.0]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_packed_values_make_no_reference_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(2.0)
        with graph.saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor):
            y = (x.exp() * x).tanh()
        dead = weakref.ref(y), weakref.ref(y.grad_fn)
        del y
        assert [each() for each in dead] == [None, None]
    finally:
        gc.enable()


def test_a_pack_hook_that_writes_is_refused() -> None:
    x = leaf(2.0)
    with graph.saved_tensors_hooks(lambda tensor: tensor.mul_(2), lambda tensor: tensor), \
            pytest.raises(RuntimeError, match="pack hook is modifying its input in place"):
        x.exp()


def test_an_unpack_hook_must_return_a_tensor() -> None:
    x = leaf(2.0)
    with graph.saved_tensors_hooks(lambda tensor: 3, lambda number: number):
        y = x.exp()
    with pytest.raises(TypeError, match="expected to be a Tensor but got result of type int"):
        y.backward()


def test_saved_tensor_hooks_can_be_disabled_with_a_reason() -> None:
    refused = pytest.raises(RuntimeError, match="none here")
    with graph.disable_saved_tensors_hooks("none here"), refused, graph.save_on_cpu():
        pass
    with graph.save_on_cpu(), pytest.raises(RuntimeError, match="too late"):
        graph.disable_saved_tensors_hooks("too late").__enter__()


def test_the_context_ends_after_an_error_and_combines_with_other_modes() -> None:
    seen: list[int] = []
    hooks = graph.saved_tensors_hooks(lambda tensor: seen.append(1) or tensor, lambda tensor: tensor)
    x = leaf(2.0)
    with pytest.raises(ZeroDivisionError), hooks:
        1 / 0
    x.exp()
    assert not seen
    with mt.no_grad(), hooks, mt.enable_grad():
        x.exp()
    assert (seen, mt.is_grad_enabled()) == ([1], True)
    with hooks:
        mt.autograd.set_grad_enabled(False)
    assert not mt.is_grad_enabled()
    mt.autograd.set_grad_enabled(True)


def test_save_on_cpu_keeps_device_tensors_on_the_host() -> None:
    with device.installed():
        x = mt.tensor([1.0, 2.0]).to("strict").requires_grad_()
        with mt.utils.trace_copies() as copies, graph.save_on_cpu():
            y = (x.exp() * x).sum()
        assert {each.kind for each in copies} == {"to host"}
        y.backward()
        assert x.grad.device.type == "strict"
        assert x.grad.cpu().tolist() == pytest.approx([2 * 2.718281828, 3 * 7.389056099], rel=1e-6)


def test_saved_tensors_may_be_written_to_where_that_is_allowed() -> None:
    def program(lib: Any) -> Any:
        x = leaf(2.0, 3.0, lib=lib)
        with lib.autograd.graph.allow_mutation_on_saved_tensors():
            y = x.clone()
            z = (y * y).sum() + y.exp().sum()
            y.zero_()
            y[0] = 7.0
            z.backward()
        return [round(each, 12) for each in x.grad.tolist()], y.tolist()

    agree(program)


# -- multi-grad hooks --------------------------------------------------------------------------------------------------


def test_a_multi_grad_hook_gets_what_pytorchs_gets() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []
        a, b, c = leaf(1.0, lib=lib), leaf(2.0, lib=lib), leaf(3.0, lib=lib)
        d = a * 2

        def note(grads: Any) -> None:
            seen.append([None if g is None else g.tolist() for g in grads])

        handle = lib.autograd.graph.register_multi_grad_hook((a, b, c, d), note)
        (d * b).backward()
        (b * c).backward()
        handle.remove()
        (a * b).backward()
        return seen

    agree(program)


def test_a_multi_grad_hook_of_mode_any_runs_once_per_backward() -> None:
    x, w = leaf(2.0), leaf(3.0)
    seen: list[Any] = []
    with graph.register_multi_grad_hook((x, w), lambda grad: seen.append(grad.tolist()), mode="any"):
        (x * w).backward()
        (x * 5).backward()
    (x * w).backward()
    assert seen[1:] == [[5.0]]
    assert seen[0] in ([2.0], [3.0])


def test_a_multi_grad_hook_counts_only_the_tensors_that_grad_reaches() -> None:
    x, w = leaf(2.0), leaf(3.0)
    seen: list[Any] = []
    graph.register_multi_grad_hook((x, w), lambda grads: seen.append([g and g.tolist() for g in grads]))
    mt.autograd.grad(x * w, [x])
    assert seen == [[[3.0], None]]


def test_a_multi_grad_hook_on_a_repeated_tensor_gets_its_gradient_twice() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []
        x = leaf(2.0, lib=lib)
        lib.autograd.graph.register_multi_grad_hook((x, x), lambda grads: seen.append([g.tolist() for g in grads]))
        (x * 3).backward()
        return seen

    agree(program)


def test_a_multi_grad_hook_needs_tensors_that_require_grad() -> None:
    with pytest.raises(GradError, match="tensor 1 does not require grad"):
        graph.register_multi_grad_hook((leaf(1.0), mt.ones(1)), print)
    with pytest.raises(ValueError, match=r"mode to be one of .*'some'"):
        graph.register_multi_grad_hook((leaf(1.0),), print, mode="some")


# -- edges -------------------------------------------------------------------------------------------------------------


def test_an_edge_can_be_used_in_place_of_its_tensor() -> None:
    def program(lib: Any) -> Any:
        x = leaf(1.0, 2.0, lib=lib)
        a, b = (x * 2).unbind(0)
        edge_of = lib.autograd.graph.get_gradient_edge
        z = (a * b * b).sum()
        inner = lib.autograd.grad(z, [edge_of(b), edge_of(x)], retain_graph=True)
        outer = lib.autograd.grad(edge_of(z), x, lib.tensor(3.0, dtype=lib.float64), retain_graph=True)
        return [g.tolist() for g in (*inner, *outer)], edge_of(b).output_nr

    agree(program)


def test_an_edge_needs_a_gradient() -> None:
    with pytest.raises(GradError, match="does not require gradients"):
        graph.get_gradient_edge(mt.ones(1))
    with pytest.raises(GradError, match="pass a gradient for the edge 0"):
        mt.autograd.grad(graph.get_gradient_edge(leaf(1.0) * 2), leaf(1.0))


def test_a_write_outside_the_library_can_be_reported() -> None:
    x = leaf(2.0)
    y = x * 1
    z = y * y
    graph.increment_version(y)
    with pytest.raises(RuntimeError, match="at version 0, and it is at version 1 now"):
        z.backward()


# -- arguments of backward and grad ------------------------------------------------------------------------------------


def test_backward_to_inner_inputs_gives_them_a_gradient_as_in_pytorch() -> None:
    def program(lib: Any) -> Any:
        x, w = leaf(2.0, lib=lib), leaf(3.0, lib=lib)
        seen: list[str] = []
        x.register_post_accumulate_grad_hook(lambda tensor: seen.append("gathered"))
        y = x * w
        (y * y).backward(inputs=[y, x])
        return y.grad.tolist(), x.grad.tolist(), w.grad is None, seen

    agree(program)


def test_inputs_in_a_dictionary_give_a_dictionary() -> None:
    def program(lib: Any) -> Any:
        x, w = leaf(2.0, lib=lib), leaf(3.0, lib=lib)
        return {name: grad.tolist() for name, grad in lib.autograd.grad(x * w, {"x": x, "w": w}).items()}

    agree(program)


def test_batched_gradients_are_rows_of_the_jacobian() -> None:
    def program(lib: Any) -> Any:
        x, unused = leaf(2.0, 3.0, lib=lib), leaf(1.0, lib=lib)
        y = x**2 * x.sum()
        rows, none = lib.autograd.grad(
            y, [x, unused], lib.eye(2, dtype=lib.float64), is_grads_batched=True, allow_unused=True
        )
        return rows.tolist(), none

    agree(program)


def test_batched_gradients_can_be_differentiated_again() -> None:
    x = leaf(2.0, 3.0)
    (rows,) = mt.autograd.grad(x**3, x, mt.eye(2, dtype=mt.float64), is_grads_batched=True, create_graph=True)
    (second,) = mt.autograd.grad(rows.sum(), x)
    assert second.tolist() == [12.0, 18.0]


def test_batched_gradients_of_different_sizes_are_refused() -> None:
    x = leaf(2.0, 3.0)
    with pytest.raises(GradError, match=r"first dimension counts .* sizes \[2, 3\]"):
        mt.autograd.grad([x * 2, x * 3], x, [mt.ones(2, 2), mt.ones(3, 2)], is_grads_batched=True)


def test_every_tensor_is_a_variable() -> None:
    assert isinstance(mt.ones(1), mt.autograd.Variable)
    assert not isinstance(1.0, mt.autograd.Variable)
