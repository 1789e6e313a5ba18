"""A user's function may leave attributes of any name in ``ctx``: none means something to the node."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt


def names_of_a_node() -> list[str]:
    function = mt.autograd.function
    kinds = (*function.FunctionNode.__mro__, function.FunctionCtx)
    names = {name for kind in kinds for name in (*vars(kind), *getattr(kind, "__slots__", ()))}
    return sorted(name for name in names | set(vars(function.FunctionCtx())) if not name.startswith("_"))


@pytest.mark.parametrize("name", names_of_a_node())
def test_a_ctx_may_have_attributes_of_any_name_that_pytorch_accepts(name: str) -> None:
    def run(t: Any) -> list[Any]:
        class Double(t.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                setattr(ctx, name, 7)
                ctx.save_for_backward(x)
                return x * 2

            @staticmethod
            def backward(ctx: Any, grad: Any) -> Any:
                assert getattr(ctx, name) == 7
                return grad * ctx.saved_tensors[0] * 3

        x = t.tensor([1.0, 2.0], requires_grad=True)
        y = Double.apply(x)
        (y * 2).sum().backward(create_graph=True)
        return [repr(y), y.grad_fn.name(), y.grad_fn.next_functions[0][0].name(), x.grad.tolist()]

    torch = pytest.importorskip("torch")
    try:
        wanted = run(torch)
    except Exception:
        pytest.skip("PyTorch needs the name itself")
    assert run(mt) == wanted
