"""A convolution step by step: each window of the input, its products with a filter, and their sum."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from minitensor.autograd.mode import no_grad
from minitensor.errors import ArgumentError
from minitensor.nn.functional import conv2d, pad
from minitensor.shapes import pair

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class ConvolutionStep(NamedTuple):
    """One element of a convolution's output, and what it is the sum of. As text, it shows the arithmetic.

    Args:
        filter: The number of the filter, which is the channel of the output.
        row: The row of the output.
        column: The column of the output.
        window: The part of the padded input under the filter, of shape (C, F, F).
        weight: The filter, of the same shape.
        products: The window times the filter.
        bias: What is added to the sum of the products.

    >>> import minitensor as torch
    >>> image, weight = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[[[1.0, -1.0]]]])
    >>> steps = list(torch.nn.utils.convolution_steps(image, weight))
    >>> isinstance(steps[0], torch.nn.utils.ConvolutionStep)
    True
    >>> for step in steps:
    ...     print(step)
    output[0, 0, 0] = -1 + 0 = -1
      channel 0: 1 2  *  1 -1  =  1 -2
    output[0, 0, 1] = -1 + 0 = -1
      channel 0: 2 3  *  1 -1  =  2 -3
    """

    filter: int
    row: int
    column: int
    window: Tensor
    weight: Tensor
    products: Tensor
    bias: float

    @property
    def total(self) -> float:
        """The sum of the products and the bias.

        >>> import minitensor as torch
        >>> next(torch.nn.utils.convolution_steps(torch.ones(1, 3, 3), torch.ones(1, 1, 2, 2))).total
        4.0
        """
        return float(self.products.sum()) + self.bias

    def __str__(self) -> str:
        place = f"output[{self.filter}, {self.row}, {self.column}]"
        lines = [f"{place} = {float(self.products.sum()):g} + {self.bias:g} = {self.total:g}"]
        for channel, parts in enumerate(zip(self.window, self.weight, self.products, strict=True)):
            columns = [rows_of(part) for part in parts]
            for row, (window, weight, product) in enumerate(zip(*columns, strict=True)):
                head, times, equal = (f"channel {channel}:", "*", "=") if row == 0 else ("", " ", " ")
                lines.append(f"  {head:<10} {window}  {times} {weight}  {equal} {product}".rstrip())
        return "\n".join(lines)


def rows_of(matrix: Tensor) -> list[str]:
    """Return the rows of a matrix as text, in columns of one width."""
    cells = [[f"{number:g}" for number in row] for row in matrix.tolist()]
    width = max(len(cell) for row in cells for cell in row)
    return [" ".join(cell.rjust(width) for cell in row) for row in cells]


def convolution_steps(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
) -> Iterator[ConvolutionStep]:
    """Iterate over the elements of ``nn.functional.conv2d``'s output, with the window and the products of each.

    The filters come one after another; each walks over the image row by row. It shows how a convolution is computed,
    and takes far longer than ``conv2d``.

    Args:
        input: An image of shape (C, H, W).
        weight: Filters of shape (K, C, F, F).
        bias: A number for each filter, of shape (K,). Default: ``None``, zeros
        stride: The steps between windows. Default: ``1``
        padding: The zeros around the image. Default: ``0``

    Raises:
        ValueError: If ``input`` is not one image.
        RuntimeError: If the shapes do not suit ``conv2d``.

    >>> import minitensor as torch
    >>> image, filters = torch.ones(3, 5, 5), torch.ones(2, 3, 3, 3)
    >>> steps = list(torch.nn.utils.convolution_steps(image, filters, stride=2, padding=1))
    >>> len(steps), steps[0].total, steps[4].total  # 3x3 places of 2 filters; a corner and the center
    (18, 12.0, 27.0)
    """
    if input.ndim != 3:
        raise ArgumentError(f"convolution_steps: input must be an image (C, H, W), got shape {tuple(input.shape)}")
    with no_grad():
        output = conv2d(input, weight, bias, stride, padding)  # checks the shapes
    vertical, horizontal = pair(padding)
    padded = pad(input.detach(), (horizontal, horizontal, vertical, vertical))
    numbers = [0.0] * len(weight) if bias is None else bias.tolist()
    return steps_of(padded, weight.detach(), numbers, pair(stride), (output.shape[1], output.shape[2]))


def steps_of(
    padded: Tensor, weight: Tensor, bias: list[float], stride: tuple[int, int], size: tuple[int, int]
) -> Iterator[ConvolutionStep]:
    """Iterate over the steps that make an output of some height and width."""
    height, width = weight.shape[2:]
    for number, row, column in itertools.product(range(len(weight)), range(size[0]), range(size[1])):
        top, left = row * stride[0], column * stride[1]
        window = padded[:, top : top + height, left : left + width]
        filter = weight[number]
        yield ConvolutionStep(number, row, column, window, filter, window * filter, bias[number])
