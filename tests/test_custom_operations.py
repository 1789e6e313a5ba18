"""Operations that programs define with ``torch.library``, and ``torch.ops``: each program runs in PyTorch too."""

import contextlib
import importlib
from collections.abc import Callable, Sequence
from typing import Any, List, Optional  # noqa: UP035

import numpy as np
import pytest

import minitensor as mt


def sines(lib: Any) -> Any:
    @lib.library.custom_op("tests::sin", mutates_args=())
    def sin(x: lib.Tensor) -> lib.Tensor:
        return lib.from_numpy(np.sin(x.detach().numpy()))

    @sin.register_fake
    def _(x: Any) -> Any:
        return lib.empty_like(x)

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    sin.register_autograd(lambda ctx, grad: grad * ctx.saved_tensors[0].cos(), setup_context=save)
    return sin


def crop(lib: Any) -> Any:
    @lib.library.custom_op("tests::crop", mutates_args=())
    def crop(pic: lib.Tensor, box: Sequence[int]) -> lib.Tensor:
        left, top, right, bottom = box
        return lib.from_numpy(pic.detach().numpy()[:, top:bottom, left:right].copy())

    @crop.register_fake
    def _(pic: Any, box: Any) -> Any:
        return pic.new_empty(pic.shape[0], box[3] - box[1], box[2] - box[0])

    def backward(ctx: Any, grad: Any) -> Any:
        whole = grad.new_zeros(ctx.shape)
        left, top, right, bottom = ctx.box
        whole[:, top:bottom, left:right] = grad
        return whole, None

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.box, ctx.shape = inputs[1], inputs[0].shape

    crop.register_autograd(backward, setup_context=setup)
    return crop


def split(lib: Any) -> Any:
    @lib.library.custom_op("tests::cube", mutates_args=())
    def cube(x: lib.Tensor) -> tuple[lib.Tensor, lib.Tensor]:
        return x.detach() ** 3, 3 * x.detach() ** 2

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0], output[1])

    def backward(ctx: Any, grad: Any, grad_slope: Any) -> Any:
        x, slope = ctx.saved_tensors
        return grad * slope + 6 * grad_slope * x

    cube.register_autograd(backward, setup_context=setup)
    cube.register_vmap(lambda info, in_dims, x: (cube(x), (in_dims[0], in_dims[0])))
    return cube


def total(lib: Any, count: int = 3) -> Any:
    @lib.library.custom_op("tests::total", mutates_args=())
    def total(
        xs: List[lib.Tensor], scale: float = 1.0, shift: Optional[float] = None,  # noqa: UP006, UP045
    ) -> lib.Tensor:
        return sum(xs) * scale + (shift or 0)

    def setup(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.count, ctx.scale = len(inputs[0]), inputs[1]

    def backward(ctx: Any, grad: Any) -> Any:
        return ([grad * ctx.scale] * ctx.count, None, None)[:count]

    total.register_autograd(backward, setup_context=setup)
    return total


def pieces(lib: Any) -> Any:
    @lib.library.custom_op("tests::pieces", mutates_args=())
    def pieces(x: lib.Tensor, n: int) -> List[lib.Tensor]:  # noqa: UP006
        return [each.clone() for each in x.detach().chunk(n)]

    pieces.register_autograd(lambda ctx, grads: (lib.cat(list(grads)), None))
    return pieces


def write(lib: Any) -> Any:
    @lib.library.custom_op("tests::write", mutates_args={"output"})
    def write(input: lib.Tensor, output: lib.Tensor) -> None:
        np.sin(input.numpy(), out=output.numpy())

    return write


def number(lib: Any, *shape: int, needs_grad: bool = False) -> Any:
    return lib.arange(float(np.prod(shape))).reshape(shape).div(4).requires_grad_(needs_grad)


def gradient(lib: Any, call: Callable[[Any], Any], *shape: int) -> list[Any]:
    x = number(lib, *shape, needs_grad=True)
    results = call(x)
    results = results if isinstance(results, (tuple, list)) else (results,)
    sum((each * (i + 1)).sum() for i, each in enumerate(results)).backward()
    return [[each.tolist() for each in results], x.grad.tolist()]


def written(lib: Any) -> list[Any]:
    op, out = write(lib), lib.zeros(3)
    found = op(number(lib, 3), out)
    return [found, out.tolist(), out._version, str(lib.ops.tests.write.default._schema)]


def with_schema(lib: Any, key: str) -> Any:
    part = lib.library.Library("tests_lib", "FRAGMENT")
    name = part.define(f"scale_{key}(Tensor x, int n=3, *, bool twice=False) -> Tensor")
    part.impl(name, lambda x, n=3, *, twice=False: x * n * (2 if twice else 1), key)
    op = getattr(lib.ops.tests_lib, name)
    found = [op(number(lib, 2)).tolist(), op(number(lib, 2), 2, twice=True).tolist(), op(number(lib, 2), n=4).tolist()]
    names = [repr(op), repr(op.default), str(op.default), op.default.name(), repr(part)]
    return [name, found, gradient(lib, op, 2), *names]


def mapped(lib: Any, op: Any) -> Any:
    found = lib.vmap(op)(number(lib, 2, 3))
    return [each.tolist() for each in (found if isinstance(found, tuple) else (found,))]


def defined(lib: Any) -> Any:
    lib.library.define("tests::twice", "(Tensor x) -> Tensor")
    lib.library.impl("tests::twice", "cpu", lambda x: x.clone() * 2)
    lib.library.register_fake("tests::twice", lambda x: lib.empty_like(x))
    lib.library.register_autograd("tests::twice", lambda ctx, grad: grad * 2)
    meta = lib.ops.tests.twice(lib.ones(2, 3, device="meta"))
    return [gradient(lib, lib.ops.tests.twice, 3), tuple(meta.shape), meta.device.type]


def at_meta(lib: Any) -> Any:
    found = crop(lib)(lib.ones(3, 8, 8, device="meta"), [1, 2, 5, 4])
    return tuple(found.shape), found.device.type


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "sin": lambda lib: gradient(lib, sines(lib), 4),
    "sin by name": lambda lib: [sines(lib), gradient(lib, lib.ops.tests.sin, 4)][1],
    "sin by overload": lambda lib: [sines(lib), gradient(lib, lib.ops.tests.sin.default, 4)][1],
    "crop": lambda lib: gradient(lib, lambda x: crop(lib)(x, [1, 0, 3, 2]), 2, 3, 4),
    "crop by name": lambda lib: gradient(lib, lambda x: crop(lib)(x, box=[1, 0, 3, 2]), 2, 3, 4),
    "two results": lambda lib: gradient(lib, split(lib), 3),
    "a list": lambda lib: gradient(lib, lambda x: total(lib)([x, x * 2], 3.0, 1.0), 3),
    "fewer gradients": lambda lib: gradient(lib, lambda x: total(lib, 2)([x, x * 2], 3.0), 3),
    "a list and defaults": lambda lib: gradient(lib, lambda x: total(lib)([x, x * 2], shift=1.0), 3),
    "a list of results": lambda lib: gradient(lib, lambda x: pieces(lib)(x, 2), 4),
    "write": written,
    "composite": lambda lib: with_schema(lib, "CompositeImplicitAutograd"),
    "kernel": lambda lib: with_schema(lib, "CPU"),
    "define": defined,
    "meta": at_meta,
    "vmap by a rule": lambda lib: mapped(lib, split(lib)),
    "vmap without a rule": lambda lib: mapped(lib, sines(lib)),
    "repr": lambda lib: [repr(sines(lib)), repr(lib.ops.tests.sin), lib.ops.tests.sin.overloads()],
    "check": lambda lib: lib.library.opcheck(sines(lib), (number(lib, 3, needs_grad=True),)),
    "aten": lambda lib: [repr(lib.ops.aten.add), repr(lib.ops.aten.add.Tensor), str(lib.ops.aten.add.Tensor),
        lib.ops.aten.add.Tensor(number(lib, 3), number(lib, 3)).tolist(),
        lib.ops.aten.sum.dim_IntList(number(lib, 2, 3), [1]).tolist(),
        lib.ops.aten.add.Tensor is lib.ops.aten.add.Tensor, lib.ops.aten.add.Tensor.name()],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_does_what_it_does_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert PROGRAMS[name](mt) == PROGRAMS[name](torch)


def test_gradients_are_mapped() -> None:
    x = number(mt, 2, 3)
    for op in (lambda x: split(mt)(x)[0].sum(), lambda x: sines(mt)(x).sum()):
        found = mt.vmap(mt.func.grad(op))(x)
        wanted = mt.stack([mt.func.grad(op)(row) for row in x])
        assert found.tolist() == wanted.tolist()


# -- schemas -----------------------------------------------------------------------------------------------------------


def prototypes(lib: Any) -> dict[str, Callable[..., Any]]:
    def plain(x: lib.Tensor, n: int, f: float = 2.0, b: bool = True, s: str = "a") -> lib.Tensor: ...
    def optional(x: lib.Tensor | None, n: int | None = None, d: lib.dtype | None = None) -> None: ...
    def lists(x: list[lib.Tensor], n: list[int], y: Sequence[lib.Tensor | None], z: list[int] | None) -> int: ...
    def several(x: lib.Tensor, *, k: int = 3) -> tuple[lib.Tensor, lib.Tensor]: ...
    def one(x: lib.Tensor) -> tuple[lib.Tensor]: ...
    def kinds(x: lib.Tensor, d: lib.dtype = lib.float32, p: lib.device = lib.device("cpu")) -> bool: ...  # noqa: B008
    def scalar(x: lib.Tensor, s: int | float | bool = 1) -> list[lib.Tensor]: ...
    def bare(x) -> None: ...  # type: ignore[no-untyped-def]
    def pair(x: tuple[int, int]) -> None: ...
    def spread(*x: lib.Tensor) -> None: ...
    def silent(x: lib.Tensor): ...  # type: ignore[no-untyped-def]
    def odd(x: lib.Tensor) -> str: ...
    def default(x: lib.Tensor, n: list[int] = [1]) -> None: ...  # noqa: B006

    found = (plain, optional, lists, several, one, kinds, scalar, bare, pair, spread, silent, odd, default)
    return {each.__name__: each for each in found}


@pytest.mark.parametrize("mutates", [(), ("x",), "unknown", ("n",), ("q",), "x"], ids=str)
@pytest.mark.parametrize("name", prototypes(mt))
def test_schemas_are_pytorchs(name: str, mutates: Any) -> None:
    torch = pytest.importorskip("torch")
    found: list[Any] = []
    for lib in (mt, torch):
        try:
            found.append(lib.library.infer_schema(prototypes(lib)[name], mutates_args=mutates, op_name="f"))
        except ValueError:
            found.append(ValueError)
    assert found[0] == found[1]


# -- names -------------------------------------------------------------------------------------------------------------


PARTS = [(0, 1, 3, 1), (1, None, 2, 1), (-1, 1, None, 2), (2, -3, -1, 1), (0, 5, 9, 1)]
OF_ATEN = {
    **{f"slice {part}": lambda lib, x, part=part: lib.ops.aten.slice.Tensor(x, *part) for part in PARTS},
    "slice": lambda lib, x: lib.ops.aten.slice(x), "alias": lambda lib, x: lib.ops.aten.alias.default(x),
    "index": lambda lib, x: lib.ops.aten.index.Tensor(x, [None, lib.tensor([2, 0])]),
    "index mask": lambda lib, x: lib.ops.aten.index.Tensor(x, [x > 7]),
    "index pair": lambda lib, x: lib.ops.aten.index.Tensor(x, [lib.tensor([1]), None, lib.tensor([3, 0])]),
    "_to_copy": lambda lib, x: lib.ops.aten._to_copy.default(x),
    "_to_copy dtype": lambda lib, x: lib.ops.aten._to_copy.default(x, dtype=lib.float64),
    "_unsafe_view": lambda lib, x: lib.ops.aten._unsafe_view(x, [6, 4]),
    "_local_scalar_dense": lambda lib, x: lib.tensor(lib.ops.aten._local_scalar_dense(x[0, 0, 1])),
    "_conj": lambda lib, x: lib.ops.aten._conj(lib.complex(x, x)),
    "sym_size": lambda lib, x: lib.tensor(lib.ops.aten.sym_size.int(x, 1)),
    "_is_all_true": lambda lib, x: lib.ops.aten._is_all_true(x > -1),
    "sort": lambda lib, x: lib.ops.aten.sort.stable(x, stable=True, dim=1, descending=True)[1],
    "_sparse_addmm": lambda lib, x: lib.ops.aten._sparse_addmm(x[0], lib.eye(3).to_sparse(), x[1], beta=2, alpha=3),
    "_sparse_addmm as it is": lambda lib, x: lib.ops.aten._sparse_addmm(x[0], lib.eye(3).to_sparse(), x[1]),
}


@pytest.mark.parametrize("name", OF_ATEN)
def test_operations_that_only_aten_has_compute_what_pytorchs_do(name: str) -> None:
    found = []
    for library in (mt, pytest.importorskip("torch")):
        x = library.arange(24.0).reshape(2, 3, 4)
        result = OF_ATEN[name](library, x)
        shares = result.data_ptr() == x.data_ptr() if name != "_conj" else None
        found.append((result.tolist(), str(result.dtype), tuple(result.stride()), shares))
    assert found[0] == found[1]


def test_every_name_in_aten_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    names = [*vars(mt), *vars(mt.nn.functional), *vars(mt.Tensor)]
    found = [each for each in names if each[0] != "_" and hasattr(mt.ops.aten, each)]
    assert len(found) > 500
    assert not [each for each in found if not hasattr(torch.ops.aten, each)]


def test_modules_are_imported_by_their_paths() -> None:
    assert importlib.import_module("minitensor.ops.join").cat is mt.cat
    assert importlib.import_module("minitensor._ops").OpOverload is type(sines(mt)._opoverload)


# -- errors ------------------------------------------------------------------------------------------------------------


def check_no_rule() -> None:
    mt.vmap(write(mt))(mt.ones(2, 3), mt.ones(2, 3))


ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "name": (lambda: mt.library.custom_op("sin", mutates_args=())(lambda: None), RuntimeError, "mylib::scale"),
    "missing": (lambda: mt.ops.tests.nothing, AttributeError, "'tests' object has no attribute 'nothing'"),
    "missing in aten": (lambda: mt.ops.aten.nothing, AttributeError, "this library has no such operation"),
    "overload": (lambda: mt.ops.aten.add.nothing, AttributeError, "no overload name 'nothing'"),
    "type": (lambda: sines(mt)(3), RuntimeError, "Expected a value of type 'Tensor' for argument 'x'"),
    "too few": (lambda: sines(mt)(), RuntimeError, "missing value for argument 'x'"),
    "too many": (lambda: sines(mt)(mt.ones(1), 2), RuntimeError, "at most 1"),
    "keyword": (lambda: sines(mt)(mt.ones(1), y=2), RuntimeError, r"unknown keyword arguments \['y'\]"),
    "no formula": (
        lambda: mt.library.custom_op("tests::id", lambda x: x.clone(), mutates_args=(), schema="(Tensor x) -> Tensor")(
            mt.ones(1, requires_grad=True)).backward(), RuntimeError, "no autograd formula"),
    "alias": (
        lambda: mt.library.custom_op("tests::id", lambda x: x[:], mutates_args=(), schema="(Tensor x) -> Tensor")(
            mt.ones(1)), RuntimeError, "may not alias"),
    "result": (
        lambda: mt.library.custom_op("tests::id", lambda x: 3, mutates_args=(), schema="(Tensor x) -> Tensor")(
            mt.ones(1)), RuntimeError, "Unable to cast 3"),
    "fake": (lambda: split(mt)(mt.ones(1, device="meta")), RuntimeError, "no fake impl"),
    "a write that has a gradient": (
        lambda: write(mt)(mt.ones(1), mt.ones(1, requires_grad=True)), RuntimeError, "requires grad"),
    "a formula for a write": (lambda: write(mt).register_autograd(lambda ctx: None), RuntimeError, "non-functional"),
    "vmap": (check_no_rule, RuntimeError, "register_vmap"),
    "kind": (lambda: mt.library.Library("tests", "NEW"), ValueError, "Unsupported kind"),
    "key": (lambda: mt.library.Library("tests", "IMPL").impl(sines(mt)._opoverload, len, "XLA"),
            NotImplementedError, "no kernels for 'XLA'"),
    "schema": (lambda: mt.library.Library("tests", "FRAGMENT").define("f x"), RuntimeError, "expected a schema"),
    "schema's type": (
        lambda: mt.library.Library("tests", "FRAGMENT").define("f(Tenso x) -> Tensor"), RuntimeError,
        "unknown type specifier 'Tenso'; types are .*Tensor"),
    "operator": (lambda: mt.library.register_fake("tests::none", len), RuntimeError, "does not exist"),
    "triton": (lambda: mt.library.triton_op("tests::f", mutates_args=()), NotImplementedError, "custom_op"),
    "wrap": (lambda: mt.library.wrap_triton(len), NotImplementedError, "Triton"),
    "compiled": (lambda: mt.ops.load_library("f.so"), OSError, "cannot be loaded"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_is_wrong(name: str) -> None:
    call, kind, text = ERRORS[name]
    with pytest.raises(kind, match=text):
        call()


TYPES_IN_SCHEMAS = (
    "Tensor int SymInt float SymFloat SymBool bool str Scalar number ScalarType Device Layout MemoryFormat Generator "
    "Any Stream Dimname complex QScheme Storage DimnameList Tenso dtype device Int Float tensor Number None NoneType "
    "Dict(str,int) Optional[int] Tensor[][] int[2] int[2]? Tensor?[] Tensor(a!)[] Tensor(a!)? Tensor(a->*) DeviceIndex "
    "(int,int) string List[int] Optional[Tensor] list"
).split()


@pytest.mark.parametrize("place", ["argument", "result"])
def test_types_of_schemas_are_pytorchs(place: str) -> None:
    torch = pytest.importorskip("torch")

    def accepted(lib: Any) -> list[str]:
        library, known = lib.library.Library("typed_" + place, "FRAGMENT"), []
        for count, kind in enumerate(TYPES_IN_SCHEMAS):
            text = f"f{count}({kind} x) -> Tensor" if place == "argument" else f"f{count}(Tensor x) -> {kind}"
            with contextlib.suppress(RuntimeError):
                library.define(text)
                known.append(kind)
        return known

    assert accepted(mt) == accepted(torch)


def test_a_schema_is_shown_as_its_text() -> None:
    schema = sines(mt)._opoverload._schema
    assert repr(schema) == str(schema) == "tests::sin(Tensor x) -> Tensor"


def test_opcheck_finds_faults() -> None:
    def made(function: Callable[..., Any]) -> Any:
        return mt.library.custom_op("tests::f", function, mutates_args=(), schema="(Tensor x) -> Tensor")

    wrong = made(lambda x: x.mul_(2).clone())
    with pytest.raises(AssertionError, match="was mutated"):
        mt.library.opcheck(wrong, (mt.ones(2),))
    right = made(lambda x: x * 2)
    right.register_fake(lambda x: x.new_empty(3))
    found = mt.library.opcheck(right, (mt.ones(2, requires_grad=True),), raise_exception=False)
    kinds = [type(each).__name__ for each in found.values()]
    assert kinds == ["str", "ComparisonError", "ComparisonError", "GradError"]


BROKEN_SCHEMAS = [f"{name}(Tensor x) -> Tensor" for name in ("1f", "a b", "f.o.p", "::f", "f::g::h", "")] + [
    f"f({argument}) -> Tensor" for argument in ("Tensor[2 x", "Tensor(a! x", "Tensor x-y", "Tensor 1x", "Tensor]x[ y]")
]


@pytest.mark.parametrize("schema", BROKEN_SCHEMAS)
@pytest.mark.parametrize("library", ["minitensor", "torch"])
def test_a_schema_that_is_none_is_refused(library: str, schema: str) -> None:
    lib: Any = pytest.importorskip(library)
    with pytest.raises(RuntimeError):
        lib.library.Library("broken_schemas", "FRAGMENT").define(schema)
