"""Rows of ``ops/seldom.py`` and of the padding that PyTorch has outside ``nn.functional`` too."""

from __future__ import annotations

from ops.row import Row, call, f, i, kink, rows

ROWS = rows(
    Row("renorm", (call(f(2, 3), 2, 0, 1.0), call(f(2, 3), 2, -1, 1.5), call(f(2, 3, 2), 1, 1, 2.0), call(f(2, 3), 3.5, 0, 0.5),
                   kink(f(2, 3), float("inf"), 0, 1), call(f(2, 3), 2, 0, 100.0), call(f(2, 0), 2, 0, 1), kink(f(2, 3), 2, 0, 0)),
        dtypes="inexact", inplace=False,  # the twin: test_seldom.py; the laws would call it with one dim
        wrong=(call(f(2, 3), 0, 0, 1.0), call(f(2, 3), 2, 2, 1.0), call(f(2, 3), 2, 0, -1.0), call(f(3), 2, 0, 1.0),
               call(i(2, 3), 2, 0, 1.0), call(f(2, 3), "a", 0, 1), call(f(2, 3), 2j, 0, 1), call(f(2, 3), 2, 0, float("nan")))),
    Row("vander", (call(f(3)), call(f(3), 2), call(f(3), 4, True), call(f(3), 0), call(f(3), N=1), call(f(0))), out=False,
        host="the gradient of cumprod looks for zeros",
        notes={"gradient": "PyTorch's writes over what it saved, and raises; finite differences hold ours"},
        wrong=(call(f(3), -1), call(f(2, 3)), call(f()), call([1, 2]))),
    Row("fill", (call(f(2, 3), 2.5), call(f(), 3), call(f(2, 0), True)), inplace=False, out=False,
        wrong=(call(f(2), f(1)), call(f(2), "a"), call(f(2), 1j), call([1.0], 2))),
    Row("constant_pad_nd", (call(f(2, 3), (1, 2)), call(f(2, 3), (1, -1, 2, 0), 3), call(f(2, 3), ()), call(f(3), (-1, -1), 0.5)), out=False,
        wrong=(call(f(2, 3), (1,)), call(f(2, 3), (1,) * 6), call(f(2, 3), (-3, -3)), call(f(2), (1, 1), 1j), call(f(2), 1))),
)  # fmt: skip
