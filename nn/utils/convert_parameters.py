"""Parameters as one vector, and a vector as parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.autograd.mode import no_grad
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, DeviceError, ShapeError
from minitensor.ops.join import cat

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


@composite_with_own_checks
def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Concatenate all parameters, flattened, into one vector.

    Args:
        parameters: The parameters, of one device.

    Returns:
        A tensor of shape (number of elements), part of the graph.

    Raises:
        ValueError: If there are no parameters.
        RuntimeError: If they lie on several devices.

    >>> import minitensor as torch
    >>> torch.nn.utils.parameters_to_vector(torch.nn.Linear(2, 3).parameters()).shape
    torch.Size([9])
    """
    each = list(parameters)
    if len({one.device for one in each}) > 1:
        raise DeviceError(f"parameters lie on several devices: {sorted({str(one.device) for one in each})}")
    return cat([one.reshape(-1) for one in each])


@composite_with_own_checks
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the parts of a vector into the parameters, in their order.

    Args:
        vec: The vector; elements beyond what the parameters need are ignored.
        parameters: The parameters, changed in place.

    Raises:
        TypeError: If ``vec`` is not a tensor.
        RuntimeError: If ``vec`` has too few elements; nothing is written then.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.zeros(2, 1))
    >>> torch.nn.utils.vector_to_parameters(torch.tensor([3.0, 4.0]), [weight])
    >>> weight.flatten().tolist()
    [3.0, 4.0]
    """
    if not isinstance(vec, TensorBase):
        raise ArgumentTypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    each = list(parameters)
    wanted = sum(one.numel() for one in each)
    if vec.numel() < wanted:
        raise ShapeError(f"the vector has {vec.numel()} elements, the parameters need {wanted}; nothing was written")
    start = 0
    with no_grad():
        for one in each:
            one.copy_(vec[start : start + one.numel()].view_as(one))
            start += one.numel()
