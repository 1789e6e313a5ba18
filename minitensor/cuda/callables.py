"""Functions and modules as graphs of a GPU's work: one graph of the forward pass, and one of the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitensor.autograd.engine import grad
from minitensor.autograd.function import Function, once_differentiable
from minitensor.base import TensorBase
from minitensor.cuda import devices
from minitensor.cuda.graphs import CUDAGraph, graph, graph_pool_handle
from minitensor.cuda.streams import Stream, stream
from minitensor.errors import GuardError, UsageTypeError
from minitensor.ops.creation import empty_like


def make_graphed_callables(
    callables: Any, sample_args: Any, num_warmup_iters: int = 3, allow_unused_input: bool = False, pool: Any = None
) -> Any:
    """Return functions or modules whose passes, forward and backward, are replayed as graphs.

    Args:
        callables: A function or module, or a tuple of them, which are called in this order. They take and return
            tensors, or tuples of them, on a GPU. A module is changed and returned: in the mode in which it is now, for
            training or not, its ``forward`` replays the graph.
        sample_args: A tuple of tensors for the callable, or a tuple of tuples for several. Arguments of later calls
            have their shapes, dtypes and ``requires_grad``.
        num_warmup_iters: How often each is called before it is captured. Default: 3.
        allow_unused_input: Whether an input may have no gradient. Default: ``False``.
        pool: The memory of another graph that is never replayed at the same time, or None.

    Raises:
        AssertionError: If a module has hooks or buffers that require gradients, or an argument is no tensor.
        TypeError: If a callable returns something else than tensors.
        ImportError: If CuPy is not installed.
        RuntimeError: If there is no GPU.

    >>> import minitensor as torch
    >>> if torch.cuda.is_available():
    ...     double = torch.cuda.make_graphed_callables(torch.exp, (torch.ones(1, device="cuda"),))
    """
    if not isinstance(callables, tuple):
        return make_graphed_callables((callables,), (sample_args,), num_warmup_iters, allow_unused_input, pool)[0]
    passes = [Passes(each, args, allow_unused_input) for each, args in zip(callables, sample_args, strict=True)]
    devices.synchronize()
    with stream(Stream()):
        for each in passes:
            each.warm_up(num_warmup_iters)
    devices.synchronize()
    pool = graph_pool_handle() if pool is None else pool
    for each in passes:  # in the order of later replays, because all share their memory
        each.capture_forward(pool)
    for each in reversed(passes):
        each.capture_backward(pool)
    return tuple([graph_calls(each) for each in passes])


class Passes:
    """The graphs of a callable's passes, and the tensors that they read and write."""

    def __init__(self, callable: Any, args: Any, allow_unused: bool) -> None:  # noqa: A002  # as above
        check_module(callable)
        if not all(isinstance(each, TensorBase) for each in args):
            raise GuardError("make_graphed_callables: sample_args must contain only tensors")
        parameters = tuple(callable.parameters()) if hasattr(callable, "parameters") else ()
        self.callable, self.args, self.parameters, self.allow_unused = callable, tuple(args), parameters, allow_unused
        self.inputs = self.args + parameters
        self.wanted = [each for each in self.inputs if each.requires_grad]
        self.forward, self.backward = CUDAGraph(), CUDAGraph()
        self.single = True

    def run(self) -> tuple[Any, ...]:
        """Call the callable. Return its results as a tuple."""
        found = self.callable(*self.args)
        self.single = isinstance(found, TensorBase)
        results = (found,) if self.single else tuple(found) if isinstance(found, (tuple, list)) else (None,)
        if not all(isinstance(each, TensorBase) for each in results):
            raise UsageTypeError("make_graphed_callables: a callable must return tensors, or a tuple of them")
        return results

    def differentiate(self, outputs: Any, grads: Any) -> list[Any]:
        """Return the gradient of each input, None where there is none."""
        pairs = [(output, each) for output, each in zip(outputs, grads, strict=True) if each is not None]
        if not pairs or not self.wanted:
            return [None] * len(self.inputs)
        starts, seeds = zip(*pairs, strict=True)
        found = iter(grad(starts, self.wanted, seeds, allow_unused=self.allow_unused))
        return [next(found) if each.requires_grad else None for each in self.inputs]

    def warm_up(self, times: int) -> None:
        """Run both passes, so that what is made in a first call exists before the capture."""
        for _ in range(times):
            outputs = self.run()
            self.differentiate(outputs, seeds_of(outputs))

    def capture_forward(self, pool: Any) -> None:
        """Capture the forward pass."""
        with graph(self.forward, pool):
            self.outputs = self.run()

    def capture_backward(self, pool: Any) -> None:
        """Capture the backward pass."""
        self.seeds = seeds_of(self.outputs)
        with graph(self.backward, pool):
            self.grads = self.differentiate(self.outputs, self.seeds)

    def replay_forward(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the results for arguments."""
        for place, value in zip(self.args, args, strict=False):
            if place is not value:
                place.detach().copy_(value.detach())
        self.forward.replay()
        return tuple([each.detach() for each in self.outputs])

    def replay_backward(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the gradients of the inputs for those of the results."""
        for place, value in zip(self.seeds, grads, strict=True):
            if place is not None:
                place.copy_(value)
        self.backward.replay()
        return tuple([None if each is None else each.detach() for each in self.grads])


def seeds_of(outputs: tuple[Any, ...]) -> list[Any]:
    """Return memory for the gradients of results, None for those that have none."""
    return [empty_like(each) if each.requires_grad else None for each in outputs]


def check_module(module: Any) -> None:
    """Raise if hooks or buffers of a module would not be in its graph."""
    if not hasattr(module, "parameters"):
        return
    if any(getattr(module, name) for name in ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks")):
        raise GuardError("make_graphed_callables: the module has hooks; register them on the module that is returned")
    if any(each.requires_grad for each in module.buffers()):
        raise GuardError("make_graphed_callables: buffers of a module must not require gradients")


def graph_calls(passes: Passes) -> Any:
    """Return a function that replays the passes of a function, or the module, which does."""
    replay = function_of(passes)
    module = passes.callable
    if not hasattr(module, "parameters"):
        return replay
    module.forward = in_mode(module, module.training, replay, module.forward)
    return module


def in_mode(module: Any, training: bool, replay: Callable[..., Any], forward: Callable[..., Any]) -> Any:
    """Return a module's new ``forward``: the graph in the mode in which it was captured, else the old one."""

    def call(*args: Any, **options: Any) -> Any:
        return (replay if module.training is training else forward)(*args, **options)

    return call


def function_of(passes: Passes) -> Callable[..., Any]:
    """Return a function that replays graphs, and whose gradient replays the other one."""

    class Graphed(Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            return passes.replay_forward(inputs)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, *grads: Any) -> Any:
            return passes.replay_backward(grads)

    def call(*args: Any) -> Any:
        results = Graphed.apply(*args, *passes.parameters)
        return results[0] if passes.single else results

    return call
