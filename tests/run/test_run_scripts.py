"""``python -m minitensor``: a program that imports torch runs on this library, otherwise as plain Python runs it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from minitensor.run import alias
from run.programs import output, run, run_torch, write

TRAINING = """
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from torch.optim.lr_scheduler import StepLR

torch.manual_seed(0)
x = torch.linspace(-1, 1, 32).unsqueeze(1)
model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = optim.SGD(model.parameters(), lr=0.1)
schedule = StepLR(optimizer, 2)
for epoch in range(3):
    for batch, target in DataLoader(TensorDataset(x, x ** 2), batch_size=8, shuffle=True):
        loss = F.mse_loss(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    schedule.step()
print(round(loss.item(), 4))
"""


def test_a_training_program_prints_pytorchs_loss(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    write(tmp_path, train=TRAINING)
    assert output(tmp_path, "train.py") == run(tmp_path, "train.py").stdout.splitlines()


IDENTITY = """
import importlib, importlib.util, sys
import torch, torch.nn, torch.nn.functional as F, torch.utils.data, torch.optim.lr_scheduler, torch.return_types
from torch import nn, optim
import minitensor
assert torch is minitensor and nn is minitensor.nn is torch.nn and F is minitensor.nn.functional
assert importlib.import_module("torch.nn") is nn and sys.modules["torch.optim"] is optim
assert isinstance(torch.ones(2), minitensor.Tensor)
assert torch.__name__ == "torch" and torch.__spec__.name == "minitensor"
assert importlib.util.find_spec("torch") and importlib.util.find_spec("torch.nn.init")
assert not any(importlib.util.find_spec(name) for name in ("torch.nested", "torch.nn.no_such"))
from torch.autograd.gradcheck import gradcheck
from torch.autograd.variable import Variable
from torch.nn.utils.spectral_norm import spectral_norm
import torch.autograd.gradcheck, torch.nn.utils.weight_norm
assert torch.autograd.gradcheck is gradcheck and torch.nn.utils.spectral_norm is spectral_norm
bound = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "torch"}
assert not [name for name, module in bound.items() if module.__spec__.name.partition(".")[0] != "minitensor"], bound
"""


def test_torch_is_this_librarys_modules_themselves(tmp_path: Path) -> None:
    write(tmp_path, identity=IDENTITY)
    output(tmp_path, "identity.py")


MAIN = """
import atexit, os, pickle, sys, threading
class Box: pass
print(sys.argv, sys.path[0], __name__, __file__, __package__, __spec__ and __spec__.name)
print(sys.modules["__main__"].Box is Box)
print(pickle.loads(pickle.dumps(Box())).__class__ is Box)
threading.Timer(0.2, lambda: print("thread", Box.__name__)).start()
atexit.register(lambda: print("exit", Box.__name__))
"""
WAYS = {
    "a script": ["main.py", "a", "--b", "-m"],
    "a script in a folder": ["package/inner.py", "x"],
    "a module": ["-m", "package.inner", "--check", "-x"],
    "a package": ["-m", "package"],
    "a folder": ["package"],
    "a zip file": ["program.zip", "y"],
    "no such script": ["absent.py"],
    "no such module": ["-m", "absent.inner"],
    "a package that is no program": ["-m", "empty"],
    "a folder that is no program": ["empty"],
    "a syntax error": ["syntax.py"],
    "an exit code": ["code.py"],
    "a text at the exit": ["text.py"],
    "an interrupt": ["interrupt.py"],
    "an exception": ["fail.py"],
    "a chain of exceptions": ["chain.py"],
    "an exception in an imported module": ["imports.py"],
    "an exception in a module": ["-m", "package.fail"],
    "an exception in the package of a module": ["-m", "broken.inner"],
    "a hook of its own": ["hook.py"],
    "an exit function that fails": ["late.py"],
}


def programs(folder: Path) -> None:
    fail = "def f():\n    raise ValueError('wrong')\nf()\n"
    write(
        folder, main=MAIN, package__inner=MAIN, syntax="x = (\n", code="import sys\nsys.exit(7)\n",
        text="raise SystemExit('enough')\n", interrupt="raise KeyboardInterrupt\n", fail=fail, package__fail=fail,
        imports="import fail\n", broken__inner="", empty__inner="",
        chain="try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise KeyError('k') from error\n",
        hook="import sys\nsys.excepthook = lambda *a: print('mine', a[0], a[2].tb_lineno)\nraise OSError\n",
        late="import atexit\natexit.register(divmod, 1, 0)\nraise SystemExit(3)\n",
    )  # fmt: skip
    for package, init in (("package", ""), ("empty", ""), ("broken", "import absent_module\n")):
        (folder / package / "__init__.py").write_text(init)
    (folder / "package" / "__main__.py").write_text(MAIN)
    with zipfile.ZipFile(folder / "program.zip", "w") as archive:
        archive.writestr("__main__.py", MAIN)


@pytest.mark.parametrize("arguments", WAYS.values(), ids=WAYS)
def test_a_program_runs_as_python_runs_it(arguments: list[str], tmp_path: Path) -> None:
    programs(tmp_path)
    plain, ours = run(tmp_path, *arguments), run_torch(tmp_path, *arguments)
    assert (ours.returncode, ours.stdout) == (plain.returncode, plain.stdout)
    assert without_runpy(ours.stderr) == without_runpy(plain.stderr)


def without_runpy(text: str) -> list[str]:
    """Drop the frames of Python's own starter, which ``python -m`` shows and we do not."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if "runpy" in line or "importlib" in line]
    drop = {j for i in starts for j in (i, i + 1) if j == i or lines[j].startswith("    ")}
    return [line for i, line in enumerate(lines) if i not in drop]


def test_a_program_leaves_no_compiled_file_as_plain_python(tmp_path: Path) -> None:
    write(tmp_path, main="print(1)")
    output(tmp_path, "main.py")
    assert [file.name for file in tmp_path.iterdir()] == ["main.py"]


LIBRARY = """
import torch
from torch import nn
import torch.nn.functional as F

def flatten(x):
    if not isinstance(x, torch.Tensor):
        raise TypeError(type(x))
    return x.reshape(-1)

class Flatten(nn.Module):
    def forward(self, x):
        return F.relu(flatten(x))
"""


def test_a_library_that_imports_torch_gets_this_one(tmp_path: Path) -> None:
    write(tmp_path, arrange=LIBRARY)
    write(tmp_path, main="import arrange, torch\nprint(arrange.Flatten()(torch.tensor([[1., -1.]])))")
    assert output(tmp_path, "main.py") == ["tensor([1., 0.])"]


SUITE = """
import torch, unittest
class Law(unittest.TestCase):
    def test_law(self):
        self.assertEqual(torch.__spec__.name, "minitensor")
if __name__ == "__main__":
    unittest.main()
"""


@pytest.mark.parametrize(
    "arguments", [["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_law.py"], ["-m", "unittest", "test_law"],
                  ["test_law.py", "-v"]], ids=["pytest", "unittest", "a script"],
)  # fmt: skip
def test_tools_that_run_programs_run_them_on_this_library(arguments: list[str], tmp_path: Path) -> None:
    write(tmp_path, test_law=SUITE)
    output(tmp_path, *arguments)


MISSING = {
    "import torch.nested as nested": "ModuleNotFoundError: No module named 'torch.nested': there are no",
    "import torch.distributed.fsdp": "ModuleNotFoundError: No module named 'torch.distributed.fsdp': there is no",
    "from minitensor import vision, no_such_module": "ImportError: cannot import name 'no_such_module'",
    "from torch import nested": "ImportError: cannot import name 'nested' from 'torch': there are no",
    "from torch import symeig": "ImportError: cannot import name 'symeig' from 'torch': PyTorch removed",
    "from torch.nested import narrow": "ModuleNotFoundError: No module named 'torch.nested': there are no nested",
    "import torch.no_such": "ModuleNotFoundError: No module named 'torch.no_such': minitensor, which",
    "import torch.layout": "ModuleNotFoundError: No module named 'torch.layout'",
    "import torchvision.tv_tensors": "ModuleNotFoundError: No module named 'torchvision.tv_tensors': minitensor",
    "import torchvision.pillow": "ModuleNotFoundError: No module named 'torchvision.pillow': minitensor.vision",
    "from torchvision import tv_tensors": "ImportError: cannot import name 'tv_tensors' from 'torchvision': minitensor",
    "from torchvision.models import ResNet18_Weights":
        "ImportError: cannot import name 'ResNet18_Weights' from 'torchvision.models': .* downloads nothing",
    "from torchvision.transforms import no_such": "ImportError: cannot import name 'no_such' from 'torchvision.tran",
    "import torchaudio": "ModuleNotFoundError: No module named 'torchaudio': it is built on the compiled parts",
    "from torch import no_such": "ImportError: cannot import name 'no_such'",
}


def test_parts_of_torchvisions_packages_are_imported(tmp_path: Path) -> None:
    write(tmp_path, main=f"""
import importlib
for part in {sorted(alias.IN_TORCHVISION)}:
    importlib.import_module(part)
from torchvision.ops.boxes import nms
from torchvision.transforms.autoaugment import RandAugment
from torchvision.io.image import read_image
from torchvision.ops.misc import FrozenBatchNorm2d
from torchvision.ops.stochastic_depth import StochasticDepth
""")  # fmt: skip
    output(tmp_path, "main.py")


def test_what_is_missing_says_why_and_what_to_use(tmp_path: Path) -> None:
    write(tmp_path, main=f"""
import re
for statement, pattern in {MISSING}.items():
    try:
        exec(statement)
    except ImportError as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        kind, _, message = pattern.partition(": ")
        assert kind in kinds and re.match(message, str(error)), (statement, error)
    else:
        raise AssertionError(statement)
""")  # fmt: skip
    output(tmp_path, "main.py")


def test_a_programs_own_package_named_torchvision_is_used(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    write(tmp_path / "torchvision", __init__="import torch", transforms="from torch import ones as picture")
    write(tmp_path, main="from torchvision import transforms; print(transforms.picture(2))")
    assert output(tmp_path, "main.py") == ["tensor([1., 1.])"]
    (tmp_path / "torchvision" / "_C.so").touch()  # PyTorch's own: this library's is used
    write(tmp_path, main="from torchvision import transforms; print(transforms.CenterCrop(2))")
    assert output(tmp_path, "main.py") == ["CenterCrop(size=(2, 2))"]


VISION = """
import torch, torchvision
import torchvision.transforms as T, torchvision.transforms.functional as F
from torchvision import transforms, utils
from torchvision.transforms import v2
import torchvision.transforms.v2.functional
from torchvision.transforms.autoaugment import RandAugment
from torchvision.transforms.functional import InterpolationMode
from torchvision.utils import make_grid
assert T is transforms is torchvision.transforms and F is T.functional and RandAugment is T.RandAugment
assert torchvision.__version__ > "0.29" and utils.make_grid is make_grid
image = torch.zeros(3, 8, 8, dtype=torch.uint8)
print(T.Compose([T.Resize(6, InterpolationMode.NEAREST), RandAugment()])(image).shape)
"""


def test_torchvision_is_this_librarys_vision(tmp_path: Path) -> None:
    write(tmp_path, main=VISION)
    assert output(tmp_path, "main.py") == ["torch.Size([3, 6, 6])"]


def test_an_uncaught_import_from_a_plain_module_says_why_too(tmp_path: Path) -> None:
    write(tmp_path, main="from torch.jit import script, CompilationUnit", inner="import torch.jit.frontend")
    done = run_torch(tmp_path, "main.py")
    assert done.returncode == 1 and "call the function" in done.stderr.splitlines()[-1]
    assert "\nImportError: cannot import name 'CompilationUnit' from 'torch.jit': there is no compiler" in done.stderr
    error = run_torch(tmp_path, "inner.py").stderr.splitlines()[-1]
    assert error.startswith("ModuleNotFoundError: No module named 'torch.jit.frontend': there is no compiler")


def test_a_module_in_a_plain_module_can_be_imported(tmp_path: Path) -> None:
    write(tmp_path, main="""
import minitensor.fft, types
minitensor.fft.part = types.ModuleType("minitensor.part")
minitensor.fft.part.value = 3
minitensor.as_torch()
import torch.fft.part
from torch.fft.part import value
print(torch.fft.part.value, value)
""")  # fmt: skip
    assert output(tmp_path, "main.py") == ["3 3"]


PROCESSES = """
import multiprocessing, sys
import torch

class Box:
    def __init__(self, value):
        self.value = value

def total(box):
    return torch.__spec__.name, box.value.sum().item(), "torch._C" in sys.modules, list(sys.argv)

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(*pool.map(total, [Box(torch.ones(3))]))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_process_of_the_program_has_torch_too(method: str, tmp_path: Path) -> None:
    write(tmp_path, main=PROCESSES)
    assert output(tmp_path, "main.py", method) == [f"('minitensor', 3.0, False, ['main.py', '{method}'])"]


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["-x"], 2), (["-m"], 2), (["--check"], 2), (["--help"], 0)])
def test_a_wrong_command_shows_the_right_ones(arguments: list[str], code: int, tmp_path: Path) -> None:
    done = run_torch(tmp_path, *arguments)
    assert done.returncode == code and "python -m minitensor script.py" in done.stdout + done.stderr
