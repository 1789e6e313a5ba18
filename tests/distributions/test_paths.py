"""The modules have PyTorch's paths, under both names of the library."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import minitensor.distributions
from minitensor.run import alias

MODULES = """bernoulli beta binomial categorical cauchy chi2 constraint_registry constraints continuous_bernoulli
dirichlet distribution exp_family exponential fishersnedecor gamma generalized_pareto geometric gumbel half_cauchy
half_normal independent inverse_gamma kl kumaraswamy laplace lkj_cholesky log_normal logistic_normal
lowrank_multivariate_normal mixture_same_family multinomial multivariate_normal negative_binomial normal
one_hot_categorical pareto poisson relaxed_bernoulli relaxed_categorical studentT transformed_distribution transforms
uniform utils von_mises weibull wishart""".split()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_pytorchs_path(name: str) -> None:
    module = importlib.import_module(f"minitensor.distributions.{name}")
    assert alias.locate(f"torch.distributions.{name}") == module.__name__
    if name not in ("constraints", "transforms", "utils", "kl", "constraint_registry"):
        classes = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
        assert any(isinstance(each, type) for each in classes)


def test_these_are_all_modules_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    folder = Path(torch.distributions.__file__).parent
    assert sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__") == sorted(MODULES)


PROGRAM = """
import torch
import torch.distributions as dist
from torch.distributions import Categorical, Normal, constraints, kl_divergence, transforms
from torch.distributions.normal import Normal as Same
from torch.distributions.utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits
from torch.distributions.kl import register_kl
from torch.distributions.transforms import AffineTransform
from torch.distributions.constraint_registry import biject_to
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
assert Normal is Same is dist.Normal is torch.distributions.Normal
assert Normal.__module__ == "minitensor.distributions.normal"
print(Normal(0.0, 1.0))
"""


def test_programs_import_them_as_torch() -> None:
    start = "import minitensor; minitensor.as_torch()\n"
    shown = subprocess.check_output([sys.executable, "-c", start + PROGRAM], text=True, timeout=60)
    assert shown == "Normal(loc: 0.0, scale: 1.0)\n"
    assert minitensor.distributions.Normal is sys.modules["minitensor.distributions.normal"].Normal
