"""The return values of hooks against PyTorch: all kinds of hooks return valid and invalid values.

The gradient must be the same, or the error must have the same built-in class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

Return = Callable[[Any, Any], Any]

# Return values of a hook on one gradient.
ONE: dict[str, Return] = {
    "nothing": lambda lib, grad: None,
    "the same": lambda lib, grad: grad,
    "another": lambda lib, grad: grad * 2,
    "a leaf": lambda lib, grad: (grad * 2).detach().requires_grad_(),
    "a number": lambda lib, grad: 3.0,
    "a bool": lambda lib, grad: True,
    "a string": lambda lib, grad: "grad",
    "a list": lambda lib, grad: [grad],
    "a tuple": lambda lib, grad: (grad,),
    "another size": lambda lib, grad: lib.ones(5, dtype=lib.float64),
    "a size that broadcasts": lambda lib, grad: lib.ones(1, dtype=lib.float64),
    "another precision": lambda lib, grad: grad.float(),
    "complex numbers": lambda lib, grad: grad + 1j,
    "integers": lambda lib, grad: grad.long(),
}

# Return values of a hook on all gradients of a node.
ALL: dict[str, Return] = {
    "nothing": lambda lib, grads: None,
    "the same": lambda lib, grads: grads,
    "others": lambda lib, grads: tuple(None if grad is None else grad * 2 for grad in grads),
    "no gradients": lambda lib, grads: (None,) * len(grads),
    "a bare one": lambda lib, grads: grads[0] if grads else 1,
    "a list": lambda lib, grads: list(grads),
    "a dict": lambda lib, grads: {},
    "too few": lambda lib, grads: grads[1:],
    "too many": lambda lib, grads: (*grads, None),
    "numbers": lambda lib, grads: (3.0,) * len(grads),
    "other sizes": lambda lib, grads: (lib.ones(5, dtype=lib.float64),) * len(grads),
    "another precision": lambda lib, grads: tuple(None if grad is None else grad.float() for grad in grads),
    "one where there was none": lambda lib, grads: (lib.ones(2, dtype=lib.float64),) * len(grads),
}


def leaf_node(leaf: Any) -> Any:
    return leaf.view_as(leaf).grad_fn.next_functions[0][0]


# Register a hook on a leaf, on a value computed from it, or on their nodes.
PLACES: dict[str, tuple[dict[str, Return], Callable[[Any, Any, Callable[..., Any]], Any]]] = {
    "a tensor": (ONE, lambda x, y, hook: y.register_hook(hook)),
    "a leaf": (ONE, lambda x, y, hook: x.register_hook(hook)),
    "a leaf, after": (ONE, lambda x, y, hook: x.register_post_accumulate_grad_hook(hook)),
    "a node, before": (ALL, lambda x, y, hook: y.grad_fn.register_prehook(hook)),
    "a node, after": (ALL, lambda x, y, hook: y.grad_fn.register_hook(lambda inputs, outputs: hook(inputs))),
    "a leaf's node, before": (ALL, lambda x, y, hook: leaf_node(x).register_prehook(hook)),
    "a leaf's node, after": (ALL, lambda x, y, hook: leaf_node(x).register_hook(lambda inputs, outputs: hook(inputs))),
}


def outcome(lib: Any, hang: Callable[..., Any], returns: Return) -> Any:
    x = lib.tensor([1.0, 2.0], dtype=lib.float64, requires_grad=True)
    y = x * 2
    try:
        handle = hang(x, y, lambda given: returns(lib, given))
        (y * 3).sum().backward()
        handle.remove()
    except Exception as error:
        return next(each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins")
    return x.grad if x.grad is None else (x.grad.tolist(), str(x.grad.dtype).removeprefix("torch."))


@pytest.mark.parametrize("place", PLACES)
def test_hooks_may_return_what_pytorchs_may(place: str) -> None:
    torch = pytest.importorskip("torch")
    table, hang = PLACES[place]
    found, expected = ({name: outcome(lib, hang, returns) for name, returns in table.items()} for lib in (mt, torch))
    assert found == expected
