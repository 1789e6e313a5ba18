"""Datasets that draw from all random streams, for either library, and that processes started anew can import."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np


class Noisy:
    """Samples that draw, and report what ``get_worker_info`` and the streams say."""

    def __init__(self, lib: str) -> None:
        self.lib = lib

    def __len__(self) -> int:
        return 9

    def __getitem__(self, index: int) -> Any:
        return index, draw(importlib.import_module(self.lib))


def draw(lib: Any) -> list[float]:
    """Draw from each stream, and add the worker's facts."""
    info = lib.utils.data.get_worker_info()
    facts = [-1, -1] if info is None else [info.id, info.seed % 10_000]
    numbers = [lib.initial_seed() % 10_000, *lib.rand(2).tolist(), lib.randn(1).item()]
    return [*facts, *numbers, *np.random.rand(2).tolist(), random.random(), float(lib.get_num_threads())]


def stream(name: str) -> Any:
    """Return an iterable dataset that draws, and that is pickled as a call of this function."""
    lib = importlib.import_module(name)

    class Stream(lib.utils.data.IterableDataset):  # type: ignore[misc,name-defined]  # either library's
        def __iter__(self) -> Iterator[Any]:
            info = lib.utils.data.get_worker_info()
            return ((i, draw(lib)) for i in range(info.id, 7, info.num_workers))

        def __reduce__(self) -> Any:
            return stream, (name,)

    return Stream()


def seed_worker(worker: int) -> None:
    """Seed NumPy and ``random`` from torch's seed, as PyTorch's notes on reproducibility recommend."""
    import minitensor as mt

    seed = mt.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


def seed_torch_worker(worker: int) -> None:
    """The same recipe for PyTorch."""
    import torch

    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)
    random.seed(seed)


class Listing:
    """A sampler that draws its order as soon as it is begun."""

    def __init__(self, lib: str) -> None:
        self.lib = lib

    def __len__(self) -> int:
        return 9

    def __iter__(self) -> Iterator[int]:
        return iter(importlib.import_module(self.lib).randperm(9).tolist())


def epochs(lib: str, case: str, **options: Any) -> list[Any]:
    """Return an epoch that is left early and two whole ones, with what the program draws between batches."""
    torch = importlib.import_module(lib)
    torch.manual_seed(5)
    np.random.seed(6)
    random.seed(7)
    dataset = stream(lib) if case == "iterable" else Noisy(lib)
    if case == "seed_worker":
        options["worker_init_fn"] = seed_worker if lib == "minitensor" else seed_torch_worker
    if case == "a sampler that draws at once":
        options |= {"sampler": Listing(lib), "batch_size": None}
    if case == "a shuffled order of its own generator":
        options |= {"shuffle": True, "generator": torch.Generator().manual_seed(3)}
    loader = torch.utils.data.DataLoader(dataset, num_workers=2, **{"batch_size": 2, "collate_fn": list, **options})
    seen: list[Any] = []
    for length in (2, 9, 9):
        batches = iter(loader)
        for _, batch in zip(range(length), batches):
            seen += [batch, torch.rand(1).item(), np.random.rand(), random.random()]
        del batches
    return seen
