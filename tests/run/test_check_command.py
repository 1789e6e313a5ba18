"""``python -m minitensor --check``: the names of PyTorch in programs, found without running them."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from minitensor.run import differences
from minitensor.run.check import check_paths
from minitensor.run.reading import uses_in

ROOT = Path(__file__).resolve().parents[2]

# A program, and the names in it, each with its line; those that may be missing with a question mark.
READINGS = {
    "import": ("import torch\ntorch.ones(2).sum()", "1 torch, 2 torch.ones"),
    "import as": ("import torch as t\nt.nn.Linear", "1 torch, 2 torch.nn.Linear"),
    "import of a submodule": ("import torch.nn.functional\ntorch.relu", "1 torch.nn.functional, 2 torch.relu"),
    "a submodule as": ("import torch.nn.functional as F\nF.relu(x).y", "1 torch.nn.functional, "
                       "2 torch.nn.functional.relu"),
    "from": ("from torch import nn\nnn.init.zeros_", "1 torch.nn, 2 torch.nn.init.zeros_"),
    "from as": ("from torch.optim import Adam as A\nA([], fused=True)", "1 torch.optim.Adam, "
                "2 torch.optim.Adam(fused=)"),
    "star": ("from torch.nn import *\nLinear; print", "1 torch.nn, 2 torch.nn.Linear"),
    "a chain": ("import torch\ntorch.cuda.amp.autocast()", "1 torch, 2 torch.cuda.amp.autocast"),
    "a name for a function": ("import torch\nf = torch.nn.functional\nf.relu", "1 torch, 2 torch.nn.functional, "
                              "3 torch.nn.functional.relu"),
    "getattr": ("import torch\ngetattr(torch, 'x')\ngetattr(torch, 'y', None)", "1 torch, 2 torch.x, 3 torch.y?"),
    "in a function": ("def f():\n    import torch\n    torch.x\ntorch.y", "2 torch, 3 torch.x"),
    "an argument hides it": ("import torch as t\ndef f(t):\n    t.x\nlambda t: t.y\n[t.z for t in s]\nt.w", "1 torch, "
                             "6 torch.w"),
    "a variable hides it": ("import torch as t\ndef f():\n    t = 1\n    t.x", "1 torch"),
    "a class does not hide it": ("import torch as t\nclass C:\n    t = 1\n    def f(self): t.x", "1 torch, 4 torch.x"),
    "try": ("try:\n    import torch.x\nexcept ImportError:\n    torch = None\nelse:\n    torch.y", "2 torch.x?, "
            "6 torch.y"),
    "try for another error": ("try:\n    import torch\nexcept KeyError:\n    pass", "2 torch"),
    "hasattr": ("import torch\nif hasattr(torch, 'x'):\n    torch.x\ny = torch.z if hasattr(torch, 'z') else 1",
                "1 torch, 3 torch.x?, 4 torch.z?"),
    "torchvision": ("from torchvision import models", "1 torchvision.models"),
    "others": ("import numpy as np\nfrom .torch import x\nimport torchmetrics\nnp.x, x.y, torchmetrics.z", ""),
}  # fmt: skip


@pytest.mark.parametrize(("program", "expected"), READINGS.values(), ids=READINGS)
def test_names_are_found_in_a_program(program: str, expected: str) -> None:
    found = [f"{use.line} {use.path}{'?' * use.is_guarded}" for use in uses_in(ast.parse(program))]
    assert ", ".join(found) == expected


def check(tmp_path: Path, capsys: pytest.CaptureFixture[str], **programs: str) -> tuple[int, list[str]]:
    """Check the programs in a folder. Return the exit code and the lines, with names of files instead of paths."""
    for name, text in programs.items():
        (tmp_path / name.replace("__", ".")).write_text(text)
    code = check_paths([str(tmp_path)])
    return code, capsys.readouterr().out.replace(f"{tmp_path}/", "").splitlines()


def test_each_name_is_here_or_differs_or_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = check(tmp_path, capsys, a__py="""import torch
from torch.utils.data import DataLoader
torch.quantize_per_tensor()
torch.ones(2)
torch.ones(3)
torch.linalg.nrom
torch.optim.Adam([], lr=1, foreach=True)
try:
    import torch.nested
except ImportError:
    pass
""")  # fmt: skip
    assert code == 1
    assert lines == [
        "a.py:1: has torch",
        f"a.py:2: differs torch.utils.data.DataLoader: {differences.DIFFERENCES[0].line}",
        "a.py:3: lacks torch.quantize_per_tensor: there are no quantized tensors; compute in float32",
        "a.py:4, 5: has torch.ones",
        "a.py:6: lacks torch.linalg.nrom: neither a name here nor a known one of PyTorch",
        "a.py:7: has torch.optim.Adam",
        "a.py:7: differs torch.optim.Adam(foreach=): `foreach=`, `fused=` and `pin_memory=` are accepted and have no "
        "effect (PyTorch: they choose an implementation)",
        "a.py:9: does without torch.nested: there are no nested tensors; use padded tensors with a mask",
        "1 files; names of PyTorch: 3 here, 2 here with a difference, 2 missing, 1 missing in code that expects it",
        "Methods of tensors, modules and other objects are not checked.",
    ]


def test_a_program_without_missing_names_gives_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = check(tmp_path, capsys, a__py="import torch\ntorch.float32.itemsize.x, torch.return_types.max\n")
    assert code == 0 and all(": has " in line for line in lines[:-2])


def test_nothing_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, capsys, a__py="raise SystemExit(9)\n")[0] == 0


def test_a_name_of_another_star_import_is_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = check(tmp_path, capsys, a__py="from torch.nn import *\nfrom other import *\nLinear, Other\n")
    assert code == 0 and lines[:2] == ["a.py:1: has torch.nn", "a.py:3: has torch.nn.Linear"]


def test_modules_of_our_own_are_not_taken_for_pytorchs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = check(tmp_path, capsys, a__py="import torch\ntorch.errors, torch.warnings, torch.vision, torch.base")
    assert code == 1 and sum(": lacks " in line for line in lines) == 4


def test_private_names_are_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, lines = check(tmp_path, capsys, a__py="import torch\ntorch._C._dispatch\n")
    assert lines[1] == "a.py:2: lacks torch._C._dispatch: it is private to PyTorch"


def test_notebooks_name_the_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["torch.x"]},
        {"cell_type": "code", "source": ["%pdb on\n", "import torch\n", "if 1:\n", "    !ls\n", "files = !ls"]},
        {"cell_type": "code", "source": "%%bash\nls torch.y"},
        {"cell_type": "code", "source": "%%time\ntorch.ones"},
    ]  # fmt: skip
    _, lines = check(tmp_path, capsys, n__ipynb=json.dumps({"cells": cells}))
    assert lines[0] == "n.ipynb:cell 2 line 2: has torch" and lines[1] == "n.ipynb:cell 4 line 2: has torch.ones"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = check(tmp_path, capsys, a__py="x = (", b__ipynb="{", c__py="import torch", d__txt="torch.x")
    assert code == 2
    assert [line.split(": ")[:2] for line in lines[:2]] == [[name, "cannot be read"] for name in ("a.py", "b.ipynb")]
    assert check_paths([str(tmp_path / "absent.py")]) == 2


def test_hidden_folders_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "a.py").write_text("import torch")
    assert check(tmp_path, capsys)[1][0].startswith("0 files")


def test_each_difference_is_a_line_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text().partition("## Intentional differences")[2].partition("\n## ")[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")[:2]) for line in text.splitlines()]
    for difference in differences.DIFFERENCES:
        assert (difference.here, difference.pytorch) in rows, f"not a row of the README: {difference.here}"
