"""Tensors on the device "meta" at the doors to other libraries, sizes that fit no int64, and dtypes of fused layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt


def meta(torch: Any, *shape: int, **options: Any) -> Any:
    return torch.empty(*shape, device="meta", **options)


def repeat(torch: Any, *args: Any, **options: Any) -> Any:
    return torch.repeat_interleave(torch.arange(3.0), *args, **options)


def scale(torch: Any, factor: float) -> Any:
    return torch.nn.functional.interpolate(torch.ones(1, 1, 2, 2), scale_factor=factor)


def close(torch: Any, *others: Any, **options: Any) -> Any:
    return torch.testing.assert_close(meta(torch, 2, 3), *others, **options)


CALLS: dict[str, Callable[[Any], Any]] = {
    "__dlpack__": lambda torch: meta(torch, 2).__dlpack__(),
    "__dlpack_device__": lambda torch: meta(torch, 2).__dlpack_device__(),
    "from_dlpack": lambda torch: torch.from_dlpack(meta(torch, 2)),
    "to_dlpack": lambda torch: torch.utils.dlpack.to_dlpack(meta(torch, 2)),
    "numpy.from_dlpack": lambda torch: np.from_dlpack(meta(torch, 2)),
    "share_memory_": lambda torch: meta(torch, 2).share_memory_(),
    "is_shared": lambda torch: meta(torch, 2).is_shared(),
    "untyped_storage": lambda torch: repr(meta(torch, 2, 3).untyped_storage()),
    "storage": lambda torch: repr(meta(torch, 2, 3).storage()),
    "an element": lambda torch: meta(torch, 2).untyped_storage()[0],
    "tolist": lambda torch: meta(torch, 2).untyped_storage().tolist(),
    "length": lambda torch: len(meta(torch, 2).untyped_storage()),
    "close": lambda torch: close(torch, meta(torch, 2, 3)),
    "another shape": lambda torch: close(torch, meta(torch, 2, 4)),
    "another device": lambda torch: close(torch, torch.ones(2, 3)),
    "any device": lambda torch: close(torch, torch.ones(2, 3), check_device=False),
    "another dtype": lambda torch: close(torch, meta(torch, 2, 3, dtype=torch.float64)),
    "tril": lambda torch: tuple(torch.tril_indices(10**6, 10**6, device="meta").shape),
    "triu": lambda torch: tuple(torch.triu_indices(10**6, 10**6, 3, device="meta").shape),
    **{f"scale {factor}": lambda torch, factor=factor: scale(torch, factor)
       for factor in (1e30, -1e30, float("nan"), float("inf"), -1.0, 0.1)},
    "few repeats": lambda torch: repeat(torch, torch.tensor([1, 2])),
    "negative repeats": lambda torch: repeat(torch, torch.tensor([1, -2, 1])),
    "a negative repeat": lambda torch: repeat(torch, -1),
    "float repeats": lambda torch: repeat(torch, torch.tensor([1.0, 2.0, 3.0])),
    "byte repeats": lambda torch: repeat(torch, torch.tensor([1, 2, 3], dtype=torch.uint8)),
    "int32 repeats": lambda torch: repeat(torch, torch.tensor([1, 2, 3], dtype=torch.int32)),
    "a matrix of repeats": lambda torch: repeat(torch, torch.tensor([[1, 2, 3]])),
    "a number of repeats": lambda torch: repeat(torch, torch.tensor(2)),
    "a dim": lambda torch: repeat(torch, 2, dim=3),
    "a size": lambda torch: repeat(torch, torch.tensor([1, 2, 3]), output_size=6),
    "a wrong size": lambda torch: repeat(torch, torch.tensor([1, 2, 3]), output_size=5),
    "only repeats": lambda torch: torch.repeat_interleave(torch.tensor([1, 2]), output_size=3),
    "only repeats, wrong": lambda torch: torch.repeat_interleave(torch.tensor([1, 2]), output_size=5),
    "only negative repeats": lambda torch: torch.repeat_interleave(torch.tensor([1, -2])),
}  # fmt: skip


def outcome(torch: Any, name: str) -> tuple[Any, type[BaseException] | None]:
    try:
        return repr(CALLS[name](torch)), None
    except Exception as error:
        return None, type(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_a_call_does_what_pytorchs_does(name: str) -> None:
    wanted, found = outcome(pytest.importorskip("torch"), name), outcome(mt, name)
    assert found[0] == wanted[0]
    assert (found[1] is None) == (wanted[1] is None), found
    assert wanted[1] is None or issubclass(found[1] or object, wanted[1])


def pieces_of_duals(torch: Any) -> list[list[str]]:
    """Return the classes of dual numbers, values and tangents, for plain tensors and those of a subclass."""

    class Sub(torch.Tensor):  # type: ignore[misc]  # a class of either library
        pass

    forward, plain = torch.autograd.forward_ad, torch.ones(2)
    sub, parameter = torch.ones(2).as_subclass(Sub), torch.nn.Parameter(torch.ones(2))
    found = []
    with forward.dual_level():
        for primal in (plain, sub, parameter):
            for tangent in (torch.ones(2), torch.ones(2).as_subclass(Sub)):
                dual = forward.make_dual(primal.clone() if primal is plain else primal.detach(), tangent)
                for each in (dual, dual * 2):
                    found.append([type(part).__name__ for part in (each, *forward.unpack_dual(each))])
    return found


@pytest.mark.filterwarnings("ignore")
def test_duals_of_subclasses_have_pytorchs_classes() -> None:
    assert pieces_of_duals(mt) == pieces_of_duals(pytest.importorskip("torch"))


LAYERS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda nn: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
    "norm first": lambda nn: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True),
    "time first": lambda nn: nn.TransformerEncoderLayer(8, 2, 16),
    "three heads": lambda nn: nn.TransformerEncoderLayer(9, 3, 16, batch_first=True),
    "gelu": lambda nn: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu"),
    "tanh": lambda nn: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation=nn.Tanh()),
    "no bias": lambda nn: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, bias=False),
    "two": lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
@pytest.mark.parametrize("mode", ["train", "eval", "eval without grad"])
@pytest.mark.parametrize("name", LAYERS)
def test_an_encoder_under_autocast_has_pytorchs_dtype(name: str, mode: str, kind: str) -> None:
    torch, results = pytest.importorskip("torch"), []
    state = None
    for library in (torch, mt):
        layer = LAYERS[name](library.nn)
        state = state or {key: value.numpy() for key, value in layer.state_dict().items()}
        layer.load_state_dict({key: library.tensor(value) for key, value in state.items()})
        layer.train(mode == "train")
        x = library.tensor(np.random.default_rng(0).normal(size=(2, 3, 9 if name == "three heads" else 8)))
        with library.autocast("cpu", dtype=getattr(library, kind)), library.set_grad_enabled("without" not in mode):
            results.append(layer(x.float()))
    assert str(results[1].dtype) == str(results[0].dtype)
    if mode != "train":
        wanted, found = [each.detach().float().numpy() for each in results]
        np.testing.assert_allclose(found, wanted, atol=0.06)


def test_a_formula_counts_the_operations_of_an_operation() -> None:
    from minitensor.utils.flop_counter import FlopCounterMode, flop_registry, register_flop_formula

    @register_flop_formula([mt.erfinv, mt.erfc])
    def count(shape: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
        assert out_shape == shape
        return 10 * int(shape.numel())

    try:
        with FlopCounterMode(display=False) as counter:
            mt.zeros(2, 3).erfinv(), mt.zeros(4).erfc(), mt.zeros(4).exp()
        assert counter.get_total_flops() == 100
        with pytest.raises(RuntimeError, match="duplicate registrations for erfc"):
            register_flop_formula(mt.erfc)(count)
        with FlopCounterMode(display=False, custom_mapping={mt.exp: lambda shape, out_shape=None: 7}) as counter:
            mt.zeros(4).exp()
        assert counter.get_total_flops() == 7
    finally:
        for name in ("erfinv", "erfc"):
            flop_registry.pop(name)
    with pytest.raises(ValueError, match="expected each target to be an operation"):
        register_flop_formula(len)(count)


def test_profiles_have_the_attributes_that_programs_read(tmp_path: Any) -> None:
    with mt.profiler.profile() as profile, mt.profiler.record_function("block"):
        mt.ones(2)
    event = profile.key_averages()[0]
    assert event.cpu_time_total > event.self_cpu_time_total > 0
    assert event.cpu_time_total_str == event.cpu_time_str
    torch = pytest.importorskip("torch")
    with torch.profiler.profile() as theirs, torch.profiler.record_function("block"):
        torch.ones(2)
    names = {name for name in dir(theirs.key_averages()[0]) if not name.startswith("_")}
    assert not names - set(dir(event))
    profile.export_stacks(str(tmp_path / "stacks"))
    assert (tmp_path / "stacks").read_text() == ""
