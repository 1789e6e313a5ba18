"""Workers draw from their own streams: one seed gives one result, PyTorch's, for batches and main-thread draws."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")  # there may be few cores

Case = tuple[Any, dict[str, Any]]  # a dataset and the loader's options


def noisy(lib: Any) -> Any:
    """Samples that draw in several ways, and report the stream they draw from."""

    class Noisy(lib.utils.data.Dataset):  # type: ignore[misc]  # either library's
        def __len__(self) -> int:
            return 11

        def __getitem__(self, index: int) -> Any:
            info = lib.utils.data.get_worker_info()
            facts = [index, lib.initial_seed() % 1000, info.seed % 1000 if info else -1]
            dropped = lib.nn.functional.dropout(lib.ones(8)).sum().item()
            drawn = [lib.rand(2), lib.randn(20), lib.randperm(4).float(), lib.zeros(1).normal_()]
            return lib.cat([lib.tensor([*facts, dropped], dtype=lib.float32), *drawn])

    return Noisy()


def stream(lib: Any) -> Any:
    class Stream(lib.utils.data.IterableDataset):  # type: ignore[misc]  # either library's
        def __iter__(self) -> Iterator[Any]:
            info = lib.utils.data.get_worker_info()
            first, step = (0, 1) if info is None else (info.id, info.num_workers)
            start = lib.rand(1)
            for i in range(first, 11, step):
                yield start + lib.rand(2) + i

    return Stream()


def drawing_order(lib: Any) -> Any:
    """A sampler that draws each index from the default generator when it is requested."""

    class Order:
        def __len__(self) -> int:
            return 9

        def __iter__(self) -> Iterator[int]:
            for _ in range(9):
                yield int(lib.randint(0, 11, (1,)).item())

    return Order()


def noisy_collate(lib: Any) -> Callable[[Any], Any]:
    return lambda batch: lib.utils.data.default_collate(batch) + lib.rand(1)


def sampled(lib: Any, name: str, *args: Any, seeded: bool = False, **options: Any) -> Case:
    """Samples in the order of a sampler, which draws from a generator of its own if it is ``seeded``."""
    generator = {"generator": lib.Generator().manual_seed(5)} if seeded else {}
    return noisy(lib), {"sampler": getattr(lib.utils.data, name)(*args, **generator, **options)}


def other_streams(lib: Any) -> Any:
    """Samples drawn from the streams of ``random`` and NumPy."""

    class Other(lib.utils.data.Dataset):  # type: ignore[misc]  # either library's
        def __len__(self) -> int:
            return 7

        def __getitem__(self, index: int) -> Any:
            return lib.tensor([index, random.random(), np.random.rand()])

    return Other()


def seed_worker(lib: Any) -> Callable[[int], None]:
    """The recipe in PyTorch's notes on reproducibility."""

    def seed(worker_id: int) -> None:
        worker_seed = lib.initial_seed() % 2**32
        np.random.seed(worker_seed)
        random.seed(worker_seed)

    return seed


SAMPLERS: dict[str, tuple[Any, ...]] = {
    "RandomSampler": (range(11),), "RandomSampler, again": (range(11), True, 9), "SequentialSampler": (range(11),),
    "SubsetRandomSampler": ([7, 1, 4, 9, 2],), "WeightedRandomSampler": ([0.1, 0.9, 0.4, 3.0], 8),
    "DistributedSampler": (range(11), 2, 1),
}  # fmt: skip
CASES: dict[str, Callable[[Any], Case]] = {
    **{name: lambda lib, name=name: sampled(lib, name.partition(",")[0], *SAMPLERS[name]) for name in SAMPLERS},
    **{f"{name} of its own": lambda lib, name=name: sampled(lib, name.partition(",")[0], *SAMPLERS[name], seeded=True)
       for name in SAMPLERS if name not in ("SequentialSampler", "DistributedSampler")},
    "seed_worker": lambda lib: (other_streams(lib), {"worker_init_fn": seed_worker(lib), "shuffle": True,
                                                     "generator": lib.Generator().manual_seed(0)}),
    "seed_worker, persistent": lambda lib: (other_streams(lib), {"worker_init_fn": seed_worker(lib),
                                                                 "persistent_workers": True}),
    "samples": lambda lib: (noisy(lib), {}),
    "shuffled": lambda lib: (noisy(lib), {"shuffle": True}),
    "a generator": lambda lib: (noisy(lib), {"shuffle": True, "generator": lib.Generator().manual_seed(3)}),
    "an order that draws": lambda lib: (noisy(lib), {"sampler": drawing_order(lib)}),
    "collating draws": lambda lib: (noisy(lib), {"collate_fn": noisy_collate(lib)}),
    "iterable": lambda lib: (stream(lib), {}),
    "init draws": lambda lib: (stream(lib), {"worker_init_fn": lambda number: lib.rand(number + 1)}),
    "init seeds": lambda lib: (noisy(lib), {"worker_init_fn": lambda number: lib.manual_seed(100 + number)}),
    "persistent": lambda lib: (noisy(lib), {"persistent_workers": True, "shuffle": True}),
    "persistent iterable": lambda lib: (stream(lib), {"persistent_workers": True}),
}  # fmt: skip


def epochs(lib: Any, case: str, workers: int) -> list[Any]:
    """Return an epoch that is left early and a whole one, with the main thread's draws between batches."""
    dataset, options = CASES[case](lib)
    if not workers:
        options.pop("persistent_workers", None)
    random.seed(7)
    np.random.seed(7)
    lib.manual_seed(7)
    loader = lib.utils.data.DataLoader(dataset, batch_size=3, num_workers=workers, **options)
    seen = []
    for last in (2, 9):
        batches = iter(loader)
        seen.append(lib.rand(1).tolist())
        for _, batch in zip(range(last), batches):
            seen.append(batch.tolist())
            seen.append(lib.rand(1).tolist())
    return seen


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_and_main_draws_are_pytorchs(case: str, workers: int) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        expected = epochs(torch, case, workers)
    for one, other in zip(epochs(mt, case, workers), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("case", CASES)
def test_one_seed_gives_one_result(case: str, workers: int) -> None:
    assert epochs(mt, case, workers) == epochs(mt, case, workers)


@pytest.mark.parametrize("case", ["samples", "shuffled", "collating draws", "iterable"])
def test_the_number_of_workers_does_not_change_the_main_stream(case: str) -> None:
    def after(workers: int) -> Any:
        dataset, options = CASES[case](mt)
        mt.manual_seed(7)
        list(mt.utils.data.DataLoader(dataset, num_workers=workers, **options))
        return mt.rand(3).tolist()

    assert after(1) == after(2) == after(5)


def test_workers_have_different_streams_and_know_their_seeds() -> None:
    class Told(mt.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> Any:
            info = mt.utils.data.get_worker_info()
            assert info is not None
            return info.id, info.seed, mt.initial_seed(), mt.default_generator.initial_seed(), mt.rand(4).tolist()

    seen = list(mt.utils.data.DataLoader(Told(), batch_size=None, num_workers=3))
    assert all(own == default == seed for _, seed, own, default, _ in seen)
    assert [seed - seen[0][1] for _, seed, *_ in seen] == [0, 1, 2, 0, 1, 2]
    assert len({tuple(drawn) for *_, drawn in seen}) == 6


def test_a_seed_set_in_a_worker_affects_only_that_worker() -> None:
    mt.manual_seed(7)
    dataset, _ = CASES["samples"](mt)
    list(mt.utils.data.DataLoader(dataset, num_workers=2, worker_init_fn=lambda number: mt.seed() and None))
    after = mt.rand(2).tolist()
    mt.manual_seed(7)
    mt.zeros((), dtype=mt.int64).random_()  # the seed for the workers
    assert mt.rand(2).tolist() == after


def test_workers_do_not_change_other_libraries_streams() -> None:
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    list(mt.utils.data.DataLoader(noisy(mt), num_workers=2))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
