"""The device "meta": what programs ask of tensors without memory, compared with PyTorch word for word."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt

# Evaluated in both libraries: x is (2, 3), w the same with a gradient, z has no dims, m is a mask, i holds positions, c
# complex numbers; h (2, 3) is on the CPU.
EXPRESSIONS = """
x.item()
z.item()
bool(z)
float(z)
int(z)
complex(z)
x.tolist()
z.tolist()
x.numpy()
x.numpy(force=True)
x.__array__()
x.nonzero()
x.argwhere()
torch.where(x > 0)
x[:, m]
x[x > 0]
x.masked_select(x > 0)
x.unique()
torch.bincount(i)
torch.repeat_interleave(x, i, 1)
torch.nn.functional.one_hot(i)
torch.nn.functional.one_hot(i, 4)
torch.equal(x, x)
torch.allclose(x, x)
torch.is_nonzero(z)
x.all() and 1
x.__bool__()
range(z.long())
torch.tensor([z])
torch.tensor(x)
x.cpu()
x.to("cpu")
x.to("cpu", torch.float64)
x.to("meta") is x
x.to(device="meta", dtype=torch.half)
h.to("meta")
h.t().to("meta").stride()
h.clone().copy_(x)
x.clone().copy_(h)
x.float() is x
x == x
h + x
x + h
x + h.sum()
h.sum() + x
h.sum() * z
h * z
h.clone().mul_(x)
h.clone().add_(z)
x.clone().mul_(h)
x.clone().mul_(h.sum())
torch.cat([x, h])
torch.cat([h, x])
torch.stack([x, h])
torch.where(x > 0, h, x)
torch.where(torch.tensor(True), x, x)
x.pow(torch.tensor(2.0))
x.clamp(torch.tensor(0.0))
x.clone().fill_(torch.tensor(2.0))
x.masked_fill(m, 1)
x.masked_fill(h > 0, 1.0)
x.clone().masked_scatter_(x > 0, x)
x[torch.tensor([0, 1])]
x[:, torch.tensor([7])]
x[[0, 1]]
x[..., None].shape
x[5]
x[1].storage_offset()
x[:, torch.tensor([True, False, True])].shape
x.index_select(0, torch.tensor([0]))
x.gather(1, torch.zeros(2, 1, dtype=torch.long))
torch.add(x, x, out=h.clone())
torch.add(h, 1, out=x.clone())
repr(x)
str(z)
f"{z}"
format(z, ".2f")
x.double()
w * 2
(w.double() * 2).sum(0)
torch.nn.Parameter(x)
torch.empty(0, device="meta")
torch.empty(0, 3, device="meta")
list(x)
len(x)
x.requires_grad
x.is_meta
x.is_cpu
x.is_cuda
x.device
x.get_device()
x.data_ptr()
x.untyped_storage().nbytes()
x.storage().size()
x.element_size()
x.is_contiguous()
x.is_pinned()
x.type()
torch.device("meta", 0)
torch.empty(2, device="meta:0").device
copy.deepcopy(x)
copy.deepcopy(w)
pickle.loads(pickle.dumps(w))
pickle.loads(pickle.dumps(x.t())).stride()
torch.zeros_like(x, device="cpu")
torch.tensor([1.0, 2], device="meta")
torch.tensor([[1, 2], [3, 4]], device="meta", dtype=torch.int8)
torch.tensor(3.0, device="meta")
torch.as_tensor([1, 2], device="meta")
torch.as_tensor(h, device="meta")
torch.asarray([1.0], device="meta")
torch.scalar_tensor(2, device="meta")
torch.full((2,), 1.5, device="meta")
torch.full_like(x, 2)
torch.eye(3, device="meta")
torch.arange(0, 5, device="meta")
torch.linspace(0, 1, 4, device="meta")
torch.arange(10**12, device="meta").shape
torch.empty_strided((2, 3), (1, 2), device="meta").stride()
torch.empty(2, 3, 4, 5, device="meta", memory_format=torch.channels_last).stride()
torch.triu_indices(10**6, 10**5, 3, device="meta").shape
x.new_zeros(2)
x.new_tensor([1.0])
torch.rand(2, device="meta")
torch.rand(2, device="meta", generator=torch.Generator())
torch.normal(0.0, 1.0, (2,), device="meta")
torch.normal(x, x)
torch.multinomial(x.abs(), 2)
torch.multinomial(x.abs(), 5)
torch.randperm(5, device="meta")
torch.randint(5, (3,), device="meta")
torch.randint(5, 2, (3,), device="meta")
x.bernoulli()
x.clone().uniform_(2, 1)
x.clone().normal_(0, -1)
x.clone().bernoulli_(2.0)
x.clone().exponential_()
x.T.contiguous()
x.contiguous().is_contiguous()
x.expand(4, 2, 3)
x.expand(4, 2, 3).clone().stride()
x.is_inference()
x.mean().backward()
w.mean().backward() or w.grad
torch.complex(x, x)
c.real
c.conj()
c.conj().is_conj()
c.conj().imag.is_neg()
c.conj() * 2
c.imag
c.conj().imag + 1
x.bfloat16()
x.bfloat16() * 2
x.bfloat16() @ x.bfloat16().T
x.bfloat16().sum()
x.bfloat16().float()
x.bfloat16()[0]
x.bfloat16().exp_()
torch.zeros(3, dtype=torch.bfloat16, device="meta")
h.bfloat16().to("meta")
torch.empty(3, device="meta", dtype=torch.bfloat16) + torch.tensor(2.0)
torch.nn.Linear(2, 3, device="meta", dtype=torch.bfloat16)(torch.empty(4, 2, device="meta", dtype=torch.bfloat16))
torch.nn.Linear(2, 3, device="meta").weight
torch.nn.Linear(3, 4, device="meta")(x)
torch.linalg.inv(x @ x.T).shape
torch.linalg.solve(x @ x.T, x[:, 0])
torch.stft(torch.empty(400, device="meta"), 64, return_complex=True).shape
torch.nn.functional.embedding(i, x.new_empty(10**9, 4))
torch.nn.functional.dropout(x, 0.5)
torch.bucketize(x, x[0])
torch.isclose(x, x)
x.histc()
torch.kthvalue(x, 1)
x.median()
x.quantile(0.5)


3 in x
torch.Generator("meta")
torch.device("meta").type
""".strip().splitlines()


# Here an error: PyTorch writes numbers that do not exist, or does not read the parameters.
REFUSED = {
    "h.clone().mul_(x)", "h.clone().add_(z)", "x.clone().mul_(h)", "x.clone().uniform_(2, 1)",
    "x.clone().bernoulli_(2.0)",
}  # fmt: skip


def evaluate(torch: ModuleType, expression: str) -> Any:
    """Return the text of a result, or the built-in class of an error."""
    names = {"torch": torch, "copy": copy, "pickle": pickle}
    names["x"] = torch.empty(2, 3, device="meta")
    names["w"] = torch.empty(2, 3, device="meta", requires_grad=True)
    names["z"] = torch.empty((), device="meta")
    names["m"] = torch.empty(3, device="meta", dtype=torch.bool)
    names["i"] = torch.empty(3, device="meta", dtype=torch.int64)
    names["c"] = torch.empty(2, device="meta", dtype=torch.complex64)
    names["h"] = torch.ones(2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.sub(r"\s+", " ", re.sub(r"grad_fn=<\w+>", "grad_fn", repr(eval(expression, names))))
        except Exception as error:
            return next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")


@pytest.mark.parametrize("expression", [each for each in EXPRESSIONS if each])
def test_programs_see_what_they_see_in_pytorch(expression: str) -> None:
    torch = pytest.importorskip("torch")
    found, expected = evaluate(mt, expression), evaluate(torch, expression)
    if expression in REFUSED:
        assert found is RuntimeError and not isinstance(expected, type)
    elif isinstance(expected, type) and isinstance(found, type):
        assert issubclass(found, expected)
    else:
        assert found == expected


@pytest.mark.parametrize("fits", [
    lambda x: x + 1, lambda x: x.sum(), lambda x: x.sort().values, lambda x: x.cumsum(0), lambda x: x[::2],
    lambda x: x.view(2, -1).t().contiguous(), lambda x: mt.rand_like(x), lambda x: x.new_empty(2, x.numel()),
    lambda x: mt.nn.functional.dropout(x), lambda x: mt.nn.Linear(2**25, 2**24, device="meta").weight,
    lambda x: x[:, None].expand(2**50, 2**50),
])  # fmt: skip
def test_sizes_that_no_memory_holds(fits: Any) -> None:
    assert fits(mt.empty(2**50, device="meta")).device.type == "meta"


@pytest.mark.parametrize("exceeds", [
    lambda x: mt.empty(2**40, 2**40, device="meta"), lambda x: x[:, None] * x, lambda x: x.repeat(2**22),
    lambda x: x[:, None] @ x[None], lambda x: mt.outer(x, x), lambda x: x[:, None].expand(2**40, 2**40).clone(),
    lambda x: mt.arange(2**62, device="meta"), lambda x: mt.zeros(1).expand(2**40, 1) * mt.zeros(1).expand(1, 2**40),
])  # fmt: skip
def test_sizes_that_int64_cannot_count(exceeds: Any) -> None:
    with pytest.raises(RuntimeError, match=r"size calculation overflowed") as caught:
        exceeds(mt.empty(2**40, device="meta"))
    assert "arr" not in str(caught.value) and "iterator" not in str(caught.value)
