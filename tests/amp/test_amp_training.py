"""Networks trained under autocast to 16 bits follow PyTorch's losses, with and without a scaler."""

from __future__ import annotations

from contextlib import nullcontext
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt

STEPS = 20


def mlp(library: Any) -> Any:
    nn = library.nn
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 4))


def conv_net(library: Any) -> Any:
    nn = library.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.GELU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


class Attention:
    """A transformer layer on the rows of a picture."""

    def __new__(cls, library: Any) -> Any:
        class Net(library.nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.layer = library.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
                self.out = library.nn.Linear(8, 4)

            def forward(self, x: Any) -> Any:
                return self.out(self.layer(x.squeeze(1)).mean(1))

        return Net()


class Gpt:
    """A small causal transformer that reads the signs of the pixels as a text, and names its class at the end."""

    def __new__(cls, library: Any) -> Any:
        nn = library.nn

        class Block(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.before, self.after = nn.LayerNorm(16), nn.LayerNorm(16)
                self.mix, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
                self.wide = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16))

            def forward(self, x: Any) -> Any:
                parts = [each.unflatten(2, (2, 8)).transpose(1, 2) for each in self.mix(self.before(x)).split(16, 2)]
                seen = nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
                x = x + self.out(seen.transpose(1, 2).flatten(2))
                return x + self.wide(self.after(x))

        class Net(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.words, self.places = nn.Embedding(2, 16), nn.Embedding(64, 16)
                self.blocks, self.head = nn.Sequential(Block(), Block()), nn.Linear(16, 4)

            def forward(self, x: Any) -> Any:
                words = (x.flatten(1) > 0).long()
                return self.head(self.blocks(self.words(words) + self.places.weight)[:, -1])

        return Net()


def losses(library: Any, build: Any, start: dict[str, Any], region: Any, scaler: Any) -> list[float]:
    numbers = np.random.RandomState(0)
    data = library.tensor(numbers.randn(16, 1, 8, 8).astype("float32"))
    labels = library.tensor(numbers.randint(0, 4, 16))
    network = build(library)
    network.load_state_dict({name: library.tensor(value) for name, value in start.items()})
    optimizer = library.optim.AdamW(network.parameters(), lr=3e-3)
    found = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        with region:
            loss = library.nn.functional.cross_entropy(network(data), labels)
        assert loss.dtype is library.float32
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        found.append(loss.item())
    return found


def start_of(build: Any) -> dict[str, Any]:
    mt.manual_seed(0)
    return {key: value.numpy() for key, value in build(mt).state_dict().items()}


def mixed(
    library: Any, build: Any, start: dict[str, Any], enabled: bool = True, dtype: str = "float16"
) -> list[float]:
    region = library.autocast("cpu", getattr(library, dtype), enabled=enabled)
    scaler = library.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=5, enabled=enabled)
    return losses(library, build, start, region, scaler)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("build", [mlp, conv_net, Attention, Gpt])
def test_losses_follow_pytorchs(build: Any, dtype: str) -> None:
    torch: ModuleType = pytest.importorskip("torch")
    start = start_of(build)
    ours, theirs = mixed(mt, build, start, dtype=dtype), mixed(torch, build, start, dtype=dtype)
    assert ours[-1] < 0.9 * ours[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-2)
    region = mt.autocast("cpu", getattr(mt, dtype))
    np.testing.assert_allclose(losses(mt, build, start, region, None), ours, rtol=1e-2)


def test_a_disabled_region_and_scaler_change_nothing() -> None:
    start = start_of(mlp)
    plain = losses(mt, mlp, start, nullcontext(), None)
    assert mixed(mt, mlp, start, enabled=False) == plain
    assert mixed(mt, mlp, start) != plain
    np.testing.assert_allclose(mixed(mt, mlp, start), plain, rtol=1e-2)
