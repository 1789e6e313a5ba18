"""Read-only memory: every write checks first, raises a clear error and changes nothing.

The memory is a file mapped for reading, so a write without the check crashes the process.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor import nn, optim
from minitensor.errors import ReadOnlyError
from minitensor.nn import functional as F
from ops import call as calls
from ops.call import outcome
from ops.row import Row
from ops.table import ROWS

Write = Callable[[mt.Tensor], Any]


def map_file(array: Any) -> mt.Tensor:
    """Return a tensor over a file that holds an array and is mapped for reading."""
    with tempfile.NamedTemporaryFile() as file:
        array.tofile(file)
        file.flush()
        memory = np.memmap(file.name, mode="r", dtype=array.dtype, shape=array.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mt.from_numpy(memory)


def four(*shape: int) -> mt.Tensor:
    return map_file(np.linspace(0.1, 0.9, 4, dtype="float32").reshape(shape or (4,)))


def assert_refuses(write: Write, x: mt.Tensor) -> None:
    """Require that the write raises and that memory, version and random stream are unchanged."""
    before, stream = x.clone(), mt.get_rng_state()
    with pytest.raises(ReadOnlyError, match=r"\w.*: the tensor of shape .* is in read-only memory"):
        write(x)
    assert np.array_equal(x.numpy(), before.numpy(), equal_nan=x.dtype.is_floating_point) and x._version == 0
    assert mt.equal(mt.get_rng_state(), stream)


# -- methods -----------------------------------------------------------------------------------------------------------

LAYOUTS = (  # they change the layout, not the memory
    "as_strided_", "detach_", "requires_grad_", "resize_", "resize_as_", "set_", "squeeze_", "unsqueeze_", "swapaxes_",
    "swapdims_", "t_", "transpose_",
)  # fmt: skip
TWINS = [
    (row, name)
    for row in ROWS
    for name in dict.fromkeys(
        (row.name.split(".")[-1], f"{row.name.split('.')[-1]}_", *[f"{alias}_" for alias in row.aliases])
    )
    if name.endswith("_") and not name.startswith("_") and hasattr(mt.Tensor, name)
    and name not in (*LAYOUTS, "polygamma_")  # its row has the order as first argument
]


@pytest.mark.parametrize(("row", "name"), TWINS, ids=[f"{row} {name}" for row, name in TWINS])
def test_a_method_refuses_to_write(row: Row, name: str) -> None:
    method, tried = getattr(mt.Tensor, name), 0
    for call in [each for each in row.calls if each.args and isinstance(each.args[0], np.ndarray)]:
        args, kwargs = calls.our_arguments(call)
        if call.args[0].ndim and call.args[0].size and not isinstance(outcome(method, *args, **kwargs), Exception):
            args, kwargs = calls.our_arguments(call)
            assert_refuses(lambda x, args=args, kwargs=kwargs: method(x, *args[1:], **kwargs), map_file(call.args[0]))
            tried += 1
    assert tried


# -- other ways to write -----------------------------------------------------------------------------------------------

ONE, HERE = mt.ones(1), mt.tensor([0])


def assign(place: Any, value: Any = 1.0) -> Write:
    return lambda x: x.__setitem__(place(x) if callable(place) else place, value)


WRITES: dict[str, Write] = {
    "x[0] = 1": assign(0),
    "x[0:2] = 1": assign(slice(2)),
    "x[...] = 1": assign(...),
    "x[0:1] = tensor": assign(slice(1), ONE),
    "x[tensor] = 1": assign(HERE),
    "x[tensor] = tensor": assign(HERE, ONE),
    "x[mask] = 1": assign(lambda x: x > 0.5),
    "x[mask] = tensor": assign(lambda x: x < 0.2, ONE),
    "x += 1": lambda x: x.__iadd__(1),
    "copy_": lambda x: x.copy_(mt.ones(4)),
    "copy_ of integers": lambda x: x.copy_(mt.ones(4, dtype=mt.int64)),
    "fill_": lambda x: x.fill_(1),
    "zero_": lambda x: x.zero_(),
    "index_put_": lambda x: x.index_put_((HERE,), ONE),
    "index_put_ and accumulate": lambda x: x.index_put_((HERE,), ONE, True),
    "put_ and accumulate": lambda x: x.put_(HERE, ONE, True),
    "a view": lambda x: x.view(2, 2).add_(1),
    "a transposed view": lambda x: x.view(2, 2).t().mul_(2),
    "a part": lambda x: x[1:].zero_(),
    "one of a split": lambda x: x.chunk(2)[0].add_(1),
    "a diagonal": lambda x: x.view(2, 2).diagonal().fill_(1),
    "as_strided": lambda x: x.as_strided((2,), (1,)).add_(1),
    "detach": lambda x: x.detach().add_(1),
    "data": lambda x: x.data.add_(1),
    "another dtype": lambda x: x.view(mt.int32).add_(1),
    "a real part": lambda x: mt.view_as_complex(x.view(2, 2)).real.add_(1),
    "set_ to it": lambda x: mt.zeros(2).set_(x).add_(1),
    "data set to it": lambda x: with_data(mt.zeros(4), x).add_(1),
    "vmap": lambda x: mt.vmap(lambda each: each.add_(1))(x),
    "vmap of an accumulation": lambda x: mt.vmap(lambda a, b: a.index_add_(0, HERE, b))(x.view(2, 2), mt.ones(2, 1)),
    "out=": lambda x: mt.exp(mt.ones(4), out=x),
    "out= of another size": lambda x: mt.exp(mt.ones(2), out=x),
    "out= of a range": lambda x: mt.arange(4, out=x),
    "out= of random numbers": lambda x: mt.rand(4, out=x),
    "one of several out=": lambda x: mt.sort(mt.ones(4), out=(x, mt.zeros(4, dtype=mt.int64))),
    **{name: lambda x, name=name: getattr(x, name)() for name in (
        "uniform_", "normal_", "random_", "bernoulli_", "exponential_", "cauchy_", "log_normal_",
    )},
    "geometric_": lambda x: x.geometric_(0.5),
    **{f"{name} in place": lambda x, name=name: getattr(F, name)(x, inplace=True) for name in (
        "relu", "relu6", "elu", "selu", "celu", "silu", "mish", "hardtanh", "hardswish", "hardsigmoid", "leaky_relu",
    )},
    "relu_": F.relu_,
    "threshold in place": lambda x: F.threshold(x, 0.5, 1.0, True),
    "rrelu in place": lambda x: F.rrelu(x, training=True, inplace=True),
    "dropout in place": lambda x: F.dropout(x, 0.5, True, True),
    "alpha_dropout in place": lambda x: F.alpha_dropout(x, 0.5, True, True),
    "batch_norm's mean": lambda x: F.batch_norm(mt.eye(4), x, mt.ones(4), training=True),
    "batch_norm's variance": lambda x: F.batch_norm(mt.eye(4), mt.zeros(4), x, training=True),
    "instance_norm's mean": lambda x: F.instance_norm(mt.ones(2, 4, 3), x, mt.ones(4)),
    "embedding that shortens rows": lambda x: F.embedding(HERE, x.view(2, 2), max_norm=0.01),
    "embedding_bag that shortens rows": lambda x: F.embedding_bag(mt.tensor([[0, 1]]), x.view(2, 2), max_norm=0.01),
    **{f"init.{name}": lambda x, name=name: getattr(nn.init, name)(x.view(2, 2)) for name in (
        "uniform_", "normal_", "ones_", "zeros_", "trunc_normal_", "eye_", "xavier_uniform_", "xavier_normal_",
        "kaiming_uniform_", "kaiming_normal_", "orthogonal_",
    )},
    "init.constant_": lambda x: nn.init.constant_(x, 1.0),
    "init.sparse_": lambda x: nn.init.sparse_(x.view(2, 2), 0.5),
    "init.dirac_": lambda x: nn.init.dirac_(x.view(2, 2, 1)),
    "a gradient that is added to": lambda x: backward_into(with_grad(mt.ones(4), x)),
    "a gradient set to zeros": lambda x: optim.SGD([with_grad(mt.ones(4), x)], 0.1).zero_grad(set_to_none=False),
    "a Function that marks it dirty": lambda x: Dirty.apply(x),
}  # fmt: skip


def with_data(tensor: mt.Tensor, value: mt.Tensor) -> mt.Tensor:
    tensor.data = value
    return tensor


def with_grad(tensor: mt.Tensor, grad: mt.Tensor) -> mt.Tensor:
    tensor.requires_grad_().grad = grad
    return tensor


def backward_into(leaf: mt.Tensor) -> None:
    (leaf * 2).sum().backward()


class Dirty(mt.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: mt.Tensor) -> mt.Tensor:
        ctx.mark_dirty(input)
        return input.add_(1)

    @staticmethod
    def backward(ctx: Any, grad: mt.Tensor) -> mt.Tensor:
        return grad


@pytest.mark.parametrize("name", WRITES)
def test_a_write_is_refused(name: str) -> None:
    assert_refuses(WRITES[name], four())


# -- functions that write to several tensors ---------------------------------------------------------------------------

RULES = (
    "SGD", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop", "Adafactor",
    "Muon", "LBFGS",
)  # fmt: skip


@pytest.mark.parametrize("count", [1, 6])  # one by one, and gathered
@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_a_step_changes_nothing_if_one_parameter_is_read_only(rule: str, begun: bool, count: int) -> None:
    params = [nn.Parameter(mt.ones(2, 2)) for _ in range(count + 1)]
    optimizer = getattr(optim, rule)(params, lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum([(each * each).sum() for each in params])
        loss.backward()
        return loss

    if begun:
        optimizer.step(closure)
    params[-1].data = four(2, 2)
    values, state = [each.tolist() for each in params], deepcopy(optimizer.state_dict())
    with pytest.raises(ReadOnlyError, match=f"{rule}.step"):
        optimizer.step(closure)
    assert [each.tolist() for each in params] == values
    assert repr(optimizer.state_dict()) == repr(state)


def test_a_step_skips_parameters_without_gradients() -> None:
    frozen, free = nn.Parameter(four()), nn.Parameter(mt.ones(4))
    optimizer = optim.SGD([frozen, free], lr=0.5)
    free.sum().backward()
    optimizer.step()
    assert free.tolist() == [0.5] * 4


def test_a_step_refuses_read_only_state() -> None:
    param = nn.Parameter(mt.ones(4))
    optimizer = optim.Adam([param])
    param.sum().backward()
    optimizer.step()
    before = param.tolist()
    optimizer.state[param]["exp_avg_sq"] = four()
    with pytest.raises(ReadOnlyError, match=r"Adam\.step"):
        optimizer.step()
    assert param.tolist() == before and optimizer.state[param]["step"].item() == 1


@pytest.mark.parametrize("name", ["running_mean", "running_var", "num_batches_tracked"])
def test_batch_norm_changes_no_statistics_if_one_is_read_only(name: str) -> None:
    layer = nn.BatchNorm1d(4)
    setattr(layer, name, map_file(np.array(3)) if name == "num_batches_tracked" else four())
    before = {key: value.tolist() for key, value in layer.state_dict().items()}
    with pytest.raises(ReadOnlyError, match="batch_norm"):
        layer(mt.eye(4))
    assert {key: value.tolist() for key, value in layer.state_dict().items()} == before
    assert layer.eval()(mt.eye(4)).shape == (4, 4)


@pytest.mark.parametrize("name", ["clip_grad_norm_", "clip_grad_value_"])
def test_clipping_changes_no_gradients_if_one_is_read_only(name: str) -> None:
    params = [with_grad(mt.ones(4), grad) for grad in (mt.ones(4), four())]
    with pytest.raises(ReadOnlyError, match="clip_grad"):
        getattr(nn.utils, name)(params, 0.1)
    assert params[0].grad.tolist() == [1] * 4


def test_averages_change_nothing_if_one_is_read_only() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, bias=False))
    average = optim.swa_utils.AveragedModel(model)
    average.update_parameters(model)
    average.module[1].weight.data = four(2, 2)
    before = [each.tolist() for each in average.parameters()]
    nn.init.ones_(model[0].weight)
    with pytest.raises(ReadOnlyError, match="update_parameters"):
        average.update_parameters(model)
    assert [each.tolist() for each in average.parameters()] == before and average.n_averaged.item() == 1


def test_loading_a_state_dict_changes_nothing_if_one_entry_is_read_only() -> None:
    layer = nn.Linear(4, 1)
    layer.weight = nn.Parameter(four(1, 4))
    bias = layer.bias.tolist()
    with pytest.raises(ReadOnlyError):
        layer.load_state_dict({"bias": mt.ones(1), "weight": mt.ones(1, 4)})
    assert layer.bias.tolist() == bias


# -- sources of read-only memory ---------------------------------------------------------------------------------------


def test_bytes_are_never_changed() -> None:
    content = np.ones(4, "float32").tobytes()
    with pytest.warns(UserWarning, match="not writable"):
        x = mt.frombuffer(content, dtype=mt.float32)
    assert_refuses(lambda x: x.index_add_(0, HERE, ONE), x)
    assert np.frombuffer(content, "float32").tolist() == [1] * 4


def test_a_read_only_tensor_can_be_read_copied_and_used_in_training() -> None:
    x = four()
    assert x.clone().add_(1)._version == 1 and deepcopy(x).zero_().tolist() == [0] * 4
    weight = mt.ones(4, requires_grad=True)
    (x * weight).sum().backward()
    assert weight.grad.tolist() == x.tolist()
    assert x.resize_(8)[:4].add_(0)._version > 0  # a larger copy has its own memory


def test_no_tensor_has_foreign_byte_order() -> None:
    array = np.arange(4, dtype=np.dtype("float32").newbyteorder())
    for make in (mt.from_numpy, mt.as_tensor, mt.asarray):
        with pytest.raises(ValueError, match="byte order"):
            make(array)
    with pytest.raises(BufferError):
        mt.from_dlpack(array)
