"""A line search: how far to go along a direction to lower and flatten the loss enough.

It looks for a point that satisfies the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, 2006,
section 3.5): first for a bracket around one, then for smaller and smaller brackets, by cubic interpolation. It knows a
function of one number and nothing of parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

ENOUGH = 1e-4  # of the fall that the first slope promises
FLAT = 0.9  # of the first slope


class Point(NamedTuple):
    """A step along the direction: the loss there, its gradient, and its slope along the direction."""

    step: float
    loss: float
    grad: Tensor
    slope: float


class Search(NamedTuple):
    """What stays the same during a search."""

    evaluate: Callable[[float], Point]
    start: Point
    length: float  # of the direction's longest component
    tolerance: float  # steps shorter than this are not told apart
    most: int  # evaluations

    def falls_short(self, point: Point) -> bool:
        """Tell whether the loss fell by less than the first slope promises (the Armijo condition fails)."""
        return point.loss > self.start.loss + ENOUGH * point.step * self.start.slope

    def is_flat(self, point: Point) -> bool:
        """Tell whether the slope is small compared with the first one (the curvature condition holds)."""
        return abs(point.slope) <= -FLAT * self.start.slope


def strong_wolfe(search: Search, step: float) -> tuple[Point, int]:
    """Return a point that satisfies the conditions, or the best that was found, and how many were evaluated."""
    before, here = search.start, search.evaluate(step)
    for count in range(search.most):
        if search.falls_short(here) or (count > 1 and here.loss >= before.loss):
            return zoom(search, [before, here], count)
        if search.is_flat(here):
            return here, count + 1
        if here.slope >= 0:
            return zoom(search, [before, here], count)
        bounds = here.step + 0.01 * (here.step - before.step), 10 * here.step
        before, here = here, search.evaluate(lowest_of_cubic(before, here, bounds))
    return zoom(search, [search.start, here], search.most)


def zoom(search: Search, bracket: list[Point], count: int) -> tuple[Point, int]:
    """Narrow a bracket to a point that satisfies the conditions."""
    low = 0 if bracket[0].loss <= bracket[1].loss else 1
    near_edge = False
    while count < search.most and abs(bracket[1].step - bracket[0].step) * search.length >= search.tolerance:
        left, right = sorted((bracket[0].step, bracket[1].step))
        step = lowest_of_cubic(bracket[0], bracket[1], (left, right))
        step, near_edge = away_from_edge(step, left, right, near_edge)
        here = search.evaluate(step)
        count += 1
        if search.falls_short(here) or here.loss >= bracket[low].loss:
            bracket[1 - low] = here
            low = 0 if bracket[0].loss <= bracket[1].loss else 1
            continue
        if here.slope * (bracket[1 - low].step - bracket[low].step) >= 0 and not search.is_flat(here):
            bracket[1 - low] = bracket[low]
        bracket[low] = here
        if search.is_flat(here):
            break
    return bracket[low], count + 1


def away_from_edge(step: float, left: float, right: float, near_edge: bool) -> tuple[float, bool]:
    """Move a step that lies near an end of the bracket a tenth inwards: at the second time, or on the end itself."""
    margin = 0.1 * (right - left)
    if min(right - step, step - left) >= margin:
        return step, False
    if near_edge or step >= right or step <= left:
        return (right - margin if abs(step - right) < abs(step - left) else left + margin), False
    return step, True


def lowest_of_cubic(a: Point, b: Point, bounds: tuple[float, float]) -> float:
    """Return where the cubic through two points and their slopes is lowest, within bounds; their middle if nowhere."""
    left, right = bounds
    if a.step != b.step:
        if a.step > b.step:
            a, b = b, a
        one = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step)
        square = one * one - a.slope * b.slope
        if square >= 0:
            two = sqrt(square)
            below = b.slope - a.slope + 2 * two
            if below:
                return min(max(b.step - (b.step - a.step) * ((b.slope + two - one) / below), left), right)
    return (left + right) / 2
