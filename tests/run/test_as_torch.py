"""``as_torch()``: the name torch within a program, until the end of a block or of the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from run.programs import run, write

BLOCKS = """
import sys
import minitensor as mt

finders, modules = list(sys.meta_path), set(sys.modules)
with mt.as_torch() as library:
    import torch
    import torch.nn.functional as F
    assert torch is library is mt and F is mt.nn.functional
    with mt.as_torch():
        import torch.optim
        from torch import nn
        assert nn is mt.nn
    assert "torch.nn.functional" in sys.modules and "torch.optim" not in sys.modules  # as before the inner block
    import torch.optim
assert sys.meta_path == finders
assert not [name for name in sys.modules if name.split(".")[0] == "torch"]
assert mt.__spec__.name == "minitensor" and mt.nn.__spec__.name == "minitensor.nn"

try:
    with mt.as_torch():
        raise KeyError("through")
except KeyError:
    assert sys.meta_path == finders

sys.modules["torch"] = mt  # by hand, as programs for this library did
with mt.as_torch():
    import torch.utils.data
assert sys.modules["torch"] is mt and "torch.utils" not in sys.modules
del sys.modules["torch"]

mt.as_torch()
import torch
assert torch is mt
"""

ORDER = """
import sys
import minitensor as mt

outer, inner = mt.as_torch(), mt.as_torch()
for call in (outer, inner, inner, outer):
    try:
        call.close()
        print("closed")
    except RuntimeError as error:
        print(error)
"""

THREADS = """
import sys, threading
import minitensor as mt

mt.as_torch()
names = ["torch.nn.functional", "torch.optim.lr_scheduler", "torch.utils.data", "torch.nn.utils.rnn", "torch"] * 5
failures = []
def load(name):
    try:
        __import__(name)
        assert sys.modules[name].__spec__.name.startswith("minitensor")
    except BaseException as error:
        failures.append(error)
threads = [threading.Thread(target=load, args=(name,)) for name in names]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert not failures, failures
"""


@pytest.mark.parametrize("program", [BLOCKS, THREADS], ids=["blocks", "threads"])
def test_blocks_bind_the_name_and_leave_nothing_behind(program: str, tmp_path: Path) -> None:
    write(tmp_path, main=program)
    done = run(tmp_path, "main.py")
    assert done.returncode == 0, done.stderr


def test_calls_are_closed_in_reverse_order(tmp_path: Path) -> None:
    write(tmp_path, main=ORDER)
    refusal, first, again, last = run(tmp_path, "main.py").stdout.splitlines()
    assert first == last == "closed" and refusal == again and "in the reverse order" in refusal


def test_pytorch_itself_must_not_be_loaded(tmp_path: Path) -> None:
    write(tmp_path, torch="__version__ = '2'", main="""
import minitensor as mt
import torch
try:
    mt.as_torch()
except RuntimeError as error:
    print(error)
""")  # fmt: skip
    message = run(tmp_path, "main.py").stdout
    assert "PyTorch is already imported, from " in message and "torch.py; call as_torch() before" in message


def test_an_installed_pytorch_is_never_loaded(tmp_path: Path) -> None:
    write(tmp_path, torch="raise SystemError('the real torch')", main="""
import minitensor
with minitensor.as_torch():
    import torch
assert torch is minitensor
""")  # fmt: skip
    done = run(tmp_path, "main.py")
    assert done.returncode == 0, done.stderr


VERSIONS = """
import minitensor
own = minitensor.__version__
with minitensor.as_torch() as torch:
    assert torch.__version__ >= "2.0" and torch.__version__ > (1, 13) and torch.__version__ < "3"
    assert torch.__version__ == torch.version.__version__ == "2.13.0+minitensor"
    assert [int(each) for each in torch.__version__.split(".")[:2]] == [2, 13]
assert minitensor.__version__ is own and minitensor.version.__version__ is own and own < "1"
"""


def test_programs_see_the_version_of_pytorch_that_this_library_follows(tmp_path: Path) -> None:
    write(tmp_path, main=VERSIONS)
    done = run(tmp_path, "main.py")
    assert done.returncode == 0, done.stderr
