"""From a network's class to a network: ``build`` makes it and loads a checkpoint into it, if a path is given.

The constructors of all networks end here. Nothing is downloaded: torchvision's names of weights are no paths, and the
error says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from minitensor import nn, serialization
from minitensor.errors import ArgumentTypeError, UsageValueError
from minitensor.tensor import Tensor

Weights = str | os.PathLike[str] | None

Network = TypeVar("Network", bound=nn.Module)


def build(network: Callable[..., Network], weights: Weights, options: dict[str, Any], *arguments: Any) -> Network:
    """Make a network from its own arguments and the user's options, and load ``weights`` into it."""
    return load_weights(network(*arguments, **refuse_download(options)), weights)


def refuse_download(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options without torchvision's former ``pretrained``, which asked for a download."""
    if options.get("pretrained"):
        raise UsageValueError(
            "pretrained=True: minitensor downloads nothing; save the checkpoint as a file and pass weights=<its path>"
        )
    return {name: value for name, value in options.items() if name != "pretrained"}


def load_weights(model: Network, weights: Weights) -> Network:
    """Load a checkpoint into a network; with None, leave the network as it is."""
    if weights is not None:
        model.load_state_dict(read_weights(weights))
    return model


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the state dict of a checkpoint: PyTorch's format (``.pt``, ``.pth``), or safetensors by that suffix."""
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError(f"weights must be the path of a checkpoint, got {path!r}")
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"weights={os.fspath(path)!r}: no such file; minitensor downloads nothing: give the path of a checkpoint "
            "in PyTorch's format or of safetensors"
        )
    if Path(path).suffix == ".safetensors":
        return serialization.load_file(path)
    state: dict[str, Tensor] = serialization.load(path, map_location="cpu")
    return state
