"""Distance layers equal PyTorch's, and so do the deprecated names of reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt

torch = pytest.importorskip("torch")
X, Y = np.random.RandomState(0).random_sample((2, 4, 3))
LOSSES = ["mse_loss", "l1_loss", "smooth_l1_loss", "kl_div", "poisson_nll_loss", "soft_margin_loss"]
OLD = [(each, other) for each in (None, True, False) for other in (None, True, False)][1:]


@pytest.mark.parametrize(("name", "args"), [
    ("PairwiseDistance", ()), ("PairwiseDistance", (1.0, 0.1, True)), ("CosineSimilarity", ()),
    ("CosineSimilarity", (0, 0.1)),
], ids=str)  # fmt: skip
def test_distances_are_pytorchs(name: str, args: tuple[Any, ...]) -> None:
    ours, theirs = getattr(mt.nn, name)(*args), getattr(torch.nn, name)(*args)
    found, expected = ours(mt.tensor(X), mt.tensor(Y)), theirs(torch.tensor(X), torch.tensor(Y))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize(("size_average", "reduce"), OLD)
@pytest.mark.parametrize("name", LOSSES)
def test_deprecated_reduction_names_are_accepted_with_a_warning(name: str, reduce: Any, size_average: Any) -> None:
    def called(lib: Any) -> Any:
        options = {"size_average": size_average, "reduce": reduce}
        return getattr(lib.nn.functional, name)(lib.tensor(X), lib.tensor(Y), **options)

    with pytest.warns(UserWarning, match="size_average and reduce args will be deprecated, please use reduction="):
        found = called(mt)
    with pytest.warns(UserWarning, match="size_average and reduce args"):
        expected = called(torch)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)
