"""Single lines that programs contain, run in both libraries: what they return, print or raise must agree."""

from __future__ import annotations

import operator
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

Line = Callable[[Any], Any]


def outcome(library: Any, line: Line) -> Any:
    """Return what a line returns, in a form that both libraries share; an error as its class."""
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return in_common(line(library))
        except Exception as error:
            return error


def in_common(value: Any) -> Any:
    """Return tensors as their dtype, shape, strides and elements, and other objects as their text."""
    if isinstance(value, (list, tuple)):
        return [in_common(each) for each in value]
    if not hasattr(value, "requires_grad_"):
        return repr(value).replace("minitensor", "torch")
    return str(value.dtype), list(value.shape), list(value.stride()), value.requires_grad, Elements(value)


class Elements:
    """The elements of a tensor, equal to those that differ by rounding."""

    def __init__(self, tensor: Any) -> None:
        self.array = tensor.detach().numpy()

    def __eq__(self, other: object) -> bool:
        rtol = 2e-3 if self.array.dtype == np.float16 else 1e-6
        return isinstance(other, Elements) and np.allclose(self.array, other.array, rtol, 0, equal_nan=True)

    def __repr__(self) -> str:
        return repr(self.array)


def assert_agree(line: Line) -> None:
    ours, theirs = outcome(mt, line), outcome(pytest.importorskip("torch"), line)
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), (ours, theirs)
    else:
        assert ours == theirs


def parameters(t: Any) -> list[Any]:
    return [t.nn.Parameter(t.tensor([1.0, 2.0])), t.nn.Parameter(t.tensor([[3.0]]))]


def sgd(t: Any) -> Any:
    return t.optim.SGD([{"params": [each], "lr": 0.1 * i} for i, each in enumerate(parameters(t))], lr=0.1)


def hooked(t: Any) -> Any:
    layer = t.nn.ReLU()
    for hook, prepend in ((print, False), (repr, True), (len, False)):
        layer.register_forward_hook(hook, prepend=prepend)
    return layer


KINDS_OF_TENSORS = "cuda cpu sparse quantized meta nested mkldnn mps mtia ipu maia vulkan xla xpu".split()


# -- optimizers, schedulers, containers --------------------------------------------------------------------------------

OBJECTS: dict[str, Line] = {
    "an optimizer with two groups": sgd,
    "no closure": lambda t: t.optim.LBFGS(parameters(t)).step(),
    "no scheduler": lambda t: t.optim.lr_scheduler.SequentialLR(sgd(t), [3, 4], [3]),
    "insert": lambda t: t.nn.ModuleList([t.nn.ReLU()]).insert(0, t.nn.Tanh()),
    "flags": lambda t: [getattr(t.ones(2), f"is_{each}") for each in KINDS_OF_TENSORS],
    "far below the first sample": lambda t: t.utils.data.ConcatDataset([[1, 2], [3]])[-4],
    "far beyond the last sample": lambda t: t.utils.data.ConcatDataset([[1, 2], [3]])[3],
    "a context without workers": lambda t: t.utils.data.DataLoader([1], multiprocessing_context="fork"),
    "a context that does not exist": lambda t: t.utils.data.DataLoader([1], None, None, None, None, 1, None, False,
                                                                       False, 0, None, "x"),
    "numbers into tensors": lambda t: [
        t.ones(2, dtype=getattr(t, kind)).copy_(number)
        for kind in ("uint8", "int64", "float32", "bool") for number in (5, -1, 300, 0.5, True, np.float32(1.5))
    ],
    "a number into a node": lambda t: (t.ones(2, requires_grad=True) * 1).copy_(3),
    "text into a tensor": lambda t: t.ones(2).copy_("a"),
    "a seed that is no int": lambda t: t.Generator().manual_seed(1.5),
    "classes of tensors": lambda t: [
        t.Tensor, type(t.ones(2)), type(t.nn.Linear(1, 1).weight), t.nn.Buffer, t.nn.UninitializedParameter,
        t.nn.parameter.UninitializedBuffer, type("Own", (t.Tensor,), {}), t.FloatTensor,
        "torch" in str(type(t.ones(1))),
    ],
    "tables of hooks": lambda t: [
        (name, isinstance(table, OrderedDict), table)
        for name, table in sorted(vars(t.nn.ReLU()).items()) if name.endswith("_hooks")
    ],
    "a table with hooks": lambda t: list(re.sub(r"\d+", "", repr(hooked(t)._forward_hooks))),
    "hooks in their order": lambda t: list(hooked(t)._forward_hooks.values()),
    "the norm of parameters": lambda t: t.nn.utils.get_total_norm(parameters(t)),
    "the norm before clipping": lambda t: t.nn.utils.clip_grad_norm_(parameters(t), 1.0),
    "a seed that is text": lambda t: t.Generator().manual_seed("1"),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_lines_about_objects(name: str) -> None:
    assert_agree(OBJECTS[name])


# -- reductions over no dims -------------------------------------------------------------------------------------------

REDUCTIONS = """
    sum mean nansum nanmean amax amin all any std var count_nonzero median argmax prod norm
""".split()


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dim", [(), []])
@pytest.mark.parametrize("kind", ["float32", "int64", "bool", "uint8"])
def test_reductions_over_no_dims(name: str, dim: Any, kind: str) -> None:
    lines: list[Line] = [
        lambda t: getattr(t, name)(t.tensor([[1, 0], [2, 3]]).to(getattr(t, kind)), dim=dim),
        lambda t: getattr(t.tensor([[1, 0], [2, 3]]).to(getattr(t, kind)), name)(dim=dim, keepdim=True),
    ]
    for line in lines:
        assert_agree(line)


# -- beside NumPy's arrays and numbers ---------------------------------------------------------------------------------

KINDS = ("bool", "uint8", "int16", "int64", "float16", "float32", "float64", "complex64")
SYMBOLS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")


@pytest.mark.parametrize("name", SYMBOLS)
@pytest.mark.parametrize("kind", KINDS)
def test_tensors_beside_arrays_have_numpys_dtypes(name: str, kind: str) -> None:
    symbol = getattr(operator, name)
    for other in KINDS:
        if kind == other == "bool":
            continue  # bools become bytes there
        array, number = np.ones(2, other), np.array(3, other)
        lines: list[Line] = [
            lambda t, array=array: symbol(t.ones(2, dtype=getattr(t, kind)), array),
            lambda t, number=number: symbol(t.ones(2, dtype=getattr(t, kind)), number),
            lambda t, array=array: symbol(t.tensor(3).to(getattr(t, kind)), array),
            lambda t, array=array: symbol(array, t.ones(2, dtype=getattr(t, kind))),
        ]
        for line in lines:
            if not isinstance(outcome(pytest.importorskip("torch"), line), Exception):
                assert_agree(line)


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_beside_an_array_follows_the_rules_of_tensors(kind: str) -> None:
    array = np.array([1, 0], kind)
    assert_agree(lambda t: t.ones(2, dtype=t.bfloat16) == array)
    assert_agree(lambda t: array == t.ones(2, dtype=t.bfloat16))
    for name in ("ne", "add", "mul"):  # NumPy does these in PyTorch: it says True of any two, and fails to add
        left = mt.ones(2, dtype=mt.bfloat16)
        result, wanted = (getattr(operator, name)(left, each) for each in (array, mt.from_numpy(array)))
        assert (result.dtype, result.tolist()) == (wanted.dtype, wanted.tolist())


NUMBERS = (np.float64(2), np.float32(2.5), np.float16(1.5), np.int64(2), np.int8(2), np.uint8(3), np.bool_(True))


@pytest.mark.parametrize("name", [*SYMBOLS, "eq", "lt"])
@pytest.mark.parametrize("kind", KINDS)
def test_tensors_beside_numbers_of_numpy(name: str, kind: str) -> None:
    symbol = getattr(operator, name)
    for number in NUMBERS:
        assert_agree(lambda t, number=number: symbol(t.full((2,), 3, dtype=getattr(t, kind)), number))
        assert_agree(lambda t, number=number: symbol(number, t.full((2,), 3, dtype=getattr(t, kind))))


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "xlogy", "special.zeta", "special.xlog1py"])
def test_a_number_of_numpy_may_be_either_operand_of_a_function(name: str) -> None:
    for number in NUMBERS:
        assert_agree(lambda t, number=number: operator.attrgetter(name)(t)(number, t.tensor([3.0, 2.0])))
        assert_agree(lambda t, number=number: operator.attrgetter(name)(t)(t.tensor([3.0, 2.0]), number))


# -- layers ------------------------------------------------------------------------------------------------------------

PADS = "ConstantPad1d ConstantPad2d ConstantPad3d ZeroPad1d ZeroPad2d ZeroPad3d ReflectionPad1d ReflectionPad2d".split()
PADS += "ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d CircularPad1d CircularPad2d".split()
PADDINGS = ((1,), (1, 2), [1, 0], (1, 0, 2), (1, 2, 0, 1), (1, 1, 1, 1, 1, 1), (0, -1), ())


@pytest.mark.parametrize("name", PADS)
def test_a_padding_layer_takes_any_number_of_sides(name: str) -> None:
    for padding in PADDINGS:
        arguments = (padding, 0) if name.startswith("Constant") else (padding,)
        assert_agree(lambda t, a=arguments: getattr(t.nn, name)(*a))
        for ndim in range(1, 6):
            shape = (1, 2, 3, 4, 4)[-ndim:]
            assert_agree(lambda t, a=arguments, shape=shape: getattr(t.nn, name)(*a)(t.ones(shape)))


LAYERS: dict[str, Line] = {
    "a list of factors": lambda t: t.nn.Upsample(scale_factor=[2.0, 2.0]),
    "a tuple of factors": lambda t: t.nn.Upsample(scale_factor=(2, 3))(t.ones(1, 1, 2, 2)),
    "a list of factors, nearest": lambda t: t.nn.UpsamplingNearest2d(scale_factor=[2.0, 2.0]),
    "more targets than inputs": lambda t: t.nn.functional.multilabel_soft_margin_loss(t.randn(4), t.rand(2, 4)),
    "more dims of targets": lambda t: t.nn.functional.multilabel_soft_margin_loss(
        t.randn(2, 4), t.rand(3, 2, 4), reduction="none"
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_lines_about_layers(name: str) -> None:
    assert_agree(LAYERS[name])


# -- lists of NumPy's numbers, which are read at once ------------------------------------------------------------------

ITEMS = (
    np.float32(1.5), np.float64(2.5), np.float16(0.1), np.int64(2**62 + 1), np.int8(-2), np.uint8(200), np.bool_(True),
    np.complex64(1j), np.float64(1e40), np.float32("nan"), np.float64("inf"), 2, 2.5, True, 1j, 2**64,
)  # fmt: skip


@pytest.mark.parametrize("kind", [None, "float16", "float32", "float64", "bfloat16", "int64", "complex64", "bool"])
def test_lists_of_numpys_numbers(kind: str | None) -> None:
    torch = pytest.importorskip("torch")
    for item in ITEMS:
        for other in ITEMS:
            for data in ([item, other], [[item], [other]], (item, [other]), [[item, other], [other, 1]]):
                def line(t: Any, data: Any = data) -> Any:
                    made = t.tensor(data, dtype=kind and getattr(t, kind))
                    return made.float() if kind == "bfloat16" else made

                is_dropped = kind not in (None, "complex64") and np.complex64 in (type(item), type(other))
                if not is_dropped and not isinstance(outcome(torch, line), Exception):
                    assert_agree(line)  # PyTorch drops imaginary parts
