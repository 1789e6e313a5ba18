"""A softmax over very many classes, computed in parts: the frequent classes at once, the rare ones in clusters.

The head decides between the frequent classes and the clusters. The small layers of a cluster are computed only for the
samples that belong to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from minitensor.errors import ArgumentError, ShapeError, UsageError
from minitensor.nn import functional as F
from minitensor.nn.container import ModuleList, Sequential
from minitensor.nn.linear import Linear
from minitensor.nn.module import Module
from minitensor.ops.choice import where
from minitensor.ops.join import cat

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class _ASMoutput(NamedTuple):
    """The log-probability of each sample's target, and the loss: minus their mean."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """A softmax over very many classes, sorted from frequent to rare, that computes the rare ones only where needed.

    The head decides between the frequent classes and one entry for each cluster of rarer classes; a cluster has a
    smaller layer of its own, computed only for the samples whose target lies in it. ``log_prob`` and ``predict`` give
    all classes and the best one. See Grave et al., Efficient softmax approximation for GPUs, 2017.

    Args:
        in_features: Size of a sample.
        n_classes: Number of classes.
        cutoffs: Class at which each cluster begins, rising: [10, 100] makes classes 0 to 9 the frequent ones, 10 to 99
            the first cluster, and the rest the second.
        div_value: Factor by which the size of the features shrinks from one cluster to the next. Default: ``4.0``.
        head_bias: Whether the head adds a learned bias. Default: ``False``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, in_features) or (in_features), and the target (N) or (), in [0, n_classes)
        - Output: a named tuple: ``output``, the log-probability of each target, (N) or (), and ``loss``, minus their
          mean, ()

    Attributes:
        head: The ``Linear`` layer of the frequent classes and the clusters.
        tail: The layers of the clusters: each reduces the features, then scores the classes.

    Raises:
        ValueError: If ``cutoffs`` are empty, or are not integers that rise between 1 and n_classes - 1.
        ShapeError: If the shapes of input and target do not match, or the last dim of the input does not have size
            ``in_features``.
        RuntimeError: If a target is not a class.

    >>> import minitensor as torch
    >>> layer = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 1000, [10, 100])
    >>> output, loss = layer(torch.randn(4, 16), torch.tensor([0, 5, 50, 999]))
    >>> output.shape, loss.shape, layer.log_prob(torch.randn(4, 16)).shape
    (torch.Size([4]), torch.Size([]), torch.Size([4, 1000]))
    """

    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        check_cutoffs(list(cutoffs), n_classes)
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (start, stop) in enumerate(pairwise(self.cutoffs)):
            features = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, features, False, device, dtype),
                    Linear(features, stop - start, False, device, dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new values of all parameters."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """Return the log-probability of each target, and the loss."""
        check_pair(input_, target_)
        if target_.ndim == 0:
            output, loss = self(input_.unsqueeze(0), target_.unsqueeze(0))
            return _ASMoutput(output.squeeze(0), loss)
        self._check_targets(target_)
        cluster = find_clusters(target_, self.cutoffs[:-1])
        choice = where(cluster == 0, target_, cluster + (self.shortlist_size - 1))
        output = self._head_log_prob(input_).gather(1, choice.unsqueeze(1)).squeeze(1)
        for i, start in enumerate(self.cutoffs[:-1]):
            rows = (cluster == i + 1).nonzero().squeeze(1)
            if rows.numel():
                inside = F.log_softmax(self.tail[i](input_.index_select(0, rows)), dim=1)
                place = target_.index_select(0, rows) - start
                output = output.index_add(0, rows, inside.gather(1, place.unsqueeze(1)).squeeze(1))
        return _ASMoutput(output, -output.mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """Return the log-probabilities of all classes, (N, n_classes)."""
        head = self._head_log_prob(input)
        parts = [head[:, : self.shortlist_size]]
        for i, module in enumerate(self.tail):
            parts.append(F.log_softmax(module(input), dim=1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return cat(parts, dim=1)

    def predict(self, input: Tensor) -> Tensor:
        """Return the most probable class of each sample, (N); clusters are computed only where the head prefers one."""
        best = self.head(input).argmax(dim=1)
        rows = (best >= self.shortlist_size).nonzero().squeeze(1)
        if not rows.numel():
            return best  # type: ignore[no-any-return]  # a module's output
        return best.index_copy(0, rows, self.log_prob(input.index_select(0, rows)).argmax(dim=1))  # type: ignore[no-any-return]  # the same

    def _head_log_prob(self, input: Tensor) -> Tensor:
        return F.log_softmax(self.head(input), dim=1)

    def _check_targets(self, target: Tensor) -> None:
        if target.numel() and bool(((target < 0) | (target >= self.n_classes)).any()):
            raise UsageError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found."
            )


def find_clusters(target: Tensor, cutoffs: list[int]) -> Tensor:
    """Return the cluster of each target: how many cutoffs it has reached, 0 for the frequent classes."""
    return (target.unsqueeze(1) >= target.new_tensor(cutoffs)).sum(1)


def check_cutoffs(cutoffs: list[int], n_classes: int) -> None:
    """Raise unless the cutoffs are integers that rise between 1 and n_classes - 1."""
    if not cutoffs:
        raise ArgumentError("cutoffs should be a sequence of length larger than 0")
    rising = all(first < second for first, second in pairwise([0, *cutoffs, n_classes]))
    if not rising or any(int(each) != each for each in cutoffs):
        raise ArgumentError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value "
            f"is between 1 and n_classes-1, got {cutoffs} for n_classes={n_classes}"
        )


def check_pair(input: Tensor, target: Tensor) -> None:
    """Raise unless input and target are one sample, or batches of the same size."""
    if target.ndim > 1:
        raise ShapeError(
            f"0D or 1D target tensor expected, multi-target not supported, got shape {tuple(target.shape)}"
        )
    if input.ndim != target.ndim + 1:
        raise ShapeError(
            f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with size "
            f"{tuple(input.shape)}"
        )
    if target.ndim and input.shape[0] != target.shape[0]:
        raise ShapeError(
            "Input and target should have the same size in the batch dimension, got "
            f"{input.shape[0]} and {target.shape[0]}"
        )
