"""Chapter 3 of the course: the batch dimension (cases B1 and B2)."""

from __future__ import annotations

import itertools
import re

import pytest

import minitensor as torch
from minitensor import nn, optim
from minitensor.utils.data import DataLoader, TensorDataset

COUNT, SLOPE = 32, 3.0


def descend(batch_size: int, epochs: int = 20) -> list[float]:
    """Fit a slope to noisy points, and return the loss over all of them after each step."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, COUNT).unsqueeze(1)
    points = TensorDataset(x, SLOPE * x + 0.1 * torch.randn(COUNT, 1))
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    curve = []
    for _ in range(epochs):
        for inputs, targets in DataLoader(points, batch_size, shuffle=True):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), targets).backward()
            optimizer.step()
            with torch.no_grad():
                curve.append(nn.functional.mse_loss(model(points.tensors[0]), points.tensors[1]).item())
    return curve


def test_b1_one_sample_mini_batches_and_the_whole_set_are_the_same_code() -> None:
    sizes = {"stochastic": 1, "mini-batch": 8, "batch": COUNT}
    curves = {name: descend(size) for name, size in sizes.items()}
    for name, size in sizes.items():
        assert len(curves[name]) == 20 * COUNT // size
        assert curves[name][-1] < curves[name][0] / 5
    rises = {name: sum(b > a for a, b in itertools.pairwise(curve)) for name, curve in curves.items()}
    assert rises["batch"] == 0  # it descends at each step
    assert rises["stochastic"] > 0  # one sample may point elsewhere
    after_one_epoch = [curves[name][COUNT // size - 1] for name, size in sizes.items()]
    assert after_one_epoch == sorted(after_one_epoch)  # more steps get further in one pass over the data


def test_b1_the_gradient_of_the_batch_is_the_mean_of_those_of_its_samples() -> None:
    torch.manual_seed(0)
    model, inputs, targets = nn.Linear(3, 2), torch.rand(5, 3), torch.rand(5, 2)
    whole = torch.autograd.grad(nn.functional.mse_loss(model(inputs), targets), model.weight)[0]
    single = [
        torch.autograd.grad(nn.functional.mse_loss(model(x), y), model.weight)[0] for x, y in zip(inputs, targets)
    ]
    torch.testing.assert_close(torch.stack(single).mean(0), whole)


LAYERS = {
    "Linear": (nn.Linear(4, 3), (4,)),
    "Conv1d": (nn.Conv1d(2, 3, 3), (2, 6)),
    "Conv2d": (nn.Conv2d(2, 3, 3), (2, 6, 6)),
    "MaxPool2d": (nn.MaxPool2d(2), (2, 6, 6)),
    "Sequential": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)), (2, 6, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_b2_dimension_0_is_the_batch_and_samples_do_not_meet(name: str) -> None:
    layer, shape = LAYERS[name]
    batch = torch.rand(5, *shape)
    apart = torch.cat([layer(sample.unsqueeze(0)) for sample in batch])
    torch.testing.assert_close(layer(batch), apart)


def test_b2_conv2d_takes_one_image_without_a_batch() -> None:
    layer, image = nn.Conv2d(3, 4, 3), torch.rand(3, 6, 7)
    assert layer(image).shape == (4, 4, 5)
    torch.testing.assert_close(layer(image), layer(image.unsqueeze(0)).squeeze(0))


@pytest.mark.parametrize("shape", [(6, 7), (1, 1, 3, 6, 7), (7,)])
def test_b2_another_rank_is_refused(shape: tuple[int, ...]) -> None:
    wanted = f"expected 3D (unbatched) or 4D (batched) input, but got input of shape {shape}"
    with pytest.raises(RuntimeError, match=re.escape(wanted)):
        nn.Conv2d(3, 4, 3)(torch.rand(shape))
