"""The strides of results: the rules by which PyTorch chooses them, and what recorders do to follow these.

A rule takes the arguments of an operation and the shape of its result. It returns the layout of the result, or None if
it does not apply. Operations on one tensor or two operands follow a rule by default; the others name theirs with
``in_layout``, or keep the strides that their kernels choose. Most rules give a row-major result if all arguments are
row-major; recorders then do not ask for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from minitensor import layouts
from minitensor.autograd.protocol import active
from minitensor.base import TensorBase, arrange, fix_layout, has_values, is_encoded, memory_of, wrap
from minitensor.layouts import Layout, RowMajor
from minitensor.shapes import Shape, broadcast_shapes, memoize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    Rule: TypeAlias = Callable[[Sequence[Any], Shape], Layout | None]
    Rules: TypeAlias = Rule | tuple[Rule | None, ...] | None

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T", bound=TensorBase)

NUMBER = Layout((), (), 0)


def in_layout(rule: Rules, always: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Name the rule for the strides of an operation's results, or one for each, under its ``@differentiable``.

    They are asked ``always``, or if an argument is not row-major.
    """

    def mark(body: Callable[P, R]) -> Callable[P, R]:
        body.strides = rule  # type: ignore[attr-defined]  # read by `describe`
        body.always = always  # type: ignore[attr-defined]  # as above
        return body

    return mark


def lay_out(rule: Rule | None, arguments: Sequence[Any], result: TensorBase) -> None:
    """Give a new result the strides that a rule demands."""
    array = result._array
    if rule in ELEMENTWISE and array is not None and array.flags.c_contiguous and not any(map(has_order, arguments)):
        return
    layout = None if rule is None else rule(arguments, memory_of(result).shape if array is None else array.shape)
    if layout.__class__ is RowMajor and array is not None and array.flags.c_contiguous:
        result._layout = layout
    elif layout is not None:
        arrange(result, layout)
    elif not is_encoded(result):  # whose layout is set
        fix_layout(result)


def lay_out_several(rules: Rules, arguments: Sequence[Any], results: Sequence[TensorBase]) -> None:
    """Give new results the strides that one rule demands for all, or one for each."""
    for result, rule in zip(results, rules if isinstance(rules, tuple) else (rules,) * len(results), strict=True):
        lay_out(rule, arguments, result)


def lay_out_composite(rule: Rule, arguments: Sequence[TensorBase], result: T) -> T:
    """Return the new result of a composite in the strides that a rule demands for its arguments."""
    if not is_ordinary(arguments) and has_values(result):
        lay_out(rule, arguments, result)
    return result


def is_ordinary(arguments: Iterable[Any]) -> bool:
    """Whether all tensors among the arguments are row-major."""
    for each in arguments:
        if isinstance(each, TensorBase):
            layout = each._layout
            if layout is not None and layout.__class__ is not RowMajor:
                return False
    return True


def are_row_major(tensors: Iterable[Any]) -> bool:
    """Whether all of many tensors are row-major; ``is_ordinary`` takes twice the time."""
    return {each._layout.__class__ for each in tensors} <= ROW_MAJOR


ROW_MAJOR = {type(None), RowMajor}  # of tensors without a layout, and with one


def has_order(value: Any) -> bool:
    """Whether an argument is a tensor that is neither row-major nor one element expanded, which fits any order."""
    layout = value._layout if isinstance(value, TensorBase) else None
    return layout is not None and layout.__class__ is not RowMajor and any(layout.strides)


def in_order_of(leaf: TensorBase, grad: Any, is_borrowed: bool) -> Any:
    """Return a gradient in the strides of its leaf, or row-major if the leaf is not dense; copy it if it is borrowed.

    As in PyTorch, a gradient or a view that suits may keep other strides in dims of size 1.
    """
    if not has_values(grad):
        return grad.clone() if is_borrowed else grad
    layout = leaf.layout if layouts.is_dense(leaf.layout) else layouts.contiguous(leaf.layout.shape)
    may_keep = (not is_borrowed or grad._base is not None) and is_alike(grad.layout, layout)
    if may_keep and not is_borrowed:
        return grad
    shape, strides, _ = grad.layout if may_keep else layout
    if grad.node is None and not is_encoded(grad):  # nothing to record
        moved: Any = wrap(grad.result_class, grad.array.copy("K") if is_borrowed else grad.array)
        arrange(moved, Layout(shape, strides, 0))
        if active:
            TensorBase.result_class._dual_level.carry(grad, moved)
        return moved
    copy = grad.new_empty_strided(shape, strides)
    return copy.copy_(grad)


@memoize
def is_alike(layout: Layout, other: Layout) -> bool:
    """Whether two layouts of one shape have equal strides. Dims of size 1 may have any stride."""
    return all(n == 1 or a == b for n, a, b in zip(layout.shape, layout.strides, other.strides))


def is_never_ordinary(arguments: Iterable[Any]) -> bool:
    """Whether a rule that is always asked need not be asked: no."""
    return False


# -- rules -------------------------------------------------------------------------------------------------------------


def of_tensors(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of an elementwise operation on all tensors among the arguments."""
    layout = elementwise(tuple([each.layout for each in arguments if isinstance(each, TensorBase)]))
    return layout if layout.shape == shape else None


def of_input(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of an elementwise operation on the first argument alone."""
    layout = elementwise((start_of(arguments[0].layout),))
    return layout if layout.shape == shape else None


def of_operands(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of an elementwise operation on two operands; a number is a 0-d tensor."""
    layout = elementwise(tuple([each.layout if isinstance(each, TensorBase) else NUMBER for each in arguments]))
    return layout if layout.shape == shape else None


ELEMENTWISE = (of_operands, of_input, of_tensors)


def row_major(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of a result that is row-major, whatever the arguments are."""
    return layouts.contiguous(shape)


def column_major(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of matrices stored column by column, as LAPACK reads and writes them."""
    if len(shape) < 2:
        return layouts.contiguous(shape)
    return layouts.transpose(layouts.contiguous((*shape[:-2], shape[-1], shape[-2])), -2, -1)


def as_input(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of a copy of the first argument that keeps the order of its dims, as ``clone`` does."""
    layout = layouts.like(start_of(arguments[0].layout))
    return layout if layout.shape == shape else None


def start_of(layout: Layout) -> Layout:
    """Return a layout without its offset; see Note [Layouts that differ in their offset] in ``layouts.py``."""
    return Layout(layout.shape, layout.strides, 0) if layout.offset else layout


def with_gaps(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of a copy of all of the first argument's memory; without that if elements are repeated."""
    layout = arguments[0].layout
    is_expanded = any(step == 0 and n > 1 for n, step in zip(shape, layout.strides))
    return layouts.like(layout) if is_expanded else Layout(shape, layout.strides, 0)


def in_format(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of a result that is channels-last if the first argument is, and row-major otherwise."""
    is_channels_last = len(shape) in (4, 5) and layouts.suggests_channels_last(arguments[0].layout)
    return layouts.channels_last(shape) if is_channels_last else layouts.contiguous(shape)


def in_format_of_images(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of ``in_format``; signals (N, C, L) count as images of one line."""
    if len(shape) != 3:
        return in_format(arguments, shape)
    if not layouts.suggests_channels_last(layouts.unsqueeze(arguments[0].layout, 2)):
        return layouts.contiguous(shape)
    return layouts.squeeze_dims(layouts.channels_last((*shape[:2], 1, shape[2])), 2)


def in_format_of_planes(arguments: Sequence[Any], shape: Shape) -> Layout | None:
    """Return the layout of ``in_format_of_images``, but that of volumes is row-major."""
    return layouts.contiguous(shape) if len(shape) == 5 else in_format_of_images(arguments, shape)


def of_parts(arguments: Sequence[Any], shape: Shape) -> Layout:
    """Return the layout of tensors that are joined: channels-last if all are."""
    parts = [each.layout for each in arguments[0]]
    is_channels_last = len(shape) in (4, 5) and all([layouts.suggests_channels_last(each) for each in parts])
    return layouts.channels_last(shape) if is_channels_last else layouts.contiguous(shape)


@layouts.memoize_layout
def elementwise(operands: tuple[Layout, ...]) -> Layout:
    """Return the layout of the result of an elementwise operation.

    Operands that agree give their own strides. Otherwise the dims are sorted by the strides of the first operand, then,
    where these do not decide, by those of the next; in this order they are stored without gaps.

    >>> permuted, ordinary = Layout((2, 3), (1, 2), 0), Layout((2, 3), (3, 1), 0)
    >>> elementwise((permuted, ordinary)).strides, elementwise((ordinary, permuted)).strides
    ((1, 2), (3, 1))
    """
    if any([each.offset for each in operands]):
        return elementwise(tuple([start_of(each) for each in operands]))
    shape = broadcast_shapes(*[each.shape for each in operands])
    if all([each.shape == shape for each in operands]):
        common = common_layout(operands)
        if common is not None:
            return common
    order = layouts.sort_by_stride(shape, *[strides_within(each, shape) for each in operands])
    if order == list(range(len(shape) - 1, -1, -1)):
        return layouts.contiguous(shape)
    strides, step = [0] * len(shape), 1
    for dim in order:
        strides[dim] = step
        step *= shape[dim]
    return Layout(shape, tuple(strides), 0)


def common_layout(operands: tuple[Layout, ...]) -> Layout | None:
    """Return the layout of a result of operands of one shape that are all in the same order, or None."""
    first = operands[0]
    if all([layouts.is_contiguous(each) for each in operands]):
        return layouts.contiguous(first.shape)
    if len(first.shape) == 4 and all([layouts.is_channels_last(each) for each in operands]):
        return layouts.channels_last(first.shape)
    if all([each.strides == first.strides for each in operands]) and layouts.is_dense(first):
        return Layout(first.shape, first.strides, 0)
    return None


def strides_within(layout: Layout, shape: Shape) -> tuple[int, ...]:
    """Return an operand's strides in the result's shape: 0 for repeated and added dims."""
    lead = len(shape) - len(layout.shape)
    return (0,) * lead + layouts.repeat_strides(layout, shape[lead:])
