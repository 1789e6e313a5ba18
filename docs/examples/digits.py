"""Train a convolutional network to read handwritten digits, from the first pixel to the last picture.

    python docs/examples/digits.py                                      # 1,797 digits of 8 x 8 from scikit-learn
    python docs/examples/digits.py --dataset mnist --data ~/mnist       # IDX files in a folder, plain or .gz
    python docs/examples/digits.py --dataset cifar10 --data ~/cifar10   # CIFAR-10's binary batches
    python docs/examples/digits.py --augment                            # turn, move and scale the images at random
    python docs/examples/digits.py --device cuda                        # on a GPU, through CuPy

The functions below follow the order of a training run: data, network, one epoch, all epochs, the plots, and last the
saved weights. The tensor, network and optimizer code is the same as it would be in PyTorch.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import minitensor as mt
from minitensor import Tensor, nn, optim
from minitensor.errors import DeviceError, FileFormatError, MissingExtraError
from minitensor.serialization import load_file, save_file
from minitensor.utils.data import DataLoader, Dataset, TensorDataset
from minitensor.vision import read_cifar10, read_mnist, transforms
from minitensor.vision.statistics import image_statistics, rescale, standardize

try:
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
    from tqdm import tqdm
except ImportError as missing:
    sys.exit(f"{missing.name} is not installed; this example needs: pip install 'minitensor-py[demo]'")

EPOCHS = {"digits": 15, "mnist": 4, "cifar10": 10}
CIFAR10 = "airplane car bird cat deer dog frog horse ship truck".split()


# -- data --------------------------------------------------------------------------------------------------------------


class Data(NamedTuple):
    """Images (N, C, H, W) with values from 0 to 1, and their classes (N,)."""

    train: TensorDataset
    test: TensorDataset
    classes: list[str]


def load_data(name: str, folder: Path | None, seed: int) -> Data:
    if name == "digits":
        return split_digits(seed)
    if folder is None:
        sys.exit(f"--dataset {name} needs --data FOLDER, the folder that contains its files")
    pictures = read_mnist(folder) if name == "mnist" else read_cifar10(folder)
    train = to_dataset(pictures.train_images / np.float32(255), pictures.train_labels)
    test = to_dataset(pictures.test_images / np.float32(255), pictures.test_labels)
    return Data(train, test, CIFAR10 if name == "cifar10" else list("0123456789"))


def split_digits(seed: int) -> Data:
    """Hold out a random fifth of the digits, which the network never trains on."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, np.newaxis]
    order = np.random.default_rng(seed).permutation(len(images))
    held_out, kept = np.split(order, [-(-len(images) // 5)])
    train, test = (to_dataset(images[rows], digits.target[rows]) for rows in (kept, held_out))
    return Data(train, test, list("0123456789"))


def to_dataset(images: np.ndarray, labels: np.ndarray) -> TensorDataset:
    return TensorDataset(mt.from_numpy(images), mt.from_numpy(labels.astype(np.int64)))


# -- preprocessing -----------------------------------------------------------------------------------------------------


def draw_preprocessing(images: Tensor, path: Path) -> None:
    """Draw the mean and the deviation of each pixel, and eight images: as they are, normalized, and augmented."""
    found = image_statistics(images)
    shown = images[:8]
    rows = {
        "original": shown,
        "normalized": standardize(shown, found.mean_image, found.std_image),
        "augmented": mt.stack([augment(image) for image in shown]),
    }
    figure = Figure(figsize=(8, 5), layout="constrained")
    grid = figure.subplots(4, 8)
    for axes in grid.flat:
        axes.axis("off")
    for axes, (title, image) in zip(grid[0], {"mean": found.mean_image, "deviation": found.std_image}.items()):
        axes.imshow(as_picture(rescale(image).numpy()), cmap="gray_r")
        axes.set_title(title, fontsize=10)
    for line, (title, batch) in zip(grid[1:], rows.items(), strict=True):
        line[0].set_title(title, fontsize=10)
        for axes, image in zip(line, batch):
            axes.imshow(as_picture(rescale(image).numpy()), cmap="gray_r")
    figure.savefig(path, dpi=120)


# Turns, moves and scales an image a little, at random.
augment = transforms.RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1))


class Augmented(Dataset):
    """The samples of a data set, each image augmented anew whenever it is read."""

    def __init__(self, samples: TensorDataset) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, label = self.samples[index]
        return augment(image), label


# -- network -----------------------------------------------------------------------------------------------------------


class Standardize(nn.Module):
    """Subtract the training images' mean and divide by their standard deviation; both are saved with the weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", mt.zeros(1, channels, 1, 1))
        self.register_buffer("deviation", mt.ones(1, channels, 1, 1))

    def measure(self, images: Tensor) -> None:
        self.mean.copy_(images.mean(dim=(0, 2, 3), keepdim=True))
        self.deviation.copy_(images.std(dim=(0, 2, 3), keepdim=True))

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.deviation


def convnet(channels: int, size: int, classes: int) -> nn.Sequential:
    """Build a network like LeNet: two convolutions, each with pooling, then two fully connected layers.

    Each pooling halves the height and width, so the last feature map is ``size // 4`` wide. Batch norm speeds up
    training; dropout reduces overfitting.
    """
    layers: list[tuple[str, nn.Module]] = [
        ("standardize", Standardize(channels)),
        ("conv1", nn.Conv2d(channels, 32, kernel_size=3, padding=1, bias=False)),
        ("norm1", nn.BatchNorm2d(32)),
        ("relu1", nn.ReLU()),
        ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(32, 64, kernel_size=3, padding=1, bias=False)),
        ("norm2", nn.BatchNorm2d(64)),
        ("relu2", nn.ReLU()),
        ("pool2", nn.MaxPool2d(2)),
        ("flatten", nn.Flatten()),
        ("dropout", nn.Dropout(0.5)),
        ("hidden", nn.Linear(64 * (size // 4) ** 2, 128)),
        ("relu3", nn.ReLU()),
        ("scores", nn.Linear(128, classes)),
    ]
    return nn.Sequential(OrderedDict(layers))


def layer_table(network: nn.Sequential, image: Tensor) -> str:
    """Run one image through the network and list each layer's output shape, which a forward hook receives."""
    rows = [("layer", "kind", "output shape", "parameters")]

    def note(name: str, layer: nn.Module, output: Tensor) -> None:
        count = sum(parameter.numel() for parameter in layer.parameters())
        rows.append((name, type(layer).__name__, " x ".join(map(str, output.shape[1:])), f"{count:,}"))

    hooks = [
        layer.register_forward_hook(lambda layer, _, output, name=name: note(name, layer, output))
        for name, layer in network.named_children()
    ]
    with mt.no_grad():
        network.eval()(image)
    for hook in hooks:
        hook.remove()
    rows.append(("all", "", "", f"{sum(parameter.numel() for parameter in network.parameters()):,}"))
    return "\n".join(f"{name:12} {kind:12} {shape:>14} {count:>12}" for name, kind, shape, count in rows)


# -- training ----------------------------------------------------------------------------------------------------------


class Score(NamedTuple):
    """The mean loss and the fraction of correct answers over a data set."""

    loss: float
    accuracy: float


class Tally:
    """Adds up losses and correct answers, batch by batch."""

    def __init__(self) -> None:
        self.loss, self.right, self.count = 0.0, 0, 0

    def add(self, loss: Tensor, scores: Tensor, labels: Tensor) -> None:
        self.loss += loss.item() * len(labels)
        self.right += int((scores.argmax(dim=1) == labels).sum().item())
        self.count += len(labels)

    def score(self) -> Score:
        return Score(self.loss / self.count, self.right / self.count)


def train_epoch(network: nn.Module, loader: DataLoader, optimizer: optim.Optimizer, device: str, bar: tqdm) -> Score:
    """Train on every image once, with one optimizer step per batch."""
    network.train()
    tally = Tally()
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        scores = network(images)
        loss = nn.functional.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tally.add(loss, scores, labels)
        bar.set_postfix_str(as_text(tally.score()), refresh=False)
        bar.update()
    return tally.score()


def evaluate(network: nn.Module, data: TensorDataset, device: str) -> tuple[Score, np.ndarray]:
    """Return the score on a data set and the predicted class of each image."""
    network.eval()
    tally = Tally()
    answers = []
    with mt.no_grad():
        for images, labels in DataLoader(data, batch_size=500):
            images, labels = images.to(device), labels.to(device)
            scores = network(images)
            tally.add(nn.functional.cross_entropy(scores, labels), scores, labels)
            answers.append(scores.argmax(dim=1).cpu().numpy())
    return tally.score(), np.concatenate(answers)


def train(network: nn.Module, data: Data, epochs: int, device: str, augmented: bool) -> Iterator[tuple[Score, Score]]:
    """Train, and yield the scores on the training and held-out images after each epoch."""
    optimizer = optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    samples = Augmented(data.train) if augmented else data.train
    loader = DataLoader(samples, batch_size=64, shuffle=True)
    for epoch in range(1, epochs + 1):
        with tqdm(total=len(loader), desc=f"epoch {epoch:2}/{epochs}", unit="batch") as bar:
            learned = train_epoch(network, loader, optimizer, device, bar)
            held_out, _ = evaluate(network, data.test, device)
            bar.set_postfix_str(f"{as_text(learned)}, held out: {as_text(held_out)}")
        schedule.step()
        yield learned, held_out


def as_text(score: Score) -> str:
    return f"loss {score.loss:.3f} accuracy {score.accuracy:.1%}"


# -- plots -------------------------------------------------------------------------------------------------------------


def draw_curves(history: list[tuple[Score, Score]], path: Path) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    epochs = range(1, len(history) + 1)
    for axes, quantity in zip(figure.subplots(1, 2), Score._fields, strict=True):
        for which, label in enumerate(("training (with dropout)", "held out")):
            axes.plot(epochs, [getattr(scores[which], quantity) for scores in history], marker=".", label=label)
        axes.set(title=quantity, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def draw_filters(weights: np.ndarray, path: Path) -> None:
    """Draw each first-layer filter as a small image: gray for one channel, color for three."""
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    figure.suptitle("first-layer filters")
    low, high = weights.min(), weights.max()
    for axes, weight in zip(figure.subplots(4, 8).flat, weights, strict=True):
        axes.imshow(as_picture((weight - low) / (high - low)), cmap="gray", vmin=0, vmax=1)
        axes.axis("off")
    figure.savefig(path, dpi=120)


def draw_confusion(labels: np.ndarray, answers: np.ndarray, classes: list[str], path: Path) -> None:
    """Count how often each class was predicted (column) for each true class (row)."""
    count = len(classes)
    matrix = np.bincount(labels * count + answers, minlength=count * count).reshape(count, count)
    figure = Figure(figsize=(6.5, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.sqrt(matrix), cmap="Blues")  # The square root makes single mistakes visible beside hundreds.
    for (row, column), number in np.ndenumerate(matrix):
        if number:
            axes.text(column, row, number, ha="center", va="center", color="white" if row == column else "black")
    turned = 90 if max(map(len, classes)) > 2 else 0
    axes.set_xticks(range(count), classes, rotation=turned)
    axes.set_yticks(range(count), classes)
    axes.set(title="confusion matrix, held-out images", xlabel="answer", ylabel="truth")
    figure.savefig(path, dpi=120)


def draw_misread(data: Data, labels: np.ndarray, answers: np.ndarray, path: Path) -> None:
    """Draw up to 18 of the misread images."""
    wrong = np.flatnonzero(labels != answers)
    rows = min(3, max(1, -(-len(wrong) // 6)))
    figure = Figure(figsize=(8, 0.8 + 1.5 * rows), layout="constrained")
    figure.suptitle(f"misread: {len(wrong)} of {len(labels)} (truth, answer)")
    grid = figure.subplots(rows, 6).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, place in zip(grid, wrong, strict=False):
        image, _ = data.test[int(place)]
        axes.imshow(as_picture(image.numpy()), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(f"{data.classes[labels[place]]}, {data.classes[answers[place]]}", fontsize=10)
    figure.savefig(path, dpi=120)


def as_picture(image: np.ndarray) -> np.ndarray:
    """Convert (C, H, W) to the shape that matplotlib draws: (H, W) for one channel, (H, W, C) for three."""
    return image[0] if len(image) == 1 else image.transpose(1, 2, 0)


# -- command line ------------------------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a convolutional network to read handwritten digits.")
    parser.add_argument("--dataset", choices=EPOCHS, default="digits")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder with the files of mnist or cifar10")
    parser.add_argument("--epochs", type=int, help="passes over the training images (default: 15, mnist 4, cifar10 10)")
    parser.add_argument("--augment", action="store_true", help="turn, move and scale the training images at random")
    parser.add_argument("--seed", type=int, default=0, help="for the split, initial weights and order of images")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=Path("output"))
    parser.add_argument("--check", type=Path, metavar="WEIGHTS", help="load these weights and test them")
    chosen = parser.parse_args()
    if chosen.epochs is None:
        chosen.epochs = EPOCHS[chosen.dataset]
    if chosen.epochs < 1:
        parser.error(f"--epochs: expected 1 or more, got {chosen.epochs}")
    return chosen


def network_for(data: Data, device: str) -> nn.Sequential:
    images, _ = data.train.tensors
    network = convnet(images.shape[1], images.shape[2], len(data.classes))
    network.standardize.measure(images)
    return network.to(device)


def run(chosen: argparse.Namespace) -> None:
    mt.manual_seed(chosen.seed)
    data = load_data(chosen.dataset, chosen.data, chosen.seed)
    network = network_for(data, chosen.device)
    image, _ = data.train[0]
    shape = " x ".join(map(str, image.shape))
    print(f"{len(data.train):,} images to learn from, {len(data.test):,} held out, {shape}\n")
    print(f"{layer_table(network, image.unsqueeze(0).to(chosen.device))}\n")

    start = time.perf_counter()
    history = list(train(network, data, chosen.epochs, chosen.device, chosen.augment))
    print(f"trained {chosen.epochs} epochs in {time.perf_counter() - start:.1f} s")

    chosen.output.mkdir(parents=True, exist_ok=True)
    weights = chosen.output / f"{chosen.dataset}.safetensors"
    save_file(network.state_dict(), weights)
    score, answers = evaluate(network, data.test, chosen.device)
    verdict = f"test accuracy: {score.accuracy:.2%}"
    check_again(weights, verdict)

    labels = data.test.tensors[1].numpy()
    draw_preprocessing(data.train.tensors[0], chosen.output / "preprocessing.png")
    draw_curves(history, chosen.output / "curves.png")
    draw_filters(network.conv1.weight.detach().cpu().numpy(), chosen.output / "filters.png")
    draw_confusion(labels, answers, data.classes, chosen.output / "confusion.png")
    draw_misread(data, labels, answers, chosen.output / "misread.png")
    print(f"plots in {chosen.output}: preprocessing.png curves.png filters.png confusion.png misread.png")
    print(verdict)


def check_again(weights: Path, verdict: str) -> None:
    """Load the weights in a new process and compare its test accuracy with this one's."""
    command = [sys.executable, __file__, *sys.argv[1:], "--check", str(weights)]
    reloaded = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
    if reloaded != verdict:
        sys.exit(f"{weights}: the reloaded network differs: {reloaded}; before saving: {verdict}")
    print(f"weights in {weights}, reloaded in a fresh process: the same accuracy")


def check(chosen: argparse.Namespace) -> None:
    data = load_data(chosen.dataset, chosen.data, chosen.seed)
    network = network_for(data, chosen.device)
    network.load_state_dict(load_file(chosen.check, chosen.device))
    score, _ = evaluate(network, data.test, chosen.device)
    print(f"test accuracy: {score.accuracy:.2%}")


def main() -> None:
    chosen = arguments()
    try:
        check(chosen) if chosen.check else run(chosen)
    except (DeviceError, FileFormatError, FileNotFoundError, MissingExtraError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
