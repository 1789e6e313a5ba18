"""``__torch_function__``: subclasses, classes that are no tensors, and modes do what they do in PyTorch."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd import protocol

EXPRESSIONS = """
    x + 1 | 1 + x | 1 - x | 2 / x | 2 ** x | x // 2 | x % 2 | -x | +x | ~(x > 0) | x == x | x != 1 | x < 1 | x @ x
    plain + x | plain[x.long()] | x[0] | x[x > 1] | x[:, None] | list(x) | reversed(x) | abs(x) | divmod(3, 2)
    x.shape | x.T | x.mT | x.H | x.real | x.data | x.grad | x.dtype | x.ndim | x.is_leaf | x.requires_grad | x.device
    x.sum() | x.sum().item() | x.max() | x.max(0) | x.sort() | x.unique() | x.norm() | x.var() | x.split(1) | x.unbind()
    x.to('cpu') | x.to(t.float64) | x.float() | x.double() | x.type(t.int32) | x.type_as(i) | x.int() | x.clone()
    x.view(-1) | x.reshape(4) | x.expand(2, 2, 2) | x.t() | x.permute(1, 0) | x.contiguous() | x.flatten() | x.detach()
    x.add_(1) | x.mul_(x) | x.zero_() | x.fill_(2) | x.copy_(plain) | x.requires_grad_() | x.clamp_(0, 1) | x.uniform_()
    x.new_zeros(2) | x.new_ones(2) | x.new_tensor([1]) | x.new_full((2,), 3) | x.new_empty(2, 0)
    t.zeros_like(x) | t.ones_like(x) | t.rand_like(x) | t.full_like(x, 2) | t.empty_like(x).zero_() | t.tensor(x)
    t.as_tensor(x) | t.clone(x) | t.cat([x, plain]) | t.stack([plain, x]) | t.where(x > 0, plain, x) | t.max(x, 0)
    t.einsum('ij,jk->ik', x, x) | t.meshgrid(x[0], x[1], indexing='ij') | t.broadcast_tensors(x, plain)
    t.atleast_1d(x) | t.allclose(x, x) | t.equal(x, x) | t.numel(x) | t.is_tensor(x) | t.is_floating_point(x)
    t.linalg.norm(x) | t.fft.fft(x) | t.special.erf(x) | t.add(plain, x, out=t.ones(2, 2))
    t.nn.functional.relu(x) | t.nn.functional.softmax(x, 0) | t.nn.functional.mse_loss(x, plain)
    t.nn.functional.dropout(x, 0.0) | t.nn.functional.linear(plain, x) | t.nn.functional.pad(x, (1, 1))
    t.nn.Linear(2, 2)(x) | t.nn.ReLU()(x) | t.nn.init.zeros_(x) | t.nn.Parameter(plain) + 1 | t.nn.Parameter(x)
    x.as_subclass(t.Tensor) | plain.as_subclass(K) | t.Tensor._make_subclass(K, plain) | K([1, 2]) | K(2, 0) | K(x)
    pickle.loads(pickle.dumps(x)) | copy.copy(x) | x.tolist() | x.numpy() | float(x.sum()) | len(x)
    t.autograd.grad((w * 2).sum(), w) | (w * 2).sum().backward() | (w * 2).grad_fn is None | w.clone().is_leaf
    repr(x) | str(x.sum()) | f'{x.sum()}' | repr(x.double()) | (x, x) | t.save | x.apply_(lambda v: v + 1)
    t.sum(x, dim=0) | t.sum(x, 0, keepdim=True) | t.cumsum(x, 0) | t.topk(x, 1) | t.histc(x) | t.bincount(i.view(-1))
    x.nonexistent | x.index_put_((i[0],), plain[0])
"""
CASES = [each.strip() for line in EXPRESSIONS.strip().splitlines() for each in line.split(" | ")]


def kind_of(value: Any) -> Any:
    """Return the class's name, and the classes of what is in a tuple or list, or of a tensor its contents."""
    if isinstance(value, (tuple, list)):
        return [kind_of(each) for each in value]
    if hasattr(value, "is_leaf") and hasattr(value, "tolist"):
        return type(value).__name__, value.detach().tolist()
    return value if isinstance(value, (int, float, str, type(None))) else type(value).__name__


def found_in(t: Any, text: str, own: bool) -> Any:
    """Evaluate an expression with tensors of a subclass, which counts the calls if it has its ``own`` say."""

    class K(t.Tensor):  # type: ignore[misc]  # the class of either library
        if own:

            @classmethod
            def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                assert K in types and all(issubclass(each, t.Tensor) for each in types)
                return super().__torch_function__(func, types, args, kwargs or {})

    K.__qualname__ = "K"
    globals()["K"] = K
    plain = t.tensor([[1.0, 2.0], [1.0, 0.0]])
    names = {
        "t": t, "K": K, "x": plain.clone().as_subclass(K), "i": t.tensor([[0, 1], [1, 0]]).as_subclass(K),
        "plain": plain, "w": t.tensor([1.0, 2.0]).as_subclass(K).requires_grad_(), "copy": copy, "pickle": pickle,
    }
    t.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return kind_of(eval(text, names))
        except Exception as error:
            return next(each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins")


@pytest.mark.parametrize("own", [False, True], ids=["default", "own"])
def test_results_are_what_they_are_in_pytorch(own: bool) -> None:
    torch = pytest.importorskip("torch")
    differ = []
    for text in CASES:
        ours, theirs = found_in(mt, text, own), found_in(torch, text, own)
        if repr(ours).replace("minitensor", "torch") != repr(theirs):
            differ.append((text, ours, theirs))
    assert not differ, "\n".join(map(str, differ))


HANDLED: dict[Any, Any] = {}


class Scalar:
    """A multiple of the identity matrix, which is no tensor."""

    def __init__(self, size: int, value: float) -> None:
        self.size, self.value = size, value

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in HANDLED or not all(issubclass(each, (mt.Tensor, Scalar)) for each in types):
            return NotImplemented
        return HANDLED[func](*args, **(kwargs or {}))

    def __radd__(self, other: Any) -> str:
        return "radd"


FUNCTIONS = {
    "add": lambda a, b: (a, b), "mean": lambda a: a, "exp": lambda a: a, "cat": lambda a, dim=0: a[0],
    "stack": lambda a: a[1], "transpose": lambda a, *dims: a, "unsqueeze": lambda a, dim: a, "sort": lambda a: a,
    "eq": lambda a, b: a, "sum": lambda a, dim=None: a, "where": lambda a, *both: a, "split": lambda a, size: a,
    "zeros_like": lambda a: a, "bernoulli": lambda a: a, "einsum": lambda text, a: a, "nn.functional.relu": lambda a: a,
    "nn.functional.mse_loss": lambda a, b: a, "nn.functional.linear": lambda a, b: a, "linalg.norm": lambda a: a,
    "fft.fft": lambda a: a, "special.erf": lambda a: a, "allclose": lambda a, b: a, "max": lambda a: a,
}  # fmt: skip
CALLS = """
    t.mean(s) | t.exp(s) | t.cat([s, x]) | t.stack((x, s)) | t.transpose(s, 0, 1) | t.unsqueeze(s, 0) | t.sort(s)
    t.eq(s, s) | t.sum(s) | t.sum(s, dim=0) | t.where(s, x, x) | t.split(s, 2) | t.zeros_like(s) | t.bernoulli(s)
    t.einsum('ij', s) | t.nn.functional.relu(s) | t.nn.functional.mse_loss(s, x) | t.nn.functional.linear(s, s)
    t.linalg.norm(s) | t.fft.fft(s) | t.special.erf(s) | t.allclose(s, s) | t.max(s) | t.add(s, 1)[0] | t.add(x, s)[1]
"""


@pytest.mark.parametrize("text", [each.strip() for line in CALLS.strip().splitlines() for each in line.split(" | ")])
@pytest.mark.parametrize("is_known", [False, True], ids=["met", "known"])
def test_a_class_that_is_no_tensor_takes_functions_over(text: str, is_known: bool) -> None:
    scalar, x = Scalar(2, 3.0), mt.ones(2)
    HANDLED.update({operation(name): handler for name, handler in FUNCTIONS.items()})
    names = {"t": mt, "s": scalar, "x": x}
    if is_known:
        mt.mean(scalar)  # type: ignore[arg-type]  # which a Scalar takes over
    assert eval(text, names) is scalar


def operation(name: str) -> Any:
    found: Any = mt
    for word in name.split("."):
        found = getattr(found, word)
    return found


def test_a_call_that_everyone_declines_raises_and_an_operator_gives_way() -> None:
    HANDLED.clear()
    scalar: Any = Scalar(2, 3.0)
    for call in (lambda: mt.mul(scalar, 2), lambda: mt.nn.functional.relu(scalar), lambda: mt.ones(2).add_(scalar)):
        with pytest.raises(TypeError, match=r"no implementation found for '\w+' on types that implement __torch_f"):
            call()
    assert mt.ones(2) + scalar == "radd"
    with pytest.raises(TypeError, match="unsupported operand"):
        mt.ones(2) - scalar


def test_a_subclass_is_asked_before_its_parents_and_each_class_once() -> None:
    asked = []

    class Outer(mt.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            asked.append((cls.__name__, func.__name__, [each.__name__ for each in types]))
            return NotImplemented if cls is Inner else super().__torch_function__(func, types, args, kwargs)

    class Inner(Outer):
        pass

    outer, inner = mt.ones(2).as_subclass(Outer), mt.ones(2).as_subclass(Inner)
    with pytest.raises(TypeError, match="no implementation found for 'stack'"):
        mt.stack([outer, inner, outer, inner])
    assert asked == [("Inner", "stack", ["Inner", "Outer"]), ("Outer", "stack", ["Inner", "Outer"])]


def test_handlers_get_the_arguments_as_they_were_given() -> None:
    seen = []

    class Log(mt.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append((func.__name__, args[1:], kwargs or {}))
            return super().__torch_function__(func, types, args, kwargs)

    x = mt.ones(2, 2).as_subclass(Log)
    mt.sum(x), mt.sum(x, dim=0), x.max(1), x.shape, x[0], len(x), x.add_(1, alpha=2), mt.nn.functional.softmax(x, dim=1)
    x.grad = None
    expected = [
        ("sum", (), {}), ("sum", (), {"dim": 0}), ("max", (1,), {}), ("__get__", (), {}), ("__getitem__", (0,), {}),
        ("__len__", (), {}), ("add_", (1,), {"alpha": 2}), ("softmax", (), {"dim": 1}), ("__set__", (None,), {}),
    ]  # fmt: skip
    assert seen == expected


def test_gradients_flow_and_are_plain_tensors() -> None:
    class Image(mt.Tensor):
        pass

    x = mt.ones(2).as_subclass(Image).requires_grad_()
    y = (x * 3).exp().sum()
    assert type(y) is Image
    y.backward()
    assert type(x.grad) is mt.Tensor and x.grad.tolist() == pytest.approx([3 * mt.tensor(3.0).exp().item()] * 2)


class Wrapper:
    """A tensor with a word, which the results keep; it is no tensor itself."""

    def __init__(self, data: Any, word: str) -> None:
        self.data, self.word = mt.as_tensor(data), word

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        words = {each.word for each in args if isinstance(each, Wrapper)}
        plain = [each.data if isinstance(each, Wrapper) else each for each in args]
        return Wrapper(func(*plain, **(kwargs or {})), words.pop())


def test_a_wrapper_keeps_its_word() -> None:
    a: Any = Wrapper([[1.0, 2.0]], "left")
    found: Any = mt.add(a, mt.tensor([[1.0, 2.0]]))
    assert isinstance(found, Wrapper) and found.word == "left" and found.data.tolist() == [[2.0, 4.0]]
    assert mt.mul(mt.tensor(2.0), found).data.tolist() == [[4.0, 8.0]]
    assert mt.nn.functional.relu(a).word == "left"


def test_modes_take_over_every_call_from_the_inside_out() -> None:
    calls = []

    class Mode(mt.overrides.TorchFunctionMode):
        def __init__(self, name: str) -> None:
            self.name = name

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            calls.append((self.name, func.__name__))
            return func(*args, **(kwargs or {}))

    x = mt.ones(2)
    with Mode("outer"), Mode("inner"):
        assert mt.nn.functional.relu(x + 1).tolist() == [2.0, 2.0]
        mt.ones(1, requires_grad=True).backward()
        with mt._C.DisableTorchFunction():
            x.exp()
        with mt._C.DisableTorchFunctionSubclass():
            x.sin()
    x.cos()
    assert calls == [(mode, name) for name in ("add", "relu", "ones", "backward", "sin") for mode in ("inner", "outer")]
    with pytest.raises(NotImplementedError), mt.overrides.TorchFunctionMode():
        x.exp()
    assert x.exp().shape == (2,)


def test_handle_torch_function_serves_functions_of_users() -> None:
    class Image(mt.Tensor):
        pass

    @mt.overrides.wrap_torch_function(lambda a, b: (a, b))
    def scaled(a: Any, b: Any) -> Any:
        return a * b + 1

    image = mt.ones(1).as_subclass(Image)
    assert type(scaled(image, 2)) is Image and type(scaled(mt.ones(1), 2)) is mt.Tensor
    assert mt.overrides.has_torch_function((image,)) and not mt.overrides.has_torch_function((mt.ones(1), None))
    with mt._C.DisableTorchFunctionSubclass():
        assert not mt.overrides.has_torch_function((image,))


def test_names_of_functions_are_found() -> None:
    for name in ("torch.stack", "torch.Tensor.add_", "torch.nn.functional.mse_loss", "torch.linalg.norm"):
        assert mt.overrides.resolve_name(operation(name.removeprefix("torch."))) == name
    assert mt.overrides.resolve_name(mt.Tensor.shape.__get__) == "torch.Tensor.shape.__get__"
    found = mt.overrides.get_overridable_functions()
    assert mt.add in found[mt] and mt.nn.functional.mse_loss in found[mt.nn.functional]
    dummies = mt.overrides.get_testing_overrides()
    assert mt.Tensor.as_subclass not in dummies and dummies[mt.add]() == -1


def test_programs_without_such_classes_pay_nothing() -> None:
    from minitensor.autograd.protocol import active

    assert active == []


CALLS_OF_TENSORS: list[Callable[[mt.Tensor], object]] = [
    lambda x: x + x, lambda x: 2 * x, mt.exp, lambda x: x.sum(), lambda x: x.sum(0, keepdim=True),
    lambda x: x.view(2, 6), lambda x: x[1:, 0], lambda x: x[None], mt.relu, lambda x: mt.cat([x, x]),
    lambda x: x.softmax(0), mt.Tensor.double,
    lambda x: mt.nn.functional.linear(x, x), lambda x: x.add_(1), lambda x: x.max(1), lambda x: mt.stack((x, x)),
    lambda x: mt.nn.Parameter(x) * 2, lambda x: x.permute(1, 0), lambda x: mt.add(x, x, alpha=2),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS_OF_TENSORS)
def test_a_call_of_plain_tensors_is_seen_at_a_glance(
    call: Callable[[mt.Tensor], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the arguments were looked at one by one")

    x = mt.ones(3, 4)
    monkeypatch.setattr(protocol, "ask_mode_and_classes", fail)
    protocol.active.append(protocol.CLASSES)  # what the first class does, such as that of sparse tensors
    try:
        call(x)
    finally:
        protocol.active.remove(protocol.CLASSES)


def test_a_view_that_requires_grad_itself_is_not_written_to() -> None:
    for t in (mt, pytest.importorskip("torch")):
        view = t.ones(3)[:2].requires_grad_()
        with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad is being used"):
            view.add_(1)


SUMS_OF_PRODUCTS = {
    "addmm": (2, 2, 2), "addmv": (1, 2, 1), "addr": (2, 1, 1), "baddbmm": (3, 3, 3), "addbmm": (2, 3, 3),
}


@pytest.mark.parametrize("name", SUMS_OF_PRODUCTS)
def test_a_class_is_asked_about_the_public_function_itself(name: str) -> None:
    asked: list[Any] = []

    class Listener(mt.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            asked.append(func)
            return super().__torch_function__(func, types, args, kwargs)

    first, *others = [mt.ones((2,) * dims) for dims in SUMS_OF_PRODUCTS[name]]
    getattr(mt, name)(first.as_subclass(Listener), *others)
    assert asked == [getattr(mt, name)]
