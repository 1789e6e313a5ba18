"""Questions about modules, asked of both libraries: results, warnings and errors are the same.

Each question is a function of the library; its result is compared as text.
"""

from __future__ import annotations

import copy
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

import minitensor

Question = Callable[[Any], Any]
QUESTIONS: list[Question] = []


def ask(question: Question) -> Question:
    QUESTIONS.append(question)
    return question


def net(lib: Any) -> Any:
    inner = lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.ReLU())
    return lib.nn.Sequential(OrderedDict(a=lib.nn.Linear(2, 3), b=lib.nn.BatchNorm1d(3), c=inner))


def shared_layer(lib: Any) -> Any:
    layer = lib.nn.Linear(2, 2)
    return lib.nn.Sequential(layer, layer)


@ask
def walks_over_a_shared_layer(lib: Any) -> Any:
    module = shared_layer(lib)
    return [
        len(list(module.modules())), len(list(module.modules(remove_duplicate=False))),
        [name for name, _ in module.named_modules(remove_duplicate=False)],
        [name for name, _ in module.named_parameters(remove_duplicate=False)], len(list(module.children())),
    ]  # fmt: skip


@ask
def walks_with_a_prefix(lib: Any) -> Any:
    module = net(lib)
    return [
        [name for name, _ in walk]
        for walk in (
            module.named_parameters("x"), module.named_parameters("x", recurse=False), module.named_buffers("x."),
            module.named_modules(prefix="x"), module.a.named_parameters("", False),
        )
    ]  # fmt: skip


@ask
def state_dict_by_position(lib: Any) -> Any:
    entries: Any = OrderedDict()
    found = net(lib).state_dict(entries, "p.", True)
    return list(found), found is entries, found["p.a.weight"].requires_grad


@ask
def zeroing_keeps_the_gradient_and_frees_it(lib: Any) -> Any:
    layer = lib.nn.Linear(2, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns about create_graph
        layer(lib.ones(4, 2)).pow(2).sum().backward(create_graph=True)
    gradient = layer.weight.grad
    layer.zero_grad(set_to_none=False)
    return layer.weight.grad is gradient, gradient.requires_grad, gradient.tolist()


@ask
def channels_last_weights(lib: Any) -> Any:
    module = lib.nn.Sequential(lib.nn.Conv2d(3, 4, 2), lib.nn.Linear(2, 2), lib.nn.BatchNorm2d(4))
    first = [each.stride() for each in module.to(memory_format=lib.channels_last).parameters()]
    double = module.to(lib.float64, memory_format=lib.contiguous_format)
    return first, double[0].weight.stride(), double[0].weight.dtype, double[2].num_batches_tracked.dtype


@ask
def converted_weights(lib: Any) -> Any:
    module = lib.nn.Sequential(lib.nn.Conv2d(3, 4, 2), lib.nn.ConvTranspose2d(3, 4, 2), lib.nn.Conv3d(3, 4, 2))
    same = lib.nn.utils.convert_conv2d_weight_memory_format(module, lib.channels_last) is module
    lib.nn.utils.convert_conv3d_weight_memory_format(module, lib.channels_last_3d)
    return same, [each.weight.stride() for each in module]


@ask
def shared_memory_keeps_values(lib: Any) -> Any:
    module = net(lib).to(lib.float64)
    before = [each.clone() for each in module.state_dict().values()]
    same = module.share_memory() is module
    after = module.state_dict().values()
    return same, [bool((one == other).all()) for one, other in zip(before, after)], module.a.weight.requires_grad


@ask
def sharing_lazily(lib: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lib.nn.LazyLinear(3).share_memory()


@ask
def several_parents(lib: Any) -> Any:
    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

    class Both(lib.nn.Module, Named):  # type: ignore[misc]  # the library is an argument
        call_super_init = True

        def __init__(self) -> None:
            super().__init__("me")

    return Both().name, lib.nn.Module.call_super_init, lib.nn.Module.dump_patches


@ask
def arguments_of_the_base(lib: Any) -> Any:
    lib.nn.Module(1)


@ask
def names_of_the_base(lib: Any) -> Any:
    lib.nn.Sigmoid(alpha=1)


@ask
def a_copy_and_a_pickle(lib: Any) -> Any:
    module = net(lib).eval()
    module.a.weight.requires_grad_(False)
    module.a.same = module.a.weight
    found = [copy.deepcopy(module), pickle.loads(pickle.dumps(module))]
    return [
        [one.a.same is one.a.weight, one.training, [p.requires_grad for p in one.parameters()], [*one.state_dict()]]
        for one in found
    ]


@ask
def buffers_come_and_go(lib: Any) -> Any:
    module, answers = lib.nn.Module(), []
    module.register_buffer("x", lib.ones(1), persistent=False)
    answers.append(list(module.state_dict()))
    module.register_buffer("x", lib.ones(2))
    module.register_buffer("y", None)
    answers.append(list(module.state_dict()))
    del module.x
    return answers, module.y, list(module.state_dict())


@ask
def a_plain_dict_of_parameters_is_sorted(lib: Any) -> Any:
    given = {"w": lib.ones(2), "o": lib.ones(1)}
    made = lib.nn.ParameterDict(given)
    ordered = lib.nn.ParameterDict(OrderedDict(given))
    return [list(each.state_dict()) for each in (made, ordered, ordered.copy())], repr(made)


@ask
def hooks_around_loading(lib: Any) -> Any:
    seen: list[Any] = []
    module = net(lib)
    module.register_load_state_dict_pre_hook(lambda m, entries, prefix, *rest: seen.append((prefix, len(rest))))
    module.a.register_load_state_dict_pre_hook(lambda m, entries, prefix, *rest: seen.append((prefix, sorted(entries))))
    module.register_load_state_dict_post_hook(lambda m, keys: seen.append((keys.missing_keys, keys.unexpected_keys)))
    module.a.register_load_state_dict_post_hook(lambda m, keys: seen.append("inner"))
    entries = net(lib).state_dict()
    entries["x"] = entries.pop("a.bias")
    module.load_state_dict(entries, strict=False)
    return seen


@ask
def a_load_hook_that_returns(lib: Any) -> Any:
    module = net(lib)
    module.register_load_state_dict_post_hook(lambda m, keys: 3)
    module.load_state_dict(module.state_dict())


@ask
def a_save_hook_that_returns(lib: Any) -> Any:
    module = net(lib)
    module.register_state_dict_post_hook(lambda m, entries, prefix, metadata: {})
    module.state_dict()


@ask
def old_norms_keys_load_into_new_ones(lib: Any) -> Any:
    answers = []
    for name in ("weight_norm", "spectral_norm"):
        old, new = lib.nn.Linear(2, 2), lib.nn.Linear(2, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # weight_norm is deprecated
            getattr(lib.nn.utils, name)(old)
        getattr(lib.nn.utils.parametrizations, name)(new)
        answers.append([list(old.state_dict()), list(new.state_dict()), repr(new.load_state_dict(old.state_dict()))])
        answers.append(bool(lib.allclose(old.eval()(lib.ones(2)), new.eval()(lib.ones(2)))))
    return answers


@ask
def in_place_functions(lib: Any) -> Any:
    F, answers = lib.nn.functional, []
    for name, *options in (
        ("elu_", 0.5), ("selu_",), ("celu_", 0.5), ("hardtanh_", -0.5, 0.2), ("leaky_relu_", 0.1), ("rrelu_", 0.1, 0.3),
        ("threshold_", 0.1, -1.0), ("relu_",),
    ):  # fmt: skip
        x = lib.tensor([-1.0, 0.0, 0.5], requires_grad=True)
        y = x * 1
        same = getattr(F, name)(y, *options) is y
        y.sum().backward()
        answers.append([name, same, *([round(each, 5) for each in some.tolist()] for some in (y, x.grad))])
    return answers


@ask
def pools_with_indices(lib: Any) -> Any:
    F, answers = lib.nn.functional, []
    for dims in (1, 2, 3):
        x = (lib.arange(4.0**dims).reshape(1, 1, *(4,) * dims) * 7) % 5
        found = [getattr(F, f"{kind}max_pool{dims}d_with_indices")(x, 2) for kind in ("", "adaptive_")]
        if dims > 1:
            draws = lib.full((1, 1, dims), 0.4)
            function = getattr(F, f"fractional_max_pool{dims}d_with_indices")
            found.append(function(x, 2, output_size=2, _random_samples=draws))
        answers.append([[each.tolist() for each in pair] for pair in found])
    return answers


@ask
def time_first_convolution(lib: Any) -> Any:
    x, weight = lib.arange(10.0).reshape(5, 1, 2), lib.arange(12.0).reshape(3, 2, 2)
    return lib.nn.functional.conv_tbc(x, weight, lib.ones(2), 1).tolist()


@ask
def cross_map_norms(lib: Any) -> Any:
    x = lib.arange(8.0).reshape(1, 8, 1, 1)
    layers = [lib.nn.CrossMapLRN2d(size, alpha=0.5, k=2) for size in (1, 2, 3, 4, 5, 20)]
    return [(repr(each), [round(one, 3) for one in each(x).flatten().tolist()]) for each in layers]


@ask
def old_names(lib: Any) -> Any:
    made = lib.nn.Hardtanh(min_value=-2, max_value=3)
    lib.manual_seed(3)
    weight = lib.nn.init.xavier_uniform(lib.empty(2, 2))
    weight.grad = lib.ones(2, 2)
    norm = lib.nn.utils.clip_grad_norm(weight, 1.0)
    return repr(made), repr(lib.nn.NLLLoss2d()), [round(each, 5) for each in weight.flatten().tolist()], norm.tolist()


@ask
def sizes_of_recurrent_layers(lib: Any) -> Any:
    lib.nn.GRU(4, 5, proj_size=2)


@ask
def a_mode_that_is_none(lib: Any) -> Any:
    lib.nn.RNNBase("x", 4, 5)


@ask
def base_classes(lib: Any) -> Any:
    modules = lib.nn.modules
    bases = [
        modules.batchnorm._BatchNorm, modules.batchnorm._NormBase, modules.instancenorm._InstanceNorm,
        modules.conv._ConvNd, modules.loss._Loss, modules.loss._WeightedLoss,
    ]  # fmt: skip
    layers = [
        lib.nn.BatchNorm2d(2), lib.nn.InstanceNorm2d(2), lib.nn.Conv1d(2, 2, 1), lib.nn.ConvTranspose2d(2, 2, 1),
        lib.nn.MSELoss(), lib.nn.CrossEntropyLoss(),
    ]  # fmt: skip
    return [[isinstance(layer, base) for base in bases] for layer in layers]


@ask
def names_without_a_prefix(lib: Any) -> Any:
    entries = lib.nn.Sequential(OrderedDict(module=net(lib))).state_dict()
    lib.nn.modules.utils.consume_prefix_in_state_dict_if_present(entries, "module.")
    utils = lib.nn.modules.utils
    return list(entries), repr(net(lib).load_state_dict(entries)), utils._pair(3), utils._triple([1, 2, 3])


@ask
def what_is_assigned_to_a_parametrized_weight(lib: Any) -> Any:
    layer = lib.nn.Linear(2, 2)
    lib.nn.utils.parametrize.register_parametrization(layer, "weight", lib.nn.Identity())
    layer.weight = lib.nn.Parameter(lib.ones(2, 2))


for path in ("c.9", "z", "a.weight", "a.weight.x", "c..0", "."):
    for method in ("get_submodule", "get_parameter", "get_buffer"):
        QUESTIONS.append(lambda lib, method=method, path=path: getattr(net(lib), method)(path).shape)
        QUESTIONS[-1].__name__ = f"{method}({path!r})"
    QUESTIONS.append(lambda lib, path=path: net(lib).set_submodule(path, lib.nn.ReLU(), strict=True))
    QUESTIONS[-1].__name__ = f"set_submodule({path!r})"


def answer(question: Question, lib: Any) -> tuple[str | Exception, list[str]]:
    """Return the answer or the error, and the kinds of warnings that were given."""
    lib.manual_seed(0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found: str | Exception = str(question(lib)).replace("minitensor", "torch")
        except Exception as error:
            found = error
    return found, sorted({each.category.__name__ for each in told})


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.__name__)
def test_the_answer_is_pytorchs(question: Question) -> None:
    torch = pytest.importorskip("torch")
    (mine, told), (theirs, also_told) = answer(question, minitensor), answer(question, torch)
    assert told == also_told
    if isinstance(theirs, Exception):
        assert isinstance(mine, type(theirs)), repr(mine)
    else:
        assert mine == theirs
