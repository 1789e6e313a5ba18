"""The warnings of PyTorch come here too: each of these programs gives the same categories in both libraries.

``set_warn_always`` lets those come each time that otherwise come once in a process.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.optim.swa_utils
import minitensor.utils.checkpoint
import minitensor.utils.data

Program = Callable[[Any], Any]


def leaf(t: Any, *size: int) -> Any:
    return t.ones(*size, requires_grad=True)


def expanded(t: Any) -> Any:
    return t.ones(1).expand(3)


def scheduler(t: Any, kind: str, *args: Any) -> Any:
    optimizer = t.optim.SGD([t.nn.Parameter(t.ones(1))], 0.1, momentum=0.9)
    made = getattr(t.optim.lr_scheduler, kind)(optimizer, *args)
    optimizer.step()
    return made


SCHEDULERS: dict[str, tuple[Any, ...]] = {
    "StepLR": (2,), "ExponentialLR": (0.5,), "LambdaLR": (lambda epoch: 1.0,), "MultiplicativeLR": (lambda epoch: 1.0,),
    "CosineAnnealingWarmRestarts": (3,), "MultiStepLR": ([1],), "OneCycleLR": (1.0, 10), "CyclicLR": (0.1, 1.0),
    "ConstantLR": (), "LinearLR": (), "PolynomialLR": (), "CosineAnnealingLR": (3,),
}  # fmt: skip


def layer(t: Any, heads: int = 2, **options: Any) -> Any:
    return t.nn.TransformerEncoder(t.nn.TransformerEncoderLayer(12, heads, **options), 1)


def function(t: Any, forward: Any = None, backward: Any = None) -> Any:
    def keep(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 1

    methods = {"forward": staticmethod(forward or keep), "backward": staticmethod(backward or (lambda ctx, grad: grad))}
    return type("Keep", (t.autograd.Function,), methods)


def share(ctx: Any, x: Any) -> Any:
    ctx.mark_shared_storage((x, x))
    return x * 1


def read(ctx: Any, grad: Any) -> Any:
    return grad * len(ctx.saved_variables)


def checkpointed(t: Any, **options: Any) -> Any:
    return t.utils.checkpoint.checkpoint(lambda x: x * 2, leaf(t, 1), **options)


def without_grad(t: Any, name: str, function: Any, use: bool | None) -> Any:
    segments = [2] if name == "checkpoint_sequential" else []
    return getattr(t.utils.checkpoint, name)(function, *segments, t.ones(1), use_reentrant=use)


def differences(t: Any, dtype: str) -> None:
    assert t.autograd.gradcheck(lambda x: x * 2, leaf(t, 1).to(getattr(t, dtype)), eps=0.01, atol=0.1)


def replaced_step(t: Any) -> None:
    optimizer = t.optim.SGD([t.nn.Parameter(t.ones(1))], 0.1)
    rates, step = t.optim.lr_scheduler.StepLR(optimizer, 1), optimizer.step
    optimizer.step = lambda: step()
    optimizer.step()
    rates.step()


def read_only() -> Any:
    array = np.ones(2)
    array.flags.writeable = False
    return array


def minimized(t: Any) -> None:
    weight = leaf(t, 1)
    t.optim.LBFGS([weight]).step(lambda: (weight * weight).sum())


def write(place: Any, value: Any) -> Program:
    return lambda t: expanded(t).__setitem__(place(t), value)


STATISTICS: dict[str, Program] = {
    f"{name} of {what}": lambda t, name=name, args=args, kwargs=kwargs: getattr(t, name)(t.ones(*args), **kwargs)  # type: ignore[misc]
    for name in ("var", "std", "var_mean", "std_mean") for what, args, kwargs in (
        ("one", (1,), {}), ("none", (0,), {}), ("two", (2,), {}), ("columns", (2, 1), {"dim": 1}),
        ("too few", (3,), {"dim": 0, "correction": 3}), ("no rows", (0, 3), {"dim": 0}),
        ("one, biased", (1,), {"unbiased": False}), ("no row, of few", (0, 3), {"dim": 1, "correction": 3}),
    )
}  # fmt: skip

LOSSES: dict[str, Program] = {
    **{f"{name} of two sizes": lambda t, name=name: getattr(t.nn.functional, name)(t.ones(2, 2), t.ones(2))  # type: ignore[misc]
       for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")},
    **{f"{name} reduce": lambda t, name=name: getattr(t.nn.functional, name)(t.ones(2), t.ones(2), reduce=True)  # type: ignore[misc]
       for name in ("mse_loss", "l1_loss", "binary_cross_entropy", "kl_div", "soft_margin_loss")},
    "elementwise_mean": lambda t: t.nn.functional.mse_loss(t.ones(2), t.ones(2), reduction="elementwise_mean"),
    "kl_div mean": lambda t: t.nn.functional.kl_div(t.zeros(2), t.ones(2)),
    "KLDivLoss mean": lambda t: t.nn.KLDivLoss()(t.zeros(2), t.ones(2)),
    "kl_div batchmean": lambda t: t.nn.functional.kl_div(t.zeros(2), t.ones(2), reduction="batchmean"),
    "NLLLoss2d": lambda t: t.nn.NLLLoss2d(),
}  # fmt: skip

RATES: dict[str, Program] = {
    **{f"{kind}.step(3)": lambda t, kind=kind, args=args: scheduler(t, kind, *args).step(3)  # type: ignore[misc]
       for kind, args in SCHEDULERS.items() if kind != "MultiplicativeLR"},
    **{f"{kind}.get_lr()": lambda t, kind=kind, args=args: scheduler(t, kind, *args).get_lr()  # type: ignore[misc]
       for kind, args in SCHEDULERS.items()},
    **{f"{kind}.step()": lambda t, kind=kind, args=args: scheduler(t, kind, *args).step()  # type: ignore[misc]
       for kind, args in SCHEDULERS.items()},
    "a replaced step": replaced_step, "LBFGS": minimized,
    "ReduceLROnPlateau.step(epoch=)": lambda t: scheduler(t, "ReduceLROnPlateau").step(1.0, epoch=3),
    "SWALR.get_lr()":
        lambda t: t.optim.swa_utils.SWALR(t.optim.SGD([t.nn.Parameter(t.ones(1))], 0.1), 0.05).get_lr(),
}  # fmt: skip

GRAPHS: dict[str, Program] = {
    "grad of a result": lambda t: (leaf(t, 2) * 2).grad,
    "grad of a view": lambda t: leaf(t, 2)[0].grad,
    "grad of a leaf": lambda t: leaf(t, 2).grad,
    "grad of a constant": lambda t: (t.ones(2) * 2).grad,
    "grad that is retained": lambda t: (lambda y: (y.retain_grad(), y.grad))(leaf(t, 2) * 2),
    "hasattr grad": lambda t: hasattr(leaf(t, 2) * 2, "grad"),
    "backward create_graph": lambda t: leaf(t, 1).pow(2).backward(create_graph=True),
    "autograd.backward create_graph": lambda t: t.autograd.backward(leaf(t, 1).pow(2), create_graph=True),
    "autograd.grad create_graph": lambda t: (lambda x: t.autograd.grad(x.pow(2), x, create_graph=True))(leaf(t, 1)),
    "detect_anomaly": lambda t: t.autograd.detect_anomaly(),
    "set_detect_anomaly": lambda t: t.autograd.set_detect_anomaly(False),
    "grad_variables": lambda t: t.autograd.backward(leaf(t, 1), grad_variables=t.ones(1)),
    "only_inputs": lambda t: (lambda x: t.autograd.grad(x * 1, x, only_inputs=False))(leaf(t, 1)),
    "an instance of a function": lambda t: function(t)(),
    "saved_variables": lambda t: function(t, backward=read).apply(leaf(t, 1)).backward(),
    "mark_shared_storage": lambda t: function(t, share).apply(t.ones(1)),
    "checkpoint": lambda t: checkpointed(t),
    "checkpoint, not reentrant": lambda t: checkpointed(t, use_reentrant=False),
    **{f"checkpoint without grad, {use}": lambda t, use=use: without_grad(t, "checkpoint", t.exp, use)  # type: ignore[misc]
       for use in (True, False, None)},
    **{f"checkpoints in turn without grad, {use}":
       lambda t, use=use: without_grad(t, "checkpoint_sequential", [t.exp, t.sin], use)  # type: ignore[misc]
       for use in (True, False, None)},
    **{f"gradcheck of {dtype}": lambda t, dtype=dtype: differences(t, dtype)  # type: ignore[misc]
       for dtype in ("float32", "float64", "complex64", "complex128", "float16")},
    "gradcheck of one float32": lambda t: t.autograd.gradcheck(t.add, (leaf(t, 1).double(), leaf(t, 1)), atol=0.1),
    "float of a leaf": lambda t: float(leaf(t, 1)),
    "float of a constant": lambda t: float(t.ones(1)),
    "complex of a leaf": lambda t: complex(leaf(t, 1)),
    "int of a leaf": lambda t: int(leaf(t, 1)),
    "a leaf as text": lambda t: f"{leaf(t, 1)} {leaf(t, 1).item():.2f}",
}

COMPLEX: dict[str, Callable[[Any, Any], Any]] = {
    "tensor(complex array)": lambda t, dtype: t.tensor(np.ones(2, dtype=np.complex64), dtype=dtype),
    "tensor(complex tensor)": lambda t, dtype: t.tensor(t.ones(2, dtype=t.cfloat), dtype=dtype),
    "new_tensor(complex array)": lambda t, dtype: t.ones(2).new_tensor(np.ones(2, dtype=np.complex64), dtype=dtype),
    "as_tensor(complex array)": lambda t, dtype: t.as_tensor(np.ones(2, dtype=np.complex64), dtype=dtype),
    "fill_(complex tensor)": lambda t, dtype: t.ones(2, dtype=dtype).fill_(t.tensor(1j)),
    "copy_(complex tensor)": lambda t, dtype: t.ones(2, dtype=dtype).copy_(t.ones(2, dtype=t.cfloat)),
    "setitem(complex tensor)": lambda t, dtype: t.ones(2, dtype=dtype).__setitem__(0, t.tensor(1j)),
    "type": lambda t, dtype: t.ones(2, dtype=t.cfloat).type(dtype),
}  # fmt: skip

TENSORS: dict[str, Program] = {
    "tensor(tensor)": lambda t: t.tensor(t.ones(2)),
    "new_tensor(tensor)": lambda t: t.ones(1).new_tensor(t.ones(2)),
    "as_tensor(tensor)": lambda t: t.as_tensor(t.ones(2)),
    "tensor([tensor])": lambda t: t.tensor([t.ones(1)]),
    "arrays": lambda t: t.tensor([np.ones(2), np.ones(2)]),
    "arrays in lists": lambda t: t.tensor([[np.ones(2)], [np.ones(2)]]),
    "an array and a list": lambda t: t.tensor([np.ones(2), [1, 1]]),
    "a number and an array": lambda t: t.tensor([7, np.array(5)]),
    "an empty array": lambda t: t.tensor([np.ones(0)]),
    "numbers of NumPy": lambda t: t.tensor([np.float32(1)]),
    "as_tensor of arrays": lambda t: t.as_tensor([np.ones(2)]),
    "Tensor of arrays": lambda t: t.Tensor([np.ones(2)]),
    "an array": lambda t: t.tensor(np.ones(2)),
    **{f"{name} of a read-only array": lambda t, name=name: getattr(t, name)(read_only())  # type: ignore[misc]
       for name in ("from_dlpack", "from_numpy", "as_tensor", "asarray", "tensor")},
    **{f"{what} as {dtype}": lambda t, made=made, dtype=dtype: made(t, getattr(t, dtype))  # type: ignore[misc]
       for what, made in COMPLEX.items() for dtype in ("float32", "int64", "bool", "float16", "complex128")},
    "storage": lambda t: t.ones(2).storage(),
    "untyped_storage": lambda t: t.ones(2).untyped_storage().nbytes(),
    "to float of complex": lambda t: t.ones(1, dtype=t.cfloat).to(t.float32),
    "float of complex": lambda t: t.ones(1, dtype=t.cfloat).float(),
    "long of complex": lambda t: t.ones(1, dtype=t.cfloat).long(),
    "bool of complex": lambda t: t.ones(1, dtype=t.cfloat).bool(),
    "copy_ of complex": lambda t: t.ones(1).copy_(t.ones(1, dtype=t.cfloat)),
    "complex gradient of a real": lambda t: (leaf(t, 1) * t.ones(1, dtype=t.cfloat)).abs().sum().backward(),
    "T of 3": lambda t: t.ones(2, 2, 2).T, "T of 2": lambda t: t.ones(2, 2).T, "T of 1": lambda t: t.ones(2).T,
    "T of 0": lambda t: t.ones(()).T, "mT of 0": lambda t: t.ones(()).mT, "H of 0": lambda t: t.ones(()).H,
    "mH of 0": lambda t: t.ones(()).mH, "adjoint of 0": lambda t: t.ones(()).adjoint(),
    "mT of 3": lambda t: t.ones(2, 2, 2).mT,
}  # fmt: skip

OPS: dict[str, Program] = {
    "meshgrid": lambda t: t.meshgrid(t.ones(2), t.ones(2)),
    "meshgrid ij": lambda t: t.meshgrid(t.ones(2), indexing="ij"),
    "cartesian_prod": lambda t: t.cartesian_prod(t.ones(1), t.ones(1)),
    "combinations": lambda t: t.combinations(t.ones(3)),
    "cross": lambda t: t.cross(t.ones(2, 3), t.ones(2, 3)),
    "cross, dim": lambda t: t.cross(t.ones(2, 3), t.ones(2, 3), dim=1),
    "linalg.cross": lambda t: t.linalg.cross(t.ones(3), t.ones(3)),
    "chain_matmul": lambda t: t.chain_matmul(t.ones(1, 1), t.ones(1, 1)),
    "multi_dot": lambda t: t.linalg.multi_dot([t.ones(1, 1), t.ones(1, 1)]),
    "cholesky": lambda t: t.cholesky(t.eye(1)), "linalg.cholesky": lambda t: t.linalg.cholesky(t.eye(1)),
    "qr": lambda t: t.qr(t.eye(1)), "linalg.qr": lambda t: t.linalg.qr(t.eye(1)), "svd": lambda t: t.svd(t.eye(1)),
    "cov of one": lambda t: t.cov(t.ones(2, 1)), "cov of two": lambda t: t.cov(t.ones(2, 2)),
    "corrcoef of one": lambda t: t.corrcoef(t.ones(2, 1)),
    "scatter reduce": lambda t: t.ones(2).scatter(0, t.tensor([0]), t.ones(1), reduce="add"),
    "scatter_ reduce": lambda t: t.ones(2).scatter_(0, t.tensor([0]), t.ones(1), reduce="multiply"),
    "scatter_ reduce of a number": lambda t: t.ones(2).scatter_(0, t.tensor([0]), 2.0, reduce="add"),
    "scatter_reduce": lambda t: t.ones(2).scatter_reduce(0, t.tensor([0]), t.ones(1), "sum"),
    "stft": lambda t: t.stft(t.ones(8), 4, return_complex=True),
    "stft, window": lambda t: t.stft(t.ones(8), 4, window=t.ones(4), return_complex=True),
    "stft, real": lambda t: t.stft(t.ones(8), 4, window=t.ones(4), return_complex=False),
    "istft": lambda t: t.istft(t.ones(3, 5, dtype=t.cfloat), 4),
    "istft, window": lambda t: t.istft(t.ones(3, 5, dtype=t.cfloat), 4, window=t.ones(4)),
    "searchsorted of columns": lambda t: t.searchsorted(t.ones(3, 2).t(), t.ones(2, 3)),
    "searchsorted in columns": lambda t: t.searchsorted(t.ones(2, 3), t.ones(3, 2).t()),
    "searchsorted": lambda t: t.searchsorted(t.ones(2), t.ones(2)),
    "bucketize of columns": lambda t: t.bucketize(t.ones(3, 2).t(), t.ones(4)[::2]),
}  # fmt: skip

LAYERS: dict[str, Program] = {
    "to complex": lambda t: t.nn.Linear(1, 1).to(t.cfloat),
    "to complex by name": lambda t: t.nn.Linear(1, 1).to(dtype=t.cdouble),
    "to a complex tensor": lambda t: t.nn.Linear(1, 1).to(t.ones(1, dtype=t.cfloat)),
    "to double": lambda t: t.nn.Linear(1, 1).to(t.double),
    **{name: lambda t, name=name: getattr(t.nn.functional, name)(t.ones(1, 1, 2, 2), scale_factor=2)  # type: ignore[misc]
       for name in ("upsample", "upsample_nearest", "upsample_bilinear", "interpolate")},
    "Upsample": lambda t: t.nn.Upsample(scale_factor=2)(t.ones(1, 1, 2)),
    "grid_sample": lambda t: t.nn.functional.grid_sample(t.ones(1, 1, 2, 2), t.zeros(1, 2, 2, 2)),
    "affine_grid": lambda t: t.nn.functional.affine_grid(t.ones(1, 2, 3), (1, 1, 2, 2)),
    "affine_grid of one": lambda t: t.nn.functional.affine_grid(t.ones(1, 2, 3), (1, 1, 1, 2), align_corners=True),
    "affine_grid of two": lambda t: t.nn.functional.affine_grid(t.ones(1, 2, 3), (1, 1, 2, 2), align_corners=True),
    "gumbel eps": lambda t: t.nn.functional.gumbel_softmax(t.ones(2), eps=1e-9),
    "embedding_bag, swapped": lambda t: t.nn.functional.embedding_bag(t.ones(2, 2), t.tensor([[0]])),
    "conv same, even": lambda t: t.nn.functional.conv1d(t.ones(1, 1, 4), t.ones(1, 1, 2), padding="same"),
    "conv same, odd": lambda t: t.nn.functional.conv1d(t.ones(1, 1, 4), t.ones(1, 1, 3), padding="same"),
    "encoder": lambda t: layer(t), "encoder, batch first": lambda t: layer(t, batch_first=True),
    "encoder, odd": lambda t: layer(t, 3, batch_first=True),
    "encoder, norm first": lambda t: layer(t, batch_first=True, norm_first=True),
    "encoder, tanh": lambda t: layer(t, batch_first=True, activation=t.tanh),
    "encoder, GELU": lambda t: layer(t, batch_first=True, activation=t.nn.GELU()),
    "encoder, no bias": lambda t: layer(t, batch_first=True, bias=False),
    "Transformer": lambda t: t.nn.Transformer(4, 2, 1, 1, 4),
    "Softmax": lambda t: t.nn.Softmax()(t.ones(2, 2)),
    "pin_memory": lambda t: list(t.utils.data.DataLoader([1], pin_memory=True)),
    "pin_memory_device": lambda t: list(t.utils.data.DataLoader([1], pin_memory=True, pin_memory_device="cuda")),
    "cummulative_sizes": lambda t: t.utils.data.ConcatDataset([[1]]).cummulative_sizes,
    "cumulative_sizes": lambda t: t.utils.data.ConcatDataset([[1]]).cumulative_sizes,
}  # fmt: skip

PROGRAMS = {**STATISTICS, **LOSSES, **RATES, **GRAPHS, **TENSORS, **OPS, **LAYERS}


def categories(library: Any, program: Program) -> set[str]:
    """Return the categories of the warnings of a program, which must not fail."""
    library.set_warn_always(True)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            program(library)
    finally:
        library.set_warn_always(False)
    return {each.category.__name__ for each in caught if "__array_wrap__" not in str(each.message)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_warns_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    __import__("torch.optim.swa_utils"), __import__("torch.utils.checkpoint")
    torch.storage._reset_warn_typed_storage_removal()
    assert categories(mt, PROGRAMS[name]) == categories(torch, PROGRAMS[name])


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in ("Transformer",)])
def test_a_warning_names_a_line_of_this_file(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        PROGRAMS[name](mt)
    assert {each.filename for each in caught} <= {__file__}


def test_some_warnings_come_once_in_a_process() -> None:
    mt.set_warn_always(True)
    with pytest.warns(UserWarning, match="indexing"):
        mt.meshgrid(mt.ones(2))
    mt.set_warn_always(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mt.meshgrid(mt.ones(2))
    with pytest.warns(UserWarning, match="degrees of freedom"):  # this one comes each time
        mt.ones(1).var()
    with pytest.raises(TypeError, match="expected a bool"):
        mt.set_warn_always(1)
