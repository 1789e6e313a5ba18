"""Several processes train one network: its memory is shared with processes that are forked or started anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from run.programs import output, run, write

HOGWILD = """
import sys
import torch
import torch.nn.functional as F
import torch.multiprocessing as mp


def train(rank, model, dataset, queue):
    torch.manual_seed(rank)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    for x, y in torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=True):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(rank, f"{loss:.4f}", flush=True)
    queue.put((rank, loss.item(), y.tolist()))


if __name__ == "__main__":
    torch.manual_seed(0)
    mp.set_start_method(sys.argv[1], force=True)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    model.share_memory()
    x = torch.randn(64, 4)
    y = (x[:, 0] > 0).long()
    dataset, queue = torch.utils.data.TensorDataset(x, y), mp.Queue()
    for rank in range(2):
        process = mp.Process(target=train, args=(rank, model, dataset, queue))
        process.start()
        print(queue.get()[0])
        process.join()
    print(f"{F.cross_entropy(model.eval()(x), y):.4f} {model[1].num_batches_tracked}")
"""

SPAWN = """
import torch
import torch.multiprocessing as mp


def fill(rank, shared, alone):
    shared[rank] = rank + 1
    alone[rank] = rank + 1


def fail(rank):
    raise SystemExit(rank)


if __name__ == "__main__":
    holder = torch.nn.Linear(3, 1, bias=False)
    torch.nn.init.zeros_(holder.weight)
    holder.share_memory()
    alone = torch.zeros(3)
    assert mp.spawn(fill, (holder.weight.detach()[0], alone), nprocs=3) is None
    print(holder.weight.tolist(), alone.tolist())
    try:
        mp.spawn(fail, nprocs=3)
    except mp.ProcessExitedException as error:
        print(error.exit_code == error.error_index, error.exit_code in (1, 2))
"""

needs_descriptors = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")


@needs_descriptors
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_processes_train_one_network(method: str, tmp_path: Path) -> None:
    write(tmp_path, main=HOGWILD)
    *lines, last = output(tmp_path, "main.py", method)
    assert len(lines) == 4 and last.endswith(" 16") and float(last.split()[0]) < 0.6
    pytest.importorskip("torch")
    theirs = run(tmp_path, "main.py", method)
    assert theirs.returncode == 0, theirs.stderr
    assert [*lines, last] == theirs.stdout.splitlines()


@needs_descriptors
def test_arguments_of_processes_are_shared(tmp_path: Path) -> None:
    write(tmp_path, main=SPAWN)
    assert output(tmp_path, "main.py") == [
        "[[1.0, 2.0, 3.0]] [1.0, 2.0, 3.0]", "True True",
    ]  # fmt: skip
