"""uint16, uint32 and uint64 outside of the op table, as in PyTorch: promotion, numbers, casts, views and exchange."""

from __future__ import annotations

import copy
import io
import itertools
import pickle
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.serialization import load_file, save_file
from strict.device import installed

UNSIGNED = ("uint16", "uint32", "uint64")
DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
    "complex128", *UNSIGNED,
)  # fmt: skip


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def outcome(library: Any, text: str, **names: Any) -> Any:
    """Return what an expression gives as text; for an error, its classes."""
    try:
        found = eval(text, {"t": library, "np": np, "copy": copy, **names})
    except Exception as error:
        return type(error)
    return repr(found)


def same(found: Any, expected: Any) -> bool:
    if isinstance(found, type) and isinstance(expected, type):
        return issubclass(found, expected)
    return bool(found == expected)


# In each expression `x` is a matrix of the dtype `d`.
EXPRESSIONS = """
    x; x[0, 0]; x[0]; x[..., 1:]; x[x == 2]; x[[0, 1], [1, 0]]; x.T.contiguous(); x.tolist(); x[0, 1].item(); x.numel()
    d; d.itemsize; d.is_signed; d.is_floating_point; d.is_complex; d.to_real(); d.to_complex(); t.iinfo(d); t.finfo(d)
    t.iinfo(d).bits, t.iinfo(d).min, t.iinfo(d).max, t.iinfo(d).dtype; copy.deepcopy(d) is d; x.type(); x.element_size()
    x.is_floating_point(), x.is_signed(), x.is_complex(); t.set_default_dtype(d); x.dtype is d; copy.deepcopy(x)
    t.zeros(2, dtype=d); t.ones(2, dtype=d); t.full((2,), 3, dtype=d); t.empty(2, dtype=d).dtype; t.arange(3, dtype=d)
    t.eye(2, dtype=d); t.linspace(0, 1, 2, dtype=d); t.logspace(0, 1, 2, dtype=d)
    t.rand(2, dtype=d); t.randn(2, dtype=d); t.randperm(3, dtype=d); t.tril_indices(2, 2, dtype=d)
    t.manual_seed(0) and t.randint(0, 9, (5,), dtype=d); t.manual_seed(0) and t.randint_like(x, 9)
    t.zeros_like(x); t.ones_like(x); t.full_like(x, 7); x.new_tensor([1, 2]); x.new_zeros(2); x.new_full((2,), 5)
    t.scalar_tensor(3, dtype=d); t.empty(0, dtype=d); t.ones(2, dtype=d, requires_grad=True); x.requires_grad_()
    t.tensor(-1, dtype=d); t.tensor(2**63, dtype=d); t.tensor(2**64, dtype=d); t.tensor(1.5, dtype=d)
    t.tensor([2**63 + 5, 1], dtype=d); t.tensor([1, -1], dtype=d)
    t.tensor(True, dtype=d); t.tensor([[1], [2]], dtype=d)
    t.tensor([1, 1.5], dtype=d); t.full((2,), -1, dtype=d); t.full((2,), 2**63, dtype=d)
    x + 1; x + 1.5; x + 1j; x + True; x - 1; 1 - x; x * 2; 2 * x; x * -1; x * 70000; x * 1.5; x * True; x / 2; x / x
    x // 2; x % 2; x ** 2; x ** 0.5; 2 ** x; -x; ~x; abs(x); x & 1; x | 8; x ^ x; x << 1; x == 2; x != 2; x == -1
    x == 65537; x == 1.5; x * x; x + x; x - x; x + x.float(); x * x.float(); x * x.half(); x + x.long(); x * x.byte()
    x * t.tensor(2); x * t.tensor(1.5); x * t.tensor(1j); t.tensor(2) * x[0, 0]; t.ones(1, dtype=t.bool) * x[0, 0]
    x.sum(); x.sum(0); x.sum(dtype=d); x.prod(); x.cumsum(0); x.mean(); x.mean(dtype=t.float32); x.std(); x.norm()
    t.ones(3).sum(dtype=d); t.ones(3).cumsum(0, dtype=d); x.any(); x.all(0); x.sort(descending=True); x.unique()
    x.unique(return_counts=True); x.sqrt(); x.exp(); x.sigmoid(); x.diff(); x @ x.T; t.equal(x, x); t.allclose(x, x)
    t.cat([x, x]); t.cat([x, x.float()]); t.cat([x, x.long()]); t.stack([x, x]); t.where(x == 1, x, x)
    t.where(x == 1, x, 0); t.where(x == 1, x, 0.5); t.where(x, 1, 2); x.repeat(1, 2); x.split(1); x.unfold(1, 2, 1)
    x.clone().fill_(3); x.clone().fill_(-1); x.clone().fill_(1.7); x.clone().zero_(); x.clone().mul_(3)
    x.clone().mul_(1.5); x.clone().add_(1); x.clone().copy_(t.tensor([1.5, 2, 300])); x.clone().copy_(-x.long())
    x.clone().fill_(2**40); x.clone().__setitem__(0, 2**65); t.mul(x, x, out=t.zeros(2, 3, dtype=t.int64))
    t.mul(x.long(), 2, out=t.zeros(2, 3, dtype=d)); t.add(x.float(), 1, out=t.zeros(2, 3, dtype=d))
    t.zeros(2, 3).copy_(x)
    t.zeros(2, 3, dtype=t.int8).copy_(x); t.zeros(2, 3).index_put((t.tensor([0]),), x[0].float())
    x.float(); x.half(); x.bfloat16(); x.double(); x.cfloat()
    x.int(); x.long(); x.short(); x.byte(); x.char(); x.bool()
    t.tensor([300, 70000]).to(d); t.tensor([-1, -2]).to(d); t.tensor([1.7, 300.0]).to(d); t.tensor([True]).to(d)
    t.tensor([1 + 0j]).to(d); x.to(t.uint16); x.to(t.uint32); x.to(t.uint64); x.to("cpu", d) is x; x.type_as(x.float())
    t.iinfo(d).max == t.tensor(t.iinfo(d).max, dtype=t.uint64).to(d).item()
    t.tensor([2**64 - 1], dtype=t.uint64).float()
    t.tensor([2**64 - 1], dtype=t.uint64).long(); t.tensor([2**64 - 1, 0], dtype=t.uint64)
    x.view(t.uint8); x.contiguous().view(t.int16); x.view(d) is x; x.view(t.bfloat16); t.ones(2).view(t.uint32)
    t.ones(2, 4).view(t.uint64); t.tensor([1, 2, 3, 4], dtype=t.uint16).view(t.uint32); t.ones(4).half().view(t.uint16)
    x.untyped_storage().nbytes(); x.data_ptr() == x.view(t.uint8).data_ptr(); x.stride(); x.t().stride()
    t.arange(6)[x]; t.arange(6).take(x); t.bincount(x[0]); t.nn.functional.one_hot(x[0]); [0, 1, 2, 3, 4, 5, 6][x[0, 1]]
    list(range(x[0, 1])); int(x[0, 1]), float(x[0, 1]), bool(x[0, 1]); f"{x[0, 1]:d}"; 3 in x; list(map(int, x[0]))
    x.numpy(); x.numpy().dtype; np.asarray(x); t.from_numpy(x.numpy()); t.as_tensor(x.numpy()); t.tensor(x.numpy())
    t.asarray(x.numpy()); np.from_dlpack(x); t.from_dlpack(x.numpy()); t.from_dlpack(x)
    t.frombuffer(bytearray(range(8)), dtype=d); t.complex(x, x); t.nn.Parameter(x, requires_grad=False)
    t.nn.BatchNorm1d(2).to(d); t.testing.assert_close(x, x); t.quantile(x, 0.5); t.lerp(x, x, 0.5); t.result_type(x, 1j)
    t.result_type(x, t.tensor(1)); t.result_type(x, 1); t.result_type(x, 1.0); t.can_cast(d, t.float32)
"""
LISTED = [each.strip() for line in EXPRESSIONS.splitlines() for each in line.split(";") if each.strip()]


@pytest.mark.parametrize("dtype", UNSIGNED)
@pytest.mark.parametrize("text", LISTED)
def test_expressions_give_what_pytorchs_give(torch: ModuleType, text: str, dtype: str) -> None:
    found, expected = [
        outcome(lib, text, d=getattr(lib, dtype), x=lib.tensor([[1, 2, 3], [4, 5, 6]], dtype=getattr(lib, dtype)))
        for lib in (mt, torch)
    ]
    assert same(found, expected), (found, expected)


@pytest.mark.parametrize(("one", "other"), list(itertools.product(UNSIGNED, DTYPES)))
def test_promotion_is_pytorchs(torch: ModuleType, one: str, other: str) -> None:
    names = "promote_types(t.{0}, t.{1})", "promote_types(t.{1}, t.{0})", "can_cast(t.{0}, t.{1})"
    names = (*names, "can_cast(t.{1}, t.{0})")
    pairs = "mul({0}, {1})", "mul({1}, {0})", "div({0}, {1})", "eq({0}, {1})", "cat([{0}, {1}])"
    pairs = (*pairs, "where(t.tensor(True), {0}, {1})")
    shapes = list(itertools.product(((2,), ()), ((2,), ())))
    texts = [f"t.{each.format(one, other)}" for each in names] + [
        f"t.{each.format(f't.ones({a}, dtype=t.{one})', f't.ones({b}, dtype=t.{other})')}.dtype"
        for each in pairs
        for a, b in shapes
    ]
    for text in texts:
        found, expected = outcome(mt, text), outcome(torch, text)
        assert same(found, expected), (text, found, expected)


def edges(dtype: str) -> Any:
    most = np.iinfo(dtype).max
    return np.array([[0, 1, 2], [most // 2, most - 1, most]], dtype)


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_arrays_share_memory_both_ways(dtype: str) -> None:
    array = edges(dtype)
    tensor = mt.from_numpy(array)
    array[0, 0] = 7
    tensor[0, 1] = 8
    tensor.numpy()[0, 2] = 9
    np.from_dlpack(tensor)[1, 0] = 10
    assert tensor.tolist() == array.tolist()
    assert array[0].tolist() == [7, 8, 9] and array[1, 0] == 10


@pytest.mark.parametrize("dtype", UNSIGNED)
@pytest.mark.parametrize("is_legacy", [False, True])
def test_files_are_read_both_ways(torch: ModuleType, dtype: str, is_legacy: bool) -> None:
    for writer, reader in itertools.product((mt, torch), (mt, torch)):
        if is_legacy and reader is torch:
            continue  # PyTorch cannot read what it writes here
        whole = writer.from_numpy(edges(dtype))
        file = io.BytesIO()
        options = {"_use_new_zipfile_serialization": False} if is_legacy else {}
        writer.save({"x": whole, "row": whole[1:], "t": whole.t()}, file, **options)
        file.seek(0)
        found = reader.load(file)
        for name, expected in (("x", edges(dtype)), ("row", edges(dtype)[1:]), ("t", edges(dtype).T)):
            assert repr(found[name].dtype) == f"torch.{dtype}"
            np.testing.assert_array_equal(found[name].numpy(), expected)
        assert found["row"].data_ptr() - found["x"].data_ptr() == 3 * whole.element_size()


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_safetensors_are_read_both_ways(torch: ModuleType, dtype: str, tmp_path: Any) -> None:
    library = pytest.importorskip("safetensors.torch")
    save_file({"x": mt.from_numpy(edges(dtype))}, tmp_path / "ours")
    np.testing.assert_array_equal(library.load_file(tmp_path / "ours")["x"].numpy(), edges(dtype))
    library.save_file({"x": torch.from_numpy(edges(dtype))}, tmp_path / "theirs")
    found = load_file(tmp_path / "theirs")["x"]
    assert found.dtype is getattr(mt, dtype) and found.tolist() == edges(dtype).tolist()


@pytest.mark.parametrize("dtype", UNSIGNED)
def test_pickles_and_copies_keep_the_numbers(dtype: str) -> None:
    tensor = mt.from_numpy(edges(dtype)).t()
    for found in (pickle.loads(pickle.dumps(tensor)), copy.deepcopy(tensor), tensor.clone()):
        assert (found.dtype, found.stride(), found.tolist()) == (tensor.dtype, (1, 3), tensor.tolist())


def test_they_are_refused_on_other_devices() -> None:
    with installed(), pytest.raises(NotImplementedError, match="uint16 is available only on the device 'cpu'"):
        mt.ones(2, dtype=mt.uint16).to("strict")
