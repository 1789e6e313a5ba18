"""The functions of ``nn.utils`` equal PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from tests.nn.twins import assert_close, numbers


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def make_parameters(lib: Any, scale: float = 1.0) -> list[Any]:
    """Return parameters: with gradients, without one, in double precision."""
    params = []
    for seed, shape in enumerate([(3, 4), (5,), (), (2, 2)]):
        param = lib.nn.Parameter(lib.tensor(numbers(seed, *shape)))
        param.grad = lib.tensor(numbers(seed + 9, *shape) * scale)
        params.append(param)
    return [*params, lib.nn.Parameter(lib.ones(2))]


# -- clipping ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [2.0, 1, 3.5, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clipping_by_norm_is_pytorchs(norm_type: float, max_norm: float, torch: ModuleType) -> None:
    results = []
    for lib in (mt, torch):
        params = make_parameters(lib)
        total = lib.nn.utils.clip_grad_norm_(params, max_norm, norm_type)
        results.append([total, *[each.grad for each in params[:-1]]])
        assert params[-1].grad is None
    for mine, his in zip(*results):
        assert_close(mine, his)


def test_clipping_by_value_is_pytorchs(torch: ModuleType) -> None:
    results = []
    for lib in (mt, torch):
        params = make_parameters(lib)
        lib.nn.utils.clip_grad_value_(params, 0.3)
        results.append([each.grad for each in params[:-1]])
    for mine, his in zip(*results):
        assert_close(mine, his)


def test_a_single_tensor_and_missing_gradients_are_accepted() -> None:
    param = mt.nn.Parameter(mt.ones(2))
    assert mt.nn.utils.clip_grad_norm_(param, 1.0).item() == 0
    with pytest.warns(UserWarning, match="empty generator"):
        mt.nn.utils.clip_grad_norm_((each for each in []), 1.0)


def test_a_nonfinite_norm_is_an_error_if_requested() -> None:
    params = make_parameters(mt)
    params[0].grad[0, 0] = float("nan")
    before = params[1].grad.tolist()
    with pytest.raises(RuntimeError, match="non-finite"):
        mt.nn.utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[1].grad.tolist() == before


# -- vectors -----------------------------------------------------------------------------------------------------------


def test_parameters_become_a_vector_and_back() -> None:
    model = mt.nn.Sequential(mt.nn.Linear(2, 3), mt.nn.Linear(3, 1))
    vector = mt.nn.utils.parameters_to_vector(model.parameters())
    assert vector.requires_grad and vector.shape == (13,)
    mt.nn.utils.vector_to_parameters(mt.arange(13.0), model.parameters())
    assert [each.reshape(-1).tolist()[0] for each in model.parameters()] == [0, 6, 9, 12]
    with pytest.raises(RuntimeError, match="has 5 elements"):
        mt.nn.utils.vector_to_parameters(mt.ones(5), model.parameters())
    assert model[0].weight[0, 0].item() == 0


# -- fusion ------------------------------------------------------------------------------------------------------------

PAIRS: dict[str, Any] = {
    "Conv1d": (lambda nn: (nn.Conv1d(3, 4, 2), nn.BatchNorm1d(4)), (2, 3, 5)),
    "Conv2d": (lambda nn: (nn.Conv2d(3, 4, 2, bias=False), nn.BatchNorm2d(4, affine=False)), (2, 3, 5, 4)),
    "Conv3d": (lambda nn: (nn.Conv3d(3, 4, 2), nn.BatchNorm3d(4, eps=0.1)), (2, 3, 3, 3, 3)),
    "ConvTranspose2d": (lambda nn: (nn.ConvTranspose2d(3, 4, 2), nn.BatchNorm2d(4)), (2, 3, 5, 4)),
    "Linear": (lambda nn: (nn.Linear(3, 4), nn.BatchNorm1d(4)), (2, 3)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_fused_layer_computes_what_the_two_layers_did(name: str) -> None:
    make, shape = PAIRS[name]
    layer, norm = make(mt.nn)
    x = mt.tensor(numbers(0, *shape))
    for _ in range(3):
        norm(layer(x))  # fills the running statistics
    layer.eval(), norm.eval()
    fuse = mt.nn.utils.fuse_linear_bn_eval if name == "Linear" else mt.nn.utils.fuse_conv_bn_eval
    fused = fuse(layer, norm)
    assert_close(fused(x), norm(layer(x)))
    assert type(fused) is type(layer) and isinstance(fused.weight, mt.nn.Parameter)


def test_only_layers_in_evaluation_are_fused() -> None:
    with pytest.raises(AssertionError, match="eval"):
        mt.nn.utils.fuse_conv_bn_eval(mt.nn.Conv2d(1, 1, 1), mt.nn.BatchNorm2d(1).eval())
    with pytest.raises(AssertionError, match="track_running_stats"):
        mt.nn.utils.fuse_conv_bn_eval(
            mt.nn.Conv2d(1, 1, 1).eval(), mt.nn.BatchNorm2d(1, track_running_stats=False).eval()
        )


# -- sequences ---------------------------------------------------------------------------------------------------------


def sequences(lib: Any) -> list[Any]:
    return [lib.tensor(numbers(seed, length, 2)) for seed, length in enumerate((3, 5, 1, 5))]


def test_padding_is_pytorchs(torch: ModuleType) -> None:
    for options in ({}, {"batch_first": True, "padding_value": 7.0}, {"padding_side": "left"}):
        assert_close(*[lib.nn.utils.rnn.pad_sequence(sequences(lib), **options) for lib in (mt, torch)])


@pytest.mark.parametrize("batch_first", [False, True])
def test_packing_is_pytorchs(batch_first: bool, torch: ModuleType) -> None:
    results = []
    for lib in (mt, torch):
        utils = lib.nn.utils.rnn
        padded = utils.pad_sequence(sequences(lib), batch_first=batch_first)
        packed = utils.pack_padded_sequence(padded, lib.tensor([3, 5, 1, 5]), batch_first, enforce_sorted=False)
        again, lengths = utils.pad_packed_sequence(packed, batch_first, padding_value=-1.0, total_length=6)
        results.append([*packed, again, lengths])
    for mine, his in zip(*results, strict=True):
        assert_close(mine, his)


def test_unpacking_reverses_packing() -> None:
    utils = mt.nn.utils.rnn
    found = utils.unpack_sequence(utils.pack_sequence(sequences(mt), enforce_sorted=False))
    for mine, his in zip(found, sequences(mt), strict=True):
        assert_close(mine, his)


def test_gradients_pass_through_packing() -> None:
    utils = mt.nn.utils.rnn
    padded = mt.rand(5, 4, 2, dtype=mt.float64, requires_grad=True)
    lengths = mt.tensor([3, 5, 1, 5])

    def there_and_back(x: Any) -> Any:
        packed = utils.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return utils.pad_packed_sequence(utils.PackedSequence(packed.data.sin(), *packed[1:]))[0]

    assert mt.autograd.gradcheck(there_and_back, (padded,))


WRONG_LENGTHS = {
    "unsorted": ([1, 5, 3, 5], {}), "too long": ([5, 6, 3, 1], {"enforce_sorted": False}), "zero": ([5, 5, 3, 0], {}),
    "too few": ([5, 3], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_LENGTHS)
def test_wrong_lengths_are_refused(name: str, torch: ModuleType) -> None:
    lengths, options = WRONG_LENGTHS[name]
    for lib in (mt,) if name == "too long" else (mt, torch):  # PyTorch packs fewer rows than it counts
        padded = lib.nn.utils.rnn.pad_sequence(sequences(lib))
        with pytest.raises(RuntimeError):
            lib.nn.utils.rnn.pack_padded_sequence(padded, lib.tensor(lengths), **options)


def test_a_packed_sequence_moves_and_converts() -> None:
    packed = mt.nn.utils.rnn.pack_sequence(sequences(mt), enforce_sorted=False)
    assert packed.double().data.dtype is mt.float64 and packed.to("cpu") is packed and not packed.is_cuda
    assert np.array_equal(packed.unsorted_indices.numpy(), np.argsort(packed.sorted_indices.numpy()))


# -- other ways to make or call modules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args"),
    [("Linear", (3, 2)),
     ("Conv2d", (1, 2, 3)), ("LSTM", (3, 4)), ("MultiheadAttention", (4, 2)), ("Embedding", (3, 2))],
)
def test_skip_init_draws_nothing(name: str, args: tuple[int, ...]) -> None:
    kind = getattr(mt.nn, name)
    mt.manual_seed(0)
    before = mt.get_rng_state()
    layer = mt.nn.utils.skip_init(kind, *args, dtype=mt.float64)
    if name != "MultiheadAttention":  # its inner layer draws its own parameters
        assert (mt.get_rng_state() == before).all()
    assert type(layer) is kind
    assert [(key, each.shape, each.dtype) for key, each in layer.state_dict().items()] == [
        (key, each.shape, each.dtype) for key, each in kind(*args, dtype=mt.float64).state_dict().items()
    ]
    layer.load_state_dict(kind(*args).state_dict())


def test_skip_init_requires_a_module_that_accepts_a_device() -> None:
    with pytest.raises(RuntimeError, match="Expected a Module; got 3"):
        mt.nn.utils.skip_init(3)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="must support a 'device' arg to skip initialization, ReLU does not"):
        mt.nn.utils.skip_init(mt.nn.ReLU)


def test_a_stateless_call_is_functional_call() -> None:
    layer = mt.nn.BatchNorm1d(2)
    mean = mt.zeros(2)
    output = mt.nn.utils.stateless.functional_call(layer, {"running_mean": mean, "weight": mt.zeros(2)}, mt.ones(3, 2))
    assert not output.any()
    assert mean.any(), "writes go to the given tensors"
    assert not layer.running_mean.any()
    assert mt.nn.utils.stateless.functional_call is mt.func.functional_call


def old_state(lib: Any) -> tuple[Any, dict[str, Any]]:
    """Return a spectrally normalized layer, and its state as old PyTorch saved it, without the second vector."""
    layer = lib.nn.utils.spectral_norm(lib.nn.Linear(2, 3))
    with lib.no_grad():
        layer.weight_orig.copy_(lib.tensor([[1.0, 2.0], [4.0, 5.0], [3.0, -7.0]]))
        layer.weight_u.copy_(lib.tensor([0.6, 0.8, 0.0]))
    layer.eval()(lib.ones(1, 2))
    state = dict(layer.state_dict())
    state["weight"] = state["weight_orig"] / 2.5
    del state["weight_v"]
    return layer, state


def test_an_old_state_without_the_second_vector_can_be_loaded(torch: Any) -> None:
    found = []
    for lib in (mt, torch):
        layer, state = old_state(lib)
        layer.load_state_dict(state)
        v, u, weight = layer.weight_v, layer.weight_u, layer.weight_orig
        found.append(v.tolist())
        assert float(u.dot(weight.mv(v)).detach()) == pytest.approx(2.5, rel=1e-4)
    assert found[0] == pytest.approx(found[1], rel=1e-2, abs=1e-3)


def test_a_layer_whose_norm_was_removed_loads_plain_states() -> None:
    layer, _ = old_state(mt)
    mt.nn.utils.remove_spectral_norm(layer)
    layer.load_state_dict(mt.nn.Linear(2, 3).state_dict())
    assert not layer._load_state_dict_pre_hooks
