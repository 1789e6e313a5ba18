"""Whole networks of the usual kinds: a training step of each, and inference with one.

As in ``steps.py``, the rate is so small that late steps cost the same as early ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.case import Case, Library, Make, Step, integers, normal
from benchmarks.steps import RATE, start_equal, training

VOCABULARY = 128


def adam(lib: Library, model: Any) -> Any:
    return lib.optim.Adam(model.parameters(), lr=RATE)


def adamw(lib: Library, model: Any) -> Any:
    return lib.optim.AdamW(model.parameters(), lr=RATE)


# -- convolutional networks --------------------------------------------------------------------------------------------


def lenet(lib: Library) -> Any:
    """LeNet-5 with ReLU and maxima (LeCun et al. 1998)."""
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def residual_block(lib: Library, inputs: int, outputs: int, stride: int) -> Any:
    """Two convolutions 3 x 3 beside a short cut."""
    nn = lib.nn

    def normed(inputs: int, kernel: int, stride: int) -> Any:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = normed(inputs, 3, stride), normed(outputs, 3, 1)
            self.short_cut = nn.Identity() if inputs == outputs else normed(inputs, 1, stride)

        def forward(self, x: Any) -> Any:
            relu = nn.functional.relu
            return relu(self.second(relu(self.first(x))) + self.short_cut(x))

    return Block()


def resnet18(lib: Library) -> Any:
    """ResNet-18 as it is used for images of 32 x 32 (He et al. 2015)."""
    nn = lib.nn
    blocks, width = [], 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        blocks += [residual_block(lib, width, outputs, stride), residual_block(lib, outputs, outputs, 1)]
        width = outputs
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), *blocks,
        nn.AvgPool2d(4), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


def separable_net(lib: Library) -> Any:
    """Depthwise convolutions and products over channels, as in MobileNet (Howard et al. 2017)."""
    nn = lib.nn

    def block(inputs: int, outputs: int, stride: int) -> list[Any]:
        return [
            nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), nn.BatchNorm2d(inputs), nn.ReLU6(),
            nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU6(),
        ]  # fmt: skip

    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU6(),
        *block(32, 64, 1), *block(64, 128, 2), *block(128, 128, 1), *block(128, 256, 2), *block(256, 256, 1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip


def unet(lib: Library) -> Any:
    """A U-Net of three levels with group norms and transposed convolutions (Ronneberger et al. 2015)."""
    nn = lib.nn

    def double(inputs: int, outputs: int) -> Any:
        layers = []
        for width in (inputs, outputs):
            layers += [nn.Conv2d(width, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.ReLU()]
        return nn.Sequential(*layers)

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down1, self.down2, self.bottom = double(3, 16), double(16, 32), double(32, 64)
            self.up2, self.up1 = nn.ConvTranspose2d(64, 32, 2, stride=2), nn.ConvTranspose2d(32, 16, 2, stride=2)
            self.join2, self.join1 = double(64, 32), double(32, 16)
            self.head = nn.Conv2d(16, 4, 1)

        def forward(self, x: Any) -> Any:
            pool = nn.functional.max_pool2d
            high = self.down1(x)
            middle = self.down2(pool(high, 2))
            low = self.bottom(pool(middle, 2))
            middle = self.join2(lib.cat([middle, self.up2(low)], dim=1))
            return self.head(self.join1(lib.cat([high, self.up1(middle)], dim=1)))

    return UNet()


def vgg_inference(lib: Library) -> Step:
    """The thirteen convolutions of VGG-16 on two images (Simonyan and Zisserman 2014)."""
    nn = lib.nn
    layers, width = [], 3
    for outputs, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(width, outputs, 3, padding=1), nn.ReLU()]
            width = outputs
        layers.append(nn.MaxPool2d(2))
    model = nn.Sequential(*layers).eval()
    start_equal(lib, model)
    images = lib.tensor(normal(2, 3, 224, 224)())

    def step() -> Any:
        with lib.no_grad():
            return model(images)

    return step


# -- sequences ---------------------------------------------------------------------------------------------------------


def lstm(lib: Library) -> Any:
    """Two layers of LSTM that predict the next token."""
    nn = lib.nn

    class Predictor(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, 64)
            self.lstm = nn.LSTM(64, 128, 2, batch_first=True)
            self.head = nn.Linear(128, VOCABULARY)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.lstm(self.embedding(tokens))[0]).flatten(0, 1)

    return Predictor()


def gpt(lib: Library, length: int = 64, width: int = 96, heads: int = 4, depth: int = 3) -> Any:
    """A small GPT (Radford et al. 2018)."""
    nn = lib.nn
    future = lib.tensor(np.triu(np.ones((length, length), bool), 1))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.mixed, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def attention(self, x: Any) -> Any:
            parts = self.mixed(x).unflatten(-1, (3, heads, width // heads))
            query, key, value = parts.permute(2, 0, 3, 1, 4)
            scores = (query @ key.transpose(-2, -1)) * (width // heads) ** -0.5
            shares = nn.functional.softmax(scores.masked_fill(future, -float("inf")), dim=-1)
            return self.joined((shares @ value).transpose(1, 2).flatten(2))

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x))
            return x + self.narrow(nn.functional.gelu(self.wide(self.norm2(x))))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(VOCABULARY, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*[Block() for _ in range(depth)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.tokens(tokens) + self.places(lib.arange(length))
            return self.head(self.norm(self.blocks(x))).flatten(0, 1)

    return GPT()


def encoder(lib: Library) -> Any:
    """A transformer encoder that classifies sequences of different lengths, which are padded to 64."""
    nn = lib.nn
    is_padding = lib.arange(64) >= lib.tensor(32 + integers(33, 16, 1)())

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.encoder(x, src_key_padding_mask=is_padding).mean(1))

    return Classifier()


# -- derivatives -------------------------------------------------------------------------------------------------------


def second_derivatives(lib: Library) -> Step:
    """Fit the equation u'' = -u by a small network in doubles: a step of Adam through second derivatives."""
    nn = lib.nn
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)).double()
    start_equal(lib, model)
    optimizer = adam(lib, model)
    x = lib.tensor(normal(256, 1)()).double().requires_grad_()

    def slope(y: Any) -> Any:
        return lib.autograd.grad(y.sum(), x, create_graph=True)[0]

    def step() -> Any:
        optimizer.zero_grad()
        u = model(x)
        loss = (slope(slope(u)) + u).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def resnet18_step(batch: int) -> Make:
    return training(resnet18, normal(batch, 3, 32, 32), integers(10, batch))


def cases() -> Iterator[Case]:
    tokens = partial(integers, VOCABULARY)
    yield Case("LeNet, batch 32", training(lenet, normal(32, 1, 28, 28), integers(10, 32)))
    yield Case("ResNet-18 on 32x32, batch 16", resnet18_step(16))
    yield Case("separable convolutions, batch 16", training(separable_net, normal(16, 3, 32, 32), integers(10, 16)))
    yield Case("U-Net on 64x64, batch 4", training(unet, normal(4, 3, 64, 64), integers(4, 4, 64, 64)))
    yield Case("VGG-16 convolutions, inference", vgg_inference)
    yield Case("LSTM with clipping", training(lstm, tokens(32, 32), tokens(32 * 32), adam, clip=1.0))
    yield Case("GPT", training(gpt, tokens(16, 64), tokens(16 * 64), adamw))
    yield Case("transformer encoder with padding", training(encoder, normal(16, 64, 128), integers(10, 16), adamw))
    yield Case("second derivatives in float64", second_derivatives)
