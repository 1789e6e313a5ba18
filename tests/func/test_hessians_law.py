"""Second derivatives over the op table: forward over reverse and forward over forward equal reverse over reverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
from func.samples import HERE, Mapped
from minitensor import func
from ops.row import Call, Row

SMALL = 12  # elements of the input, each of which is a row of the Hessian
# Rows whose second derivatives are not told by those in reverse mode, and why.
EXCUSED = {
    "logit": "its derivative is NaN outside of the limits that eps sets",
    "logdet": "of a matrix with a negative determinant it is NaN",
    "nn.functional.embedding": "it changes its weight in place",
}


def loss_of(row: Row, call: Call) -> tuple[Any, Any] | None:
    """Return a loss of the first small float input of a call, and the input; None if there is none."""
    mapped = Mapped(row, call, None)
    args = mapped.sample(0)
    place = next((
        place for place, each in enumerate(args)
        if each.dtype in (mt.float64, mt.float32) and 0 < each.numel() <= SMALL
    ), None)  # fmt: skip
    if place is None:
        return None

    def loss(x: Any) -> Any:
        given = [*args[:place], x * 1, *args[place + 1 :]]
        return sum((each * each.sin()).sum() for each in mapped(*given) if each.dtype.is_floating_point)

    return loss, args[place]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", [row for row in HERE if row.name not in EXCUSED], ids=repr)
def test_hessians_agree(row: Row) -> None:
    for call in row.calls[:3]:
        found = loss_of(row, call)
        if found is None:
            continue
        loss, x = found
        try:
            expected = func.jacrev(func.jacrev(loss))(x)
        except (mt.errors.MinitensorError, AttributeError):
            continue  # it has no second derivative, or no batching rule
        for twice in (func.hessian, lambda f: func.jacfwd(func.jacfwd(f))):
            try:
                hessian = twice(loss)(x)
            except mt.errors.BatchingError:
                continue
            np.testing.assert_allclose(hessian.detach().numpy(), expected.detach().numpy(), 1e-4, 1e-6)
