"""Fine-tune a small ResNet from a checkpoint that PyTorch wrote, without PyTorch.

    python docs/examples/finetune.py                          # from resnet_digits_0_to_4.pt beside this file
    python docs/examples/finetune.py --checkpoint resnet_digits_0_to_4.safetensors
    python docs/examples/finetune.py --pretrain               # with PyTorch installed: writes both files again

The network in the checkpoint tells the digits 0 to 4 apart. Here its last layer is replaced by a new one for the digits
5 to 9, of which only a few images are used. First the new layer learns alone, while the others are frozen; then all
learn together. The same network without the checkpoint shows what the checkpoint is worth.

This file is a program for PyTorch as well as for minitensor: only the import differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if "--pretrain" in sys.argv:
    import torch
    from torch import nn, optim
else:
    import minitensor as torch
    from minitensor import nn, optim

try:
    from sklearn.datasets import load_digits
except ImportError as missing:
    sys.exit(f"{missing.name} is not installed; this example needs: pip install 'minitensor-py[demo]'")

HERE = Path(__file__).resolve().parent
CHECKPOINT = HERE / "resnet_digits_0_to_4.pt"


# -- network -----------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """Two convolutions whose result is added to their input, or to a projection of it."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU()
        self.downsample = nn.Identity()
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)) + self.downsample(x))


class SmallResNet(nn.Module):
    """A ResNet for images of 8x8 pixels, with about 20,000 parameters."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.layer1 = Block(16, 16, 1)
        self.layer2 = Block(16, 32, 2)
        self.fc = nn.Linear(32, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.layer2(self.layer1(self.stem(x)))
        return self.fc(features.mean((2, 3)))


# -- data --------------------------------------------------------------------------------------------------------------


def digits(first: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images of five digits and their classes from 0 to 4, in a random order."""
    data = load_digits()
    images = torch.from_numpy(data.images).float().unsqueeze(1) / 16
    labels = torch.from_numpy(data.target).long() - first
    chosen = ((labels >= 0) & (labels < 5)).nonzero().squeeze(1)
    chosen = chosen[torch.randperm(len(chosen))]
    return images[chosen], labels[chosen]


# -- training ----------------------------------------------------------------------------------------------------------


def train(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int, rate: float) -> None:
    """Train what requires grad, in batches of 25 images."""
    network.train()
    optimizer = optim.Adam([each for each in network.parameters() if each.requires_grad], lr=rate)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(25):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()


def accuracy(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    network.eval()
    with torch.no_grad():
        return (network(images).argmax(1) == labels).float().mean().item()


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return torch.serialization.load_file(path)
    return torch.load(path)


def fine_tune(checkpoint: Path, images: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    network = SmallResNet(classes=5)
    network.load_state_dict(read_checkpoint(checkpoint))
    network.requires_grad_(False)
    network.fc = nn.Linear(network.fc.in_features, 5)  # a new head, which requires grad
    train(network, images, labels, epochs=20, rate=1e-2)
    network.requires_grad_(True)
    train(network, images, labels, epochs=20, rate=3e-3)
    return network


def pretrain() -> None:
    """Train with PyTorch, and write the checkpoint in both formats."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = SmallResNet(classes=5)
    images, labels = digits(first=0)
    train(network, images, labels, epochs=20, rate=3e-3)
    torch.save(network.state_dict(), CHECKPOINT)
    save_file(network.state_dict(), CHECKPOINT.with_suffix(".safetensors"))
    print(f"wrote {CHECKPOINT.name} and {CHECKPOINT.stem}.safetensors")


# -- command line ------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description="Fine-tune a small ResNet from a checkpoint that PyTorch wrote.")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, metavar="FILE", help=".pt or .safetensors")
    parser.add_argument("--images", type=int, default=25, help="of the digits 5 to 9, to learn from (default: 25)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pretrain", action="store_true", help="write the checkpoint, with PyTorch")
    chosen = parser.parse_args()
    if chosen.pretrain:
        pretrain()
        return
    if not chosen.checkpoint.is_file():
        sys.exit(f"{chosen.checkpoint}: no such file")
    torch.manual_seed(chosen.seed)
    images, labels = digits(first=5)
    known, held_out = slice(None, chosen.images), slice(chosen.images, None)
    scratch = SmallResNet(classes=5)
    train(scratch, images[known], labels[known], epochs=40, rate=3e-3)
    tuned = fine_tune(chosen.checkpoint, images[known], labels[known])
    print(torch.utils.summary(tuned, (1, 8, 8)))
    print(f"\n{chosen.images} images of the digits 5 to 9 to learn from, {len(images[held_out])} held out")
    print(f"trained from scratch: {accuracy(scratch, images[held_out], labels[held_out]):.1%}")
    print(f"fine-tuned from {chosen.checkpoint.name}: {accuracy(tuned, images[held_out], labels[held_out]):.1%}")


if __name__ == "__main__":
    main()
