"""The table itself: every public op has a row, or a reason to have none."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.nn import functional
from ops.call import find, twin
from ops.row import Call, Row, call, f
from ops.table import ROWS

REASONS = {
    "made or asked by PyTorch's old names: test_tensor_types.py":
        "BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor "
        "ShortTensor new "
        "as_subclass get_default_device set_default_device set_default_tensor_type is_storage",
    "a Python function of single elements: test_elements.py": "apply_ map_",
    "makes a tensor from data that is not a tensor; tested by tests/ops/test_creation.py": (
        "as_tensor from_numpy tensor new_empty new_full new_ones new_tensor new_zeros"
    ),
    "tested by tests/test_memory_order.py": "empty_permuted dim_order",
    "tested by tests/ops/test_creation.py, test_ranges.py": "new_empty_strided range scalar_tensor typename",
    "makes random tensors; tested by tests/ops/test_random.py": (
        "rand randint randn randperm normal fork_rng get_rng_state set_rng_state initial_seed manual_seed seed"
    ),
    "sets or returns global state, not a tensor": (
        "can_cast promote_types get_default_dtype set_default_dtype get_num_threads set_num_threads get_printoptions "
        "set_printoptions is_grad_enabled is_inference_mode_enabled is_anomaly_enabled is_anomaly_check_nan_enabled "
        "set_anomaly_enabled "
        "use_deterministic_algorithms are_deterministic_algorithms_enabled set_flush_denormal "
        "is_deterministic_algorithms_warn_only_enabled is_warn_always_enabled set_warn_always "
        "set_float32_matmul_precision get_float32_matmul_precision"
    ),
    "returns a property of a tensor as a Python value; tested by tests/ops/test_cast.py": (
        "result_type is_complex is_floating_point is_signed is_contiguous is_cuda is_leaf numel nelement dim ndim "
        "ndimension size stride storage_offset data_ptr element_size itemsize nbytes shape dtype device layout item "
        "tolist numpy type untyped_storage output_nr requires_grad retains_grad grad grad_fn array backend node "
        "storage xp version result_class batched_class sparse_class"
    ),
    "casts; tested by tests/test_bfloat16.py": "bfloat16",
    "typed and untyped memory; tested by tests/test_storages.py": (
        "BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage DoubleStorage "
        "FloatStorage HalfStorage IntStorage LongStorage ShortStorage TypedStorage UntypedStorage share_memory_ "
        "pin_memory"
    ),
    "former names; tested by tests/test_private_paths.py": "resize resize_as",
    "tested by tests/ops/test_view_copies.py": "detach_copy view_as_complex_copy view_as_real_copy",
    "random, or of runs of rows; tested by tests/ops/test_low_rank.py": "svd_lowrank pca_lowrank segment_reduce",
    "a search from random vectors; tested by tests/ops/test_lobpcg.py": "lobpcg",
    "a function of nn.functional under other arguments; tested by tests/nn/test_native_names.py": (
        "affine_grid_generator convolution embedding_renorm_ grid_sampler grid_sampler_2d grid_sampler_3d "
        "norm_except_dim "
        "batch_norm binary_cross_entropy_with_logits cosine_embedding_loss embedding embedding_bag "
        "alpha_dropout_ dropout_ feature_alpha_dropout_ feature_dropout feature_dropout_ native_dropout gru gru_cell "
        "lstm lstm_cell rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell "
        "hinge_embedding_loss instance_norm kl_div margin_ranking_loss poisson_nll_loss triplet_margin_loss"
    ),
    "a rare function; tested by tests/ops/test_rare.py": (
        "conj_physical_ const_data_ptr frobenius_norm hash_tensor is_set_to native_channel_shuffle nuclear_norm "
        "slice_inverse"
    ),
    "belongs to the engine, the compiler or other kinds of tensors; tested by tests/test_engine_names.py": (
        "cond while_loop compiled_with_cxx11_abi get_deterministic_debug_mode get_num_interop_threads "
        "init_num_threads is_vulkan_available set_deterministic_debug_mode set_num_interop_threads "
        "thread_safe_generator sym_constrain_range sym_constrain_range_for_size sym_float sym_int sym_ite sym_max "
        "sym_min sym_not sym_sqrt sym_sum get_device_module coalesce col_indices crow_indices dense_dim grad_dtype "
        "indices is_coalesced is_distributed is_ipu is_maia is_mkldnn is_mps is_mtia is_nested is_vulkan is_xla "
        "is_xpu map2_ module_load name sparse_dim values"
    ),
    "returns the function that it gets; tested by tests/test_shells.py": "compile",
    "gives a tensor other memory; tested by tests/ops/test_resize.py": "set_",
    "belongs to autocast; tested by tests/amp": (
        "autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype "
        "get_autocast_dtype get_autocast_gpu_dtype is_autocast_cache_enabled is_autocast_cpu_enabled "
        "is_autocast_enabled set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled "
        "set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype"
    ),
    "files; tested by tests/serialization": "load save",
    "exchange with other libraries, and properties; tested by tests/ops/test_exchange.py": (
        "asarray frombuffer from_file from_dlpack to_dlpack is_tensor "
        "is_nonzero is_same_size get_device is_cpu is_meta is_sparse "
        "is_quantized is_pinned is_shared is_inference record_stream"
    ),
    "belongs to sparse tensors; tested by tests/sparse": (
        "spmm sparse_coo_tensor sparse_csr_tensor to_sparse to_sparse_coo to_sparse_csr to_dense is_sparse_csr "
        "sparse_mask sparse_compressed_tensor dsmm hspmm smm sspaddmm hsmm saddmm resize_as_sparse_"
    ),
    "maps a function over samples; tested by tests/func": "vmap",
    "belongs to the graph; tested by tests/autograd": (
        "backward register_hook register_post_accumulate_grad_hook requires_grad_ retain_grad detach_ data"
    ),
    "moves to a device; tested by tests/strict": "cpu cuda",
    "writes in place only; tested by tests/autograd/test_inplace_machine.py": "copy_ fill_ zero_ relu_",
    "a property that is a view under another name": "T H mT mH",
    "a function with a row under another name; tested by tests/nn/test_as_pytorch.py": (
        "celu_ elu_ hardtanh_ leaky_relu_ rrelu_ selu_ threshold_ max_pool1d_with_indices max_pool2d_with_indices "
        "max_pool3d_with_indices adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices "
        "adaptive_max_pool3d_with_indices fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices"
    ),
}
EXEMPT = {name: reason for reason, names in REASONS.items() for name in names.split()}
NAMES = {row.name for row in ROWS} | {alias for row in ROWS for alias in row.aliases}


def is_op(value: Any) -> bool:
    return callable(value) and not inspect.isclass(value) and not inspect.ismodule(value)


def has_row(name: str) -> bool:
    """Return whether a bare name, or that of its in-place version, is in the table."""
    plain = name.removesuffix("_")
    return not NAMES.isdisjoint((name, plain, f"Tensor.{name}", f"Tensor.{plain}"))


def test_every_public_function_has_a_row() -> None:
    names = [name for name in vars(mt) if not name.startswith("_") and is_op(getattr(mt, name))]
    shared = [name for name in names if getattr(mt, name) is getattr(functional, name, None)]  # rows of nn.functional
    missing = [name for name in names if not has_row(name) and name not in EXEMPT and name not in shared]
    assert not missing, f"no row: {' '.join(missing)}"


def test_every_public_method_has_a_row() -> None:
    names = [name for name in dir(mt.Tensor) if not name.startswith("_")]
    missing = [name for name in names if not has_row(name) and name not in EXEMPT]
    assert not missing, f"no row: {' '.join(missing)}"


def test_every_function_of_nn_functional_has_a_row() -> None:
    public = [name for name in functional.__all__ if not name.startswith("_")]
    missing = [name for name in public if f"nn.functional.{name}" not in NAMES and name not in EXEMPT]
    assert not missing, f"no row: {' '.join(missing)}"


def test_every_exemption_is_needed() -> None:
    places = (mt, mt.Tensor, functional)
    assert not [name for name in EXEMPT if not any(hasattr(place, name) for place in places)], "names that are gone"
    assert not [name for name in EXEMPT if name in NAMES], "names that have a row"


def test_every_row_has_its_op() -> None:
    missing = [row.name for row in ROWS if find(mt, row.name) is None]
    assert not missing, f"rows without an op: {' '.join(missing)}"


def test_rows_are_named_once() -> None:
    names = [repr(row) for row in ROWS]
    assert len(names) == len(set(names)), sorted({name for name in names if names.count(name) > 1})


def test_rows_have_calls() -> None:
    assert not [row.name for row in ROWS if not row.calls]


def test_every_inplace_version_is_found() -> None:
    """An in-place method whose op has a row is tested by the laws on in-place versions."""
    found = {f"{row.name.split('.')[-1]}_" for row in ROWS if twin(row) is not None}
    found |= {f"{alias}_" for row in ROWS for alias in row.aliases}
    twins = [name for name in dir(mt.Tensor) if name.endswith("_") and not name.startswith("_")]
    lonely = [name for name in twins if name not in found and name not in EXEMPT and f"Tensor.{name}" not in NAMES]
    assert not lonely, f"in-place versions that no law tests: {' '.join(lonely)}"


# -- the numbers in calls ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3), (), (5,), (1, 4, 4), (0, 3), (36,)])
@pytest.mark.parametrize("seed", range(4))
def test_numbers_lie_apart_and_away_from_kinks(shape: tuple[int, ...], seed: int) -> None:
    numbers = f(*shape, seed=seed).reshape(-1)
    assert numbers.shape == (int(np.prod(shape)),)
    assert np.abs(numbers * 2 - np.round(numbers * 2)).min(initial=1) > 1e-3
    assert np.diff(np.sort(numbers)).min(initial=1) > 1e-3


def test_a_row_shows_its_name_and_a_call_its_arguments() -> None:
    assert repr(Row("exp", (call(1),), label="again")) == "exp again"
    assert repr(Call((1, "a"), {"dim": 0})) == "(1, 'a', dim=0)"
