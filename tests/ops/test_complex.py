"""Complex numbers and memory: views of their parts, writes through these views, gradients; views as another dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops.twin import agree, same_error

Z = np.array([[1 + 2j, -0.5 + 1j, 3.0], [0.5j, 1 - 1j, -2 + 0.25j]])
X = np.array([[1.0, 2.0], [-3.0, 4.0], [0.5, -1.5]])


def through_real(lib: Any, z: Any) -> Any:
    w = z * 2
    w.real.mul_(w.imag.clone())
    return w * w


def through_a_column(lib: Any, z: Any) -> Any:
    w = z.clone()
    w.t()[1].imag.add_(w[0, 0].real)
    return w * z


def through_pairs(lib: Any, x: Any) -> Any:
    y = x * 1.0
    lib.view_as_complex(y).mul_(2 + 1j)
    return y * y


def through_both(lib: Any, z: Any) -> Any:
    w = z * z
    lib.view_as_complex(lib.view_as_real(w)).mul_(1j)
    lib.view_as_real(w)[..., 1].exp_()
    return w


@pytest.mark.parametrize("call", [through_real, through_a_column, through_both], ids=lambda each: each.__name__)
def test_a_write_through_a_part_is_seen_by_gradients(call: Any) -> None:
    agree(call, Z)


def test_a_write_through_a_complex_view_is_seen_by_gradients_of_reals() -> None:
    agree(through_pairs, X)


@pytest.mark.parametrize("name", ["real", "imag"])
def test_a_part_is_a_view_that_can_be_assigned_to(name: str) -> None:
    z = mt.tensor(Z)
    part = getattr(z, name)
    part[0, 0] = 7
    assert getattr(complex(z[0, 0]), name) == 7
    version = z._version if hasattr(z, "_version") else z.version
    setattr(z, name, mt.zeros(3, dtype=mt.float64))
    assert z.version > version
    assert part.abs().sum().item() == 0


def test_a_part_may_be_multiplied_by_the_other() -> None:
    """PyTorch refuses the backward pass here: a write to the real part counts as a write to the imaginary part."""
    grads = []
    for other in (lambda w: w.imag, lambda w: w.imag.clone()):
        z = mt.tensor(Z, requires_grad=True)
        w = z * 2
        w.real.mul_(other(w))
        (w * w).abs().sum().backward()
        grads.append(z.grad)
    assert mt.equal(*grads)


def test_a_stale_saved_value_is_detected_through_a_part() -> None:
    z = mt.tensor(Z, requires_grad=True)
    w = z * 1
    y = w * w
    w.real.zero_()
    with pytest.raises(mt.errors.VersionError, match="modified by an inplace operation"):
        y.abs().sum().backward()


def test_a_real_tensor_is_its_own_real_part() -> None:
    x = mt.tensor(X)
    assert x.real is x
    same_error(lambda lib: lib.tensor([1.0]).imag)
    same_error(lambda lib: lib.view_as_real(lib.tensor([1.0])))


def test_parts_of_parts_share_one_storage() -> None:
    z = mt.tensor(Z)
    assert mt.view_as_complex(mt.view_as_real(z)).storage is z.storage
    assert mt.view_as_real(z).data_ptr() == z.data_ptr()


# -- views as another dtype --------------------------------------------------------------------------------------------

DTYPES = ("uint8", "int16", "int32", "float32", "int64", "float64", "complex64", "complex128")


@pytest.mark.parametrize("source", ["int16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("wanted", DTYPES)
@pytest.mark.parametrize("cut", [(), (slice(1, 3),), (slice(None), slice(0, 4)), (slice(None), slice(4, 8))], ids=repr)
def test_a_view_as_a_dtype_is_pytorchs(source: str, wanted: str, cut: Any) -> None:
    torch = pytest.importorskip("torch")
    array = np.arange(32).reshape(4, 8).astype(source)

    def seen(lib: Any) -> Any:
        x = lib.from_numpy(array.copy())[cut]
        return x.view(getattr(lib, wanted))

    try:
        expected = seen(torch)
    except RuntimeError:
        with pytest.raises(RuntimeError, match="must be"):
            seen(mt)
        return
    found = seen(mt)
    assert tuple(found.shape) == tuple(expected.shape)
    assert found.stride() == expected.stride()
    assert found.numpy().tobytes() == expected.numpy().tobytes()


def test_a_view_as_a_dtype_shares_memory_and_has_no_gradient() -> None:
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    bits = x.detach().view(mt.int32)
    bits[0] = 0
    assert x.tolist() == [0.0, 2.0]
    assert not x.view(dtype=mt.int32).requires_grad


def test_a_view_as_a_dtype_refuses_what_pytorch_refuses() -> None:
    same_error(lambda lib: lib.tensor(1.0).view(lib.float64))
    same_error(lambda lib: lib.zeros(2, 3).view(lib.float64))
    same_error(lambda lib: lib.zeros(2, 4).t().view(lib.float64))


@pytest.mark.parametrize("pair", [(1, 2.0), (True, 3), (1j, 2), (1.5, 1j)], ids=repr)
def test_result_type_of_numbers_is_pytorchs(pair: Any) -> None:
    torch = pytest.importorskip("torch")
    assert repr(mt.result_type(*pair)) == repr(torch.result_type(*pair))
    tensors = [(lib.ones(2, dtype=lib.int16), lib.tensor(1.0)) for lib in (mt, torch)]
    assert repr(mt.result_type(tensors[0][0], pair[1])) == repr(torch.result_type(tensors[1][0], pair[1]))
    assert repr(mt.result_type(*tensors[0])) == repr(torch.result_type(*tensors[1]))
