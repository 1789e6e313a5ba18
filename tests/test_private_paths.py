"""Private and former paths of PyTorch: what programs import from them is there, and answers as PyTorch's."""

from __future__ import annotations

import importlib
import inspect
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import minitensor as mt
from minitensor.utils._contextlib import _DecoratorContextManager

# What programs that are published import, by the names under which they do.
MODULES = """_dynamo _dynamo.utils _dynamo._trace_wrapped_higher_order_op _inductor _inductor.config _vmap_internals
    utils._pytree nn._reduction nn.attention.flex_attention distributed.nn distributed.rpc
    distributed.tensor distributed._tensor distributed.device_mesh distributed.tensor.placement_types _dynamo.eval_frame
    _subclasses.fake_tensor _subclasses.functional_tensor fx.experimental.proxy_tensor
    fx.experimental.symbolic_shapes""".split()
NAMES = """
    types.Device types.Number types.FileLike types._size types._dtype types._int types._device types.IntLikeType
    _utils._flatten_dense_tensors _utils._unflatten_dense_tensors _utils._get_device_index _utils.ExceptionWrapper
    _utils._rebuild_tensor_v2 _utils._rebuild_parameter _utils._import_dotted_name _utils._take_tensors
    _dynamo.OptimizedModule _dynamo.utils.is_compile_supported _C._TensorMeta _C._nn._parse_to Tensor._cdata
    _dynamo._trace_wrapped_higher_order_op.TransformGetItemToIndex utils._pytree._dict_flatten_with_keys
    utils._pytree._list_flatten utils._pytree._get_node_type nn.attention.flex_attention._DEFAULT_SPARSE_BLOCK_SIZE
    distributed.nn.all_reduce cuda.StreamContext ScriptModule ScriptFunction PyTorchFileReader
    _dynamo.disable _dynamo.optimize _dynamo.config.suppress_errors _dynamo.config.cache_size_limit _dynamo.reset
    _inductor.config.max_autotune _inductor.config.triton.cudagraphs __config__.show __config__.parallel_info
    functional.einsum functional.split functional.stft functional.F functional.unique functional.Tensor
    utils._pytree.tree_map utils._pytree.tree_flatten utils._pytree.TreeSpec utils._contextlib.context_decorator
    utils.data._utils.collate.default_collate utils.data._utils.collate.default_convert
    utils.data._utils.pin_memory.pin_memory utils.data._utils.worker.get_worker_info
    utils.data._utils.worker.WorkerInfo utils.data._utils.MP_STATUS_CHECK_INTERVAL
    nn._reduction.get_enum nn._reduction.legacy_get_string nn.functional._Reduction nn.modules.utils._pair
    nn.modules.utils._ntuple nn.modules.utils._reverse_repeat_tuple nn.modules.utils._list_with_default
    nn.modules.conv._ConvNd nn.modules.conv._ConvTransposeNd nn.modules.conv._pair nn.modules.batchnorm._BatchNorm
    nn.modules.batchnorm._NormBase nn.modules.instancenorm._InstanceNorm nn.modules.dropout._DropoutNd
    nn.modules.pooling._MaxPoolNd nn.modules.pooling._AvgPoolNd nn.modules.pooling._AdaptiveAvgPoolNd
    nn.modules.padding._ConstantPadNd nn.modules.loss._Loss nn.modules.loss._WeightedLoss
    _jit_internal.boolean_dispatch _jit_internal.Final _jit_internal.BroadcastingList2 _tensor_str._str
    _C._log_api_usage_once _C._get_tracing_state _C._set_grad_enabled _C._infer_size _C.Size _C.device _C._nn.gelu
    distributions.constraints._GreaterThan distributions.constraints._Interval distributions.constraints._Simplex
    distributions.constraints._Boolean distributions.constraints._Real distributions.constraints._Dependent
    distributions.constraints._IntegerInterval distributions.constraints._Cat distributions.constraints._Stack
    distributions.utils._standard_normal distributions.utils._sum_rightmost
    nn.modules.transformer._get_activation_fn nn.modules.transformer._get_clones nn.modules.module._addindent
    Tensor._is_view utils.data.dataloader._BaseDataLoaderIter utils.data.dataloader._SingleProcessDataLoaderIter
    utils.data.dataloader._MultiProcessingDataLoaderIter
    nn.init._no_grad_trunc_normal_ nn.init._no_grad_normal_ nn.init._no_grad_uniform_ nn.init._no_grad_fill_
    nn.init._no_grad_zero_ autograd.function.InplaceFunction
    _VF.lstm _VF.gru_cell _VF.rnn_tanh _VF.stft nn.functional._in_projection
    nn.parallel.scatter_gather.scatter_kwargs _vmap_internals.vmap _check
    distributed.tensor.DTensor distributed._tensor.DTensor distributed.device_mesh.DeviceMesh
    distributed.tensor.Shard distributed.tensor.placement_types.Replicate distributed.tensor.distribute_tensor
    distributed.device_mesh.init_device_mesh distributed.rpc.rpc_async distributed.rpc.init_rpc
    _dynamo.eval_frame.OptimizedModule _subclasses.fake_tensor.FakeTensor _subclasses.fake_tensor.is_fake
    _subclasses.functional_tensor.FunctionalTensor fx.experimental.proxy_tensor.get_proxy_mode
    fx.experimental.symbolic_shapes.guard_or_false fx.experimental.symbolic_shapes.free_symbols
    _tensor_str.PRINT_OPTS _tensor_str._tensor_str torch.Tensor
    _check_value _assert_async optim.lr_scheduler._LRScheduler
    """.split()


def find(library: Any, path: str) -> Any:
    found: Any = library
    for word in path.split("."):
        found = getattr(found, word)
    return found


@pytest.mark.parametrize("path", NAMES)
def test_a_private_name_of_pytorch_is_here(path: str) -> None:
    torch = pytest.importorskip("torch")
    for name in MODULES:
        importlib.import_module(f"torch.{name}")
    assert type(find(torch, path)) is not None
    assert callable(find(mt, path)) == callable(find(torch, path)) or "." in path


PLACEMENTS = ["Shard(1)", "Shard(0)", "Replicate()", "Partial()", "Partial('max')"]


def facts_of_placements(library: Any) -> list[Any]:
    spread = importlib.import_module(f"{library}.distributed.tensor")
    made = [eval(f"spread.{each}", {"spread": spread}) for each in PLACEMENTS]
    facts = [(repr(each), str(each), each.is_shard(), each.is_shard(1), each.is_replicate(), each.is_partial(),
              each.is_partial("max")) for each in made]  # fmt: skip
    return [facts, [[a == b for a in made] for b in made], len({*made, *made})]


def test_ways_to_spread_a_tensor_compare_as_pytorchs() -> None:
    pytest.importorskip("torch")
    assert facts_of_placements("minitensor") == facts_of_placements("torch")
    spread = importlib.import_module("minitensor.distributed.tensor")
    assert not isinstance(mt.ones(2), spread.DTensor)
    for refused in (spread.init_device_mesh, spread.distribute_tensor, spread.DeviceMesh, spread.DTensor):
        with pytest.raises(ValueError, match="no distributed training"):
            refused("cpu", (1,))
    with pytest.raises(RuntimeError, match="no distributed training"):
        mt.distributed.rpc.rpc_sync("worker", len)  # type: ignore[attr-defined]


def text_of_elements(library: Any) -> list[Any]:
    printing = library._tensor_str
    tensors = [library.arange(3.0), library.eye(2), library.arange(2000), library.ones(3, dtype=library.bfloat16)]
    found = [printing._tensor_str(each, indent) for each in tensors for indent in (0, 4)]
    before = printing.PRINT_OPTS.precision
    printing.PRINT_OPTS.precision = 2
    try:
        return [*found, before, repr(library.tensor([1 / 3])), printing.PRINT_OPTS.threshold]
    finally:
        printing.PRINT_OPTS.precision = before


def test_the_options_of_printing_are_attributes_too() -> None:
    assert text_of_elements(mt) == text_of_elements(pytest.importorskip("torch"))
    with pytest.raises(AttributeError, match="no attribute 'width'"):
        mt._tensor_str.PRINT_OPTS.width


def lists(lib: Any) -> SimpleNamespace:
    a, b = [lib.tensor([0.5, 0.25]), lib.tensor([[0.75]])], [lib.tensor([1.0, 2.0]), lib.tensor([[3.0]])]
    return SimpleNamespace(a=a, b=b, two=lib.tensor(2.0), each=lib.tensor([2.0, 3.0]))


OPERANDS: dict[str, Any] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum", "clamp_min", "clamp_max", "pow"),
                    (lambda x: (x.a, x.b), lambda x: (x.a, 2.0), lambda x: (x.a, [2.0, 3.0]))),
    "lerp": (lambda x: (x.a, x.b, 0.5), lambda x: (x.a, x.b, x.b), lambda x: (x.a, x.b, [0.5, 0.25])),
    **dict.fromkeys(("addcmul", "addcdiv"),
                    (lambda x: (x.a, x.a, x.b), lambda x: (x.a, x.a, x.b, 2), lambda x: (x.a, x.a, x.b, [2, 3]),
                     lambda x: (x.a, x.a, x.b, x.each))),
    "copy_": (lambda x: (x.a, x.b),), "norm": (lambda x: (x.a,), lambda x: (x.a, 1)),
    "powsum": (lambda x: (x.a,), lambda x: (x.a, 3)), "mm": (lambda x: ([each[-1:] for each in x.b[1:]], x.b[1:]),),
}  # fmt: skip
WRONG: tuple[Any, ...] = (lambda x: (x.a, x.b[:1]), lambda x: ([], []))
FOREACH = sorted(name for name in dir(mt) if name.startswith("_foreach_"))


def result(lib: Any, name: str, call: Any) -> Any:
    values = lists(lib)
    try:
        found = getattr(lib, name)(*call(values))
    except RuntimeError as error:
        return str(error).rstrip(".")
    return type(found), [each.tolist() for each in found], [each.tolist() for each in values.a]


@pytest.mark.parametrize("name", FOREACH)
def test_lists_of_tensors_are_computed_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    stem = name.removeprefix("_foreach_")
    calls = OPERANDS.get(stem) or OPERANDS.get(stem.rstrip("_")) or (lambda x: (x.a,),)
    for call in (*calls, *(WRONG if stem.rstrip("_") in ("add", "sub", "mul", "div") else ())):
        compare(result(mt, name, call), result(torch, name, call))


def compare(found: Any, expected: Any) -> None:
    if isinstance(expected, str):
        assert found == expected
        return
    assert found[0] is expected[0]
    for one, other in zip(found[1:], expected[1:], strict=True):
        for a, b in zip(one, other, strict=True):
            mt.testing.assert_close(mt.tensor(a), mt.tensor(b))


def test_all_names_of_lists_are_here() -> None:
    torch = pytest.importorskip("torch")
    assert {name for name in dir(torch) if name.startswith("_foreach_")} == set(FOREACH)
    compare(*[result(lib, "_foreach_pow", lambda x: (2.0, x.a)) for lib in (mt, torch)])


CHECKS = {"_check": RuntimeError, "_check_value": ValueError, "_check_type": TypeError, "_check_index": IndexError,
          "_check_not_implemented": NotImplementedError}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_raises_its_class(name: str) -> None:
    check = getattr(mt, name)
    check(True)
    with pytest.raises(CHECKS[name], match="no luck"):
        check(False, lambda: "no luck")
    with pytest.raises(CHECKS[name], match="Expected cond to be True"):
        check(False)
    with pytest.raises(TypeError, match="cond must be a bool"):
        check(1)


def test_checks_of_tensors_and_sizes() -> None:
    mt._assert_async(mt.ones(1))
    mt._check_is_size(3, max=3)
    mt._check_tensor_all(mt.tensor([True]))
    for call in (lambda: mt._assert_async(mt.zeros(1), "empty"), lambda: mt._check_is_size(-1),
                 lambda: mt._check_tensor_all(mt.tensor([True, False]))):  # fmt: skip
        with pytest.raises(RuntimeError):
            call()


def test_tensors_are_one_vector_and_apart_again() -> None:
    from minitensor import _utils

    tensors = [mt.ones(2, 2), mt.zeros(3)]
    flat = _utils._flatten_dense_tensors(tensors)
    assert flat.tolist() == [1] * 4 + [0] * 3
    assert [each.shape for each in _utils._unflatten_dense_tensors(flat, tensors)] == [(2, 2), (3,)]
    mixed = [mt.ones(2), mt.ones(2, dtype=mt.int64), mt.ones(3)]
    assert [len(group) for group in _utils._take_tensors(mixed, 8)] == [1, 1, 1]
    assert _utils._import_dotted_name("collections.OrderedDict")().keys() == {}.keys()
    built = _utils._rebuild_tensor_v2(mt.arange(6.0).untyped_storage(), 1, (2,), (2,), True, None)
    assert built.tolist() == [1, 3] or built.requires_grad


def test_an_exception_is_raised_elsewhere() -> None:
    from minitensor._utils import ExceptionWrapper

    try:
        raise KeyError("lost")
    except KeyError:
        wrapped = ExceptionWrapper(where="in a thread")
    with pytest.raises(KeyError, match="Caught KeyError in a thread"):
        wrapped.reraise()


def test_nothing_is_compiled_by_dynamo_either() -> None:
    @mt._dynamo.optimize("eager")
    def double(x: Any) -> Any:
        return 2 * x

    mt._dynamo.config.suppress_errors = True
    with mt._dynamo.config.patch(verbose=True):
        assert double(mt.ones(1)).item() == 2 and mt._dynamo.disable(double) is double
    mt._dynamo.config.suppress_errors = False
    mt._dynamo.mark_dynamic(mt.ones(1), 0)


@pytest.mark.filterwarnings("ignore")
def test_modules_are_functions_of_their_parameters() -> None:
    theirs = pytest.importorskip("functorch")
    from minitensor.paths import functorch as ours

    for lib, place in ((importlib.import_module("torch"), theirs), (mt, ours)):
        model = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2))
        with pytest.raises(RuntimeError, match="make_functional_with_buffers"):
            place.make_functional(model)
        function, parameters, buffers = place.make_functional_with_buffers(model)
        assert [tuple(each.shape) for each in parameters] == [(2, 2), (2,), (2,), (2,)] and len(buffers) == 3
        x = lib.ones(3, 2)
        assert function(parameters, buffers, x).shape == (3, 2)
        assert buffers[2] == 1 and model[1].num_batches_tracked == 0
        function, parameters = place.make_functional(lib.nn.Linear(2, 1), disable_autograd_tracking=True)
        assert not parameters[0].requires_grad
        gradient = place.grad(lambda p, call=function, x=x: call(p, x).sum())(parameters)
        assert gradient[0].tolist() == [[3, 3]]
        models = [lib.nn.Linear(2, 1) for _ in range(4)]
        together, parameters, buffers = place.combine_state_for_ensemble(models)
        assert place.vmap(together, in_dims=(0, 0, None))(parameters, buffers, x).shape == (4, 3, 1)
        for wrong in ([], [lib.nn.ReLU(), lib.nn.Tanh()], [lib.nn.ReLU(), lib.nn.ReLU().eval()]):
            with pytest.raises(RuntimeError, match="combine_state_for_ensemble"):
                place.combine_state_for_ensemble(wrong)


def test_a_context_decorates_functions_and_generators() -> None:
    entered: list[str] = []

    class Noted(_DecoratorContextManager):
        def __enter__(self) -> None:
            entered.append("in")

        def __exit__(self, *error: object) -> None:
            entered.append("out")

    @Noted()
    def count() -> Any:
        entered.append("1")
        got = yield 1
        entered.append(got)
        yield 2

    steps = count()
    assert next(steps) == 1 and steps.send("sent") == 2
    assert entered == ["in", "1", "out", "in", "sent", "out"] and inspect.isgeneratorfunction(count)


def test_words_for_reductions() -> None:
    theirs = pytest.importorskip("torch.nn._reduction")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for word in ("none", "mean", "sum", "elementwise_mean"):
            assert mt.nn._reduction.get_enum(word) == theirs.get_enum(word)
        for average in (None, True, False):
            for reduce in (None, True, False):
                assert mt.nn._reduction.legacy_get_enum(average, reduce) == theirs.legacy_get_enum(average, reduce)
    with pytest.raises(ValueError, match="is not a valid value for reduction"):
        mt.nn._reduction.get_enum("most")


def optimizer_module(lib: Any) -> Any:
    """Return the module that PyTorch hides behind its class: ``torch.optim`` has no attribute of its name."""
    return importlib.import_module(f"{lib.__name__}.optim.optimizer")


def answers(lib: Any) -> Any:
    """Return what private names give that optimizers, layers and loaders of others call."""
    text = lib.nn.modules.module._addindent("a\n b\n\nc", 3)
    layers = lib.nn.modules.transformer._get_clones(lib.nn.Linear(1, 1), 3)
    activation = lib.nn.modules.transformer._get_activation_fn("relu")(lib.tensor([-1.0, 2.0])).tolist()
    x = lib.ones(3, requires_grad=True)
    views = [each._is_view() for each in (x, x[1:], x.detach(), x.data, x * 2, x.view(3), x[1:].detach())]
    loader = lib.utils.data.DataLoader(list(range(5)), 2)
    single, base = [getattr(lib.utils.data.dataloader, f"_{name}DataLoaderIter") for name in ("SingleProcess", "Base")]
    batches = [each.tolist() for each in single(loader)]
    kinds = [isinstance(iter(loader), each) for each in (single, base)]
    choices = [optimizer_module(lib)._default_to_fused_or_foreach([lib.ones(2)], *each)
               for each in ((False,), (True,), (False, True), (True, True))]  # fmt: skip
    lib.manual_seed(2)
    drawn = lib.nn.init._no_grad_trunc_normal_(lib.empty(4), 0.0, 1.0, -1.0, 1.0).tolist()
    assert optimizer_module(lib).ParamsT
    return text, len(layers), activation, views, batches, kinds, choices, drawn


def test_private_names_answer_as_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    assert answers(mt) == answers(torch)


def test_a_step_records_only_if_it_is_differentiable() -> None:
    def modes(lib: Any) -> list[bool]:
        step = optimizer_module(lib)._use_grad_for_differentiable(lambda self: lib.is_grad_enabled())
        return [step(SimpleNamespace(defaults={"differentiable": each})) for each in (False, True)]

    assert modes(mt) == [False, True]
    assert modes(pytest.importorskip("torch")) == [False, True]


def test_a_reader_finds_the_records_of_a_checkpoint(tmp_path: Path) -> None:
    mt.save({"x": mt.tensor([1, 2], dtype=mt.int16)}, tmp_path / "x.pt")
    reader = mt.PyTorchFileReader(str(tmp_path / "x.pt"))
    assert reader.has_record("data.pkl") and reader.has_record("data/0") and not reader.has_record("data/1")
    assert reader.get_record("data/0") == b"\1\0\2\0" and "data/0" in reader.get_all_records()
    with pytest.raises(RuntimeError, match="there is no record 'data/1'"):
        reader.get_record("data/1")
    (tmp_path / "text").write_text("text")
    with pytest.raises(RuntimeError, match="is not a zip archive"):
        mt.PyTorchFileReader(str(tmp_path / "text"))


@pytest.mark.parametrize("wanted", [("cpu",), ("half",), ("cpu", "half"), ("tensor",)], ids=repr)
def test_arguments_of_to_are_read_as_by_pytorch(wanted: tuple[str, ...]) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (mt, torch):
        words: dict[str, Any] = {"cpu": "cpu", "half": lib.half, "tensor": lib.ones(1)}
        found.append(str(lib._C._nn._parse_to(*[words[each] for each in wanted], non_blocking=True)))
    assert found[0] == found[1]


def facts_inside_vmap(torch: Any, room: Any) -> list[Any]:
    """Return what libraries ask about tensors inside two nested calls of ``vmap``."""
    found: list[Any] = []

    def ask(x: Any, y: Any) -> Any:
        found.append([room.is_batchedtensor(each) for each in (x, y, x + y)])
        found.append([room.maybe_get_level(each) for each in (x, y)])
        found.append([tuple(room.get_unwrapped(each).shape) for each in (x, y)])
        found.append((room.current_level(), room.maybe_get_bdim(x) >= 0, torch._C._are_functorch_transforms_active()))
        whole = room._remove_batch_dim(x, room.maybe_get_level(x), x.shape[0], 0)
        found.append(tuple(whole.shape))
        made = room._add_batch_dim(torch.arange(8.0).view(4, 2), 1, room.current_level())
        found.append((room.is_batchedtensor(made), tuple(made.shape)))
        return x + y

    x, y = torch.arange(12.0).view(3, 2, 2), torch.ones(2, 2)
    torch.vmap(lambda a: torch.vmap(ask, (0, 0))(a, y))(x)
    found.append([room.is_batchedtensor(x), room.maybe_get_bdim(x), room.maybe_get_level(x)])
    found.append((room.maybe_current_level(), torch._C._are_functorch_transforms_active()))
    return found


def test_tensors_inside_vmap_have_pytorchs_facts() -> None:
    theirs = pytest.importorskip("torch._C._functorch")
    from minitensor.paths import samples as ours

    assert facts_inside_vmap(mt, ours) == facts_inside_vmap(importlib.import_module("torch"), theirs)


@pytest.mark.parametrize("call", ["get_unwrapped", "current_level"])
def test_outside_of_vmap_there_is_no_sample(call: str) -> None:
    theirs = pytest.importorskip("torch._C._functorch")
    from minitensor.paths import samples as ours

    for lib, room in ((mt, ours), (importlib.import_module("torch"), theirs)):
        with pytest.raises(RuntimeError):
            getattr(room, call)(*([lib.ones(2)] if call == "get_unwrapped" else []))


def swaps(torch: Any, accessor: Any) -> list[Any]:
    """Return what ``swap_tensor`` does with each kind of member, and its error classes."""
    found: list[Any] = []
    for name in ("weight", "buffer", "plain", "text", "absent", "a.b", "", "none"):
        for value in (torch.ones(2), None, "text"):
            for allow in (False, True):
                module = torch.nn.Linear(2, 2)
                module.register_buffer("buffer", torch.zeros(1))
                module.plain, module.text, module.none = torch.zeros(3), "text", None
                try:
                    before = accessor.swap_tensor(module, name, value, allow_missing=allow)
                    now = getattr(module, name)
                    found.append((getattr(before, "shape", before is None), now is value, sorted(module.state_dict())))
                except Exception as error:
                    found.append(type(error))
    return found


def test_swap_tensor_is_pytorchs() -> None:
    theirs = pytest.importorskip("torch.nn.utils._named_member_accessor")
    ours = importlib.import_module("minitensor.nn.utils._named_member_accessor")
    found, expected = swaps(mt, ours), swaps(importlib.import_module("torch"), theirs)
    for mine, other in zip(found, expected, strict=True):
        assert issubclass(mine, other) if isinstance(other, type) and isinstance(mine, type) else mine == other


def test_hooks_of_all_modules_can_be_read() -> None:
    seen = mt.nn.modules.module._global_parameter_registration_hooks
    before = len(seen)
    handle = mt.nn.modules.module.register_module_parameter_registration_hook(lambda *_: None)
    assert len(seen) == before + 1 and handle.id in seen and callable(seen[handle.id])
    handle.remove()
    assert len(seen) == before


def test_names_that_libraries_import_beside_vmap_are_here() -> None:
    from minitensor.paths import samples

    names = ("_add_batch_dim", "_broadcast_to_and_flatten", "_get_name", "_maybe_remove_batch_dim", "_remove_batch_dim")
    assert all(callable(getattr(samples, each)) for each in names)
    assert samples._get_name(mt.exp) == "exp"
