"""Exchange with other libraries: memory becomes tensors, and tensors become arrays, without a copy; properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt

DTYPES = "bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split()


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_shares_memory_with_numpy_both_ways(dtype: str) -> None:
    x = mt.ones(2, 3, dtype=getattr(mt, dtype)).t()
    theirs = np.from_dlpack(x)
    assert (theirs.shape, theirs.dtype.name) == ((3, 2), dtype)
    x[0, 1] = 0
    assert theirs[0, 1] == 0
    array = np.zeros((2, 3), dtype).T
    ours = mt.from_dlpack(array)
    array[0, 1] = 1
    assert ours[0, 1].item() == 1 and ours.stride() == (1, 3)
    part = mt.from_dlpack(array[::2, 1:])
    array[2, 1] = 1
    assert part[1, 0].item() == 1


def test_dlpack_shares_memory_with_pytorch_both_ways() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.arange(6.0).reshape(2, 3)
    ours = mt.from_dlpack(theirs)
    theirs[1, 2] = 9
    assert ours[1, 2].item() == 9
    again = torch.from_dlpack(ours)
    again[0, 0] = 7
    assert ours[0, 0].item() == 7 and theirs[0, 0].item() == 7


def test_a_tensor_that_requires_grad_is_not_exported() -> None:
    with pytest.raises(RuntimeError, match="detach"):
        np.from_dlpack(mt.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match="DLPack"):
        mt.from_dlpack([1, 2])


def test_a_buffer_is_shared() -> None:
    buffer = bytearray(np.arange(4, dtype="int32").tobytes())
    found = mt.frombuffer(buffer, dtype=mt.int32, count=2, offset=4)
    buffer[4] = 9
    assert found.tolist() == [9, 2]
    assert mt.frombuffer(bytearray(8), dtype=mt.float32, requires_grad=True).requires_grad


BUFFERS: list[tuple[Any, dict[str, Any]]] = [
    (bytearray(), {}), (bytearray(8), {"offset": 8}), (bytearray(8), {"offset": -1}), (bytearray(8), {"count": 3}),
    (bytearray(8), {"count": 0}), (bytearray(7), {}),
]  # fmt: skip


@pytest.mark.parametrize(("buffer", "options"), BUFFERS, ids=str)
def test_buffers_of_a_wrong_size_are_refused(buffer: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        mt.frombuffer(buffer, dtype=mt.float32, **options)
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError):
        torch.frombuffer(buffer, dtype=torch.float32, **options)


def test_objects_without_a_buffer_are_refused() -> None:
    with pytest.raises(TypeError, match="buffer"):
        mt.frombuffer([1], dtype=mt.float32)
    with pytest.raises(TypeError, match="dtype"):
        mt.frombuffer(bytearray(4), dtype="float32")


def test_asarray_shares_what_it_can() -> None:
    array = np.zeros(3)
    x = mt.ones(3)
    assert mt.asarray(x) is x
    assert mt.asarray(array).data_ptr() == array.ctypes.data
    assert mt.asarray(array, copy=True).data_ptr() != array.ctypes.data
    assert mt.asarray(array, dtype=mt.float32).dtype is mt.float32
    assert mt.asarray([1.0, 2.0], requires_grad=True).requires_grad
    assert mt.asarray(bytearray(8), dtype=mt.int32).tolist() == [0, 0]
    for wrong in (lambda: mt.asarray([1], copy=False), lambda: mt.asarray(array, dtype=mt.float32, copy=False)):
        with pytest.raises(ValueError, match="alias"):
            wrong()


def test_properties_of_a_host_tensor() -> None:
    x = mt.tensor([3.0])
    assert mt.is_tensor(x) and not mt.is_tensor([1])
    assert mt.is_nonzero(x) and not mt.tensor(0).is_nonzero()
    assert x.is_cpu and x.get_device() == -1 and mt.get_device(x) == -1
    assert not (x.is_sparse or x.is_meta or x.is_quantized or x.is_pinned() or x.is_shared() or x.is_inference())
    assert x.is_same_size(mt.zeros(1)) and not mt.is_same_size(x, mt.zeros(2))
    with pytest.raises(RuntimeError, match="ambiguous"):
        mt.is_nonzero(mt.ones(2))


@pytest.mark.parametrize("library", ["minitensor", "torch"])
def test_a_capsule_is_read_once(library: str) -> None:
    lib = pytest.importorskip(library)
    exchange = pytest.importorskip(f"{library}.utils.dlpack")
    x = lib.arange(3.0)
    capsule = exchange.to_dlpack(x)
    assert type(capsule).__name__ == "PyCapsule" and lib.to_dlpack is exchange.to_dlpack
    lib.from_dlpack(capsule)[0] = 9
    assert x.tolist() == [9, 1, 2]
    for wrong in (capsule, 3):
        with pytest.raises((RuntimeError, TypeError)):
            exchange.from_dlpack(wrong)
    assert exchange.DLDeviceType.kDLCUDA == 2
