"""``torch.library``: operations that programs define, with gradients, rules for ``vmap`` and results on "meta"."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from minitensor.compat.reasons import attributes_of
from minitensor.dtypes import dtype
from minitensor.errors import ArgumentError, ArgumentTypeError, UnsupportedError, UsageError, UsageValueError
from minitensor.library import registry
from minitensor.library.check import opcheck as opcheck
from minitensor.library.custom import CustomOpDef as CustomOpDef
from minitensor.library.custom import custom_op as custom_op
from minitensor.library.custom import definition, overload
from minitensor.library.registry import OpOverload
from minitensor.library.schema import infer_schema as infer_schema
from minitensor.library.schema import read_schema

__all__ = [
    "CustomOpDef", "Library", "OpOverload", "custom_op", "define", "fallthrough_kernel", "impl", "impl_abstract",
    "infer_schema", "opcheck", "register_autocast", "register_autograd", "register_fake", "register_kernel",
    "register_vmap", "triton_op", "wrap_triton",
]  # fmt: skip

KINDS = ("DEF", "IMPL", "FRAGMENT")
# PyTorch's dispatch keys, and the kinds of devices that they stand for.
KEYS = {
    "CPU": ("cpu",), "CUDA": ("cuda",), "Meta": ("meta",), "CompositeExplicitAutograd": ("", "meta"),
    "CompositeExplicitAutogradNonFunctional": ("", "meta"),
}  # fmt: skip


class Library:
    """Defines operations in a namespace, or adds kernels to those that are defined.

    Args:
        ns: The namespace.
        kind: ``"DEF"`` to define operations, ``"FRAGMENT"`` for a part of a namespace, ``"IMPL"`` to add kernels.
        dispatch_key: What ``impl`` takes if it is given none.

    Raises:
        ValueError: If ``kind`` is another, or the namespace is PyTorch's.
        RuntimeError: If the namespace has a library of kind ``"DEF"`` already.

    >>> import minitensor as torch
    >>> lib = torch.library.Library("docs", "FRAGMENT")
    >>> lib.define("add_number(Tensor x, float number=1.0) -> Tensor")
    'add_number'
    >>> lib.impl("add_number", lambda x, number=1.0: x + number, "CompositeImplicitAutograd")
    >>> torch.ops.docs.add_number(torch.ones(2), number=2.0)
    tensor([3., 3.])
    """

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in KINDS:
            raise ArgumentError(f"Unsupported kind: {kind}")
        if ns in ("aten", "prim", "prims"):
            raise UsageValueError(f"{ns} is a namespace of PyTorch's own operations: choose another name")
        if kind == "DEF":
            if ns in registry.ops.whole:
                raise UsageError(
                    f"Only a single library of kind DEF can be used to register the namespace {ns}; use FRAGMENT to "
                    "define operations for it in several places"
                )
            registry.ops.whole.add(ns)
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self.made: list[OpOverload] = []

    def __repr__(self) -> str:
        return f"Library(kind={self.kind}, ns={self.ns}, dispatch_key={self.dispatch_key})>"

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Define an operation and return its name.

        Args:
            schema: Its name, arguments and results: ``"scale(Tensor x, float factor) -> Tensor"``.
            alias_analysis, tags: Accepted for PyTorch compatibility.

        Raises:
            RuntimeError: If the schema cannot be read, or the operation exists, or the library only adds kernels.
        """
        if self.kind == "IMPL":
            raise UsageError("define: a Library of kind IMPL only adds kernels; make it with DEF or FRAGMENT")
        op = registry.add(read_schema(schema, self.ns), self.ns)
        self.made.append(op)
        return op.name().partition("::")[2]

    def impl(
        self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", *, with_keyset: bool = False,
        allow_override: bool = False,
    ) -> None:
        """Add a function that computes an operation.

        Args:
            op_name: The operation, or its name in the namespace.
            fn: The function.
            dispatch_key: Where it computes: ``"CPU"``, ``"CUDA"``, ``"Meta"``, ``"CompositeExplicitAutograd"`` for all
                devices, or ``"CompositeImplicitAutograd"`` for a function of operations, whose gradient is theirs.
            with_keyset: Must be false: there are no key sets.
            allow_override: Accepted for PyTorch compatibility.

        Raises:
            NotImplementedError: For other dispatch keys.
            TypeError: If ``fn`` cannot be called.
        """
        if not callable(fn):
            raise ArgumentTypeError(f"impl: expected a function, got {type(fn).__name__}")
        is_name = isinstance(op_name, str)
        name = f"{self.ns}::{op_name}" if is_name and "::" not in op_name else op_name
        key = dispatch_key or self.dispatch_key or "CompositeImplicitAutograd"
        if with_keyset or key not in (*KEYS, "CompositeImplicitAutograd"):
            raise UnsupportedError(
                f"impl: there is no dispatcher, so no kernels for {key!r}; use one of {list(KEYS)}, "
                "CompositeImplicitAutograd, or torch.library.register_autograd for a gradient"
            )

        def add_kernel(op: OpOverload) -> None:
            if key == "CompositeImplicitAutograd":
                op.composite = fn
            else:
                op.kernels.update(dict.fromkeys(KEYS[key], fn))

        registry.complete(name, add_kernel)

    def _destroy(self) -> None:
        """Remove what the library has defined."""
        for each in self.made:
            registry.remove(each)
        self.made.clear()
        if self.kind == "DEF":
            registry.ops.whole.discard(self.ns)


# -- functions that take the name of an operation ----------------------------------------------------------------------


def define(
    qualname: str, schema: str | None = None, *, lib: Library | None = None, tags: Any = ()
) -> Any:
    """Define an operation; without a schema, return a decorator that reads it from annotations.

    Args:
        qualname: The name, with a namespace.
        schema: Its arguments and results: ``"(Tensor x, float factor) -> Tensor"``.
        lib: Accepted for PyTorch compatibility.
        tags: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If the operation exists.
        ValueError: If the name is not that of an operation in one namespace.

    >>> import minitensor as torch
    >>> torch.library.define("docs::square", "(Tensor x) -> Tensor")
    >>> @torch.library.impl("docs::square", "default")
    ... def square(x):
    ...     return x * x
    >>> torch.ops.docs.square(torch.full((2,), 3.))
    tensor([9., 9.])
    """
    namespace, name = registry.split_name(qualname)
    if schema is not None:
        registry.add(read_schema(name + schema, namespace), namespace)
        return None

    def make(function: Callable[..., Any]) -> Callable[..., Any]:
        define(qualname, infer_schema(function, mutates_args=()))
        impl(qualname, "default", function)
        return function

    return make


def impl(qualname: Any, types: Any, func: Any = None, *, lib: Library | None = None) -> Any:
    """Add a function that computes an operation on kinds of devices; without it, return a decorator.

    The operation may be defined later.

    Args:
        qualname: The name, with a namespace, or a library.
        types: Kinds of devices, ``"default"`` for all; a dispatch key; the name if the first argument is a library.
        func: The function; a dispatch key if the first argument is a library.
        lib: Accepted for PyTorch compatibility.

    Raises:
        ValueError: If the name is not that of an operation in one namespace.

    >>> import minitensor as torch
    >>> torch.library.define("docs::negate", "(Tensor x) -> Tensor")
    >>> torch.library.impl("docs::negate", "cpu", lambda x: -x)
    >>> torch.ops.docs.negate(torch.ones(2))
    tensor([-1., -1.])
    """
    if isinstance(qualname, Library):
        library, name, key = qualname, types, func or ""

        def enter(function: Callable[..., Any]) -> Callable[..., Any]:
            library.impl(name, function, key)
            return function

        return enter
    if func is None:
        return lambda function: impl(qualname, types, function) or function
    kinds = [
        kind for each in ([types] if isinstance(types, str) else types)
        for kind in KEYS.get(each, ("", "meta") if each == "default" else (each,))
    ]
    name = qualname if isinstance(qualname, str) else overload(qualname)
    registry.complete(name, lambda op: op.kernels.update(dict.fromkeys(kinds, func)))
    return None


def register_kernel(
    op: Any, device_types: Any, func: Callable[..., Any] | None = None, /, *, lib: Library | None = None
) -> Any:
    """Add the function that computes an operation on a kind of device; without it, return a decorator.

    Args:
        op: The operation, or its name with a namespace.
        device_types: A kind of device, several, or None for all.
        func: The function.
        lib: Accepted for PyTorch compatibility.

    Raises:
        ValueError: If the name is not that of an operation in one namespace.

    >>> import minitensor as torch
    >>> @torch.library.custom_op("docs::raise_by_one", mutates_args=())
    ... def raise_by_one(x: torch.Tensor) -> torch.Tensor:
    ...     return x + 1
    >>> kernel = torch.library.register_kernel("docs::raise_by_one", "meta", lambda x: torch.empty_like(x))
    >>> raise_by_one(torch.ones(2, device="meta")).shape
    torch.Size([2])
    """
    found = op if isinstance(op, str) and registry.look_up(op) is None else definition(op)
    if isinstance(found, CustomOpDef):
        return found.register_kernel(device_types, func)
    return impl(found, "default" if device_types is None else device_types, func)


def register_fake(
    op: Any, func: Callable[..., Any] | None = None, /, *, lib: Library | None = None, _stacklevel: int = 1,
    allow_override: bool = True,
) -> Any:
    """Add the function that makes an operation's empty results on the device "meta"; without it, return a decorator.

    Args:
        op: The operation, or its name with a namespace.
        func: The function.
        lib, allow_override: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If there is no such operation.

    >>> import minitensor as torch
    >>> @torch.library.custom_op("docs::row_sums", mutates_args=())
    ... def row_sums(x: torch.Tensor) -> torch.Tensor:
    ...     return x.sum(1)
    >>> @torch.library.register_fake("docs::row_sums")
    ... def _(x):
    ...     return x.new_empty(x.shape[0])
    >>> row_sums(torch.ones(3, 4, device="meta")).shape
    torch.Size([3])
    """
    if func is None:
        return lambda function: register_fake(op, function)
    overload(op).kernels["meta"] = func
    return func


impl_abstract = register_fake


def register_autograd(
    op: Any, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None,
    lib: Library | None = None,
) -> None:
    """Add the formula of an operation's gradient.

    Args:
        op: The operation, or its name with a namespace.
        backward: A function of a context and of a gradient for each result. It returns a gradient for each argument,
            or None.
        setup_context: A function of ``ctx, inputs, output``, which saves what ``backward`` needs.
        lib: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If there is no such operation, or if it writes to its arguments.

    >>> import minitensor as torch
    >>> @torch.library.custom_op("docs::increase", mutates_args=())
    ... def increase(x: torch.Tensor) -> torch.Tensor:
    ...     return x + 1
    >>> torch.library.register_autograd("docs::increase", lambda ctx, grad: grad)
    >>> x = torch.ones(2, requires_grad=True)
    >>> increase(x).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """
    found = overload(op)
    if found._schema.is_mutable:
        raise UsageError(f"Cannot register autograd formula for non-functional operator {found._schema}.")
    found.backward, found.setup_context = backward, setup_context


def register_vmap(op: Any, func: Callable[..., Any] | None = None, /, *, lib: Library | None = None) -> Any:
    """Add the rule by which ``vmap`` computes all samples of an operation; without it, return a decorator.

    Args:
        op: The operation, or its name with a namespace.
        func: A function of ``info, in_dims, *args``, which returns the results and the dims of their samples.
        lib: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If there is no such operation.

    >>> import minitensor as torch
    >>> @torch.library.custom_op("docs::increment", mutates_args=())
    ... def increment(x: torch.Tensor) -> torch.Tensor:
    ...     return x + 1
    >>> rule = torch.library.register_vmap("docs::increment", lambda info, in_dims, x: (x + 1, in_dims[0]))
    >>> torch.vmap(increment)(torch.zeros(2))
    tensor([1., 1.])
    """
    if func is None:
        return lambda function: register_vmap(op, function)
    overload(op).batching_rule = func
    return func


def register_autocast(op: Any, device_type: str, cast_inputs: dtype, /, *, lib: Library | None = None) -> None:
    """Refuse: ``autocast`` does not change the operations of programs.

    Args:
        op: The operation.
        device_type, cast_inputs: Where, and to what, PyTorch casts the arguments.
        lib: Accepted for PyTorch compatibility.

    Raises:
        NotImplementedError: If it is called.

    >>> import minitensor as torch
    >>> torch.library.register_autocast("docs::f", "cpu", torch.bfloat16)
    Traceback (most recent call last):
    minitensor.errors.UnsupportedError: register_autocast: autocast leaves operations of programs alone; cast in them
    """
    raise UnsupportedError("register_autocast: autocast leaves operations of programs alone; cast in them")


# -- what is refused ---------------------------------------------------------------------------------------------------


def triton_op(name: str, fn: Any = None, /, *, mutates_args: Any, schema: str | None = None) -> NoReturn:
    """Refuse: nothing runs Triton's kernels here.

    Args:
        name, fn, mutates_args, schema: See ``custom_op``.

    Raises:
        NotImplementedError: If it is called.

    >>> import minitensor as torch
    >>> torch.library.triton_op("docs::f", mutates_args=())
    Traceback (most recent call last):
    minitensor.errors.UnsupportedError: triton_op: docs::f: nothing runs Triton's kernels here; use custom_op
    """
    raise UnsupportedError(f"triton_op: {name}: nothing runs Triton's kernels here; use custom_op")


def wrap_triton(triton_kernel: Any, /) -> NoReturn:
    """Refuse: nothing runs Triton's kernels here.

    Args:
        triton_kernel: The kernel.

    Raises:
        NotImplementedError: If it is called.

    >>> import minitensor as torch
    >>> torch.library.wrap_triton(None)
    Traceback (most recent call last):
    minitensor.errors.UnsupportedError: wrap_triton: nothing runs Triton's kernels here; write the function in Python
    """
    raise UnsupportedError("wrap_triton: nothing runs Triton's kernels here; write the function in Python")


def fallthrough_kernel() -> NoReturn:
    """Refuse: there is no dispatcher to fall through.

    Raises:
        NotImplementedError: If it is called.

    >>> import minitensor as torch
    >>> torch.library.fallthrough_kernel()
    Traceback (most recent call last):
    minitensor.errors.UnsupportedError: fallthrough_kernel() should never be called.
    """
    raise UnsupportedError("fallthrough_kernel() should never be called.")


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
