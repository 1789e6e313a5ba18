"""A forked child can do everything its parent can, whatever other threads of the parent were doing."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import minitensor as mt

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
ROOT = Path(__file__).resolve().parent.parent
START = """
import os, signal, threading, time, warnings
import minitensor as mt
from minitensor.autograd import leaf
from minitensor.backends.numpy import threads
from minitensor.stream import THREAD

warnings.simplefilter("ignore")

def in_child(work):
    child = os.fork()
    if not child:
        signal.alarm(20)  # ends the child if it hangs
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert status == 0, f"the child ended with {status}"

class Noise(mt.utils.data.Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return mt.randn(3)

def everything():
    mt.manual_seed(3)
    mt.randn(100), mt.rand(3), mt.randperm(5), mt.get_rng_state()
    own.manual_seed(1), mt.rand(3, generator=own), own.clone_state()
    x = mt.randn(8, 3, 16, 16, requires_grad=True)
    w = mt.randn(4, 3, 3, 3, requires_grad=True)
    mt.nn.functional.max_pool2d(mt.nn.functional.conv2d(x, w), 2).relu().sum().backward()
    (mt.ones(300, 300) @ mt.ones(300, 300)).sort()
    threads.parallel_for(lambda turn: None, 8)
    assert len(list(mt.utils.data.DataLoader(Noise(), num_workers=2))) == 4

own = mt.Generator()
mt.set_num_threads(2)
"""


def run(script: str) -> None:
    """Run a script in its own process, where threads and forks can do no harm."""
    done = subprocess.run(
        [sys.executable, "-c", START + textwrap.dedent(script)], capture_output=True, text=True, timeout=120, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(Path(mt.__file__).parent.parent)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_lock_of_another_thread_stops_a_child() -> None:
    run("""
        locks = {
            "default stream": THREAD.stream.lock, "default engine": THREAD.stream.engine.lock,
            "a generator's stream": own._stream.lock, "a generator's engine": own._stream.engine.lock,
            "gradients": leaf.ACCUMULATING, "helpers": threads.POOL.lock, "BLAS": threads.HOLD.lock,
        }
        def hold(lock, held, done):
            with lock:
                held.set()
                done.wait()
        for name, lock in locks.items():
            print(name, flush=True)
            held, done = threading.Event(), threading.Event()
            threading.Thread(target=hold, args=(lock, held, done), daemon=True).start()
            held.wait()
            in_child(everything)
            done.set()
            everything()
    """)


def test_a_child_may_begin_while_threads_draw_and_compute() -> None:
    """Except inside a matrix product: OpenBLAS's own lock then stays locked in the child, with NumPy alone too."""
    run("""
        go = True
        def draw():
            while go:
                mt.randn(100_000), mt.rand(10, generator=own)
        def compute():
            leaf = mt.ones(200_000, requires_grad=True)
            while go:
                (leaf.exp() * mt.ones(200_000)).sum().backward()
                threads.parallel_for(lambda turn: mt.ones(20_000).exp(), 8)
        running = [threading.Thread(target=each, daemon=True) for each in (draw, draw, compute)]
        for thread in running:
            thread.start()
        for _ in range(8):
            time.sleep(0.01)
            in_child(everything)
        go = False
        for thread in running:
            thread.join()
        everything()
    """)


def test_a_child_continues_the_parents_random_stream() -> None:
    run("""
        mt.manual_seed(5)
        mt.randn(1)  # the second of the pair waits
        mt.rand(1, generator=own)
        def check():
            mine = mt.randn(3), mt.rand(3), mt.rand(3, generator=own)
            mt.manual_seed(5)
            mt.randn(1)
            twin = mt.Generator()
            mt.rand(1, generator=twin)
            for one, other in zip(mine, (mt.randn(3), mt.rand(3), mt.rand(3, generator=twin))):
                assert mt.equal(one, other)
        in_child(check)
        check()
    """)


def test_an_epoch_of_the_parent_is_over_in_a_child() -> None:
    run("""
        for persistent in (False, True):
            loader = mt.utils.data.DataLoader(Noise(), num_workers=2, prefetch_factor=1, persistent_workers=persistent)
            batches = iter(loader)
            next(batches)
            def check():
                try:
                    for _ in range(4):
                        next(batches)
                except RuntimeError as error:
                    assert "forked process" in str(error), error
                else:
                    raise AssertionError("batches came from nowhere")
                assert len(list(loader)) == 4
            in_child(check)
            assert len(list(batches)) == 3
    """)
