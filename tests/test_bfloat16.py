"""``bfloat16``: bits, casts, promotion, printing, writes, gradients and training, as in PyTorch."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from strict.device import installed

ALL_BITS = np.arange(1 << 16, dtype=np.uint16).view(np.int16)
DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def bits(tensor: Any) -> Any:
    """Return the bits of a bfloat16 tensor of either library."""
    return tensor.view(tensor.short().dtype).numpy()


def same_numbers(found: Any, expected: Any) -> None:
    """Require equal bits, but any NaN for a NaN."""
    one, other = bits(found), bits(expected)
    nan = np.isnan(found.float().numpy())
    assert (nan == np.isnan(expected.float().numpy())).all()
    assert (one == other)[~nan].all()


def both(torch: ModuleType, function: Callable[[Any], Any]) -> tuple[Any, Any]:
    return function(mt), function(torch)


# -- bits --------------------------------------------------------------------------------------------------------------


def test_it_is_one_object() -> None:
    assert isinstance(mt.bfloat16, mt.dtype) and repr(mt.bfloat16) == "torch.bfloat16"
    assert pickle.loads(pickle.dumps(mt.bfloat16)) is copy.deepcopy(mt.bfloat16) is mt.bfloat16


def test_its_facts_are_pytorchs(torch: ModuleType) -> None:
    for name in ("itemsize", "is_floating_point", "is_complex", "is_signed"):
        assert getattr(mt.bfloat16, name) == getattr(torch.bfloat16, name)
    assert repr(mt.finfo(mt.bfloat16)) == repr(torch.finfo(torch.bfloat16))
    for name in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(mt.finfo(mt.bfloat16), name) == getattr(torch.finfo(torch.bfloat16), name)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "bfloat16"])
def test_every_bit_pattern_casts_as_in_pytorch(torch: ModuleType, dtype: str) -> None:
    ours, theirs = mt.from_numpy(ALL_BITS).view(mt.bfloat16), torch.from_numpy(ALL_BITS).view(torch.bfloat16)
    if dtype.startswith(("int", "uint")):  # the cast of NaN, infinities and large numbers is undefined in C
        few = (theirs.float().abs() < 100).numpy() & ((theirs.float() >= 0).numpy() | (dtype[0] == "i"))
        ours, theirs = ours[mt.from_numpy(few)], theirs[torch.from_numpy(few)]
    one, other = ours.to(getattr(mt, dtype)).numpy(), theirs.to(getattr(torch, dtype)).numpy()
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one, other)


def test_every_bit_pattern_survives_copies_and_arithmetic_with_one() -> None:
    whole = mt.from_numpy(ALL_BITS).view(mt.bfloat16)
    for copied in (whole.clone(), whole.float().bfloat16(), mt.cat([whole]), mt.empty_like(whole).copy_(whole)):
        assert (bits(copied) == ALL_BITS).all()
    numbers = ~whole.isnan()
    assert (bits(whole * 1)[numbers.numpy()] == ALL_BITS[numbers.numpy()]).all()


def test_rounding_is_pytorchs(torch: ModuleType) -> None:
    random = np.random.RandomState(0)
    wide = np.concatenate([
        random.randint(0, 1 << 32, 200_000, np.uint32).view(np.float32),
        (random.randint(0, 1 << 16, 20_000, np.uint32) << 16 | 0x8000).view(np.float32),  # ties
        (random.randint(0, 1 << 16, 20_000, np.uint32) << 16 | 0x7FFF).view(np.float32),
        np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 3.3895e38, 1e-40, -1e-45], np.float32),
    ])
    same_numbers(mt.from_numpy(wide).bfloat16(), torch.from_numpy(wide).bfloat16())
    doubles = random.randn(10_000) * 10.0 ** random.randint(-45, 45, 10_000)
    with np.errstate(all="raise"):
        same_numbers(mt.from_numpy(doubles).bfloat16(), torch.from_numpy(doubles).bfloat16())
    whole = random.randint(-(2**62), 2**62, 10_000)
    same_numbers(mt.from_numpy(whole).bfloat16(), torch.from_numpy(whole).bfloat16())


# -- promotion ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DTYPES)
def test_it_is_promoted_as_in_pytorch(torch: ModuleType, name: str) -> None:
    for function in ("promote_types", "can_cast"):
        for pair in (("bfloat16", name), (name, "bfloat16")):
            found, expected = [getattr(lib, function)(*[getattr(lib, one) for one in pair]) for lib in (mt, torch)]
            assert str(found) == str(expected), (function, pair)
    for shapes in (((2,), (2,)), ((2,), ()), ((), (2,)), ((), ())):
        for operation in ("add", "mul", "true_divide", "lt", "maximum", "where"):
            found, expected = [dtype_of(lib, operation, shapes, name) for lib in (mt, torch)]
            assert found == expected, (operation, shapes, found, expected)


def dtype_of(lib: Any, operation: str, shapes: Any, name: str) -> str:
    """Return the dtype of an operation's result, or the class of the error."""
    one, other = lib.ones(shapes[0], dtype=lib.bfloat16), lib.ones(shapes[1], dtype=getattr(lib, name))
    args = (lib.tensor(True), one, other) if operation == "where" else (one, other)
    try:
        return str(getattr(lib, operation)(*args).dtype)
    except (RuntimeError, TypeError) as error:
        return "raises" if isinstance(error, RuntimeError) else "TypeError"


@pytest.mark.parametrize("number", [True, 2, 1.5, 0.1, 1j], ids=repr)
def test_a_number_beside_it_counts_as_in_pytorch(torch: ModuleType, number: Any) -> None:
    def compute(lib: Any) -> list[Any]:
        x = lib.tensor([0.1, 1.0, -3.0, 300.0], dtype=lib.bfloat16)
        results = [x + number, number * x, x / number, x.mul(number)]
        return results if isinstance(number, complex) else [*results, x > number, x == number, x - 7 * number]

    for found, expected in zip(*both(torch, compute), strict=True):
        assert str(found.dtype) == str(expected.dtype)
        assert found.tolist() == expected.tolist()


def test_the_default_dtype_may_be_bfloat16(torch: ModuleType) -> None:
    def compute(lib: Any) -> list[Any]:
        before = lib.get_default_dtype()
        lib.set_default_dtype(lib.bfloat16)
        try:
            x = lib.arange(5)
            return [
                lib.zeros(2), lib.tensor([1.1]), lib.ones(2), x / 3, x.to(lib.float32) / 3, x * 0.1, lib.sqrt(x),
                lib.linspace(0, 1, 3), lib.nn.Linear(2, 2).weight.detach() * 0, x.float().mean(), lib.eye(2),
            ]
        finally:
            lib.set_default_dtype(before)

    for found, expected in zip(*both(torch, compute), strict=True):
        assert (str(found.dtype), found.tolist()) == (str(expected.dtype), expected.tolist())


# -- seen from outside -------------------------------------------------------------------------------------------------

SHOWN: dict[str, Callable[[Any], Any]] = {
    "vector": lambda lib: lib.tensor([1.0, 2.5, -1e30], dtype=lib.bfloat16),
    "whole": lambda lib: lib.tensor([[1.0, 2], [3, 4]], dtype=lib.bfloat16),
    "scalar": lambda lib: lib.tensor(0.1, dtype=lib.bfloat16),
    "empty": lambda lib: lib.zeros(0, 3, dtype=lib.bfloat16),
    "special": lambda lib: lib.tensor([float("nan"), float("inf"), 1.0], dtype=lib.bfloat16),
    "leaf": lambda lib: lib.ones(2, dtype=lib.bfloat16, requires_grad=True),
    "large": lambda lib: lib.arange(2000).to(lib.bfloat16),
    "type": lambda lib: lib.ones(2).bfloat16().type(),
    "type by name": lambda lib: lib.ones(2).type("torch.BFloat16Tensor"),
    "list": lambda lib: lib.tensor([0.1, 3.0], dtype=lib.bfloat16).tolist(),
    "item": lambda lib: lib.tensor(0.1, dtype=lib.bfloat16).item(),
    "float": lambda lib: float(lib.tensor(0.1, dtype=lib.bfloat16)),
    "bool": lambda lib: bool(lib.tensor(0.0, dtype=lib.bfloat16)),
    "format": lambda lib: f"{lib.tensor(0.1, dtype=lib.bfloat16):.5f}",
    "strides": lambda lib: lib.ones(2, 3, dtype=lib.bfloat16).t().stride(),
    "sizes": lambda lib: (lib.ones(3, dtype=lib.bfloat16).nbytes, lib.ones(3, dtype=lib.bfloat16).element_size()),
    "storage": lambda lib: len(lib.ones(3, dtype=lib.bfloat16).untyped_storage().nbytes() * "x"),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_it_looks_as_in_pytorch(torch: ModuleType, show: Callable[[Any], Any]) -> None:
    found, expected = both(torch, show)
    assert repr(found) == repr(expected)


def test_numpy_has_no_bfloat16() -> None:
    with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
        mt.ones(1, dtype=mt.bfloat16).numpy()
    with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
        np.asarray(mt.ones(1, dtype=mt.bfloat16))


def test_copies_and_pickles_keep_the_bits() -> None:
    whole = mt.from_numpy(ALL_BITS).view(mt.bfloat16).clone()
    pair = [whole, whole[::2]]
    for copied in (copy.deepcopy(pair), pickle.loads(pickle.dumps(pair))):
        assert copied[0].dtype is mt.bfloat16
        assert (bits(copied[0]) == ALL_BITS).all() and (bits(copied[1]) == ALL_BITS[::2]).all()
        copied[0][0] = 7
        assert copied[1][0] == 7


# -- views and writes --------------------------------------------------------------------------------------------------

WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "number": lambda lib, x: x.__setitem__((0, 1), 0.3),
    "slice": lambda lib, x: x[:, 1:].mul_(1.7),
    "transposed": lambda lib, x: x.t().add_(lib.tensor([0.1, 0.2], dtype=lib.bfloat16)),
    "wide operand": lambda lib, x: x.add_(lib.tensor([0.1, 0.2, 0.3])),
    "alpha": lambda lib, x: x.sub_(x.clone(), alpha=0.5),
    "indices": lambda lib, x: x.__setitem__(lib.tensor([1, 0]), lib.ones(3, dtype=lib.bfloat16)),
    "mask": lambda lib, x: x.__setitem__(x > 0, -1),
    "masked_fill": lambda lib, x: x.masked_fill_(x < 0, 0.1),
    "index_add": lambda lib, x: x.index_add_(0, lib.tensor([0, 0]), lib.ones(2, 3, dtype=lib.bfloat16)),
    "scatter": lambda lib, x: x.scatter_(1, lib.tensor([[0], [2]]), 9.0),
    "copy": lambda lib, x: x.copy_(lib.arange(3.0) / 7),
    "fill": lambda lib, x: x[0].fill_(0.1),
    "zero": lambda lib, x: x[:, 0].zero_(),
    "out": lambda lib, x: lib.mul(x.clone(), 3, out=x),
    "out of sums": lambda lib, x: lib.sum(lib.ones(2, 3), 0, out=x[0]),
    "view of bits": lambda lib, x: x.view(lib.int16).add_(1),
    "data": lambda lib, x: x.data.add_(1),
    "clamp": lambda lib, x: x.clamp_(-0.5, 0.7),
    "exp": lambda lib, x: x.exp_(),
    "resize": lambda lib, x: x.resize_(2, 2),
    "relu": lambda lib, x: lib.nn.functional.relu_(x),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writes_are_seen_through_views(torch: ModuleType, write: Callable[[Any, Any], Any]) -> None:
    def run(lib: Any) -> list[Any]:
        x = (lib.arange(6.0).reshape(2, 3) * 0.77 - 1).to(lib.bfloat16)
        seen = x.view(-1)[::2]
        version, address = x._version, x.data_ptr()
        write(lib, x)
        return [x.tolist(), seen.tolist(), str(x.dtype), x._version - version, x.data_ptr() == address]

    found, expected = both(torch, run)
    assert found == expected


def test_read_only_memory_and_overlap_are_refused() -> None:
    x = mt.ones(1, dtype=mt.bfloat16).expand(3)
    with pytest.raises(RuntimeError, match="single memory location"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        mt.ones(2, dtype=mt.bfloat16, requires_grad=True).add_(1)


def test_a_write_to_a_saved_value_is_detected() -> None:
    x = mt.ones(2, dtype=mt.bfloat16, requires_grad=True)
    y = x * 1
    z, w = y * y, y.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        z.sum().backward()
    w.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        w.sum().backward()


# -- gradients and training --------------------------------------------------------------------------------------------


def test_gradients_of_writes_through_views(torch: ModuleType) -> None:
    def run(lib: Any) -> list[Any]:
        x = (lib.arange(6.0).reshape(2, 3) * 0.5).to(lib.bfloat16).requires_grad_()
        y = x * 1
        y[0].mul_(y[1].clone())
        y[:, 1] = x[:, 0]
        (first,) = lib.autograd.grad((y * y).sum(), x, create_graph=True)
        (second,) = lib.autograd.grad(first.sum(), x)
        return [y.tolist(), first.tolist(), second.tolist(), str(second.dtype), y.grad_fn.name()]

    found, expected = both(torch, run)
    assert found[:4] == expected[:4]


def test_a_float32_leaf_gets_a_float32_gradient() -> None:
    x = mt.ones(3, requires_grad=True)
    (x.bfloat16() * 3).sum().backward()
    assert x.grad is not None and x.grad.dtype is mt.float32 and x.grad.tolist() == [3, 3, 3]


def test_hooks_see_bfloat16() -> None:
    x, seen = mt.ones(3, dtype=mt.bfloat16, requires_grad=True), []
    y = x * 2
    y.register_hook(lambda grad: seen.append(grad.dtype))
    with mt.autograd.graph.saved_tensors_hooks(lambda t: (seen.append(t.dtype), t)[1], lambda t: t):
        z = (y * y).exp()
    z.sum().backward()
    assert set(seen) == {mt.bfloat16} and len(seen) == 4
    assert x.grad is not None and x.grad.dtype is mt.bfloat16


RULES: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.1, "momentum": 0.9}, "Adam": {"lr": 0.01}, "AdamW": {"lr": 0.01}, "RMSprop": {"lr": 0.01},
    "Adagrad": {"lr": 0.1}, "Adafactor": {"lr": 0.1}, "Muon": {"lr": 0.01},
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_network_trains_as_in_pytorch(torch: ModuleType, rule: str) -> None:
    def run(lib: Any) -> list[float]:
        lib.manual_seed(0)
        model = lib.nn.Sequential(lib.nn.Linear(8, 16, rule != "Muon"), lib.nn.GELU(), lib.nn.Linear(16, 4, False))
        model = model.to(lib.bfloat16)
        x, y = lib.randn(32, 8).to(lib.bfloat16), lib.randint(0, 4, (32,))
        optimizer = getattr(lib.optim, rule)(model.parameters(), **RULES[rule])
        losses = []

        def closure() -> Any:
            optimizer.zero_grad()
            loss = lib.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            losses.append(float(loss))
            return loss

        for _ in range(10):
            optimizer.step(closure)
        assert all(str(each.dtype) == "torch.bfloat16" for each in model.parameters())
        return losses[:10]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = both(torch, run)
    np.testing.assert_allclose(found, expected, rtol=0.03)


def test_lbfgs_lowers_the_loss() -> None:
    x = mt.tensor([3.0, -2.0], dtype=mt.bfloat16, requires_grad=True)
    optimizer = mt.optim.LBFGS([x], lr=0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    before = float(closure())
    optimizer.step(closure)
    assert x.dtype is mt.bfloat16 and float(closure()) < before / 100


def test_gradients_of_a_network_are_pytorchs(torch: ModuleType) -> None:
    def run(lib: Any) -> list[Any]:
        lib.manual_seed(0)
        model = lib.nn.Sequential(lib.nn.Linear(8, 16), lib.nn.LayerNorm(16), lib.nn.ReLU(), lib.nn.Linear(16, 3))
        model = model.bfloat16()
        loss = lib.nn.functional.cross_entropy(model(lib.randn(20, 8).bfloat16()), lib.randint(0, 3, (20,)))
        loss.backward()
        return [loss, *[each.grad for each in model.parameters()]]

    for found, expected in zip(*both(torch, run), strict=True):
        one, other = found.detach().float().numpy(), expected.detach().float().numpy()
        np.testing.assert_allclose(one, other, rtol=1.6e-2, atol=2**-7 * np.abs(other).max())


def test_vmap_computes_in_bfloat16() -> None:
    x = (mt.arange(6.0).reshape(2, 3) / 7).bfloat16()
    found = mt.func.vmap(lambda row: (row * row).exp().sum())(x)
    assert found.dtype is mt.bfloat16 and found.tolist() == (x * x).exp().sum(1).tolist()
    slope = mt.func.grad(lambda row: (row * row).sum())(x[0])
    assert slope.dtype is mt.bfloat16 and slope.tolist() == (2 * x[0]).tolist()


# -- random numbers ----------------------------------------------------------------------------------------------------

DRAWS: dict[str, Callable[[Any, int], Any]] = {
    "rand": lambda lib, n: lib.rand(n, dtype=lib.bfloat16),
    "randn": lambda lib, n: lib.randn(n, dtype=lib.bfloat16),
    "randint": lambda lib, n: lib.randint(0, 100, (n,), dtype=lib.bfloat16),
    "uniform_": lambda lib, n: lib.empty(n, dtype=lib.bfloat16).uniform_(-1, 3),
    "normal_": lambda lib, n: lib.empty(n, dtype=lib.bfloat16).normal_(1, 2),
    "exponential_": lambda lib, n: lib.empty(n, dtype=lib.bfloat16).exponential_(),
    "rand_like": lambda lib, n: lib.rand_like(lib.empty(n, dtype=lib.bfloat16)),
    "randn_like": lambda lib, n: lib.randn_like(lib.empty(n, dtype=lib.bfloat16)),
    "multinomial": lambda lib, n: lib.multinomial(lib.tensor([0.1, 0.2, 0.7], dtype=lib.bfloat16), n, True),
}


@pytest.mark.parametrize("count", [5, 15, 16, 64, 100, 3000])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_are_pytorchs(torch: ModuleType, draw: Callable[[Any, int], Any], count: int) -> None:
    def run(lib: Any) -> list[Any]:
        lib.manual_seed(3)
        return [draw(lib, count).tolist(), lib.rand(2).tolist()]

    found, expected = both(torch, run)
    assert found == expected


# -- devices -----------------------------------------------------------------------------------------------------------

ELSEWHERE: dict[str, Callable[[], Any]] = {
    "moved": lambda: mt.ones(2, dtype=mt.bfloat16).to("strict"),
    "cast": lambda: mt.ones(2).to("strict").bfloat16(),
    "made": lambda: mt.ones(2, dtype=mt.bfloat16, device="strict"),
    "from data": lambda: mt.tensor([1.0], dtype=mt.bfloat16, device="strict"),
    "strided": lambda: mt.empty_strided((2,), (1,), dtype=mt.bfloat16, device="strict"),
    "drawn": lambda: mt.rand(2, dtype=mt.bfloat16, device="strict"),
    "viewed": lambda: mt.ones(2).to("strict").view(mt.bfloat16),
    "a module": lambda: mt.nn.Linear(2, 2).bfloat16().to("strict"),
}


@pytest.mark.parametrize("use", ELSEWHERE.values(), ids=ELSEWHERE)
def test_it_is_refused_on_an_accelerator(use: Callable[[], Any]) -> None:
    with installed(), pytest.raises(NotImplementedError, match="bfloat16 is available only on the device 'cpu'"):
        use()
