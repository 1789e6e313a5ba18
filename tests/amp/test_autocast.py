"""Regions of autocast: nesting, threads, the cache of parameters, gradients, and what stands around them."""

from __future__ import annotations

import threading
import warnings
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

import minitensor as mt
from minitensor.autograd import protocol
from minitensor.utils.checkpoint import checkpoint

F = mt.nn.functional


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    before = [each for each in protocol.active if each is not protocol.CLASSES]
    yield
    left = [each for each in protocol.active if each is not protocol.CLASSES]
    assert left == before, "a caster is left on the list that slows down every call"
    assert not mt.is_autocast_enabled("cpu")


def half() -> Any:
    return mt.autocast("cpu", mt.float16)


def linear() -> tuple[Any, Any]:
    return mt.nn.Linear(3, 2), mt.ones(4, 3)


def nested(library: Any) -> list[str]:
    """Return the dtypes of products and what the functions answer, in regions in regions."""
    found: list[str] = []
    x = library.ones(2, 2)

    def look() -> None:
        found.extend([
            str((x @ x).dtype), str(library.is_autocast_enabled("cpu")), str(library.is_autocast_enabled()),
            str(library.get_autocast_dtype("cpu")), str(library.is_autocast_cache_enabled()),
        ])  # fmt: skip

    look()
    with library.autocast("cpu", library.float16, cache_enabled=False):
        look()
        with library.autocast("cpu", enabled=False):
            look()
            with library.autocast("cpu", library.float16, cache_enabled=True):
                look()
            look()
        look()
        library.set_autocast_enabled("cpu", False)
        look()
        library.set_autocast_enabled("cpu", True)
        look()
    look()
    return found


def test_regions_nest_as_pytorchs(torch: ModuleType) -> None:
    assert nested(mt) == nested(torch)


def test_a_region_can_be_entered_again_inside_itself() -> None:
    x, region = mt.ones(2, 2), half()
    with region:
        with region:
            assert (x @ x).dtype is mt.float16
        assert (x @ x).dtype is mt.float16
    assert (x @ x).dtype is mt.float32


def answers(library: Any, function: Any, *args: Any) -> tuple[Any, ...]:
    """Return what a function says, or the built-in class of its error, and its warnings."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        try:
            found = function(*args)
        except Exception as error:
            found = next(each for each in type(error).__mro__ if each.__module__ == "builtins")
    said = [(each.category, str(each.message)) for each in given if each.category is not DeprecationWarning]
    return (str(found) if not isinstance(found, library.autocast) else found._enabled), said


@pytest.mark.parametrize("device", ["cpu", "cuda", "cpu:0", "mps", "xpu", "hpu", "xla", "mtia", "maia", "ipu", "meta",
                                    "vulkan", "nonsense", 3])
@pytest.mark.parametrize("name", ["amp.is_autocast_available", "get_autocast_dtype", "is_autocast_enabled", "autocast",
                                  "amp.autocast"])
def test_answers_for_each_device_are_pytorchs(torch: ModuleType, name: str, device: Any) -> None:
    def function(library: Any) -> Any:
        place = library
        for word in name.split("."):
            place = getattr(place, word)
        return place

    found, expected = answers(mt, function(mt), device), answers(torch, function(torch), device)
    assert found == expected


@pytest.mark.parametrize("args", [("cpu", "float32"), ("cpu", "float64"), ("cpu", "int64"), ("cpu", "float16"),
                                  ("cuda", "float16"), ("cuda", "float32"), ("cpu", "float32", False)])
def test_warnings_about_dtypes_are_pytorchs(torch: ModuleType, args: Any) -> None:
    device, dtype, *rest = args
    found, expected = [
        answers(library, library.autocast, device, getattr(library, dtype), *rest) for library in (mt, torch)
    ]
    assert found == expected


@pytest.mark.parametrize("name", ["cuda.amp.autocast", "cpu.amp.autocast", "cuda.amp.GradScaler",
                                  "cpu.amp.GradScaler"])
def test_former_names_warn_as_pytorchs(torch: ModuleType, name: str) -> None:
    said = []
    for library in (mt, torch):
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            room, _, last = name.partition(".amp.")
            getattr(getattr(library, room).amp, last)()
        said.append([(each.category, str(each.message)) for each in given])
    assert said[0] == said[1]


def test_a_region_for_a_missing_gpu_changes_nothing() -> None:
    layer, x = linear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        region = mt.autocast("cuda")
    with region:
        assert layer(x).dtype is mt.float32
        assert not mt.is_autocast_enabled()


def test_bfloat16_is_the_default_on_the_cpu() -> None:
    layer, x = linear()
    with mt.autocast("cpu"):
        assert layer(x).dtype is mt.bfloat16


def test_a_decorated_function_runs_in_the_region() -> None:
    layer, x = linear()

    @mt.autocast("cpu", mt.float16)
    def forward(x: Any) -> Any:
        return layer(x)

    assert forward.__name__ == "forward"
    assert forward(x).dtype is mt.float16
    assert layer(x).dtype is mt.float32
    with pytest.raises(TypeError, match="requires a callable, but got Tensor"):
        mt.autocast("cpu", mt.float16)(x)  # type: ignore[arg-type]


def test_an_error_ends_the_region() -> None:
    with pytest.raises(RuntimeError), half():
        mt.ones(2, 3) @ mt.ones(2, 3)
    assert (mt.ones(2, 2) @ mt.ones(2, 2)).dtype is mt.float32


def test_each_thread_has_its_own_regions() -> None:
    x = mt.ones(2, 2)
    dtypes = []

    def work() -> None:
        dtypes.append((x @ x).dtype)
        with half():
            dtypes.append((x @ x).dtype)

    with half():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        dtypes.append((x @ x).dtype)
    if not getattr(__import__("sys").flags, "thread_inherit_context", 0):
        assert dtypes == [mt.float32, mt.float16, mt.float16]


# -- the cache of parameters -------------------------------------------------------------------------------------------


def casts(log: Any) -> int:
    return sum(each.name == "to" or ("float16" in str(each.outputs) and "float32" in str(each.inputs)) for each in log)


def count_casts(run: Any, **options: Any) -> int:
    with mt.autocast("cpu", mt.float16, **options), mt.utils.op_log() as log:
        run()
    return casts(log)


def test_a_parameter_is_cast_once_in_a_region() -> None:
    layer, x = linear()
    x = x.half()
    assert count_casts(lambda: (layer(x), layer(x))) == 2
    assert count_casts(lambda: (layer(x), layer(x)), cache_enabled=False) == 4

    def forget() -> None:
        layer(x)
        mt.clear_autocast_cache()
        layer(x)

    def nest() -> None:
        layer(x)
        with half():
            layer(x)
        layer(x)

    assert count_casts(forget) == 4
    assert count_casts(nest) == 2


def test_what_is_no_parameter_is_cast_each_time() -> None:
    x = mt.ones(2, 2)
    assert count_casts(lambda: (x @ x.half(), x @ x.half())) == 4


def test_a_parameter_that_changed_is_cast_again() -> None:
    layer, x = linear()
    with half():
        first = layer(x)
        with mt.no_grad():
            layer.weight.mul_(2)
            layer.bias.mul_(2)
        assert (layer(x) == 2 * first).all()
        layer.weight.data = mt.zeros(2, 3)
        assert (layer(x) == layer.bias.half()).all()


def test_a_parameter_first_used_without_recording_still_gets_a_gradient() -> None:
    layer, x = linear()
    with half():
        with mt.no_grad():
            layer(x)
        layer(x).sum().backward()
    assert layer.weight.grad is not None


def test_a_cached_cast_can_be_differentiated_twice() -> None:
    layer, x = linear()
    with half():
        first, second = layer(x).sum(), layer(x).sum()
    first.backward()
    once = layer.weight.grad.clone()
    second.backward()
    assert (layer.weight.grad == 2 * once).all()
    assert layer.weight.grad.dtype is mt.float32


# -- gradients ---------------------------------------------------------------------------------------------------------


def test_gradients_have_the_dtype_of_the_leaves(torch: ModuleType) -> None:
    found = []
    for library in (mt, torch):
        x = library.linspace(-1.0, 1.0, 12).reshape(4, 3).requires_grad_()
        w = library.linspace(0.0, 2.0, 6).reshape(3, 2).requires_grad_()
        with library.autocast("cpu", library.float16):
            y = library.cat([x @ w, library.ones(4, 2, dtype=library.float16)])
            loss = library.nn.functional.mse_loss(y, library.zeros(8, 2))
        loss.backward()
        assert x.grad.dtype is library.float32
        found.append([loss.detach().numpy(), x.grad.numpy(), w.grad.numpy()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-3)


def test_a_backward_pass_in_the_region_is_that_outside() -> None:
    x = mt.linspace(0.0, 1.0, 6).reshape(2, 3).requires_grad_()
    grads = []
    for inside in (True, False):
        x.grad = None
        with half():
            loss = mt.cdist(x, x + 1).sum() + (x @ x.T).sum()
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        grads.append(x.grad)
    assert (grads[0] == grads[1]).all()


def test_a_checkpoint_is_run_again_as_it_was() -> None:
    layer, x = linear()
    with half():
        y = checkpoint(lambda x: layer(x).exp(), x, use_reentrant=False)
    assert y.dtype is mt.float16
    y.sum().backward()
    with half():
        z = checkpoint(lambda x: layer(x).exp(), x, use_reentrant=False)
        with mt.autocast("cpu", enabled=False):
            z.sum().backward()
    assert layer.weight.grad is not None


class Product(mt.autograd.Function):
    seen: ClassVar[list[Any]] = []

    @staticmethod
    @mt.amp.custom_fwd(device_type="cpu")
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x @ x

    @staticmethod
    @mt.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, grad: Any) -> Any:
        (x,) = ctx.saved_tensors
        Product.seen.append((mt.ones(2, 2) @ mt.ones(2, 2)).dtype)
        return grad @ x.T + x.T @ grad


class Single(Product):
    @staticmethod
    @mt.amp.custom_fwd(device_type="cpu", cast_inputs=mt.float32)
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x @ x


@pytest.mark.parametrize("function, dtype", [(Product, mt.float16), (Single, mt.float32)])
def test_backward_of_a_function_has_the_state_of_forward(function: Any, dtype: Any) -> None:
    Product.seen.clear()
    x = mt.eye(2).half().requires_grad_()
    with half():
        y = function.apply(x)
    assert y.dtype is dtype
    y.sum().backward()
    with half():
        function.apply(x).sum().backward()
    assert Product.seen == [dtype, dtype]
    assert function.apply(mt.eye(2).requires_grad_()).dtype is mt.float32


# -- around it ---------------------------------------------------------------------------------------------------------


def test_vmap_casts_inside_and_outside_of_a_region() -> None:
    x = mt.randn(3, 2, 2)

    def inside(x: Any) -> Any:
        with half():
            return x @ x, F.mse_loss(x.half(), x)

    with half():
        outside = mt.vmap(lambda x: (x @ x, F.mse_loss(x.half(), x)))(x)
        expected = (x @ x, mt.stack([F.mse_loss(each.half(), each) for each in x]))
    for found in (outside, mt.vmap(inside)(x)):
        for one, other in zip(found, expected, strict=True):
            assert one.dtype is other.dtype
            mt.testing.assert_close(one, other, rtol=1e-2, atol=1e-2)


def test_modes_and_subclasses_see_calls_before_they_cast() -> None:
    seen = []

    class Names(mt.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append((func.__name__, args[0].dtype))
            return func(*args, **(kwargs or {}))

    class Image(mt.Tensor):
        pass

    x = mt.ones(2, 2)
    with half(), Names():
        assert mt.matmul(x, x).dtype is mt.float16
    assert seen[0] == ("matmul", mt.float32)
    with half():
        y = x.as_subclass(Image) @ x
    assert (type(y), y.dtype) == (Image, mt.float16)


def test_writes_are_not_cast(torch: ModuleType) -> None:
    for library in (mt, torch):
        x = library.ones(2, 2)
        with library.autocast("cpu", library.float16):
            assert library.mm(x, x, out=library.empty(2, 2)).dtype is library.float32
            assert x.addmm_(x.clone(), x.clone()).dtype is library.float32
            assert library.ones(2, 2).half().addmm_(x.half(), x.half()).dtype is library.float16


def test_wrong_arguments_have_the_errors_of_the_function() -> None:
    with half():
        with pytest.raises(RuntimeError):
            mt.mm(mt.ones(2), mt.ones(2))
        with pytest.raises(TypeError):
            F.pad("x", (1, 1), mode="reflect")
        with pytest.raises(TypeError):
            mt.einsum("ij,jk", 3, 4)


def test_mixed_low_dtypes_are_refused_where_the_widest_is_wanted() -> None:
    low = mt.ones(2).to(mt.bfloat16)
    with half(), pytest.raises(RuntimeError, match=r"autocast to torch\.float16 got an argument of torch\.bfloat16"):
        mt.cat([low, mt.ones(2)])
