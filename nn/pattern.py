"""A network from a line of text: ``INPUT -> [[CONV -> RELU]*2 -> POOL]*3 -> [FC -> RELU]*2 -> FC``.

The text names layers in their order; brackets with a factor repeat what is inside. ``read`` turns it into a list of
layers with their places in the text, ``build`` into modules. Sizes come from arguments: the text knows none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, NoReturn

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.nn.container import Sequential
from minitensor.nn.conv import Conv2d
from minitensor.nn.flatten import Flatten
from minitensor.nn.linear import Linear
from minitensor.nn.max_pooling import MaxPool2d
from minitensor.nn.module import Module
from minitensor.nn.rectifier import ReLU

LAYERS = ("INPUT", "CONV", "RELU", "POOL", "FC")
MOST_LAYERS = 100_000  # more are a slip of the pen; they would fill the memory
MOST_BRACKETS = 50  # inside one another; Python's stack is not endless
TOKEN = re.compile(r"\s*(->|\[|\]|\*|\?|\d+|[A-Za-z_]+|\S)")


class Token(NamedTuple):
    """A word or a sign, and its place in the text."""

    text: str
    place: int


@composite_with_own_checks
def from_pattern(
    pattern: str,
    input_size: tuple[int, int, int],
    num_classes: int,
    *,
    channels: int | Sequence[int] = 16,
    hidden: int = 128,
    kernel_size: int = 3,
    pool: bool = True,
    **counts: int,
) -> Sequential:
    """Build a ConvNet from a pattern such as ``INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC``.

    ``CONV`` is a convolution that keeps height and width, ``POOL`` halves them by the largest of each 2x2 window,
    ``RELU`` is the activation and ``FC`` a fully connected layer. ``[...]*2`` stands for what is in the brackets,
    twice; ``?`` marks a layer that ``pool=False`` leaves out. The map is flattened before the first ``FC``.

    Args:
        pattern: The layers in their order. It begins with ``INPUT`` and ends with ``FC``.
        input_size: The shape (C, H, W) of an image.
        num_classes: The size of the last ``FC``'s output.
        channels: The channels of the convolutions before the first ``POOL``, twice as many after each; or a list with
            the channels between one ``POOL`` and the next. Default: ``16``
        hidden: The size of the output of each ``FC`` but the last. Default: ``128``
        kernel_size: The height and width of filters, an odd number. Default: ``3``
        pool: Keep the layers marked by ``?``. Default: ``True``
        counts: The numbers that letters in the pattern stand for, such as ``N=2``.

    Returns:
        A Sequential: images (N, C, H, W) to scores (N, num_classes).

    Raises:
        ValueError: If the text is not such a pattern, has more than 100,000 layers, or the sizes do not suit it. The
            message shows the place.
        TypeError: If the pattern is no str, or has no letter of the name of a number.

    >>> import minitensor as torch
    >>> torch.nn.from_pattern("INPUT -> CONV -> RELU -> POOL -> FC", (3, 32, 32), 10, channels=12)
    Sequential(
      (0): Conv2d(3, 12, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
      (1): ReLU()
      (2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
      (3): Flatten(start_dim=1, end_dim=-1)
      (4): Linear(in_features=3072, out_features=10, bias=True)
    )
    """
    if not isinstance(pattern, str):
        raise ArgumentTypeError(f"from_pattern: pattern must be a str, got {type(pattern).__name__}: {pattern!r}")
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ArgumentError(f"from_pattern: kernel_size must be odd to keep the size, got {kernel_size}")
    require_image_size(input_size)
    widths = list(channels) if isinstance(channels, Sequence) else [channels]
    require_positive(num_classes=[num_classes], hidden=[hidden], channels=widths)
    reader = Reader(pattern, counts, pool)
    reader.require_letters()
    layers = reader.read()
    if layers[0].text != "INPUT":
        complain(pattern, layers[0].place, "must begin with INPUT")
    if layers[-1].text != "FC":
        complain(pattern, layers[-1].place, "must end with FC, which gives the scores of the classes")
    return Sequential(*Builder(pattern, input_size, num_classes, channels, hidden, kernel_size).build(layers[1:]))


def require_image_size(input_size: Sequence[int]) -> None:
    """Raise unless this is the shape (C, H, W) of an image."""
    if not isinstance(input_size, Sequence) or not all(isinstance(each, int) for each in input_size):
        raise ArgumentTypeError(f"from_pattern: input_size must be the shape (C, H, W), got {input_size!r}")
    if len(input_size) != 3 or min(input_size) < 1:
        raise ArgumentError(f"from_pattern: input_size must be the shape (C, H, W), got {tuple(input_size)}")


def require_positive(**sizes: Sequence[int]) -> None:
    """Raise unless the sizes that a pattern leaves open are positive."""
    for name, each in sizes.items():
        for size in each:
            if size < 1:
                raise ArgumentError(f"from_pattern: {name} must be positive, got {size}")


def complain(pattern: str, place: int, problem: str) -> NoReturn:
    """Raise an error that shows a place in the pattern."""
    raise ArgumentError(f"from_pattern: {problem}\n  {pattern}\n  {' ' * place}^")


class Reader:
    """Reads a pattern from left to right. It knows the text and the numbers for letters, not what layers are."""

    def __init__(self, pattern: str, counts: Mapping[str, int], keeps_optional: bool) -> None:
        self.pattern = pattern
        self.counts = counts
        self.keeps_optional = keeps_optional
        self.tokens = [Token(found[1], found.start(1)) for found in TOKEN.finditer(pattern.rstrip())]
        self.tokens.append(Token("", len(pattern.rstrip())))  # the end
        self.position = 0
        self.depth = 0

    def require_letters(self) -> None:
        """Raise if a number stands for no letter: its name may be an option, misspelled."""
        for name in self.counts.keys() - {token.text for token in self.tokens}:
            raise ArgumentTypeError(
                f"from_pattern() got an unexpected keyword argument {name!r}, which no factor of the pattern names"
            )

    def read(self) -> list[Token]:
        """Return all layers, with repeats written out."""
        layers = self.sequence()
        if self.next.text:
            self.complain("expected -> or the end")
        return layers

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def complain(self, problem: str) -> NoReturn:
        """Raise an error at the next token."""
        complain(self.pattern, self.next.place, f"{problem}, got {self.next.text!r}" if self.next.text else problem)

    def take(self, text: str) -> bool:
        """Step over the next token if it is this one."""
        found = self.next.text == text
        self.position += found
        return found

    def sequence(self) -> list[Token]:
        """Read items with arrows between them."""
        layers = self.item()
        while self.take("->"):
            layers += self.item()
        return layers

    def item(self) -> list[Token]:
        """Read a layer or brackets, and what follows them: a factor or a question mark."""
        if self.take("["):
            layers = self.inside()
        elif self.next.text in LAYERS:
            layers = [self.next]
            self.position += 1
        else:
            self.complain(f"expected [ or one of {', '.join(LAYERS)}")
        if self.take("?") and not self.keeps_optional:
            return []
        return layers * self.factor(len(layers)) if self.take("*") else layers

    def inside(self) -> list[Token]:
        """Read what is in brackets, and the bracket that closes them."""
        self.depth += 1
        if self.depth > MOST_BRACKETS:
            self.complain(f"more than {MOST_BRACKETS} brackets inside one another")
        layers = self.sequence()
        if not self.take("]"):
            self.complain("expected ] or ->")
        self.depth -= 1
        return layers

    def factor(self, length: int) -> int:
        """Read how often so many layers are repeated: a number, or a letter that stands for one."""
        text = self.next.text
        if not text.isdecimal() and text not in self.counts:
            self.complain("expected a number after *, or a letter whose number is an argument, as in N=2")
        digits = text.lstrip("0")[:20]  # so many are too many already, and Python's int takes no more than 4300
        count = int(digits or 0) if text.isdecimal() else self.counts[text]
        if count < 0:
            complain(self.pattern, self.next.place, f"expected a number of at least 0 for {text}, got {count}")
        if count * length > MOST_LAYERS:
            self.complain(f"expected at most {MOST_LAYERS:,} layers")
        self.position += 1
        return count


class Builder:
    """Makes the layers of a pattern. It follows the shape of the image from layer to layer."""

    def __init__(
        self,
        pattern: str,
        input_size: tuple[int, int, int],
        num_classes: int,
        channels: int | Sequence[int],
        hidden: int,
        kernel_size: int,
    ) -> None:
        self.pattern = pattern
        self.channels, self.height, self.width = input_size
        self.num_classes = num_classes
        self.widths = channels
        self.hidden = hidden
        self.kernel_size = kernel_size
        self.pools = 0
        self.features = 0  # the size of vectors, once the map is flattened

    def build(self, layers: Sequence[Token]) -> Iterator[Module]:
        """Iterate over the modules."""
        last = len(layers) - 1
        for index, layer in enumerate(layers):
            if layer.text == "INPUT":
                complain(self.pattern, layer.place, "INPUT must come first, once")
            elif layer.text == "RELU":
                yield ReLU()
            elif layer.text == "FC":
                yield from self.make_fc(self.num_classes if index == last else self.hidden)
            elif self.features:
                complain(self.pattern, layer.place, f"{layer.text} cannot follow FC, which has flattened the map")
            else:
                yield self.make_conv(layer) if layer.text == "CONV" else self.make_pool(layer)

    def make_fc(self, size: int) -> Iterator[Module]:
        """Iterate over a linear layer and what flattens the map before the first one."""
        if not self.features:
            yield Flatten()
            self.features = self.channels * self.height * self.width
        yield Linear(self.features, size)
        self.features = size

    def make_conv(self, layer: Token) -> Module:
        """Return a convolution that keeps height and width."""
        wanted = self.widths
        if isinstance(wanted, int):
            width = wanted * 2**self.pools
        elif self.pools < len(wanted):
            width = wanted[self.pools]
        else:
            complain(
                self.pattern, layer.place, f"channels has {len(wanted)} numbers, CONV has {self.pools} POOLs before it"
            )
        conv = Conv2d(self.channels, width, self.kernel_size, padding=self.kernel_size // 2)
        self.channels = width
        return conv

    def make_pool(self, layer: Token) -> Module:
        """Return pooling that halves height and width."""
        if min(self.height, self.width) < 2:
            complain(self.pattern, layer.place, f"POOL cannot halve a map of {self.height}x{self.width}")
        self.height, self.width = self.height // 2, self.width // 2
        self.pools += 1
        return MaxPool2d(2, 2)
