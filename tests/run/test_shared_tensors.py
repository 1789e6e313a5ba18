"""Tensors in queues, pipes and arguments travel in shared memory: each process sees what the others write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from run.programs import output, run, write

QUEUES = """
import gc
import os
import sys
import torch
import torch.multiprocessing as mp


def work(queue, back, pipe, argument):
    whole, part, nested = queue.get(), queue.get(), queue.get()
    whole.add_(1)
    part.mul_(10)
    nested["a"][0] = 7
    nested["b"][1].fill_(3)
    pipe.recv().sub_(5)
    back.put((whole.tolist(), part.tolist(), part.is_shared(), argument.tolist()))
    back.put(whole)
    pipe.send(torch.ones(3))
    pipe.recv()


def exchange(context, kind):
    queue, back, (here, there) = kind(), kind(), context.Pipe()
    argument = torch.zeros(2)
    process = context.Process(target=work, args=(queue, back, there, argument))
    process.start()
    whole, longer, number = torch.arange(6.0).view(2, 3), torch.ones(4), torch.zeros(2, dtype=torch.int64)
    row = whole[1]
    nested = {"a": torch.zeros(3), "b": [1, torch.zeros(2)]}
    for each in (whole, longer[1:3], nested):
        queue.put(each)
    here.send(number)
    print(back.get())
    again = back.get()
    print(again.tolist(), here.recv().tolist())
    again.zero_()
    print(whole.tolist(), row.tolist(), whole.is_shared(), row.is_shared())
    print(longer.tolist(), nested["a"].tolist(), nested["b"][1].tolist(), number.tolist())
    here.send("done")
    process.join()
    print(process.exitcode)


def pass_through(context):
    queue, leaf = context.SimpleQueue(), torch.ones(2, requires_grad=True)
    values = [
        leaf * leaf, (leaf * leaf).detach(), leaf, torch.nn.Parameter(torch.ones(1)), torch.zeros(0),
        torch.ones(2, 2).t(), torch.ones(3).expand(2, 3), torch.tensor(5), *[torch.ones(2).to(kind) for kind in KINDS],
    ]
    for value in values:
        try:
            queue.put(value)
        except RuntimeError as error:
            print(str(error)[:40])
            continue
        found = queue.get()
        print(type(found).__name__, found.tolist(), found.dtype, found.stride(), found.requires_grad, found.is_shared())


KINDS = (torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64, torch.complex64)

if __name__ == "__main__":
    context = mp.get_context(sys.argv[1])
    for kind in (context.Queue, context.SimpleQueue):
        exchange(context, kind)
    pass_through(context)
    tensor = torch.arange(4.0)
    rest = tensor[1:]
    print(rest.sum().item(), tensor.share_memory_()[2].item())
    tensor[2] = 9
    print(rest.tolist(), rest.is_shared())
    queue, before = context.SimpleQueue(), len(os.listdir("/proc/self/fd"))
    for _ in range(300):
        queue.put(torch.ones(10))
        queue.get()
    gc.collect()
    print(len(os.listdir("/proc/self/fd")) - before < 5)
"""


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_tensors_that_are_sent_are_shared_as_in_pytorch(method: str, tmp_path: Path) -> None:
    write(tmp_path, main=QUEUES)
    lines = output(tmp_path, "main.py", method)
    assert lines[-2:] == ["[1.0, 9.0, 3.0] True", "True"]
    pytest.importorskip("torch")
    theirs = run(tmp_path, "main.py", method)
    assert theirs.returncode == 0, theirs.stderr
    assert lines == theirs.stdout.splitlines()
