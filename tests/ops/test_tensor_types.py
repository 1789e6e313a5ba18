"""PyTorch's old constructors, tensor types and variables: each expression gives what it gives in PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import minitensor as mt

DATA = """
    2,3 | | t.Size((2,)) | [1,2] | (2,3) | [] | 2.0 | 0 | t.tensor(3) | t.tensor(3.0) | [t.tensor(1.0),2] | range(3)
    np.int64(3) | np.float32(3) | [True,False] | True | np.ones(2) | np.ones(2,'f4') | np.arange(3) | 'ab' | b'a' | -1
    2,3.0 | [1,2],[3,4] | {1,2} | None | [1j] | [1.5,2] | [300] | x | i | x.double() | x.bool() | x.untyped_storage()
    [[1,2],[3]] | [[1,2],[3,4]] | x.size() | 2,x | x,x | np.zeros((2,0)) | [0,2] | {} | 1,[2] | 2,device='cpu'
    [1],device='cpu' | [1],dtype=t.float64 | [1],requires_grad=True | i.tolist() | t.tensor(2,dtype=t.int64) | 2**70
    np.array(3) | object()
"""
CALLS = ("t.Tensor", "t.FloatTensor", "t.LongTensor", "t.ByteTensor", "t.BoolTensor", "t.DoubleTensor", "t.HalfTensor",
         "t.IntTensor", "t.ShortTensor", "t.CharTensor", "x.new", "i.new", "x.double().new", "t.tensor(True).new",
         "t.autograd.Variable")  # fmt: skip
CASES = [f"{call}({data.strip()})" for call in CALLS for line in DATA.strip().splitlines() for data in line.split("|")]
PECULIAR = ("t.BoolTensor([t.tensor(1.0),2])", "t.tensor(True).new([t.tensor(1.0),2])")  # it takes numbers
CASES = [text for text in CASES if text not in PECULIAR]
UNSET = ("2,3)", "2,d", "t.Size", "x.size()", "np.int64(3)", "np.array(3)")
FACTS = """
    t.Tensor(x).data_ptr() == x.data_ptr()
    t.Tensor(g).grad_fn is None, t.Tensor(g).requires_grad, t.autograd.Variable(g).requires_grad
    t.FloatTensor(x).data_ptr() == x.data_ptr(), t.FloatTensor(x) is x
    x.new(x).data_ptr() == x.data_ptr()
    [isinstance(a, k) for a in (x, i, x.double(), 1, None, t.nn.Parameter(x)) for k in TYPES]
    [isinstance(a, t.autograd.Variable) for a in (x, i, x.double(), 1, None, t.nn.Parameter(x))]
    isinstance(x, (t.LongTensor, t.FloatTensor)), isinstance(x, t.cuda.FloatTensor)
    [str(k) for k in TYPES], [k.dtype for k in TYPES], [k.is_cuda for k in TYPES]
    [x.type(k) for k in TYPES]
    [x.type("torch." + n) for n in ("LongTensor", "DoubleTensor", "ByteTensor", "BoolTensor", "Tensor", "HalfTensor")]
    x.type(t.FloatTensor) is x
    x.type(float)
    x.type("FloatTensor")
    x.type("torch.cuda.FloatTensor")
    x.type(t.cuda.LongTensor)
    {t.FloatTensor: 1}[t.FloatTensor]
    t.cuda.FloatTensor(2)
    t.cuda.LongTensor([2])
    t.autograd.Variable(x).data_ptr() == x.data_ptr(), t.autograd.Variable(x) is x
    t.autograd.Variable(x, requires_grad=True), x.requires_grad
    t.autograd.Variable(x, True)
    t.autograd.Variable(x, volatile=True)
    t.autograd.Variable(i, requires_grad=True)
    t.autograd.Variable(t.nn.Parameter(x))
    t.autograd.Variable(data=x), t.autograd.Variable(g, requires_grad=False)
    t.Tensor(data=[1, 2])
    x.as_subclass(t.nn.Parameter), t.Tensor._make_subclass(t.nn.Parameter, x, True)
    x.as_subclass(int)
    t.set_default_tensor_type(t.LongTensor)
    t.set_default_tensor_type(t.float32)
    t.set_default_tensor_type(t.Tensor)
    t.set_default_tensor_type(t.cuda.FloatTensor)
    t.set_default_tensor_type(t.DoubleTensor), t.tensor(1.0), t.Tensor([1]), t.set_default_tensor_type(t.FloatTensor)
    t.set_default_device("cpu"), t.get_default_device(), t.set_default_device(None)
    t.is_storage(x.untyped_storage()), t.is_storage(x)
"""


def outcome(t: Any, text: str) -> str:
    x, i, g = t.tensor([1.0, 2.0]), t.tensor([1, 2]), t.ones(2, requires_grad=True)
    types = [t.FloatTensor, t.LongTensor, t.DoubleTensor, t.ByteTensor, t.BoolTensor, t.IntTensor, t.HalfTensor]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = eval(text, {"t": t, "x": x, "i": i, "g": g, "np": np, "TYPES": types})
        except Exception as error:
            own = type(error).__mro__ if t is mt else [type(error)]
            return next(each.__name__ for each in own if each.__module__ == "builtins")
    if isinstance(found, t.Tensor) and "(2,3)" not in text:
        return f"{found.tolist() if 0 not in found.shape else found.shape} {found.dtype} {found.requires_grad}"
    return repr(found).replace("minitensor", "torch")


@pytest.mark.parametrize("text", [line.strip() for line in FACTS.strip().splitlines()])
def test_types_are_pytorchs(text: str) -> None:
    torch = pytest.importorskip("torch")
    assert outcome(mt, text) == outcome(torch, text)


def test_old_constructors_make_what_pytorch_makes() -> None:
    torch = pytest.importorskip("torch")
    differ = []
    for text in CASES:
        is_unset = any(f"({sizes}" in text for sizes in UNSET)
        ours, theirs = [outcome(t, f"{text}.shape" if is_unset else text) for t in (mt, torch)]
        if ours != theirs:
            differ.append((text, ours, theirs))
    assert not differ, "\n".join(map(str, differ))


def test_swap_tensors_swaps_all_that_a_tensor_is() -> None:
    for t in (mt, pytest.importorskip("torch")):
        a, b = t.nn.Parameter(t.ones(1)), t.zeros(2, dtype=t.int64)
        a.tag = 1
        layer = t.nn.Linear(1, 1)
        layer.weight = a
        t.utils.swap_tensors(a, b)
        assert type(b) is t.nn.Parameter and type(a) is t.Tensor
        assert (a.tolist(), a.requires_grad, b.tolist(), b.requires_grad, b.tag) == ([0, 0], False, [1.0], True, 1)
        (b * 3).sum().backward()
        assert b.grad.tolist() == [3.0] and a.grad is None and not hasattr(a, "tag")
        assert layer.weight is a
        with pytest.raises(TypeError if t is mt else Exception):
            t.utils.swap_tensors(a, 1)


def test_a_subclass_may_take_any_arguments() -> None:
    class Image(mt.Tensor):
        def __init__(self, data: Any, tag: str) -> None:
            super().__init__()
            self.tag = tag

        def __new__(cls, data: Any, tag: str) -> Image:
            return super().__new__(cls, data)

    image = Image([1.0, 2.0], "a")
    assert (image.tag, image.tolist(), type(image)) == ("a", [1.0, 2.0], Image)
