"""Rows of complex numbers (``ops/complex.py``), and of the indices of triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.row import Dtype, Row, call, f, i, kink, one, rows, two


def z(*shape: int, seed: int = 0) -> Any:
    """Return complex numbers, none close to zero, where angles are discontinuous."""
    return np.asarray(f(*shape, low=0.2, high=2, seed=seed) + 1j * f(*shape, low=0.2, high=2, seed=seed + 5))


COMPLEX = tuple([call(z(*shape)) for shape in ((2, 3), (), (0, 2), (2, 1, 3))])
HERE_ONLY = {"strict": "made on the host by default"}
STORAGE = {"sharing": "the memory is read as another dtype, through a separate storage"}

ROWS = rows(
    Row("view_as_real", (*COMPLEX[:2], COMPLEX[3]), numpy=lambda x: np.stack((x.real, x.imag), -1), view=True, dtypes="none", out=False,
        wrong=(call(f(2, 2)),), notes=STORAGE),
    Row("view_as_complex", (call(f(3, 2)), call(f(2, 3, 2)), call(f(2)), call(f(0, 2))),
        numpy=lambda x: x[..., 0] + 1j * x[..., 1], view=True, dtypes="none", out=False,
        wrong=(call(f(3)), call(f(2, 3)), call(i(2, 2)), call(f())),
        notes={**STORAGE, "layout": "the last dim must have two elements side by side"}),
    Row("real", COMPLEX, numpy=np.real, view=True, dtypes="none", out=False, notes=STORAGE),
    Row("imag", (*COMPLEX[:2], COMPLEX[3]), numpy=np.imag, view=True, dtypes="none", out=False, wrong=(call(f(3)),), notes=STORAGE),
    Row("angle", (*one(), *COMPLEX, kink(np.array([0, 1j, -1 + 0j, np.inf * 1j]))), numpy=np.angle),
    Row("complex", two(), numpy=lambda x, y: x + 1j * y, dtypes="single",
        wrong=(call(f(3), i(3)), call(f(3), 2.0), call(2.0, f(3)), call(i(3), i(3)), call(f(2, 3), f(2))),
        notes={"out": "out= must have exactly the dtype of the result"}),
    Row("polar", two(0.3, 2), numpy=lambda r, phi: r * np.exp(1j * phi), dtypes="single",
        wrong=(call(f(3), i(3)), call(f(3), 2.0), call(2.0, f(3)), call(f(2, 3), f(2))),
        notes={"out": "out= must have exactly the dtype of the result"}),
    Row("conj_physical", (*one(), *COMPLEX), numpy=np.conj, may_share=True),
    Row("resolve_conj", one(), may_share=True, out=False),
    Row("resolve_neg", one(), may_share=True, out=False),
    Row("is_conj", (call(f(3)),), differentiable=False, out=False, dtypes="none"),
    Row("is_neg", (call(f(3)),), differentiable=False, out=False, dtypes="none"),
    (Row(name, (call(3, 4), call(3, 4, 1), call(4, 3, -1, dtype=Dtype("int32")), call(0, 2)), numpy=None,
         differentiable=False, out=False, dtypes="none", notes=HERE_ONLY, wrong=(call(-1, 2), call(2, -1), call(2.0, 2)))
     for name in ("tril_indices", "triu_indices")),
    Row("empty_strided", (call((2, 3), (1, 2)), call((2,), (3,), dtype=Dtype("bool"))), differentiable=False, out=False,
        dtypes="none", random=True, notes=HERE_ONLY, wrong=(call((2,), (1, 2)), call((-1,), (1,)), call((2,), (-1,)))),
)
