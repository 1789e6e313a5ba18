"""Bad input: for each beginner's mistake, the message shows the values, what was expected and what to do.

The class of each error is the one that PyTorch raises for the same call, or a subclass. A refused call changes nothing.
Each row has a pattern that the message must match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional
import minitensor.optim
import minitensor.utils.data
from minitensor.errors import DeviceError, InplaceError, StateDictError, VersionError
from minitensor.serialization import load_file, save_file
from strict.device import installed

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]  # the messages are tested without it, the classes are not


class Misuse(NamedTuple):
    """A mistake, and a pattern that its error message must match."""

    name: str
    call: Callable[[Any], Any]
    message: str

    def __repr__(self) -> str:
        return self.name


def assert_refused(call: Callable[[Any], Any], message: str) -> None:
    """Require that a call raises this message, with PyTorch's class or a subclass of it."""
    with pytest.raises(Exception, match=message) as ours:
        call(mt)
    if torch is None:
        return
    with pytest.raises(Exception) as theirs:
        call(torch)
    assert issubclass(ours.type, theirs.type), f"{ours.type.__mro__}, PyTorch raises {theirs.type}"


def each(rows: list[Misuse]) -> Any:
    """Run a test once for each mistake."""
    assert len({row.name for row in rows}) == len(rows)
    return pytest.mark.parametrize("misuse", rows, ids=repr)


def parameter(lib: Any) -> list[Any]:
    return [lib.nn.Parameter(lib.zeros(2))]


# -- sizes -------------------------------------------------------------------------------------------------------------

SIZES = [
    Misuse("view in a wrong size", lambda t: t.zeros(2, 3).view(4, 2),
           r"'\[4, 2\]' is invalid for input of size 6.*8 elements.*shape \[2, 3\]"),
    Misuse("reshape in a wrong size", lambda t: t.zeros(2, 3).reshape(4, 2),
           r"'\[4, 2\]' is invalid for input of size 6.*8 elements.*shape \[2, 3\]"),
    Misuse("-1 beside a size that does not divide", lambda t: t.zeros(2, 3).view(-1, 4),
           r"'\[-1, 4\]' is invalid for input of size 6.*product 4.*shape \[2, 3\]"),
    Misuse("two -1 in view", lambda t: t.zeros(2, 3).view(-1, -1),
           r"only one dimension can be inferred, got shape \[-1, -1\]"),
    Misuse("two -1 in reshape", lambda t: t.zeros(2, 3).reshape(-1, -1), r"only one .*got shape \[-1, -1\]"),
    Misuse("an ambiguous -1", lambda t: t.zeros(0).view(-1, 0), r"\[-1, 0\].*ambiguous"),
    Misuse("a negative size in view", lambda t: t.zeros(6).view(-2, 3), r"-2 in shape \[-2, 3\].*sizes must be >= 0"),
    Misuse("a negative size in zeros", lambda t: t.zeros(2, -3), r"negative dimension -3: \[2, -3\]"),
    Misuse("a float as a size", lambda t: t.zeros(2.5), r"sizes must be ints.*2\.5"),
    Misuse("a float in view", lambda t: t.zeros(6).view(2.0, 3), r"sizes must be ints.*got \(2\.0, 3\)"),
    Misuse("text as a size", lambda t: t.ones("3"), "sizes must be ints.*'3'"),
    Misuse("no size in zeros", lambda t: t.zeros(), "sizes are missing: give ints"),
    Misuse("no size in view", lambda t: t.zeros(6).view(), "sizes are missing: give ints"),
    Misuse("no size in reshape", lambda t: t.tensor(1.0).reshape(), "sizes are missing: give ints"),
    Misuse("a view that strides do not allow", lambda t: t.zeros(4, 3).t().view(-1),
           r"\[3, 4\] as \[12\].*strides 1 and 3.*use \.reshape.*copies 48 bytes"),
    Misuse("flatten backwards", lambda t: t.zeros(2, 3, 4).flatten(2, 1), r"start_dim \(2\).*end_dim \(1\)"),
    Misuse("unflatten in a wrong size", lambda t: t.zeros(2, 12).unflatten(1, (5, 2)), r"\[5, 2\].*dim 1 \(12\)"),
    Misuse("add what does not broadcast", lambda t: t.zeros(2, 3) + t.zeros(2, 4),
           r"add: .*\(3\) must match.*\(4\) at non-singleton dimension 1: shapes \(2, 3\) and \(2, 4\)"),
    Misuse("compare what does not broadcast", lambda t: t.zeros(2, 3) == t.zeros(4),
           r"eq: .*shapes \(2, 3\) and \(4,\)"),
    Misuse("expand another size", lambda t: t.zeros(2, 3).expand(4, 3),
           r"expanded size of the tensor \(4\).*existing size \(2\).*\(2, 3\) to \(4, 3\)"),
    Misuse("expand to fewer dims", lambda t: t.zeros(2, 3).expand(3), r"\(1\) must be greater.*\(2, 3\) to \(3,\)"),
    Misuse("matmul", lambda t: t.zeros(2, 3) @ t.zeros(4, 5), r"matmul: .*\(2, 3\) @ \(4, 5\) \(3 != 4\)"),
    Misuse("matmul of vectors", lambda t: t.zeros(3) @ t.zeros(4), r"\(3,\) @ \(4,\) \(3 != 4\)"),
    Misuse("matmul of batches", lambda t: t.zeros(2, 3, 4) @ t.zeros(3, 4, 5),
           r"batch dims of \(2, 3, 4\) @ \(3, 4, 5\) do not broadcast"),
    Misuse("matmul of a 0-d tensor", lambda t: t.tensor(1.0) @ t.zeros(3), r"at least 1D.*0D and 1D; use \*"),
    Misuse("mm of a vector", lambda t: t.mm(t.zeros(3), t.zeros(3, 2)), r"\(3,\) and \(3, 2\); matmul takes"),
    Misuse("bmm of matrices", lambda t: t.bmm(t.zeros(2, 3), t.zeros(3, 2)), r"3D.*\(2, 3\) and \(3, 2\)"),
    Misuse("dot of other sizes", lambda t: t.dot(t.zeros(2), t.zeros(3)), r"\(2,\) @ \(3,\)"),
    Misuse("addmm with a misfit", lambda t: t.addmm(t.zeros(5), t.zeros(2, 3), t.zeros(3, 2)),
           r"shape \(5,\) does not broadcast to the product's \(2, 2\)"),
    Misuse("einsum with sizes that differ", lambda t: t.einsum("ij,jk->ik", t.zeros(2, 3), t.zeros(4, 5)),
           r"index 'j'.*size 4.*\(4, 5\).*size 3"),
    Misuse("einsum with a letter from nowhere", lambda t: t.einsum("i->j", t.zeros(3)), "'j' does not appear.*'i->j'"),
    Misuse("cat with sizes that differ", lambda t: t.cat([t.zeros(2, 3), t.zeros(2, 4)]),
           r"Expected size 3 in dimension 1 but got size 4 for tensor number 1.*\[2, 3\] and \[2, 4\]"),
    Misuse("cat with ranks that differ", lambda t: t.cat([t.zeros(2, 3), t.zeros(2)]), r"\[2, 3\] and \[2\]"),
    Misuse("cat of 0-d tensors", lambda t: t.cat([t.tensor(1.0)]), r"zero-dimensional.*position 0.*use stack"),
    Misuse("cat of nothing", lambda t: t.cat([]), "non-empty list"),
    Misuse("cat of one tensor", lambda t: t.cat(t.zeros(2, 3)), "list or tuple of tensors, not Tensor; put it"),
    Misuse("cat of a number", lambda t: t.cat([t.zeros(2), 1.0]), "sequence of tensors, got float in it"),
    Misuse("stack with sizes that differ", lambda t: t.stack([t.zeros(2), t.zeros(3)]),
           r"\[2\] at entry 0 and \[3\] at entry 1"),
    Misuse("stack of nothing", lambda t: t.stack([]), "non-empty list"),
    Misuse("stack of one tensor", lambda t: t.stack(t.zeros(2, 3)), "list or tuple of tensors, not Tensor; put it"),
    Misuse("split into sizes that do not sum up", lambda t: t.zeros(5).split([2, 2]), r"exactly to 5.*\[2, 2\].*4"),
    Misuse("chunk into none", lambda t: t.zeros(5).chunk(0), "greater than 0, got: 0"),
    Misuse("hsplit unevenly", lambda t: t.hsplit(t.zeros(5), 2), "size 5 is not divisible by 2; use tensor_split"),
    Misuse("vsplit of a vector", lambda t: t.vsplit(t.zeros(4), 2), r"at least 2 dimension.*shape \[4\]"),
    Misuse("dsplit of a matrix", lambda t: t.dsplit(t.zeros(4, 4), 2), r"at least 3 dimension.*shape \[4, 4\]"),
    Misuse("rot90 of a vector", lambda t: t.rot90(t.zeros(3)), r"dims >= 2.*shape \[3\]"),
    Misuse("rot90 in one dim", lambda t: t.rot90(t.zeros(3, 3), 1, (0,)), r"== 2, but got dims = \[0\]"),
    Misuse("meshgrid indexed by no name", lambda t: t.meshgrid(t.zeros(2), t.zeros(3), indexing="zz"),
           "one of 'xy' or 'ij', but received: 'zz'"),
    Misuse("repeat of fewer dims", lambda t: t.zeros(2, 3).repeat(2), r"\[2\] for shape \[2, 3\]"),
    Misuse("permute without a dim", lambda t: t.zeros(2, 3).permute(0), r"2 dims \(shape \(2, 3\)\).*\(0,\) has 1"),
    Misuse("permute with a dim twice", lambda t: t.zeros(2, 3).permute(0, 0), "dim 0 appears multiple times"),
    Misuse("t of three dims", lambda t: t.zeros(2, 3, 4).t(), r"<= 2 dimensions, but self is 3D; use transpose"),
    Misuse("narrow over the end", lambda t: t.zeros(5).narrow(0, 3, 3), r"start \(3\) \+ length \(3\).*size \(5\)"),
    Misuse("as_strided over the end", lambda t: t.zeros(5).as_strided((3, 3), (3, 1)), "9 elements.*storage of 5"),
]  # fmt: skip


@each(SIZES)
def test_an_error_for_wrong_sizes_shows_the_sizes(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


DIMS = [
    Misuse("sum", lambda t: t.zeros(2, 3).sum(2), r"\[-2, 1\], but got 2"),
    Misuse("softmax", lambda t: t.softmax(t.zeros(2, 3), -3), r"\[-2, 1\], but got -3"),
    Misuse("transpose", lambda t: t.zeros(2, 3).transpose(0, 2), r"\[-2, 1\], but got 2"),
    Misuse("squeeze", lambda t: t.zeros(2).squeeze(1), r"\[-1, 0\], but got 1"),
    Misuse("unsqueeze", lambda t: t.zeros(2).unsqueeze(3), r"\[-2, 1\], but got 3"),
    Misuse("cat", lambda t: t.cat([t.zeros(2)], 1), r"\[-1, 0\], but got 1"),
    Misuse("stack", lambda t: t.stack([t.zeros(2)], 3), r"\[-2, 1\], but got 3"),
    Misuse("size", lambda t: t.zeros(2).size(1), r"\[-1, 0\], but got 1"),
    Misuse("gather", lambda t: t.gather(t.zeros(2, 3), 2, t.tensor([[0]])), r"\[-2, 1\], but got 2"),
    Misuse("unbind of a 0-d tensor", lambda t: t.tensor(1.0).unbind(), "specified as 0 but the tensor has no dim"),
]


@each(DIMS)
def test_an_error_for_a_dim_out_of_range_shows_the_range(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


# -- layers ------------------------------------------------------------------------------------------------------------


def conv(lib: Any, *shape: int, **options: Any) -> Any:
    return lib.nn.Conv2d(3, 4, options.pop("kernel_size", 3), **options)(lib.zeros(*shape))


LAYERS = [
    Misuse("Linear", lambda t: t.nn.Linear(3, 2)(t.zeros(4, 5)),
           r"^Linear\(in_features=3.*input of shape \(4, 5\), weight of shape \(2, 3\).*must have size 3"),
    Misuse("Linear inside Sequential", lambda t: t.nn.Sequential(t.nn.ReLU(), t.nn.Linear(5, 2))(t.zeros(4, 3)),
           r"^1: Linear\(in_features=5.*\(4, 3\).*\(2, 5\)"),
    Misuse("Linear in another dtype", lambda t: t.nn.Linear(3, 2)(t.zeros(4, 3).double()),
           r"^Linear\(.*float64 and float32; cast with \.to"),
    Misuse("Linear of integers", lambda t: t.nn.Linear(3, 2)(t.zeros(4, 3).long()), r"^Linear\(.*int64 and float32"),
    Misuse("Linear of a list", lambda t: t.nn.Linear(3, 2)([1.0, 2.0, 3.0]), r"^Linear\(.*'input'.*not list.*tensor\("),
    Misuse("Linear of an array", lambda t: t.nn.Linear(3, 2)(np.zeros((4, 3))), r"^Linear\(.*'input'.*not ndarray"),
    Misuse("Linear of -3", lambda t: t.nn.Linear(-3, 2), r"negative dimension -3: \[2, -3\]"),
    Misuse("Conv2d, other channels", lambda t: conv(t, 1, 1, 8, 8),
           r"^Conv2d\(3, 4.*\(4, 3, 3, 3\).*\(1, 1, 8, 8\) to have 3 channels, but got 1"),
    Misuse("Conv2d of a matrix", lambda t: conv(t, 8, 8), r"^Conv2d\(3, 4.*3D \(unbatched\) or 4D.*\(8, 8\)"),
    Misuse("Conv2d of five dims", lambda t: conv(t, 1, 1, 3, 8, 8), r"^Conv2d\(.*3D.*4D.*\(1, 1, 3, 8, 8\)"),
    Misuse("Conv2d, kernel too big", lambda t: conv(t, 1, 3, 8, 8, kernel_size=9),
           r"^Conv2d\(.*\(1, 3, 8, 8\).*\(4, 3, 9, 9\).*spans 9.*input 8"),
    Misuse("Conv2d in another dtype", lambda t: t.nn.Conv2d(3, 4, 3)(t.zeros(1, 3, 8, 8).double()),
           r"^Conv2d\(.*float64, but weight has float32; cast"),
    Misuse("Conv2d, stride of 0", lambda t: conv(t, 1, 3, 8, 8, stride=0), "stride should be greater.*got 0"),
    Misuse("Conv2d, three strides", lambda t: conv(t, 1, 3, 8, 8, stride=(1, 1, 1)), r"stride must be.*\(1, 1, 1\)"),
    Misuse("Conv2d, three kernel sizes", lambda t: conv(t, 1, 3, 8, 8, kernel_size=(3, 3, 3)),
           r"Conv2d: kernel_size must be an int or 2 of them, got \(3, 3, 3\)"),
    Misuse("Conv2d, kernel of floats", lambda t: t.nn.Conv2d(3, 4, 3.0), r"kernel_size must be an int.*3\.0"),
    Misuse("groups that do not divide", lambda t: t.nn.Conv2d(3, 4, 3, groups=2), "divisible by groups, got 3 and.*2"),
    Misuse("groups that do not divide outputs", lambda t: t.nn.Conv2d(4, 3, 3, groups=2), "out_channels.*got 3 and"),
    Misuse("no groups", lambda t: t.nn.Conv2d(4, 3, 3, groups=0), "positive integer, got 0"),
    Misuse("padding by no name", lambda t: t.nn.Conv2d(3, 4, 3, padding="sam"), r"'sam'.*one of \('same', 'valid'\)"),
    Misuse("padding same with strides", lambda t: t.nn.Conv2d(3, 4, 3, padding="same", stride=2), r"stride=\(2, 2\)"),
    Misuse("padding mode by no name", lambda t: t.nn.Conv2d(3, 4, 3, padding_mode="zero"),
           "'zeros', 'reflect'.*'zero'"),
    Misuse("conv2d, bias of another size",
           lambda t: t.nn.functional.conv2d(t.zeros(1, 3, 8, 8), t.zeros(4, 3, 3, 3), t.zeros(5)),
           r"bias to be 1-dimensional with 4 elements, but got bias of shape \(5,\)"),
    Misuse("conv2d of bools", lambda t: t.nn.functional.conv2d(t.ones(1, 1, 2, 2).bool(), t.ones(1, 1, 1, 1).bool()),
           "conv2d: not implemented for bool; expected numbers: cast"),
    Misuse("BatchNorm2d of three dims", lambda t: t.nn.BatchNorm2d(3)(t.zeros(3, 8, 8)), r"4D.*3"),
    Misuse("BatchNorm2d, other channels", lambda t: t.nn.BatchNorm2d(3)(t.zeros(2, 4, 8, 8)), r"^BatchNorm2d\(3.*4"),
    Misuse("BatchNorm2d of one value", lambda t: t.nn.BatchNorm2d(3)(t.zeros(1, 3, 1, 1)), "more than 1 value"),
    Misuse("BatchNorm2d of integers", lambda t: t.nn.BatchNorm2d(3)(t.zeros(2, 3, 8, 8).long()), "int64; expected"),
    Misuse("LayerNorm of another size", lambda t: t.nn.LayerNorm(5)(t.zeros(2, 3)), r"\[5\].*\[2, 3\]"),
    Misuse("MaxPool2d of a matrix", lambda t: t.nn.MaxPool2d(2)(t.zeros(8, 8)), r"^MaxPool2d\(.*3D.*4D.*\(8, 8\)"),
    Misuse("MaxPool2d, kernel too big", lambda t: t.nn.MaxPool2d(9)(t.zeros(1, 1, 8, 8)),
           r"^MaxPool2d\(.*\(1, 1, 8, 8\).*output size is too small: 0 for input size 8, kernel_size 9"),
    Misuse("MaxPool2d, too much padding", lambda t: t.nn.MaxPool2d(2, padding=2)(t.zeros(1, 1, 8, 8)),
           "at most half of kernel size, got pad=2, kernel_size=2"),
    Misuse("MaxPool2d of bools", lambda t: t.nn.MaxPool2d(2)(t.zeros(1, 1, 8, 8).bool()), "not implemented for bool"),
    Misuse("AvgPool2d, kernel too big", lambda t: t.nn.AvgPool2d(9)(t.zeros(1, 1, 8, 8)),
           r"^AvgPool2d\(.*too small: 0"),
    Misuse("Dropout of 1.5", lambda t: t.nn.Dropout(1.5), r"between 0 and 1, but got 1\.5"),
    Misuse("Sequential of a number", lambda t: t.nn.Sequential(3), "int is not a Module"),
    Misuse("Parameter of a list", lambda t: t.nn.Parameter([1.0]), r"expected a tensor, got list; use tensor"),
    Misuse("Parameter of integers", lambda t: t.nn.Parameter(t.tensor([1])), r"int64: convert it, as with \.float"),
    Misuse("a tensor in a parameter's place", lambda t: setattr(t.nn.Linear(2, 2), "weight", t.zeros(2, 2)),
           "as parameter 'weight'.*Parameter or None expected"),
    Misuse("a module that is not begun", lambda t: unbegun(t), r"cannot assign module before Module.__init__\(\)"),
    Misuse("a module without forward", lambda t: t.nn.Module()(1), r"missing the required \"forward\""),
    Misuse("a layer to integers", lambda t: t.nn.Linear(1, 1).to(t.int64), "floating point.*int64"),
]  # fmt: skip


def unbegun(lib: Any) -> None:
    class Forgetful(lib.nn.Module):  # type: ignore[misc, name-defined]  # of either library
        def __init__(self) -> None:
            self.layer = lib.nn.Linear(1, 1)

    Forgetful()


@each(LAYERS)
def test_a_layer_names_itself_and_both_shapes(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


# -- gradients ---------------------------------------------------------------------------------------------------------


def leaf(lib: Any, *shape: int) -> Any:
    return lib.ones(*shape or (2,), requires_grad=True)


def twice(lib: Any) -> None:
    x = leaf(lib)
    loss = (x * x).sum()
    loss.backward()
    loss.backward()


GRADIENTS = [
    Misuse("backward on two numbers", lambda t: (leaf(t) * 2).backward(), r"only for scalar.*\(2,\).*\.sum\(\)"),
    Misuse("backward without grad", lambda t: t.tensor(1.0).backward(), "does not require grad.*requires_grad=True"),
    Misuse("backward twice", twice, "second time.*MulBackward0.*retain_graph=True"),
    Misuse("a gradient of another shape", lambda t: (leaf(t) * 2).backward(t.zeros(3)), r"\(3,\), its tensor \(2,\)"),
    Misuse("a list as gradient", lambda t: (leaf(t) * 2).backward([1.0, 1.0]), "tensor or None, got list"),
    Misuse("integers that require grad", lambda t: t.tensor([1, 2], requires_grad=True),
           r"int64: convert.*\.float\(\)"),
    Misuse("integers asked for gradients", lambda t: t.tensor([1]).requires_grad_(), r"int64: convert.*\.float\(\)"),
    Misuse("bools that require grad", lambda t: t.zeros(2, dtype=t.bool, requires_grad=True), "is bool: convert"),
    Misuse("requires_grad that is no bool", lambda t: t.zeros(2).requires_grad_("yes"), "must be a bool, got 'yes'"),
    Misuse("requires_grad = 1", lambda t: setattr(t.zeros(2), "requires_grad", 1), "must be a bool, got 1"),
    Misuse("a result that shall not require grad", lambda t: (leaf(t) * 2).requires_grad_(False), r"use detach\(\)"),
    Misuse("grad of what was not used", lambda t: t.autograd.grad(leaf(t).sum(), leaf(t)), "allow_unused=True"),
    Misuse("grad in what has none", lambda t: t.autograd.grad(leaf(t).sum(), t.ones(1)), r"input 0, of shape \(1,\)"),
    Misuse("a grad of another shape", lambda t: setattr(leaf(t), "grad", t.zeros(3)), r"got \(3,\).*expected \(2,\)"),
    Misuse("a number as grad", lambda t: setattr(leaf(t), "grad", 1.0), "Tensor or None but got float"),
    Misuse("a hook where nothing flows", lambda t: t.zeros(2).register_hook(print), r"\(2,\).*requires_grad_\(\)"),
    Misuse("numpy() of what requires grad", lambda t: leaf(t).numpy(), r"Use tensor\.detach\(\)\.numpy\(\)"),
    Misuse("asarray of what requires grad", lambda t: np.asarray(leaf(t)), r"Use tensor\.detach\(\)\.numpy\(\)"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@each(GRADIENTS)
def test_an_impossible_gradient_is_refused(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


def stale_argument(lib: Any) -> None:
    factor = leaf(lib) * 1
    product = factor * factor
    factor.add_(1)
    product.sum().backward()


def stale_result(lib: Any) -> None:
    power = leaf(lib).exp()
    power.mul_(2)
    power.sum().backward()


@each([
    Misuse("argument", stale_argument, "MulBackward0.*'input' at version 0.*version 1 now; clone it before"),
    Misuse("result", stale_result, "ExpBackward0.*its result at version 0.*version 1 now; clone it before"),
])
def test_an_error_for_a_stale_saved_tensor_shows_its_versions(misuse: Misuse) -> None:
    with pytest.raises(VersionError):
        misuse.call(mt)
    assert_refused(misuse.call, misuse.message)


# -- in place ----------------------------------------------------------------------------------------------------------


def put(target: Any, index: Any, value: Any) -> None:
    target[index] = value


class Write(NamedTuple):
    """A write that must be refused: ``write(lib, target)`` into ``of(lib)``."""

    name: str
    of: Callable[[Any], Any]
    write: Callable[[Any, Any], Any]
    message: str

    def __repr__(self) -> str:
        return self.name


WRITES = [
    Write("leaf", leaf, lambda t, x: x.add_(1), r"^add_: a leaf Variable.*\(2,\).*no_grad"),
    Write("x[0] of a leaf", leaf, lambda t, x: put(x, 0, 5.0), "leaf Variable.*clone.*no_grad"),
    Write("view of a leaf", leaf, lambda t, x: x[:1].mul_(3), r"^mul_: a view of a leaf.*\(1,\) of \(2,\).*clone"),
    Write("view of a view of a leaf", leaf, lambda t, x: x.view(2, 1).t().zero_(), r"^zero_: a view of a leaf.*clone"),
    Write("expanded tensor", lambda t: t.zeros(1).expand(3), lambda t, x: x.add_(t.arange(3.0)),
          r"^add_: .*single memory location \(shape \(3,\), strides \(0,\)\); clone\(\)"),
    Write("x[:] of an expanded tensor", lambda t: t.zeros(1).expand(3), lambda t, x: put(x, slice(None), t.ones(3)),
          r"single memory location.*clone\(\)"),
    Write("larger shape", lambda t: t.zeros(3), lambda t, x: x.add_(t.ones(2, 3)),
          r"^add_: output with shape \[3\].*\[2, 3\].*out-of-place"),
    Write("another shape", lambda t: t.zeros(3), lambda t, x: x.copy_(t.ones(4)), r"^copy_: .*\(4,\) and \(3,\)"),
    Write("floats into integers", lambda t: t.zeros(3, dtype=t.int64), lambda t, x: x.mul_(t.ones(3)),
          "^mul_: .*float32 can't be cast.*int64; use the out-of-place"),
    Write("division of integers", lambda t: t.ones(3, dtype=t.int64), lambda t, x: x.div_(2), "^div_: .*float32"),
    Write("list into copy_", lambda t: t.zeros(3), lambda t, x: x.copy_([1, 2, 3]),
          "must be a tensor or a number, not list"),
    Write("masked_fill_ by another shape", lambda t: t.zeros(2, 3),
          lambda t, x: x.masked_fill_(t.ones(4).bool(), 1.0), r"^masked_fill_: .*\(4,\) and \(2, 3\)"),
    Write("x[2] of two", lambda t: t.zeros(2, 3), lambda t, x: put(x, 2, 1.0), "index 2.*dimension 0 with size 2"),
    Write("x[:, 3] of three", lambda t: t.zeros(2, 3), lambda t, x: put(x, (slice(None), 3), 1.0), "index 3.*size 3"),
    Write("x[1.0]", lambda t: t.zeros(2, 3), lambda t, x: put(x, 1.0, 1.0), r"only integers.*got float: 1\.0"),
    Write("x['a']", lambda t: t.zeros(2, 3), lambda t, x: put(x, "a", 1.0), "only integers.*got str: 'a'"),
    Write("x[0, 0, 0] of a matrix", lambda t: t.zeros(2, 3), lambda t, x: put(x, (0, 0, 0), 1.0), "too many.*2"),
    Write("x[positions], one outside", lambda t: t.zeros(2, 3), lambda t, x: put(x, t.tensor([0, 5]), 1.0),
          "index 5.*dimension 0 with size 2"),
    Write("x[mask of another shape]", lambda t: t.zeros(2, 3), lambda t, x: put(x, t.ones(3).bool(), 1.0),
          r"mask \[3\].*tensor \[2, 3\]"),
    Write("x[0] = another shape", lambda t: t.zeros(2, 3), lambda t, x: put(x, 0, t.ones(4)), r"\(4,\) and \(3,\)"),
    Write("x[0] = list", lambda t: t.zeros(2, 3), lambda t, x: put(x, 0, [1.0, 2.0, 3.0]), r"list.*tensor\(\.\.\.\)"),
    Write("x[0] = text", lambda t: t.zeros(2, 3), lambda t, x: put(x, 0, "a"), r"str.*number or a tensor"),
    Write("x[mask] = too many", lambda t: t.zeros(3),
          lambda t, x: put(x, t.tensor([True, False, True]), t.ones(3)), r"\[3\] cannot be broadcast.*\[2\]"),
    Write("scatter_ outside", lambda t: t.zeros(3), lambda t, x: x.scatter_(0, t.tensor([0, 3]), 1.0),
          "index 3.*size 3"),
    Write("index_add_ outside", lambda t: t.zeros(2), lambda t, x: x.index_add_(0, t.tensor([0, 2]), t.ones(2)),
          "index 2.*size 2"),
    Write("index_copy_ of another count", lambda t: t.zeros(2, 3),
          lambda t, x: x.index_copy_(0, t.tensor([0]), t.ones(2, 3)), r"indices \(1\).*source\.size\(0\) \(2\)"),
    Write("index_fill_ outside", lambda t: t.zeros(2), lambda t, x: x.index_fill_(0, t.tensor([0, 2]), 1.0), "index 2"),
    Write("masked_scatter_ of too few", lambda t: t.zeros(3),
          lambda t, x: x.masked_scatter_(t.ones(3).bool(), t.ones(2)), "chooses 3, the source has 2"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRITES, ids=repr)
def test_a_refused_write_says_why_and_changes_nothing(case: Write) -> None:
    target = case.of(mt)
    before, version = target.detach().clone(), target.version
    with pytest.raises(Exception, match=case.message):
        case.write(mt, target)
    assert mt.equal(target.detach(), before)
    assert target.version == version
    assert_refused(lambda t: case.write(t, case.of(t)), case.message)


def test_an_expanded_tensor_refuses_what_depends_on_the_order_of_writes() -> None:
    """PyTorch allows tril_."""
    with pytest.raises(InplaceError, match=r"^tril_: .*single memory location.*clone"):
        mt.ones(1).expand(3, 3).tril_()


# -- one number, positions ---------------------------------------------------------------------------------------------

NUMBERS = [
    Misuse("bool of two", lambda t: bool(t.zeros(2)), r"more than one value is ambiguous \(shape \(2,\)\); use any"),
    Misuse("if x == y", lambda t: 1 if t.zeros(2) == t.zeros(2) else 0, r"ambiguous.*use any\(\) or all\(\)"),
    Misuse("bool of none", lambda t: bool(t.zeros(0)), r"no values is ambiguous; use numel"),
    Misuse("item of two", lambda t: t.zeros(2).item(), r"2 elements cannot be converted.*tolist"),
    Misuse("item of none", lambda t: t.zeros(0).item(), r"0 elements cannot be converted"),
    Misuse("float of two", lambda t: float(t.zeros(2)), r"one element.*got shape \(2,\)"),
    Misuse("int of two", lambda t: int(t.zeros(2)), r"one element.*got shape \(2,\)"),
    Misuse("float of a complex number", lambda t: float(t.tensor(1j)), r"to float64 without.*: 1j; take \.real"),
    Misuse("range of a float", lambda t: range(t.tensor(2.0)), r"only integer tensors.*float32"),
    Misuse("len of a 0-d tensor", lambda t: len(t.tensor(1.0)), "0-d tensor"),
    Misuse("a loop over a 0-d tensor", lambda t: list(t.tensor(1.0)), r"0-d tensor; use item\(\)"),
]


@pytest.mark.filterwarnings("ignore")
@each(NUMBERS)
def test_one_number_comes_from_one_element(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


def classes(lib: Any, *numbers: Any, of: str = "cross_entropy", **options: Any) -> Any:
    return getattr(lib.nn.functional, of)(lib.zeros(2, 3), lib.tensor(numbers), **options)


POSITIONS = [
    Misuse("x[2] of two", lambda t: t.zeros(2, 3)[2], "index 2 is out of bounds for dimension 0 with size 2"),
    Misuse("x[-3] of two", lambda t: t.zeros(2, 3)[-3], "index -3 is out of bounds for dimension 0 with size 2"),
    Misuse("x[:, 3] of three", lambda t: t.zeros(2, 3)[:, 3], "index 3 is out of bounds for dimension 1 with size 3"),
    Misuse("x[0, 0, 0] of a matrix", lambda t: t.zeros(2, 3)[0, 0, 0], r"too many.*2 \(shape \(2, 3\)\): \(0, 0, 0\)"),
    Misuse("x[0] of a 0-d tensor", lambda t: t.tensor(1.0)[0], r"0-dim tensor; use item\(\)"),
    Misuse("x[1.0]", lambda t: t.zeros(2)[1.0], r"only integers.*got float: 1\.0"),
    Misuse("x['a']", lambda t: t.zeros(2)["a"], "only integers.*got str: 'a'"),
    Misuse("x[floats]", lambda t: t.zeros(2)[t.tensor([0.0])], r"got float32; cast with \.long\(\)"),
    Misuse("x[::-1]", lambda t: t.zeros(2)[::-1], "greater than zero, got -1; use flip"),
    Misuse("x[positions], one outside", lambda t: t.zeros(2)[t.tensor([0, 2])], "index 2 is out of bounds.*size 2"),
    Misuse("x[list], one outside", lambda t: t.zeros(2)[[0, -3]], "index -3 is out of bounds.*size 2"),
    Misuse("x[mask of another shape]", lambda t: t.zeros(2, 3)[t.zeros(3).bool()], r"mask \[3\].*\[2, 3\]"),
    Misuse("x[a, b] that do not broadcast", lambda t: t.zeros(4, 4)[t.tensor([0, 1]), t.tensor([0, 1, 2])],
           r"shapes \[2\], \[3\]"),
    Misuse("gather outside", lambda t: t.gather(t.zeros(2, 3), 1, t.tensor([[0, 3]])), "index 3.*dimension 1.*size 3"),
    Misuse("gather by floats", lambda t: t.gather(t.zeros(2, 3), 1, t.zeros(1, 1)), r"int64.*float32; cast with"),
    Misuse("gather by fewer dims", lambda t: t.gather(t.zeros(2, 3), 1, t.tensor([0])), r"\[1\] and \[2, 3\]"),
    Misuse("gather by a list", lambda t: t.gather(t.zeros(2, 3), 1, [[0]]), "'index' must be a tensor, not list"),
    Misuse("index_select outside", lambda t: t.index_select(t.zeros(2, 3), 1, t.tensor([3])), "index 3.*size 3"),
    Misuse("index_select by -1", lambda t: t.index_select(t.zeros(2, 3), 1, t.tensor([-1])), "index -1.*not wrapped"),
    Misuse("index_select by a list", lambda t: t.index_select(t.zeros(2, 3), 1, [1]), "must be a tensor, not list"),
    Misuse("take outside", lambda t: t.take(t.zeros(2, 3), t.tensor([6])), "index 6.*size 6"),
    Misuse("masked_fill by another shape", lambda t: t.zeros(2, 3).masked_fill(t.zeros(4).bool(), 1.0),
           r"masked_fill: .*\(2, 3\) and \(4,\)"),
    Misuse("masked_fill by floats", lambda t: t.zeros(3).masked_fill(t.zeros(3), 1.0), "boolean masks.*float32"),
    Misuse("masked_fill by a list", lambda t: t.zeros(1).masked_fill([True], 1.0), "'mask' must be a tensor, not list"),
    Misuse("masked_select by another shape", lambda t: t.masked_select(t.zeros(2, 3), t.zeros(4).bool()),
           r"masked_select: .*\(2, 3\) and \(4,\)"),
    Misuse("embedding outside", lambda t: t.nn.functional.embedding(t.tensor([3]), t.zeros(3, 2)),
           "index 3 is out of range for a table of 3 rows, 0 to 2"),
    Misuse("Embedding outside", lambda t: t.nn.Embedding(3, 2)(t.tensor([-1])), r"^Embedding\(3, 2\): .*-1.*0 to 2"),
    Misuse("embedding of floats", lambda t: t.nn.Embedding(3, 2)(t.tensor([0.0])), r"float32; cast with \.long"),
    Misuse("embedding padding outside", lambda t: t.nn.Embedding(3, 2, padding_idx=3), "got 3 for 3 rows"),
    Misuse("one_hot outside", lambda t: t.nn.functional.one_hot(t.tensor([3]), 3), "num_classes=3, got 3"),
    Misuse("a class outside", lambda t: classes(t, 0, 3), "Target 3 is out of bounds: there are 3 classes, 0 to 2"),
    Misuse("a class of -1", lambda t: classes(t, 0, -1), "Target -1 is out of bounds.*0 to 2"),
    Misuse("a class outside for nll_loss", lambda t: classes(t, 0, 3, of="nll_loss"), "nll_loss: Target 3.*0 to 2"),
    Misuse("a class outside for the layer", lambda t: t.nn.CrossEntropyLoss()(t.zeros(2, 3), t.tensor([0, 3])),
           r"^CrossEntropyLoss\(.*Target 3"),
    Misuse("classes as floats", lambda t: classes(t, 0.0, 1.0),
           r"class numbers \(int64, or uint8 for up to two dims\).*float32 of shape \(2,\).*\.long"),
    Misuse("too many classes", lambda t: classes(t, 0, 1, 2),
           r"target of shape \(2,\) for input of shape \(2, 3\), got \(3,\)"),
    Misuse("classes in a list", lambda t: t.nn.functional.cross_entropy(t.zeros(2, 3), [0, 1]), "'target'.*not list"),
    Misuse("logits of integers", lambda t: t.nn.functional.cross_entropy(t.zeros(1, 3).long(), t.tensor([0])),
           r"int64; cast with \.float"),
    Misuse("weights for other classes", lambda t: classes(t, 0, 1, weight=t.zeros(2)), r"all 3 classes.*\(2,\)"),
    Misuse("a reduction by no name", lambda t: classes(t, 0, 1, reduction="avg"), "'avg'.*one of none, mean, sum"),
    Misuse("too much smoothing", lambda t: classes(t, 0, 1, label_smoothing=2.0), r"between 0\.0 and 1\.0, got 2\.0"),
    Misuse("mse_loss of shapes that differ", lambda t: t.nn.functional.mse_loss(t.zeros(2, 3), t.zeros(4)),
           r"mse_loss: input and target: .*\(2, 3\) and \(4,\)"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@each(POSITIONS)
def test_an_error_for_an_index_out_of_range_shows_the_range(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


# -- dtypes and devices ------------------------------------------------------------------------------------------------

DTYPES = [
    Misuse("float32 @ float64", lambda t: t.zeros(2, 3) @ t.zeros(3, 2).double(),
           r"float32 and float64; cast with \.to"),
    Misuse("float32 @ int64", lambda t: t.zeros(2, 3) @ t.zeros(3, 2).long(), r"float32 and int64; cast with \.to"),
    Misuse("bool @ bool", lambda t: t.ones(2, 2).bool() @ t.ones(2, 2).bool(), r"not implemented for bool; cast"),
    Misuse("float64 + float32 @ float32", lambda t: t.addmm(t.zeros(2, 2).double(), t.ones(2, 2), t.ones(2, 2)),
           "float64 and float32; cast"),
    Misuse("mean of integers", lambda t: t.arange(3).mean(), r"int64; pass dtype=, or cast with \.float"),
    Misuse("a tensor and a list", lambda t: t.add(t.zeros(2), [1, 2]),
           r"add\(\): argument 'other' must be a tensor or a number, not list"),
    Misuse("text for alpha", lambda t: t.add(t.zeros(2), t.zeros(2), alpha="2"),
           "'alpha' must be a number, not str: '2'"),
    Misuse("a list for alpha", lambda t: t.sub(t.zeros(2), t.zeros(2), alpha=[2.0]),
           "'alpha' must be a number, not list"),
    Misuse("no alpha", lambda t: t.zeros(2).add_(t.zeros(2), alpha=None), "'alpha' must be a number, not NoneType"),
    Misuse("a tensor and text", lambda t: t.zeros(2).add("1"), "'other' must be a tensor or a number, not str: '1'"),
    Misuse("exp of a number", lambda t: t.exp(1.0), r"exp\(\): argument 'input' must be a tensor, not float"),
    Misuse("matmul by a number", lambda t: t.zeros(3) @ 2, r"Tensor, int.*use \*"),
    Misuse("a dtype by name", lambda t: t.tensor([1], dtype="float32"), r"minitensor\.float32, got 'float32'"),
    Misuse("NumPy's dtype", lambda t: t.zeros(2, dtype=np.float32), r"such as minitensor\.float32, not type: <class"),
    Misuse("a list for out=", lambda t: t.zeros(2, out=[1]), "'out' must be a tensor, not list"),
    Misuse("a device by no name", lambda t: t.zeros(2, device="gpu"), "one of cpu, cuda, meta.*got 'gpu'"),
]  # fmt: skip


@each(DTYPES)
def test_dtypes_that_cannot_be_combined_are_named(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


@pytest.fixture
def strict() -> Iterator[str]:
    with installed():
        yield "strict"


APART = [
    Misuse("add", lambda x: mt.zeros(2) + x, ""),
    Misuse("eq", lambda x: x == mt.zeros(2), ""),
    Misuse("matmul", lambda x: x @ mt.zeros(2), ""),
    Misuse("cat", lambda x: mt.cat([mt.zeros(2), x]), ""),
    Misuse("linear", lambda x: mt.nn.Linear(2, 1)(x), ""),
    Misuse("conv", lambda x: mt.nn.Conv1d(1, 1, 1)(x.reshape(1, 2)), ""),
    Misuse("where", lambda x: mt.where(mt.zeros(2).bool(), x, x), ""),
]


@each(APART)
def test_an_error_for_two_devices_names_both(misuse: Misuse, strict: str) -> None:
    there = mt.ones(2).to(strict)
    with pytest.raises(DeviceError, match=r"one device, got .*(cpu.*strict|strict.*cpu).*\.to\("):
        misuse.call(there)


def test_a_write_from_another_device_changes_nothing(strict: str) -> None:
    here, there = mt.zeros(2), mt.ones(2).to(strict)
    with pytest.raises(DeviceError, match=r"cpu.*strict|strict.*cpu"):
        here.add_(there)
    assert here.tolist() == [0, 0]
    assert here.version == 0


# -- making tensors ----------------------------------------------------------------------------------------------------

MAKING = [
    Misuse("of text", lambda t: t.tensor("a"), "'str'; expected numbers"),
    Misuse("of a list of text", lambda t: t.tensor(["a", "b"]), "'str'; expected numbers"),
    Misuse("of text among numbers", lambda t: t.tensor([1, "b"]), "'str'; expected numbers"),
    Misuse("of rows that differ", lambda t: t.tensor([[1, 2], [3]]), r"length 2 at dim 1 \(got 1\): rows must be even"),
    Misuse("of a row and a number", lambda t: t.tensor([[1, 2], 3]), "length 2 at dim 1, got 3: rows must be even"),
    Misuse("of arrays that differ", lambda t: t.tensor([np.zeros(2), np.zeros(3)]), r"length 2 at dim 1 \(got 3\)"),
    Misuse("of None", lambda t: t.tensor([1, None]), "dtype of NoneType; expected numbers"),
    Misuse("of a dict", lambda t: t.tensor({"a": 1}), "dtype of dict; expected numbers"),
    Misuse("of a number too large", lambda t: t.tensor([3, 300], dtype=t.uint8), r"uint8.*300 is not in \[0, 255\]"),
    Misuse("of a number no integer holds", lambda t: t.tensor(2**70), r"int64.*1180591620717411303424 is not in"),
    Misuse("of a complex number as float", lambda t: t.tensor([1j], dtype=t.float32), "float32 of 1j"),
    Misuse("of an array of text", lambda t: t.tensor(np.array(["a"])), "numpy.str_.*supported types are"),
    Misuse("of a reversed array", lambda t: t.from_numpy(np.arange(3)[::-1]), "dim 0 has the negative stride.*copy"),
    Misuse("of a list by from_numpy", lambda t: t.from_numpy([1]), r"expected np\.ndarray \(got list\)"),
    Misuse("of foreign bytes", lambda t: t.from_numpy(np.array([1.0], dtype=">f4")), r">f4.*use \.astype"),
    Misuse("by steps of 0", lambda t: t.arange(0, 3, 0), "step must be nonzero"),
    Misuse("by steps the wrong way", lambda t: t.arange(3, 0), "step sign: 3 -> 0 in steps of 1"),
    Misuse("from an empty range", lambda t: t.randint(5, 2, (3,)), "from=5 >= to=2"),
    Misuse("of fewer steps than none", lambda t: t.linspace(0, 1, -2), "non-negative, got -2"),
]  # fmt: skip


@each(MAKING)
def test_bad_data_for_a_tensor_is_refused(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


KEYWORDS = [
    Misuse("zeros", lambda t: t.zeros(2, requires_gard=True), "'requires_gard'"),
    Misuse("sum", lambda t: t.zeros(2).sum(axes=0), "axes"),
    Misuse("add", lambda t: t.add(t.zeros(2), 1, bata=2), "'bata'"),
    Misuse("cat", lambda t: t.cat([t.zeros(2)], dims=0), "'dims'"),
    Misuse("transpose", lambda t: t.zeros(2, 2).transpose(0), r"transpose\(\): missing.*'dim1'; it takes \(input"),
    Misuse("softmax", lambda t: t.nn.functional.softmax(t.zeros(2), dmi=0), "'dmi'"),
    Misuse("Linear", lambda t: t.nn.Linear(3, 2, baias=True), "'baias'"),
    Misuse("SGD", lambda t: t.optim.SGD(parameter(t), lr=0.1, momentun=0.9), "'momentun'"),
    Misuse("DataLoader", lambda t: t.utils.data.DataLoader([1], batchsize=2), "'batchsize'"),
]


@each(KEYWORDS)
def test_an_unknown_keyword_is_named(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


# -- weights -----------------------------------------------------------------------------------------------------------


def network(lib: Any) -> Any:
    return lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))


def mismatched_state(lib: Any) -> dict[str, Any]:
    entries = dict(network(lib).state_dict())
    del entries["1.bias"]
    return entries | {
        "0.weight": lib.zeros(5, 2), "0.bias": lib.full((3,), 9.0), "1.weight": lib.zeros(4), "2.scale": lib.zeros(1)
    }  # fmt: skip


def test_a_mismatched_state_dict_lists_every_mismatch_and_loads_nothing() -> None:
    net = network(mt)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(StateDictError) as told:
        net.load_state_dict(mismatched_state(mt))
    for part in (
        'Missing key(s) in state_dict: "1.bias"',
        'Unexpected key(s) in state_dict: "2.scale"',
        "size mismatch for 0.weight: copying a param with shape torch.Size([5, 2])",
        "the shape in current model is torch.Size([3, 2])",
        "size mismatch for 1.weight",
    ):
        assert part in str(told.value)
    assert all(mt.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert_refused(lambda t: network(t).load_state_dict(mismatched_state(t)), "Sequential")


def test_wrong_shapes_are_refused_without_strict_too() -> None:
    net = network(mt)
    before = net[0].bias.detach().clone()
    with pytest.raises(StateDictError, match=r"size mismatch for 0\.weight"):
        net.load_state_dict(mismatched_state(mt), strict=False)
    assert mt.equal(net[0].bias.detach(), before)


@each([
    Misuse("no dict", lambda t: t.nn.Linear(1, 1).load_state_dict([1]), "dict-like, got <class 'list'>"),
    Misuse("no tensor", lambda t: t.nn.Linear(1, 1).load_state_dict({"weight": [[1.0]], "bias": t.zeros(1)}),
           "\"weight\".*but received <class 'list'>"),
])  # fmt: skip
def test_a_state_dict_holds_tensors_by_name(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    pytest.importorskip("safetensors")
    path = tmp_path / "net.safetensors"
    save_file(network(mt).state_dict(), path)
    return path


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_an_error_for_a_truncated_weights_file_shows_its_name_and_size(weights: Path, keep: int) -> None:
    whole = weights.read_bytes()
    weights.write_bytes(whole[:keep])
    size = len(whole[:keep])
    with pytest.raises(RuntimeError, match=rf"net\.safetensors: cut short.*\({size} bytes\).*download it again"):
        load_file(weights)


def test_a_damaged_weights_file_is_reported(weights: Path) -> None:
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(RuntimeError, match=r"net\.safetensors: altered.*checksum.*again"):
        load_file(weights)


def test_a_missing_weights_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        load_file(tmp_path / "none.safetensors")


# -- optimizers, data --------------------------------------------------------------------------------------------------

OPTIMIZERS = [
    Misuse("nothing", lambda t: t.optim.SGD([], lr=0.1), "empty parameter list"),
    Misuse("one tensor", lambda t: t.optim.SGD(t.zeros(2), lr=0.1), "one Tensor: put it in a list"),
    Misuse("a module", lambda t: t.optim.SGD(t.nn.Linear(1, 1), lr=0.1), r"got Linear: of a module give \.parameters"),
    Misuse("numbers", lambda t: t.optim.SGD([1.0], lr=0.1), "only optimize Tensors.*float"),
    Misuse("a result", lambda t: t.optim.SGD([leaf(t) * 2], lr=0.1), "non-leaf Tensor.*computed from others"),
    Misuse("a negative rate", lambda t: t.optim.SGD(parameter(t), lr=-1.0), r"learning rate: -1\.0"),
    Misuse("a rate of text", lambda t: t.optim.SGD(parameter(t), lr="a"),
           "'lr' must be a number or a tensor, not str: 'a'"),
    Misuse("negative momentum", lambda t: t.optim.SGD(parameter(t), lr=0.1, momentum=-1.0), r"momentum value: -1\.0"),
    Misuse("negative decay", lambda t: t.optim.SGD(parameter(t), lr=0.1, weight_decay=-1.0), "weight_decay value: -1"),
    Misuse("nesterov alone", lambda t: t.optim.SGD(parameter(t), lr=0.1, nesterov=True), "requires a momentum"),
    Misuse("beta of 1", lambda t: t.optim.Adam(parameter(t), betas=(1.0, 0.9)), r"index 0: 1\.0"),
    Misuse("one beta", lambda t: t.optim.Adam(parameter(t), betas=(0.9,)), r"pair of numbers, got \(0\.9,\)"),
    Misuse("betas as a number", lambda t: t.optim.Adam(parameter(t), betas=0.9),
           r"'betas' must be a sequence of numbers, not float: 0\.9"),
    Misuse("negative eps", lambda t: t.optim.AdamW(parameter(t), eps=-1.0), r"epsilon value: -1\.0"),
    Misuse("a schedule of no optimizer", lambda t: t.optim.lr_scheduler.StepLR([], 1), "list is not an Optimizer"),
]  # fmt: skip


@each(OPTIMIZERS)
def test_an_optimizer_names_what_it_cannot_work_with(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)


def test_an_optimizer_refuses_another_optimizers_state_and_keeps_its_own() -> None:
    ours = mt.optim.SGD(parameter(mt), lr=0.5)
    other = mt.optim.SGD(parameter(mt) + parameter(mt), lr=0.1)
    with pytest.raises(ValueError, match=r"\[2\] parameters, the optimizer has \[1\]"):
        ours.load_state_dict(other.state_dict())
    assert ours.param_groups[0]["lr"] == 0.5


def loader(lib: Any, data: Any = None, **options: Any) -> Any:
    return lib.utils.data.DataLoader(lib.utils.data.TensorDataset(lib.zeros(4)) if data is None else data, **options)


DATA = [
    Misuse("batches of 0", lambda t: loader(t, batch_size=0), "positive integer.*batch_size=0"),
    Misuse("batches of 2.5", lambda t: loader(t, batch_size=2.5), r"positive integer.*batch_size=2\.5"),
    Misuse("-1 workers", lambda t: loader(t, num_workers=-1), "non-negative, got -1; use num_workers=0"),
    Misuse("shuffle and a sampler", lambda t: loader(t, shuffle=True, sampler=[0]), "mutually exclusive with shuffle"),
    Misuse("batches twice", lambda t: loader(t, batch_size=2, batch_sampler=[[0]]), "exclusive with batch_size"),
    Misuse("shuffle nothing", lambda t: loader(t, [], shuffle=True), "num_samples=0"),
    Misuse("samples of two shapes", lambda t: list(loader(t, [t.zeros(2), t.zeros(3)], batch_size=2)),
           r"\[2\] at entry 0 and \[3\] at entry 1"),
    Misuse("samples of None", lambda t: list(loader(t, [None, None], batch_size=2)), "NoneType.*collate_fn"),
    Misuse("lists of two lengths", lambda t: list(loader(t, [[1, 2], [3]], batch_size=2)), "equal size"),
    Misuse("a batch size set later", lambda t: setattr(loader(t), "batch_size", 3),
           "should not be set.*make a new loader"),
    Misuse("tensors of two lengths", lambda t: t.utils.data.TensorDataset(t.zeros(2), t.zeros(3)), r"\[2, 3\] rows"),
    Misuse("a sample that is not there", lambda t: t.utils.data.TensorDataset(t.zeros(4))[4], "index 4.*size 4"),
    Misuse("a split of too many", lambda t: t.utils.data.random_split([1, 2, 3, 4], [2, 3]), "5 != 4"),
    Misuse("a dataset without items", lambda t: t.utils.data.Dataset()[0], "should implement __getitem__"),
]  # fmt: skip


@each(DATA)
def test_a_loader_names_what_it_cannot_load(misuse: Misuse) -> None:
    assert_refused(misuse.call, misuse.message)
