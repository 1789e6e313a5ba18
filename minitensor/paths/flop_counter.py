"""``utils.flop_counter``: how many floating-point operations products and convolutions take, forward and backward.

An interpreter counts a multiplication and an addition for each term of a product, as PyTorch does; all other
operations count as nothing. Hooks around all modules tell in which of them an operation runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from minitensor.autograd.interpreters import interpreted_by
from minitensor.base import TensorBase
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, UsageError
from minitensor.nn.module import register_module_forward_hook, register_module_forward_pre_hook
from minitensor.utils._pytree import tree_map
from minitensor.utils.flops import flops_of

if TYPE_CHECKING:
    from minitensor.autograd.interpreters import Call
    from minitensor.nn.module import Module

Formula = Callable[..., int]

__all__ = ["FlopCounterMode", "register_flop_formula"]

GLOBAL = "Global"
flop_registry: dict[str, Callable[..., int]] = {}  # by the names of operations
LETTERS = ("", "K", "M", "B", "T")


def name_of(target: Any) -> str:
    """Return the name of the operation that a function is; raise if it is none."""
    op = getattr(target, "op", None)
    if op is None:
        raise ArgumentError(
            "register_flop_formula(targets): expected each target to be an operation, such as torch.exp, got "
            f"{target} which is of type {type(target)}"
        )
    return str(op.name)


def shape_of(value: Any) -> Any:
    """Return the shape of a tensor, and other values as they are."""
    return value.shape if isinstance(value, TensorBase) else value


def with_shapes(formula: Formula) -> Formula:
    """Return a formula of values as one whose tensors are given by their shapes, and the result as ``out_shape``."""

    def count(*args: Any, out_val: Any = None, **kwargs: Any) -> int:
        given, named = [tree_map(shape_of, each) for each in (args, kwargs)]
        return formula(*given, out_shape=tree_map(shape_of, out_val), **named)

    return count


def register_flop_formula(targets: Any, get_raw: bool = False) -> Callable[[Formula], Formula]:
    """Return a decorator of a function that counts the floating-point operations of an operation.

    Args:
        targets: An operation, such as ``torch.exp``, or a list of several.
        get_raw: Whether the function takes tensors, and the result as ``out_val``; otherwise it takes their shapes,
            and that of the result as ``out_shape``. Default: ``False``.

    Raises:
        ValueError: If a target is not an operation.
        RuntimeError: If an operation has a formula already.

    >>> import minitensor as torch
    >>> from minitensor.utils.flop_counter import FlopCounterMode, flop_registry, register_flop_formula
    >>> @register_flop_formula(torch.erfinv)
    ... def erfinv_flop(shape, *args, out_shape=None, **kwargs):
    ...     return 10 * shape.numel()
    >>> with FlopCounterMode(display=False) as counter:
    ...     _ = torch.zeros(3).erfinv()
    >>> counter.get_total_flops()
    30
    >>> _ = flop_registry.pop("erfinv")
    """

    def register(formula: Formula) -> Formula:
        counted = formula if get_raw else with_shapes(formula)
        names = [name_of(each) for each in (targets if isinstance(targets, (list, tuple)) else [targets])]
        known = [each for each in names if each in flop_registry]
        if known:
            raise UsageError(f"duplicate registrations for {', '.join(known)}")
        flop_registry.update(dict.fromkeys(names, counted))
        return counted

    return register


class FlopCounterMode:
    """Counts the operations of products and convolutions in a ``with`` block, for each module.

    Args:
        mods: Unused; deprecated in PyTorch too.
        depth: How deep the printed table goes into modules. Default: ``2``.
        display: Whether to print a table at the end. Default: ``True``.
        custom_mapping: Formulas for operations, as ``register_flop_formula`` takes them; a formula that takes tensors
            has the attribute ``_get_raw``. Default: ``None``.

    >>> import minitensor as torch
    >>> from minitensor.paths.flop_counter import FlopCounterMode
    >>> with FlopCounterMode(display=False) as counter:
    ...     _ = torch.nn.Linear(3, 2)(torch.ones(5, 3))
    >>> counter.get_total_flops()
    60
    """

    def __init__(
        self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: dict[Any, Any] | None = None
    ) -> None:
        self.depth, self.display = depth, display
        self.flop_counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.places: list[str] = [GLOBAL]
        self.names: dict[int, str] = {}
        own = {name_of(target): formula for target, formula in (custom_mapping or {}).items()}
        own = {name: each if getattr(each, "_get_raw", False) else with_shapes(each) for name, each in own.items()}
        self.formulas = {**flop_registry, **own}

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self.stack = ExitStack()
        self.stack.enter_context(interpreted_by(self))
        for handle in (register_module_forward_pre_hook(self.enter), register_module_forward_hook(self.leave)):
            self.stack.callback(handle.remove)
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()
        self.places = [GLOBAL]
        if self.display:
            print(self.get_table(self.depth))

    def enter(self, module: Module, args: Any) -> None:
        """Note that a module begins, and the names of those in it."""
        name = self.names.setdefault(id(module), type(module).__name__)
        for inner, child in module.named_children():
            self.names[id(child)] = f"{name}.{inner}"
        self.places.append(name)

    def leave(self, module: Module, args: Any, output: Any) -> None:
        """Note that a module ends."""
        self.places.pop()

    def interpret(self, call: Call) -> Any:
        """Run a call, and count it."""
        shapes = [tuple(each.shape) for each in call.args if isinstance(each, TensorBase)]
        result, formula = call.proceed(), self.formulas.get(call.op.name)
        if formula is not None:
            count = formula(*call.args, **call.kwargs, out_val=result)
        else:
            count = flops_of(call.op.name, shapes, tuple(result.shape)) if isinstance(result, TensorBase) else 0
        for place in dict.fromkeys(self.places) if count else ():
            self.flop_counts[place][call.op.name] += count
        return result

    def get_total_flops(self) -> int:
        """Return the number of all operations."""
        return sum(self.flop_counts[GLOBAL].values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """Return the numbers by the name of a module, and by that of an operation."""
        return {place: dict(counts) for place, counts in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """Return the numbers as a table: one line for each module, and one for each of its operations."""
        deepest = self.depth if depth is None else depth
        rows = [("Module", "FLOP", "% Total")]
        total = max(self.get_total_flops(), 1)
        for place, counts in self.flop_counts.items():
            level = 0 if place == GLOBAL else place.count(".") + 1
            if level <= deepest:
                rows.append((" " * level + place, short(sum(counts.values())), share(sum(counts.values()), total)))
                rows += [(" " * level + f" - {op}", short(n), share(n, total)) for op, n in counts.items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def short(count: int) -> str:
    """Return a number with a letter for its thousands."""
    size = min(max(len(str(count)) - 1, 0) // 3, len(LETTERS) - 1)
    return f"{count / 1000**size:.3f}{LETTERS[size]}" if size else str(count)


def share(count: int, total: int) -> str:
    """Return a share in percent."""
    return f"{count / total:.2%}"


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.utils.flop_counter")
