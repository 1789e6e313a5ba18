"""From a classifier of one image size to a fully convolutional network, which slides over larger images.

A linear layer over a (C, H, W) map is a convolution whose filters are as large as the map. With its linear layers
replaced, a network computes for a larger image what it would compute for each crop of it, all at once: neighboring
crops share almost all of their features. ``dense_scores`` also moves the image, to place the crops closer together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.autograd.mode import no_grad
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeValueError,
    UninitializedError,
    UnsupportedValueError,
)
from minitensor.nn.adaptive_pooling import AdaptiveAvgPool2d
from minitensor.nn.batchnorm import BatchNorm1d, BatchNorm2d
from minitensor.nn.container import Sequential
from minitensor.nn.conv import Conv2d
from minitensor.nn.flatten import Flatten
from minitensor.nn.linear import Linear
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter, is_lazy
from minitensor.nn.pooling import AvgPool2d
from minitensor.ops.creation import empty
from minitensor.ops.ranges import arange

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


@composite_with_own_checks
def linear_to_conv(linear: Linear, input_shape: Sequence[int]) -> Conv2d:
    """Return the convolution that computes what a linear layer computes of a flattened map.

    Its parameters are views of the linear layer's, so that no memory is copied and training one trains both.

    Args:
        linear: A layer of C * H * W inputs and K outputs.
        input_shape: The shape (C, H, W) of the map.

    Returns:
        A convolution with K filters of shape (C, H, W). Of a map of that shape, it makes (K, 1, 1).

    Raises:
        ValueError: If the shape has not as many elements as the layer has inputs, or is not of three positive sizes.
        TypeError: If it is no sequence of ints.

    >>> import minitensor as torch
    >>> linear = torch.nn.Linear(512 * 7 * 7, 10)
    >>> conv = torch.nn.utils.linear_to_conv(linear, (512, 7, 7))
    >>> conv
    Conv2d(512, 10, kernel_size=(7, 7), stride=(1, 1))
    >>> map = torch.rand(1, 512, 7, 7)
    >>> torch.allclose(conv(map).flatten(1), linear(map.flatten(1)), atol=1e-5)
    True
    """
    require_map_shape("linear_to_conv: input_shape", input_shape)
    channels, height, width = input_shape
    if channels * height * width != linear.in_features:
        raise ShapeValueError(
            f"linear_to_conv: a map of shape {tuple(input_shape)} has {channels * height * width} elements, "
            f"but the layer has {linear.in_features} inputs"
        )
    conv = Conv2d(channels, linear.out_features, (height, width), bias=linear.bias is not None, device="meta")
    filters = linear.weight.detach().view(linear.out_features, channels, height, width)
    conv.weight = Parameter(filters, requires_grad=linear.weight.requires_grad)
    conv.bias = linear.bias
    return conv


@composite_with_own_checks
def convert_to_fully_convolutional(model: Module, input_size: Sequence[int]) -> Sequential:
    """Return a network that slides a classifier over images of any size, at least its own.

    The model must be a chain: each of its layers takes the output of the one before it. Flattening, and the mean over
    all positions, may stand between the layers, in the model's ``forward``. Linear layers become convolutions, global
    pooling becomes pooling by windows of its size. The other layers and all parameters are shared with the model. The
    result is compared with the model on an image of the model's size.

    For a larger image, the result equals the model's for each crop if no convolution pads. Where they do, crops end
    with zeros in places where the larger image has pixels, and the results differ a little.

    Args:
        model: A classifier such as a Sequential, AlexNet, VGG or ResNet.
        input_size: The shape (C, H, W) of the images that the model classifies.

    Returns:
        A Sequential that makes (N, K, 1, 1) of images of that size, and a map of scores (N, K, h, w) of larger ones.

    Raises:
        ValueError: If the model is not such a chain, or looks at the whole image somewhere within a block, as
            squeeze-and-excitation does; or its weights have no values; or a size is not positive.
        TypeError: If ``input_size`` is no sequence of ints.

    >>> import minitensor as torch
    >>> nn = torch.nn
    >>> model = nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), nn.Flatten(), nn.Linear(256, 5))
    >>> sliding = nn.utils.convert_to_fully_convolutional(model, (3, 16, 16))
    >>> sliding(torch.rand(1, 3, 20, 24)).shape
    torch.Size([1, 5, 3, 5])
    """
    require_map_shape("convert_to_fully_convolutional: input_size", input_size)
    require_weights(model)
    with evaluation(model), no_grad():
        image = features = probe(model, input_size)
        twins: list[tuple[Module, Module]] = []  # each layer, and what stands for it
        for name, layer in chain(model):
            layers, features = convert(name, layer, features)
            twins += [(layer, each) for each in layers]
        sliding = Sequential(*(each for _, each in twins))
        require_agreement(model, image, sliding(image).flatten(1))
    for layer, each in twins:
        each.training = layer.training
    sliding.training = model.training
    return sliding


@composite_with_own_checks
def dense_scores(
    network: Callable[[Tensor], Tensor], images: Tensor, *, window: int, stride: int, shifts: int
) -> Tensor:
    """Score an image at a finer stride than the network's, by shifting the image and interleaving the maps.

    Args:
        network: A fully convolutional network, as ``convert_to_fully_convolutional`` returns it.
        images: Images at least as large as the window, (N, C, H, W).
        window: The height and width of the images that the network scores once.
        stride: The distance of the crops that it scores, in pixels.
        shifts: How many times finer the stride becomes; a divisor of ``stride``.

    Returns:
        The scores of all crops at the stride ``stride // shifts``, (N, K, h, w).

    Raises:
        ValueError: If ``shifts`` does not divide ``stride``, or the images are smaller than the window.

    >>> import minitensor as torch
    >>> network = torch.nn.Conv2d(1, 1, 4, stride=4)  # scores crops of 4x4 pixels at stride 4
    >>> image = torch.rand(1, 1, 10, 8)
    >>> network(image).shape, torch.nn.utils.dense_scores(network, image, window=4, stride=4, shifts=2).shape
    (torch.Size([1, 1, 2, 2]), torch.Size([1, 1, 4, 3]))
    """
    if shifts < 1 or stride % shifts:
        raise ArgumentError(f"dense_scores: shifts must be a divisor of stride {stride}, got {shifts}")
    step = stride // shifts
    rows, columns = [(side - window) // step + 1 for side in images.shape[-2:]]
    if rows < 1 or columns < 1:
        raise ShapeValueError(
            f"dense_scores: images of shape {tuple(images.shape)} are smaller than the window of {window} pixels"
        )
    scores = None
    for row in range(min(shifts, rows)):
        for column in range(min(shifts, columns)):
            part = network(images[..., row * step :, column * step :])
            if scores is None:
                scores = part.new_empty((*part.shape[:-2], rows, columns))
            scores[..., row::shifts, column::shifts] = part
    assert scores is not None  # there is at least one shift, by zero
    return scores


def require_map_shape(name: str, shape: Any) -> None:
    """Raise unless this is the shape (C, H, W) of an image or a map."""
    wanted = f"{name} must be the shape (C, H, W), got {shape!r}"
    if not isinstance(shape, Sequence) or not all(isinstance(each, int) for each in shape):
        raise ArgumentTypeError(wanted)
    if len(shape) != 3 or min(shape) < 1:
        raise ArgumentError(wanted)


def require_weights(model: Module) -> None:
    """Raise unless all weights have values, which are compared in the end."""
    for name, each in model.named_parameters():
        if is_lazy(each):
            raise UninitializedError(
                f"convert_to_fully_convolutional: {name} has no shape yet; run the model once on an image"
            )
        if each.is_meta:
            raise UninitializedError(
                f"convert_to_fully_convolutional: {name} is on the device meta and has no values; load them first"
            )


def probe(model: Module, input_size: Sequence[int]) -> Tensor:
    """Return an image of the model's size, dtype and device, none of whose pixels are alike."""
    first = next(model.parameters(), empty(0))
    pixels = arange(math.prod(input_size), dtype=first.dtype, device=first.device)
    image: Tensor = pixels.sin().reshape(1, *input_size)
    return image


@contextmanager
def evaluation(model: Module) -> Iterator[None]:
    """Evaluate, not train, in a block; then let each layer do again what it did before."""
    training = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, was_training in training:
            module.training = was_training


def chain(module: Module, name: str = "") -> Iterator[tuple[str, Module]]:
    """Iterate over the layers of a model in their order, with their names. A block stays one layer."""
    children = list(module.named_children())
    is_block = not any(isinstance(each, Linear | Flatten | AdaptiveAvgPool2d) for each in module.modules())
    if not children or (is_block and not isinstance(module, Sequential)):
        yield name, module
        return
    for child_name, child in children:
        yield from chain(child, f"{name}.{child_name}" if name else child_name)


def convert(name: str, layer: Module, features: Tensor) -> tuple[list[Module], Tensor]:
    """Return the layers that stand for one of the model, and the model's features after it."""
    if isinstance(layer, Flatten):
        return [], features  # the linear layer after it sees the map itself
    if isinstance(layer, AdaptiveAvgPool2d):
        return window_pool(name, layer, features), layer(features)
    if isinstance(layer, Linear):
        return convert_linear(name, layer, features)
    if isinstance(layer, BatchNorm1d):
        layer = image_norm(layer)
    try:
        return [layer], layer(features)
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        raise not_a_chain(f"its layer {name} cannot take what comes before it: {error}") from error


def convert_linear(name: str, layer: Linear, features: Tensor) -> tuple[list[Module], Tensor]:
    """Return the convolution for a linear layer, behind a mean over all positions if there must have been one."""
    channels, height, width = features.shape[1:]
    if layer.in_features == channels * height * width:
        conv = linear_to_conv(layer, (channels, height, width))
        return [conv], conv(features)
    if layer.in_features == channels:
        mean, conv = AvgPool2d((height, width), stride=1), linear_to_conv(layer, (channels, 1, 1))
        return [mean, conv], conv(mean(features))
    raise not_a_chain(
        f"its layer {name} has {layer.in_features} inputs, but before it comes a map of {(channels, height, width)}"
    )


def window_pool(name: str, layer: AdaptiveAvgPool2d, features: Tensor) -> list[Module]:
    """Return pooling by windows that does the same to maps of this size: nothing, if the map has the size wanted."""
    sides = features.shape[-2:]
    wanted = layer.output_size if isinstance(layer.output_size, tuple) else (layer.output_size,) * 2
    counts = [side if count is None else count for side, count in zip(sides, wanted, strict=True)]
    if tuple(counts) == tuple(sides):
        return []
    if any(side % count for side, count in zip(sides, counts, strict=True)):
        raise not_a_chain(f"{name} makes {tuple(counts)} windows of unequal sizes in a map of {tuple(sides)}")
    kernel = tuple(side // count for side, count in zip(sides, counts, strict=True))
    return [AvgPool2d(kernel, stride=1 if counts == [1, 1] else kernel)]


def image_norm(norm: BatchNorm1d) -> BatchNorm2d:
    """Return a batch norm for images with the parameters and statistics of one for features."""
    image = BatchNorm2d(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    image.weight, image.bias = norm.weight, norm.bias
    image.running_mean, image.running_var = norm.running_mean, norm.running_var
    image.num_batches_tracked = norm.num_batches_tracked
    return image.eval()


def require_agreement(model: Module, image: Tensor, scores: Tensor) -> None:
    """Raise unless the model gives the same scores: then its layers are what its ``forward`` computes."""
    expected = model(image)
    tolerance = 1e-4 * float(expected.abs().max())
    if expected.shape != scores.shape or not expected.allclose(scores, rtol=1e-3, atol=tolerance):
        raise not_a_chain("its forward computes something else than its layers, one after the other")


def not_a_chain(reason: str) -> UnsupportedValueError:
    """Return the error for a model that cannot be converted."""
    return UnsupportedValueError(f"convert_to_fully_convolutional: {reason}; the model must be a chain of layers")
