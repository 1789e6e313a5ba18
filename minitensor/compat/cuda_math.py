"""``backends.cuda``: how products and attention are computed on GPUs. Its switches can be set, and choose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import UsageTypeError

matmul = SimpleNamespace(
    allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True,
    fp32_precision="none",
)
cufft_plan_cache = SimpleNamespace(size=0, max_size=0, clear=lambda: None)


def is_built() -> bool:
    """Return False: this is not PyTorch built with CUDA. ``cuda.is_available`` tells whether there is a GPU."""
    return False


def is_kernel_enabled() -> bool:
    """Return True: attention is computed in one way, which is allowed."""
    return True


flash_sdp_enabled = mem_efficient_sdp_enabled = math_sdp_enabled = cudnn_sdp_enabled = is_kernel_enabled


def enable_kernel(enabled: bool) -> None:
    """Accept whether a kernel of attention may be chosen; there is one, and it is always used."""
    if not isinstance(enabled, bool):
        raise UsageTypeError(f"backends.cuda: expected a bool, got {type(enabled).__name__}")


enable_flash_sdp = enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = enable_kernel


def is_flash_attention_available() -> bool:
    """Return False: attention is computed in one way."""
    return False


is_ck_sdpa_available = fp16_bf16_reduction_math_sdp_allowed = is_flash_attention_available


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Accept whether attention may sum in half precision; it never does."""
    enable_kernel(enabled)


@contextmanager
def sdp_kernel(*args: Any, **options: Any) -> Iterator[None]:
    """Accept which kernels of attention may be chosen in a block; there is one, and it is always used."""
    yield


def preferred_linalg_library(backend: Any = None) -> None:
    """Accept which library solves linear systems on GPUs; it chooses nothing."""

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.backends.cuda")
