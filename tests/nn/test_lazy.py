"""A lazy layer equals PyTorch's before its first input, and afterwards the plain layer of that size."""

from __future__ import annotations

import copy
import pickle
import warnings
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from minitensor import nn
from minitensor.nn.parameter import is_lazy
from tests.nn.twins import assert_close, numbers, ours_of

IMAGE, VOLUME = (2, 4, 7, 6), (2, 2, 4, 5, 3)
LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("LazyLinear", (3,), {}, (2, 5)),
    ("LazyLinear", (3, False), {}, (5,)),
    ("LazyConv1d", (6, 3), {}, (2, 4, 7)),
    ("LazyConv2d", (6, 3), {"groups": 2, "padding": 1, "padding_mode": "circular"}, IMAGE),
    ("LazyConv2d", (6, 3, 2), {"bias": False}, IMAGE[1:]),
    ("LazyConv3d", (4, 2), {}, VOLUME),
    ("LazyConvTranspose1d", (6, 3), {}, (2, 4, 7)),
    ("LazyConvTranspose2d", (6, 3, 2, 1, 1), {"groups": 2}, IMAGE),
    ("LazyConvTranspose3d", (4, 2), {"bias": False}, VOLUME),
    ("LazyBatchNorm1d", (), {}, (5, 3)),
    ("LazyBatchNorm2d", (1e-3, 0.3), {"bias": False}, IMAGE),
    ("LazyBatchNorm3d", (), {"affine": False}, VOLUME),
    ("LazyInstanceNorm1d", (), {}, (2, 4, 7)),
    ("LazyInstanceNorm2d", (), {"track_running_stats": False}, IMAGE),
    ("LazyInstanceNorm3d", (), {}, VOLUME),
]
each_layer = pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS, ids=lambda value: str(value))


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def build(lib: Any, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    lib.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that its lazy layers are a new feature
        return getattr(lib.nn, name)(*args, **options)


@each_layer
def test_a_lazy_layer_is_pytorchs(
    name: str, args: tuple[Any, ...], options: dict[str, Any], shape: tuple[int, ...], torch: ModuleType
) -> None:
    results = []
    for lib in (mt, torch):
        layer = build(lib, name, args, options)
        before = repr(layer), {key: str(value) for key, value in layer.state_dict().items()}
        output = layer(lib.tensor(numbers(1, *shape), requires_grad=True))
        output.sum().backward()
        facts = repr(layer), type(layer).__name__, list(layer.state_dict())
        values = [*layer.state_dict().values(), output, *(each.grad for each in layer.parameters())]
        results.append((before, facts, values))
    (ours, our_facts, our_values), (theirs, their_facts, their_values) = results
    assert ours == theirs
    assert our_facts == their_facts
    for mine, his in zip(our_values, their_values, strict=True):
        assert_close(mine, his, 1e-4)


@each_layer
def test_a_lazy_layer_becomes_the_plain_layer_of_its_input_size(
    name: str, args: tuple[Any, ...], options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    layer = build(mt, name, args, options)
    held = list(layer.parameters())
    layer(mt.ones(shape))
    assert type(layer) is getattr(nn, name.removeprefix("Lazy"))
    assert [type(each) for each in held] == [nn.Parameter] * len(held)
    assert all(one is other for one, other in zip(held, layer.parameters(), strict=True)), "references stay valid"
    assert all(each.requires_grad for each in held)
    assert type(pickle.loads(pickle.dumps(layer))) is type(layer)
    layer(mt.ones(shape))


def test_a_lazy_layer_can_be_moved_and_frozen_before_it_has_a_shape() -> None:
    net = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d()).double().requires_grad_(False)
    assert str(net[0].weight) == "<UninitializedParameter>"
    assert net(mt.ones(2, 4, dtype=mt.float64)).dtype == mt.float64
    assert net[1].running_mean.dtype == mt.float64
    assert not any(each.requires_grad for each in net.parameters())
    assert nn.LazyLinear(3, dtype=mt.float64).weight.dtype == mt.float64


def test_an_optimizer_made_before_the_first_input_trains_the_parameters() -> None:
    layer = nn.LazyLinear(1, bias=False)
    rule = mt.optim.SGD(layer.parameters(), lr=0.1)
    layer(mt.ones(2, 3)).sum().backward()
    before = layer.weight.detach().clone()
    rule.step()
    mt.testing.assert_close(layer.weight.detach(), before - 0.2)


def test_a_lazy_layer_can_be_moved_by_to_empty() -> None:
    net = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d()).to_empty(device="cpu")
    assert net[1].has_uninitialized_params()
    assert net(mt.ones(2, 4)).shape == (2, 3)


def test_an_uninitialized_layer_can_be_copied_and_pickled() -> None:
    layer = nn.LazyBatchNorm2d()
    layer.double()
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert str(other.state_dict()) == str(layer.state_dict())
        assert other.weight is not layer.weight
        other(mt.ones(1, 2, 3, 3, dtype=mt.float64))
        assert type(other) is nn.BatchNorm2d
        assert is_lazy(layer.weight)


def test_an_uninitialized_layer_loads_state_dicts_of_both_kinds() -> None:
    plain = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    lazy = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    lazy.load_state_dict(lazy.state_dict())
    assert is_lazy(lazy[0].weight)
    lazy.load_state_dict(plain.state_dict())
    assert (lazy[0].weight == plain[0].weight).all()
    lazy.eval()(mt.ones(1, 4))
    assert repr(lazy) == repr(plain)
    other = nn.LazyLinear(3)
    other.load_state_dict(plain[0].state_dict(), assign=True)
    assert (other(mt.ones(4)) == plain[0](mt.ones(4))).all()


def test_a_plain_layer_refuses_a_state_dict_without_shapes() -> None:
    layer = nn.Linear(2, 3)
    with pytest.raises(RuntimeError, match=r"size mismatch for weight: copying an uninitialized param[\s\S]*for bias"):
        layer.load_state_dict(nn.LazyLinear(3).state_dict())


def test_a_mismatch_in_another_layer_leaves_a_lazy_layer_uninitialized() -> None:
    net = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 2))
    entries = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 5)).state_dict()
    with pytest.raises(RuntimeError, match=r"size mismatch for 1\.weight"):
        net.load_state_dict(entries)
    assert is_lazy(net[0].weight)


def test_pytorchs_weights_can_be_loaded(torch: ModuleType) -> None:
    theirs = torch.nn.Linear(4, 3)
    layer = nn.LazyLinear(3)
    layer.load_state_dict({name: ours_of(value) for name, value in theirs.state_dict().items()})
    assert_close(layer(mt.ones(4)), theirs(torch.ones(4)))


def test_computing_without_a_shape_is_refused() -> None:
    weight = nn.LazyLinear(3).weight
    with pytest.raises(ValueError, match="uninitialized parameter: its shape is known once the lazy module"):
        weight + 1
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        _ = weight.shape
    with pytest.raises(RuntimeError, match="uninitialized parameter"):
        weight.numel()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = weight.nothing


class Half(nn.LazyLinear):
    """A lazy layer that forgets its bias."""

    def initialize_parameters(self, input: Any) -> None:
        self.weight.materialize((3, input.shape[-1]))


class Stays(nn.LazyModuleMixin):
    """A lazy layer that has no plain class to become."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.UninitializedParameter()

    def initialize_parameters(self, input: Any) -> None:
        self.scale.materialize(input.shape)
        nn.init.ones_(self.scale)

    def forward(self, input: Any) -> Any:
        return input * self.scale


def test_a_users_lazy_class_may_keep_its_class() -> None:
    module = Stays()
    assert module(mt.ones(2)).tolist() == module(mt.ones(2)).tolist() == [1, 1]
    assert type(module) is Stays


WRONG = [
    (lambda: Half(3)(mt.ones(4)), RuntimeError, "module Half has not been fully initialized: .* must materialize bias"),
    (lambda: nn.Sequential(nn.LazyConv2d(3, 2))(mt.ones(4, 4)), RuntimeError,
     r"^0: LazyConv2d\(0, 3,.*Expected 3D \(unbatched\) or 4D \(batched\) input .* size: \(4, 4\)"),
    (lambda: nn.LazyConv2d(4, 2, groups=2)(mt.ones(3, 4, 4)), ValueError, "in_channels must be divisible by groups"),
    (lambda: nn.LazyBatchNorm2d()(mt.ones(4, 4)), ValueError, "expected 4D input"),
    (lambda: nn.LazyLinear(3)(mt.tensor(1.0)), RuntimeError, "at least one dim, got a scalar"),
    (lambda: nn.LazyModuleMixin()(1), NotImplementedError, "initialize_parameters is not implemented"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_inputs_that_do_not_determine_a_size_are_refused(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make()
