"""A module registers what is assigned to it; it can be traversed, moved, and printed as in PyTorch."""

from __future__ import annotations

import copy
import os
import pickle
from types import ModuleType
from typing import Any

import pytest

import minitensor
from minitensor import nn


def net(lib: Any) -> Any:
    return lib.nn.Sequential(
        lib.nn.Conv2d(1, 4, 3, padding=1, bias=False),
        lib.nn.BatchNorm2d(4),
        lib.nn.ReLU(inplace=True),
        lib.nn.Sequential(lib.nn.MaxPool2d(2), lib.nn.Flatten(), lib.nn.Dropout(0.25)),
        lib.nn.Linear(4, 2),
    )


class Tied(nn.Module):
    """A module with one parameter and one submodule, each under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.second = nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight
        self.third = self.first


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


# -- attributes


def test_assigned_parameters_modules_and_buffers_are_registered() -> None:
    module = nn.Module()
    module.weight = nn.Parameter(minitensor.ones(2))
    module.inner = nn.Linear(2, 3)
    module.register_buffer("seen", minitensor.zeros(1))
    assert [name for name, _ in module.named_parameters()] == ["weight", "inner.weight", "inner.bias"]
    assert [name for name, _ in module.named_buffers()] == ["seen"]
    assert dict(module.named_children()) == {"inner": module.inner}


def test_a_plain_tensor_is_an_ordinary_attribute() -> None:
    module = nn.Module()
    module.constant = minitensor.ones(2)
    assert not list(module.parameters())
    assert not module.state_dict()


def test_the_last_assignment_decides_what_a_name_is() -> None:
    module = nn.Module()
    module.thing = 3
    module.thing = nn.ReLU()
    assert "thing" not in module.__dict__
    module.thing = nn.Parameter(minitensor.ones(1))
    assert not list(module.children())
    assert [name for name, _ in module.named_parameters()] == ["thing"]


def test_a_new_value_keeps_its_position() -> None:
    module = nn.Sequential(nn.ReLU(), nn.Linear(1, 1))
    module[0] = nn.Tanh()
    module[1].weight = nn.Parameter(minitensor.ones(2, 2))
    assert [type(child).__name__ for child in module] == ["Tanh", "Linear"]
    assert list(module.state_dict()) == ["1.weight", "1.bias"]


@pytest.mark.parametrize(
    ("value", "wrong", "message"),
    [
        (nn.Parameter(minitensor.ones(1)), 3, "cannot assign 'int' as parameter 'thing'"),
        (nn.Parameter(minitensor.ones(1)), nn.ReLU(), "cannot assign '.*ReLU' as parameter 'thing'"),
        (nn.Parameter(minitensor.ones(1)), nn.Buffer(), "cannot assign '.*Buffer' as parameter 'thing'"),
        (nn.ReLU(), "x", "cannot assign 'str' as child module 'thing'"),
        (nn.ReLU(), nn.Buffer(), "cannot assign '.*Buffer' as child module 'thing'"),
    ],
)
def test_a_registered_name_accepts_none_but_no_other_kind_of_value(value: Any, wrong: Any, message: str) -> None:
    module = nn.Module()
    module.thing = value
    with pytest.raises(TypeError, match=message):
        module.thing = wrong
    module.thing = None
    assert module.thing is None


def test_a_buffer_can_be_replaced_only_by_a_tensor() -> None:
    module = nn.Module()
    module.register_buffer("seen", minitensor.zeros(1), persistent=False)
    module.seen = minitensor.ones(2)
    assert not module.state_dict()
    with pytest.raises(TypeError, match=r"cannot assign 'int' as buffer 'seen'"):
        module.seen = 3


def test_deleting_an_attribute_unregisters_it() -> None:
    module = nn.Linear(2, 2)
    del module.bias
    assert [name for name, _ in module.named_parameters()] == ["weight"]
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'bias'"):
        module.bias


def test_a_missing_super_init_is_reported() -> None:
    class Net(nn.Module):
        def __init__(self, value: Any) -> None:
            self.thing = value

    for value in (nn.Parameter(minitensor.ones(1)), nn.ReLU()):
        with pytest.raises(AttributeError, match=r"before Module.__init__\(\) call: super\(\).__init__\(\) was not"):
            Net(value)
    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\) was not called"):
        list(Net(3).parameters())


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("a.b", KeyError, "contain .*, got: a.b"),
        ("", KeyError, "be empty string"),
        ("forward", KeyError, "attribute 'forward' already exists"),
        (3, TypeError, "name should be a string. Got int"),
    ],
)
def test_names_that_cannot_be_in_a_path_are_refused(name: Any, error: type[Exception], message: str) -> None:
    module = nn.Module()
    for register, value in (
        (module.register_parameter, nn.Parameter(minitensor.ones(1))),
        (module.register_buffer, minitensor.ones(1)),
        (module.add_module, nn.ReLU()),
    ):
        with pytest.raises(error, match=message):
            register(name, value)  # type: ignore[operator]


def test_only_leaves_become_parameters() -> None:
    with pytest.raises(TypeError, match=r"cannot assign 'minitensor.tensor.Tensor' object to parameter 'weight'"):
        nn.Module().register_parameter("weight", minitensor.ones(1))  # type: ignore[arg-type]


def test_dir_lists_registered_names_but_no_numbers() -> None:
    names = dir(nn.Sequential(nn.ReLU()))
    assert "forward" in names
    assert "0" not in names
    assert {"weight", "bias"} <= set(dir(nn.Linear(1, 1)))


# -- traversal


def test_iterators_are_pytorchs(torch: ModuleType) -> None:
    ours, theirs = net(minitensor), net(torch)
    for walk in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [name for name, _ in getattr(ours, walk)()] == [name for name, _ in getattr(theirs, walk)()]
    for walk in ("named_parameters", "named_buffers"):
        prefixed = [name for name, _ in getattr(ours, walk)(prefix="net", recurse=False)]
        assert prefixed == [name for name, _ in getattr(theirs, walk)(prefix="net", recurse=False)]


def test_shared_parameters_and_modules_come_once_by_default() -> None:
    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["first.weight"]
    assert [name for name, _ in tied.named_modules()] == ["", "first", "second"]
    every = [name for name, _ in tied.named_parameters(remove_duplicate=False)]
    assert every == ["first.weight", "second.weight", "third.weight"]
    assert list(tied.state_dict()) == every


def test_paths_lead_to_the_objects_they_name() -> None:
    module = net(minitensor)
    assert module.get_submodule("3.1") is module[3][1]
    assert module.get_submodule("") is module
    assert module.get_parameter("4.weight") is module[4].weight
    assert module.get_buffer("1.running_mean") is module[1].running_mean


@pytest.mark.parametrize(
    ("get", "path", "message"),
    [
        ("get_submodule", "3.9", "Sequential has no attribute `9`"),
        ("get_submodule", "4.weight", "`weight` is not an nn.Module"),
        ("get_parameter", "4.scale", "Linear has no attribute `scale`"),
        ("get_parameter", "1.running_mean", "`running_mean` is not an nn.Parameter"),
        ("get_buffer", "4.weight", "`weight` is not a buffer"),
    ],
)
def test_wrong_paths_are_reported(get: str, path: str, message: str) -> None:
    with pytest.raises(AttributeError, match=message):
        getattr(net(minitensor), get)(path)


def test_apply_visits_submodules_first() -> None:
    seen: list[str] = []
    net(minitensor).apply(lambda module: seen.append(type(module).__name__))
    assert seen[3:7] == ["MaxPool2d", "Flatten", "Dropout", "Sequential"]
    assert seen[-1] == "Sequential"


# -- modes


def test_train_and_eval_reach_every_module() -> None:
    module = net(minitensor)
    assert all(not inner.training for inner in module.eval().modules())
    assert all(inner.training for inner in module.train().modules())
    with pytest.raises(ValueError, match="expected to be boolean, got 1"):
        module.train(1)


def test_zero_grad_drops_gradients_or_zeros_them() -> None:
    layer = nn.Linear(2, 1)
    layer(minitensor.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0, 0]]
    layer.zero_grad()
    assert layer.weight.grad is None


def test_requires_grad_reaches_every_parameter() -> None:
    assert not any(parameter.requires_grad for parameter in net(minitensor).requires_grad_(False).parameters())


# -- casting


def test_casts_change_floats_in_place_and_skip_integers() -> None:
    module = net(minitensor)
    weight = module[4].weight
    weight.sum().backward()
    assert module.double() is module
    assert module[4].weight is weight
    assert weight.dtype is weight.grad.dtype is module[1].running_mean.dtype is minitensor.float64
    assert module[1].num_batches_tracked.dtype is minitensor.int64


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.half(),
        lambda m: m.to(minitensor.float16),
        lambda m: m.to("cpu", minitensor.float16),
        lambda m: m.to(dtype=minitensor.float16),
        lambda m: m.to(minitensor.zeros(1, dtype=minitensor.float16)),
        lambda m: m.type(minitensor.float16),
    ],
)
def test_all_ways_to_request_a_dtype(ask: Any) -> None:
    assert ask(nn.Linear(2, 2)).weight.dtype is minitensor.float16


def test_to_accepts_only_floating_and_complex_dtypes() -> None:
    with pytest.raises(
        TypeError, match=r"only accepts floating point or complex dtypes, but got desired dtype=torch.int64"
    ):
        nn.Linear(2, 2).to(minitensor.int64)


def test_an_unknown_argument_of_to_is_named() -> None:
    with pytest.raises(TypeError, match="unknown argument 'devise'"):
        nn.Linear(2, 2).to(devise="cpu")  # type: ignore[call-overload]


# -- copies and text


def test_a_deep_copy_is_independent_and_keeps_sharing() -> None:
    tied = Tied()
    copied = copy.deepcopy(tied)
    assert copied.first.weight is copied.second.weight
    assert copied.third is copied.first
    copied.first.weight.detach().fill_(7)
    assert not (tied.first.weight == 7).any()


def test_pickling_keeps_values_and_modes() -> None:
    module = net(minitensor).eval()
    again = pickle.loads(pickle.dumps(module))
    assert repr(again) == repr(module)
    assert not again.training
    for mine, theirs in zip(module.state_dict().values(), again.state_dict().values(), strict=True):
        assert mine.tolist() == theirs.tolist()


def test_text_is_pytorchs(torch: ModuleType) -> None:
    assert repr(net(minitensor)) == repr(net(torch))


def test_text_shows_extra_lines_and_inner_modules() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.ReLU())

        def extra_repr(self) -> str:
            return "one\ntwo"

    assert repr(Net()) == "Net(\n  one\n  two\n  (inner): Sequential(\n    (0): ReLU()\n  )\n)"


# -- calling


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"Module \[Module\] is missing the required \"forward\" function"):
        nn.Module()(3)


def test_an_error_is_kept_if_the_layer_cannot_be_printed() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    layer = nn.MaxPool2d(2, deep)
    with pytest.raises(TypeError, match=r"^MaxPool2d: "):
        layer(minitensor.ones(1, 1, 4, 4))


def test_wrong_sizes_name_the_layer_by_its_path() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Flatten(), nn.Linear(5, 3))

        def forward(self, x: minitensor.Tensor) -> Any:
            return self.features(x)

    with pytest.raises(RuntimeError, match=r"^features\.1: Linear\(in_features=5, out_features=3, bias=True\): .*4.*5"):
        Net()(minitensor.zeros(2, 4))


def test_an_error_keeps_its_class_and_traceback() -> None:
    inner = nn.BatchNorm1d(3)
    net = nn.Sequential(nn.Sequential(nn.ReLU(), nn.ModuleDict({"norm": inner})["norm"]))
    with pytest.raises(ValueError, match=r"^0\.1: BatchNorm1d\(3, .*\): expected 2D or 3D input") as caught:
        net(minitensor.zeros(1, 1, 1, 1))
    assert caught.traceback[-1].name == "_check_input_dim"
    assert str(caught.value).count("BatchNorm1d") == 1


def test_a_layer_without_a_path_is_named_without_one() -> None:
    class Net(nn.Module):
        def forward(self, x: Any) -> Any:
            return self.hidden[0](x)

    net = Net()
    net.hidden = [nn.Linear(2, 2)]
    with pytest.raises(RuntimeError, match=r"^Linear\(in_features=2, "):
        net(minitensor.zeros(3))


# -- replacing


def test_a_module_can_be_set_at_a_path() -> None:
    network = net(minitensor)
    network.set_submodule("3.1", nn.Identity())
    assert isinstance(network[3][1], nn.Identity)
    network.set_submodule("3.new", nn.ReLU())
    assert isinstance(network[3].new, nn.ReLU)


@pytest.mark.parametrize(
    ("target", "options", "kind", "message"),
    [
        ("", {}, ValueError, "without a target name"),
        ("9.1", {}, AttributeError, "Sequential has no attribute `9`"),
        ("3.new", {"strict": True}, AttributeError, "Sequential has no attribute `new`"),
        ("0.weight", {}, AttributeError, "`weight` is not an nn.Module"),
    ],
)
def test_a_path_through_a_non_module_is_named(target: str, options: Any, kind: type[Exception], message: str) -> None:
    network = net(minitensor)
    with pytest.raises(kind, match=message):
        network.set_submodule(target, nn.ReLU(), **options)
    with pytest.raises(ValueError, match=r"not an nn\.Module, found <class 'int'>"):
        network.set_submodule("0", 3)


# -- the API of PyTorch's modules


def test_every_public_name_of_pytorchs_module_exists_or_is_excluded_for_a_reason(torch: ModuleType) -> None:
    left_out = {
        "T_destination": "a type", "ipu": "a device", "mtia": "a device", "xpu": "a device",
    }  # fmt: skip
    theirs = {name for name in dir(torch.nn.Module()) if not name.startswith("_")}
    assert theirs - set(dir(nn.Module())) == left_out.keys()


def test_to_empty_keeps_sizes_and_parameter_objects() -> None:
    layer = nn.BatchNorm1d(3)
    held = layer.weight
    assert layer.to_empty(device="cpu") is layer
    assert layer.weight is held
    assert {name: tuple(each.shape) for name, each in layer.state_dict().items()} == {
        "weight": (3,), "bias": (3,), "running_mean": (3,), "running_var": (3,), "num_batches_tracked": (),
    }  # fmt: skip


def test_compiling_changes_nothing() -> None:
    layer = nn.Linear(2, 2)
    before = layer(minitensor.ones(2)).tolist()
    layer.compile(mode="max-autotune")
    assert layer(minitensor.ones(2)).tolist() == before


def test_casting_to_bfloat16_keeps_the_parameters_objects() -> None:
    layer = nn.BatchNorm1d(2)
    weight = layer.weight
    assert layer.bfloat16() is layer and layer.weight is weight
    assert {each.dtype for each in (weight, layer.running_mean)} == {minitensor.bfloat16}
    assert layer.num_batches_tracked.dtype is minitensor.int64


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
def test_a_write_in_a_forked_process_to_a_shared_module_is_seen_by_all() -> None:
    layer = nn.BatchNorm1d(2).share_memory()
    child = os.fork()
    if not child:
        try:
            layer.weight.detach().fill_(7)
            layer.running_mean.fill_(3)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert layer.weight.tolist() == [7, 7]
    assert layer.running_mean.tolist() == [3, 3]


def test_attention_is_the_same_whichever_kernel_is_requested() -> None:
    from minitensor.nn.attention import SDPBackend, sdpa_kernel

    x = minitensor.ones(1, 2, 3)
    expected = nn.functional.scaled_dot_product_attention(x, x, x).tolist()
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]):
        assert nn.functional.scaled_dot_product_attention(x, x, x).tolist() == expected
    with pytest.raises(AssertionError, match="an SDPBackend or a list of them, got 'math'"), sdpa_kernel("math"):
        pass
