"""Parametrized tensors equal PyTorch's: names, text, values, gradients, assignment, errors."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor import nn
from minitensor.autograd import gradcheck, gradgradcheck
from minitensor.nn.utils import parametrizations, parametrize
from tests.nn.twins import assert_close, numbers, ours_of


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


class Symmetric(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.triu() + x.triu(1).mT

    def right_inverse(self, x: Any) -> Any:
        return x.triu()


class Halves(nn.Module):
    def forward(self, x: Any, y: Any) -> Any:
        return x + y

    def right_inverse(self, x: Any) -> Any:
        return x / 2, x / 2


class Exp(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.exp()


class Counting(Exp):
    calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return super().forward(x)


# -- the mechanism -----------------------------------------------------------------------------------------------------


def test_the_weight_is_computed_from_the_original() -> None:
    layer = nn.Linear(3, 3)
    before = layer.weight
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert layer.parametrizations.weight.original is before, "an optimizer can keep it"
    assert [name for name, _ in layer.named_parameters()] == ["bias", "parametrizations.weight.original"]
    assert (layer.weight == layer.weight.T).all()
    layer(mt.ones(3)).sum().backward()
    assert before.grad.tolist() == [[1, 2, 2], [0, 1, 2], [0, 0, 1]]
    assert "weight" in dir(layer)
    assert isinstance(layer, nn.Linear)
    assert parametrize.type_before_parametrizations(layer) is nn.Linear


def test_texts_and_names_are_pytorchs(torch: ModuleType) -> None:
    found = []
    for lib in (mt, torch):
        layer = lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(3, 2))
        lib.nn.utils.parametrizations.spectral_norm(layer, "bias")
        lib.nn.utils.parametrizations.orthogonal(layer)
        found.append((repr(layer), list(layer.state_dict()), type(layer).__name__))
    assert found[0] == found[1]


def test_several_originals_and_several_parametrizations() -> None:
    layer = nn.Linear(2, 2).requires_grad_(False)
    value = layer.weight.clone()
    parametrize.register_parametrization(layer, "weight", Halves())
    parametrize.register_parametrization(layer, "weight", Exp())
    assert list(layer.state_dict())[1:] == ["parametrizations.weight.original0", "parametrizations.weight.original1"]
    mt.testing.assert_close(layer.weight, value.exp())
    assert not any(each.requires_grad for each in layer.parameters())


def test_assignment_goes_to_the_original() -> None:
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
    held = layer.parametrizations.weight.original
    layer.weight = mt.tensor([[1.0, 2.0], [2.0, 3.0]])
    assert layer.weight.tolist() == [[1, 2], [2, 3]]
    assert layer.parametrizations.weight.original is held
    assert held.tolist() == [[1, 2], [0, 3]]
    with pytest.raises(TypeError, match="cannot assign 'Parameter' to the parametrized tensor 'weight'"):
        layer.weight = nn.Parameter(mt.ones(2, 2))


def test_a_buffer_stays_a_buffer() -> None:
    layer = parametrize.register_parametrization(nn.BatchNorm1d(2), "running_var", Exp())
    assert [name for name, _ in layer.named_buffers()][-1] == "parametrizations.running_var.original"
    parametrize.remove_parametrizations(layer, "running_var", leave_parametrized=False)
    assert layer.running_var.tolist() == [1, 1]
    assert dict(layer.named_buffers())["running_var"] is layer.running_var


@pytest.mark.parametrize("leave", [True, False])
def test_removing_a_parametrization_restores_the_class_and_a_plain_parameter(leave: bool) -> None:
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Exp())
    parametrize.register_parametrization(layer, "bias", Halves())
    held, value, bias = layer.parametrizations.weight.original, layer.weight.detach().clone(), layer.bias.detach()
    before = held.detach().clone()
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=leave)
    assert layer.weight is held
    assert (layer.weight == (value if leave else before)).all()
    assert parametrize.is_parametrized(layer)
    assert not parametrize.is_parametrized(layer, "weight")
    parametrize.remove_parametrizations(layer, "bias")
    assert type(layer) is nn.Linear
    assert isinstance(layer.bias, nn.Parameter)
    assert layer.bias.is_leaf
    assert (layer.bias == bias).all()
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_copies_and_pickles_are_parametrized_too() -> None:
    layer = parametrize.register_parametrization(nn.Sequential(nn.Linear(3, 3))[0], "weight", Symmetric())
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(other) == repr(layer)
        assert (other.weight == layer.weight).all()
        other.weight = mt.zeros(3, 3)
        assert (other.weight != layer.weight).any()
        assert type(parametrize.remove_parametrizations(other, "weight")) is nn.Linear


def test_cached_computes_once() -> None:
    counting = Counting()
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", counting, unsafe=True)
    counting.calls = 0
    with parametrize.cached():
        first = layer.weight
        with parametrize.cached():
            assert layer.weight is first
        assert layer.weight is first
    assert counting.calls == 1
    assert layer.weight is not first
    assert counting.calls == 2


def test_state_dicts_are_loaded_and_modes_reach_the_parametrization() -> None:
    first, second = [parametrizations.spectral_norm(nn.Linear(3, 4)) for _ in range(2)]
    second.load_state_dict(first.state_dict())
    assert (first.eval().weight == second.eval().weight).all()
    assert not first.parametrizations.weight[0].training


def test_parametrizations_can_be_transferred() -> None:
    first = parametrizations.weight_norm(nn.Linear(3, 4))
    parametrize.register_parametrization(first, "bias", Exp())
    second = parametrize.transfer_parametrizations_and_params(first, nn.Linear(3, 4))
    assert second.parametrizations.weight.original0 is first.parametrizations.weight.original0
    assert (second.weight == first.weight).all()
    assert (second.bias == first.bias).all()
    plain = nn.Linear(3, 4)
    assert parametrize.transfer_parametrizations_and_params(plain, second) is second


def test_an_error_inside_a_parametrization_is_unchanged() -> None:
    class Wrong(nn.Module):
        def forward(self, x: Any) -> Any:
            return self.nothing

    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Wrong(), unsafe=True)
    with pytest.raises(AttributeError, match="'Wrong' object has no attribute 'nothing'"):
        _ = layer.weight


def lambda_module(forward: Any, inverse: Any = None) -> nn.Module:
    class Made(nn.Module):
        pass

    made = Made()
    made.forward = forward
    if inverse is not None:
        made.right_inverse = inverse
    return made


REFUSED: list[tuple[Any, str]] = [
    (lambda_module(lambda x: 3), "A parametrization must return a tensor. Got int"),
    (lambda_module(lambda x: x[0]), "may not change the shape of the tensor"),
    (lambda_module(lambda x: x.double()), "may not change the dtype of the tensor"),
    (lambda_module(lambda x: x, lambda x: 3), "'right_inverse' must return a Tensor or a Sequence of tensors"),
    (lambda_module(lambda x: x, lambda x: x.double()), "outputs one tensor, it may not change the dtype"),
    (lambda_module(lambda x, y: x, lambda x: (x, 3)), "Got element 1 of the sequence with type int"),
]


@pytest.mark.parametrize(("made", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_an_invalid_parametrization_is_refused_and_changes_nothing(made: Any, message: str) -> None:
    layer = nn.Linear(2, 2)
    value = layer.weight.detach().clone()
    with pytest.raises(ValueError, match=message):
        parametrize.register_parametrization(layer, "weight", made)
    assert type(layer) is nn.Linear
    assert (layer.weight == value).all()


@pytest.mark.parametrize("made", [each for each, _ in REFUSED[:3]], ids=["int", "shape", "dtype"])
def test_a_second_parametrization_is_checked_too(made: Any) -> None:
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Exp())
    with pytest.raises(ValueError, match=r"may not change|must return a tensor"):
        parametrize.register_parametrization(layer, "weight", made)
    assert len(layer.parametrizations.weight) == 1


def test_a_missing_name_is_refused() -> None:
    layer = nn.Linear(2, 2, bias=False)
    with pytest.raises(ValueError, match="a buffer, or a parametrized element with name 'x'"):
        parametrize.register_parametrization(layer, "x", Exp())
    with pytest.raises(ValueError, match=r"cannot parametrize 'bias' .*: it is None"):
        parametrize.register_parametrization(layer, "bias", Exp())
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(layer, "weight")
    parametrize.register_parametrization(layer, "weight", Exp())
    with pytest.raises(RuntimeError, match="parametrization Exp does not implement right_inverse"):
        layer.weight = mt.ones(2, 2)
    with pytest.raises(ValueError, match="requires one or more modules"):
        parametrize.ParametrizationList([], mt.ones(2))
    halves = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Halves())
    with pytest.raises(ValueError, match="Cannot leave unparametrized"):
        parametrize.remove_parametrizations(halves, "weight", leave_parametrized=False)
    for wrong, message in (
        (mt.ones(1), "must return a sequence"),
        ([mt.ones(1)], "length 2. Got a sequence of length 1"),
        ([3, 4], "element 0 of type int"),
        ([mt.ones(1, dtype=mt.int64)] * 2, "has dtype torch.int64"),
    ):
        halves.parametrizations.weight[0].right_inverse = lambda x, wrong=wrong: wrong
        with pytest.raises(ValueError, match=message):
            halves.weight = mt.ones(2, 2)


# -- the parametrizations that PyTorch provides ------------------------------------------------------------------------


def layers(lib: Any) -> dict[str, Any]:
    lib.manual_seed(3)
    return {
        "linear": (lib.nn.Linear(4, 3), (2, 4)),
        "square": (lib.nn.Linear(4, 4), (2, 4)),
        "wide": (lib.nn.Linear(3, 5), (2, 3)),
        "conv": (lib.nn.Conv2d(2, 3, 2), (1, 2, 4, 4)),
        "transposed": (lib.nn.ConvTranspose2d(2, 3, 2), (1, 2, 4, 4)),
    }


def train(lib: Any, layer: Any, shape: tuple[int, ...]) -> list[Any]:
    """Take two steps; return outputs, gradients and state."""
    layer.double()
    rule, found = lib.optim.SGD(layer.parameters(), lr=0.1), []
    for seed in (1, 2):
        output = layer(lib.tensor(numbers(seed, *shape)).double())
        rule.zero_grad()
        (output * output).sum().backward()
        found += [output, *(each.grad.clone() for each in layer.parameters())]
        rule.step()
    return [*found, *layer.state_dict().values(), layer.eval()(lib.ones(shape, dtype=lib.float64))]


def compare(make: Any, name: str, torch: Any) -> None:
    results = []
    for lib in (mt, torch):
        layer, shape = layers(lib)[name]
        layer.double()
        lib.manual_seed(5)
        layer = make(lib, layer)
        lib.manual_seed(7)
        results.append((list(layer.state_dict()), train(lib, layer, shape)))
    assert results[0][0] == results[1][0]
    for mine, his in zip(results[0][1], results[1][1], strict=True):
        assert_close(mine, his, 1e-8)


@pytest.mark.parametrize("name", ["linear", "conv", "transposed"])
@pytest.mark.parametrize("dim", [0, 1, -2, None])
def test_weight_norm_is_pytorchs(name: str, dim: int | None, torch: ModuleType) -> None:
    compare(lambda lib, layer: lib.nn.utils.parametrizations.weight_norm(layer, dim=dim), name, torch)


@pytest.mark.parametrize("name", ["linear", "conv", "transposed"])
@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3, "dim": 1}, {"name": "bias", "dim": 0}], ids=str)
def test_spectral_norm_is_pytorchs(name: str, options: dict[str, Any], torch: ModuleType) -> None:
    compare(lambda lib, layer: lib.nn.utils.parametrizations.spectral_norm(layer, **options), name, torch)


@pytest.mark.parametrize("name", ["linear", "square", "wide"])
@pytest.mark.parametrize("how", [None, "matrix_exp", "cayley", "householder"])
def test_orthogonal_is_pytorchs(name: str, how: str | None, torch: ModuleType) -> None:
    compare(lambda lib, layer: lib.nn.utils.parametrizations.orthogonal(layer, orthogonal_map=how), name, torch)


@pytest.mark.parametrize("name", ["linear", "square", "wide"])
def test_householder_without_a_base_is_pytorchs(name: str, torch: ModuleType) -> None:
    def make(lib: Any, layer: Any) -> Any:
        lib.nn.init.orthogonal_(layer.weight)
        before = layer.weight.detach().clone()
        lib.nn.utils.parametrizations.orthogonal(layer, orthogonal_map="householder", use_trivialization=False)
        np.testing.assert_allclose(layer.weight.detach().numpy(), before.numpy(), atol=1e-12)
        return layer

    compare(make, name, torch)


@pytest.mark.parametrize("how", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 2), (2, 5), (3, 4, 2), (3, 3, 3)], ids=str)
def test_orthogonal_matrices_are_orthogonal_and_can_be_assigned(how: str, shape: tuple[int, ...]) -> None:
    module = nn.Module()
    module.weight = nn.Parameter(mt.randn(shape, dtype=mt.float64))
    parametrizations.orthogonal(module, orthogonal_map=how)
    original = module.parametrizations.weight.original
    with mt.no_grad():
        original.add_(mt.randn(shape, dtype=mt.float64).tril(-1) if how == "householder" else mt.randn(shape))
    for weight in (module.weight, nn.init.orthogonal_(mt.empty(shape[-2:], dtype=mt.float64)).expand(shape)):
        module.weight = weight.detach()
        mt.testing.assert_close(module.weight, weight)
        tall = weight if shape[-2] >= shape[-1] else weight.mT
        eye = mt.eye(min(shape[-2:]), dtype=mt.float64)
        mt.testing.assert_close(tall.mT @ tall, eye.expand(*shape[:-2], *eye.shape))


@pytest.mark.parametrize("how", ["matrix_exp", "cayley"])
def test_complex_weights_become_unitary(how: str) -> None:
    module = nn.Module()
    module.weight = nn.Parameter(mt.randn(3, 3, dtype=mt.complex128))
    weight = parametrizations.orthogonal(module, orthogonal_map=how).weight
    mt.testing.assert_close(weight.mH @ weight, mt.eye(3, dtype=mt.complex128))


@pytest.mark.parametrize("how", ["matrix_exp", "cayley", "householder"])
def test_orthogonal_gradients_are_correct_to_second_order(how: str) -> None:
    orth = parametrizations._Orthogonal(mt.empty(3, 2, dtype=mt.float64), how, use_trivialization=False)
    x = mt.randn(3, 2, dtype=mt.float64)
    if how == "householder":
        signs = mt.tensor([[1.0, 0], [0, -1], [0, 0]], dtype=mt.float64)
        x = x.tril(-1)

        def call(x: Any) -> Any:
            return orth(x.tril(-1) + signs)
    else:
        call = orth  # type: ignore[assignment]  # a module is called like a function
    assert gradcheck(call, x.requires_grad_())
    assert gradgradcheck(call, x)


def test_weight_norm_loads_state_dicts_of_the_hook_version() -> None:
    with pytest.warns(FutureWarning, match=r"deprecated in favor of nn.utils.parametrizations.weight_norm"):
        older = nn.utils.weight_norm(nn.Linear(3, 2))
    newer = parametrizations.weight_norm(nn.Linear(3, 2))
    newer.load_state_dict(older.state_dict())
    mt.testing.assert_close(newer(mt.ones(3)), older(mt.ones(3)))


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: parametrizations.spectral_norm(nn.Linear(2, 2), "x"), ValueError, "no parameter or buffer with name 'x'"),
    (lambda: parametrizations.spectral_norm(nn.Linear(2, 2), dim=2), IndexError, r"range of \[-2, 1\] but got 2"),
    (lambda: parametrizations.spectral_norm(nn.Linear(2, 2), n_power_iterations=0), ValueError, "n_power_iterations=0"),
    (lambda: parametrizations.weight_norm(nn.Linear(2, 2), dim=2), IndexError, r"dim must lie in \[-2, 1\]"),
    (lambda: parametrizations.orthogonal(nn.Linear(2, 2), "bias"), ValueError, "Got a tensor of 1 dimensions"),
    (lambda: parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="qr"), ValueError, "Got: 'qr'"),
    (lambda: setattr(parametrizations.orthogonal(nn.Linear(2, 2)), "weight", mt.ones(2)), ValueError, "shape .*2, 2"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_invalid_arguments_are_refused(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_parametrizations_that_cannot_be_inverted_say_so() -> None:
    layer = parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="cayley", use_trivialization=False)
    with pytest.raises(NotImplementedError, match="not possible to assign"):
        layer.weight = mt.eye(2)
    complicated = nn.Linear(2, 2, dtype=mt.complex64)
    with pytest.raises(ValueError, match="does not support complex"):
        parametrizations.orthogonal(complicated, orthogonal_map="householder")


# -- the deprecated versions, with hooks -------------------------------------------------------------------------------


def older(lib: Any, kind: str, layer: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return getattr(lib.nn.utils, kind)(layer, **options)


@pytest.mark.parametrize("name", ["linear", "conv", "transposed"])
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_the_deprecated_norms_are_pytorchs(kind: str, name: str, torch: ModuleType) -> None:
    compare(lambda lib, layer: older(lib, kind, layer), name, torch)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_the_deprecated_norms_exchange_state_with_pytorch_and_can_be_removed(kind: str, torch: ModuleType) -> None:
    ours, theirs = [older(lib, kind, lib.nn.Linear(3, 2)) for lib in (mt, torch)]
    ours.load_state_dict({key: ours_of(value) for key, value in theirs.state_dict().items()})
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    before = ours.eval()(mt.ones(3))
    assert_close(before, theirs.eval()(torch.ones(3)))
    getattr(nn.utils, f"remove_{kind}")(ours)
    assert sorted(ours.state_dict()) == ["bias", "weight"]
    mt.testing.assert_close(ours(mt.ones(3)), before)
    assert not ours.state_dict()._metadata[""].get("spectral_norm")
    with pytest.raises(ValueError, match=f"{kind} of 'weight' not found"):
        getattr(nn.utils, f"remove_{kind}")(ours)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_the_deprecated_norms_refuse_invalid_arguments(kind: str) -> None:
    layer = older(mt, kind, nn.Linear(3, 2))
    with pytest.raises(RuntimeError, match=f"Cannot register two {kind} hooks on the same parameter weight"):
        older(mt, kind, layer)
    with pytest.raises(ValueError, match="has no parameter `x`"):
        older(mt, kind, nn.Linear(3, 2), name="x")
    with pytest.raises(ValueError, match="can't have uninitialized parameters"):
        older(mt, kind, nn.LazyLinear(2))


def test_two_forwards_before_one_backward_keep_their_vectors() -> None:
    """As when a GAN's discriminator sees a real and a generated image: the vectors change between the two."""
    for make in (parametrizations.spectral_norm, nn.utils.spectral_norm):
        layer = make(nn.Linear(3, 3))
        (layer(mt.ones(3)) - layer(mt.zeros(3))).sum().backward()
        assert all(math.isfinite(each.grad.sum().item()) for each in layer.parameters())
