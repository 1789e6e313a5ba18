"""Copies, casts, and properties of tensors, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops.twin import agree, same_error

torch = pytest.importorskip("torch")

A = np.arange(1.0, 25.0).reshape(2, 3, 4)
DTYPES = "bool uint8 int8 int16 int32 int64 float16 float32 float64 complex64 complex128".split()
NAMES = "float double half cfloat cdouble long int short char byte bool".split()

LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "whole": lambda x: x,
    "turned": lambda x: x.permute(2, 0, 1),
    "part": lambda x: x[:, 1:, ::2],
    "expanded": lambda x: x[:, :1].expand(2, 5, 4),
    "ones": lambda x: x[:1].transpose(0, 2),
    "empty": lambda x: x[:0],
    "number": lambda x: x[0, 0, 0],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_copy_has_pytorchs_layout_and_its_gradient_passes(layout: Callable[[Any], Any]) -> None:
    agree(lambda lib, x: [layout(x).clone() ** 2, layout(x).contiguous() ** 2], A)
    for copy in (lambda x: x.clone(), lambda x: x.contiguous()):
        ours, theirs = copy(layout(mt.from_numpy(A))), copy(layout(torch.from_numpy(A)))
        assert ours.stride() == theirs.stride()


def test_a_copy_shares_no_memory_and_contiguous_copies_only_if_it_must() -> None:
    x = mt.zeros(2, 3)
    x.clone().fill_(1)
    assert not x.any()
    assert x.contiguous() is x and x.t().contiguous() is not x


@pytest.mark.parametrize("name", ["contiguous_format", "channels_last", "preserve_format"])
def test_memory_formats_have_pytorchs_strides(name: str) -> None:
    def made(lib: Any) -> Any:
        return lib.zeros(2, 3, 4, 5).clone(memory_format=getattr(lib, name))

    assert made(mt).stride() == made(torch).stride()
    assert repr(getattr(mt, name)) == repr(getattr(torch, name))
    for asked in ("contiguous_format", "channels_last"):
        ours, theirs = made(mt), made(torch)
        assert ours.is_contiguous(memory_format=getattr(mt, asked)) is theirs.is_contiguous(
            memory_format=getattr(torch, asked))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", DTYPES)
@pytest.mark.filterwarnings("ignore:.*discards the imaginary part")
def test_a_cast_equals_pytorchs(name: str, given: str) -> None:
    agree(lambda lib, x: getattr(x, name)(), np.array([0, 1, 2, 3]).astype(given), order=0)


@pytest.mark.parametrize("name", ["float", "double", "cfloat", "cdouble"])
def test_a_cast_between_floats_has_a_gradient_in_the_inputs_dtype(name: str) -> None:
    x = mt.from_numpy(A).requires_grad_()
    (getattr(x, name)() * 2).abs().sum().backward()
    assert x.grad.dtype is mt.float64 and (x.grad == 2).all()
    assert not x.long().requires_grad


TO = {
    "dtype": lambda lib, x: x.to(lib.float32),
    "dtype by name": lambda lib, x: x.to(dtype=lib.int64),
    "a Python type": lambda lib, x: x.to(int),
    "device": lambda lib, x: x.to("cpu"),
    "device object and dtype": lambda lib, x: x.to(lib.device("cpu"), lib.float32),
    "another tensor": lambda lib, x: x.to(lib.zeros(1)),
    "flags": lambda lib, x: x.to(lib.float32, True, True),
    "type_as": lambda lib, x: x.type_as(lib.zeros(1)),
    "type": lambda lib, x: x.type(lib.float32),
    "type by name": lambda lib, x: x.type("torch.LongTensor"),
    "type's name": lambda lib, x: x.type(),
    "cpu": lambda lib, x: x.cpu(),
}


@pytest.mark.parametrize("call", TO.values(), ids=TO)
def test_to_accepts_pytorchs_arguments(call: Callable[..., Any]) -> None:
    agree(call, A, order=0)


def test_to_returns_the_tensor_itself_unless_something_changes() -> None:
    x = mt.zeros(2)
    assert x.to(mt.float32) is x and x.to("cpu") is x and x.float() is x
    assert x.to(mt.float32, copy=True) is not x
    with pytest.raises(TypeError, match="expected"):
        x.to(mt.float32, "cpu")


WRITES = {
    "copy": lambda lib, x, y: x.copy_(y),
    "copy a row": lambda lib, x, y: x.copy_(y[0, 0]),
    "copy into a part": lambda lib, x, y: x[:, 1].copy_(y[:, 0]),
    "copy from itself": lambda lib, x, y: x[0].copy_(x[1]),
    "copy another dtype": lambda lib, x, y: x.copy_(y.float()),
    "fill": lambda lib, x, y: x[0].fill_(3.0),
    "fill with a tensor": lambda lib, x, y: x[0].fill_(y[0, 0, 0]),
    "zero": lambda lib, x, y: x[..., 0].zero_(),
}


@pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
def test_writing_equals_pytorchs(call: Callable[..., Any]) -> None:
    def written(lib: Any, x: Any, y: Any) -> Any:
        target = x * 1
        call(lib, target, y)
        return target * target

    agree(written, A, A * 2 + 1)


def test_an_overwritten_tensor_stays_in_the_graph_and_gets_a_zero_gradient() -> None:
    x = mt.ones(2, requires_grad=True)
    y = x * 2
    y.copy_(mt.zeros(2))
    y.sum().backward()
    assert y.requires_grad and x.grad.tolist() == [0, 0]


def test_detach_shares_memory_and_version_but_no_history() -> None:
    x = mt.ones(2, requires_grad=True)
    y = x * x
    seen = y.detach()
    assert not seen.requires_grad and seen.data_ptr() == y.data_ptr()
    seen.zero_()
    assert not y.any()
    z = (x * x).exp()
    z.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_data_of_a_leaf_can_be_replaced() -> None:
    x = mt.ones(2, requires_grad=True)
    x.data = mt.zeros(3, 2)
    (x + 1).sum().backward()
    assert x.shape == (3, 2) and x.grad.shape == (3, 2) and not x.data.requires_grad


def test_numpy_shares_memory() -> None:
    x = mt.zeros(3, 2)
    x.t().numpy()[0, 1] = 5
    assert x[1, 0] == 5
    np.asarray(x)[2, 1] = 7
    assert x[2, 1].item() == 7
    assert np.asarray(x, dtype="float64").dtype == "float64"
    assert mt.ones(2, requires_grad=True).numpy(force=True).tolist() == [1, 1]


FACTS = {
    "size": lambda x: x.size(),
    "size of a dim": lambda x: x.size(-1),
    "stride": lambda x: x.stride(),
    "stride of a dim": lambda x: x.stride(0),
    "storage_offset": lambda x: x.storage_offset(),
    "dim": lambda x: x.dim(),
    "numel": lambda x: (x.numel(), x.nelement()),
    "bytes": lambda x: (x.element_size(), x.nbytes, x.itemsize),
    "kinds": lambda x: (x.is_floating_point(), x.is_complex(), x.is_signed(), x.is_cuda),
    "contiguous": lambda x: x.is_contiguous(),
    "tolist": lambda x: x.tolist(),
}


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
@pytest.mark.parametrize("layout", [LAYOUTS["whole"], LAYOUTS["turned"], LAYOUTS["part"], LAYOUTS["expanded"]])
def test_a_tensors_properties_are_pytorchs(fact: Callable[[Any], Any], layout: Callable[[Any], Any]) -> None:
    ours, theirs = fact(layout(mt.from_numpy(A))), fact(layout(torch.from_numpy(A)))
    assert ours == theirs and repr(ours) == repr(theirs)


PYTHON = {
    "bool": lambda x: bool(x[0, 0, 0]),
    "int": lambda x: int(x[0, 1, 1] / 4),
    "float": lambda x: float(x[:1, 0, 0]),
    "complex": lambda x: complex(x[0, 0, 1]),
    "index": lambda x: range(10)[x[0, 0, 1].long()],
    "item": lambda x: x[1, 1, 1].item(),
    "len": lambda x: len(x),
    "iteration": lambda x: [row.tolist() for row in x],
    "in": lambda x: (3.0 in x, 99 in x, x[0, 0] in x),
    "truth of a size": lambda x: [bool(x[0, 0, i] - 1) for i in range(2)],
}


@pytest.mark.parametrize("call", PYTHON.values(), ids=PYTHON)
def test_python_numbers_from_tensors_are_pytorchs(call: Callable[[Any], Any]) -> None:
    ours, theirs = call(mt.from_numpy(A)), call(torch.from_numpy(A))
    assert ours == theirs and type(ours) is type(theirs)


@pytest.mark.parametrize(("call", "message"), [
    (lambda lib: bool(lib.ones(2)), "more than one value is ambiguous"),
    (lambda lib: bool(lib.ones(0)), "no values is ambiguous"),
    (lambda lib: lib.ones(2).item(), "a Tensor with 2 elements cannot be converted to Scalar"),
    (lambda lib: int(lib.ones(2)), "only one element tensors"),
    (lambda lib: float(lib.ones(2)), "only one element tensors"),
    (lambda lib: range(3)[lib.ones(1)], "only integer tensors of a single element"),
    (lambda lib: len(lib.tensor(1.0)), r"len\(\) of a 0-d tensor"),
    (lambda lib: list(lib.tensor(1.0)), "iteration over a 0-d tensor"),
    (lambda lib: "a" in lib.ones(2), "only supports Tensor or scalar"),
    (lambda lib: lib.ones(2, requires_grad=True).numpy(), "Can't call numpy\\(\\) on Tensor that requires grad"),
    (lambda lib: lib.ones(2).copy_(lib.ones(3)), "size|match"),
    (lambda lib: lib.ones(2).fill_(lib.ones(3)), "0-dimension value tensor"),
    (lambda lib: lib.ones(2, dtype=lib.uint8).fill_(300), "without overflow"),
    (lambda lib: lib.ones(2, requires_grad=True).zero_(), "leaf"),
    (lambda lib: lib.ones(2, 3).contiguous(memory_format=lib.channels_last), "rank 4"),
    (lambda lib: lib.tensor(1.0).size(0), "dim"),
])
def test_a_misuse_is_explained(call: Callable[[Any], Any], message: str) -> None:
    same_error(call)
    with pytest.raises(Exception, match=message):
        call(mt)
