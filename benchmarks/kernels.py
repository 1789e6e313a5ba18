"""Kernels on 10^5 to 10^6 elements, where recording takes little time compared with the arithmetic.

Convolutions have the shapes of the ConvNet in ``steps.py`` and of a ResNet on CIFAR images. Gradients are timed alone:
the graph is built once and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.case import Case, Library, Make, Source, Step, coins, integers, normal, orders, shuffled

Call = Callable[..., Any]  # takes a library and tensors


def forward(call: Call, *sources: Source) -> Make:
    """Time the call."""

    def make(lib: Library) -> Step:
        tensors = [lib.tensor(source()) for source in sources]
        return lambda: call(lib, *tensors)

    return make


def gradient(of: int, call: Call, *sources: Source) -> Make:
    """Time the gradient with respect to one of the tensors."""

    def make(lib: Library) -> Step:
        tensors = [lib.tensor(source()) for source in sources]
        tensors[of].requires_grad_()
        result = call(lib, *tensors)
        grad = lib.tensor(normal(*result.shape, seed=4)())
        return lambda: lib.autograd.grad(result, tensors[of], grad, retain_graph=True)[0]

    return make


# -- convolution -------------------------------------------------------------------------------------------------------


class Layer(NamedTuple):
    """A convolution with a square kernel and a square input."""

    batch: int
    inputs: int
    outputs: int
    size: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1

    def __str__(self) -> str:
        stride = f" /{self.stride}" if self.stride > 1 else ""
        return f"{self.inputs}->{self.outputs} k{self.kernel}{stride} on {self.batch}x{self.size}x{self.size}"


CONVNET = (Layer(64, 1, 32, 28, padding=0), Layer(64, 32, 64, 26, padding=0))
RESNET = (
    Layer(16, 3, 64, 32),
    Layer(16, 64, 64, 32),
    Layer(16, 64, 128, 32, stride=2),
    Layer(16, 64, 128, 32, kernel=1, stride=2, padding=0),
    Layer(16, 128, 128, 16),
    Layer(16, 256, 256, 8),
    Layer(16, 512, 512, 4),
)


def convolutions() -> Iterator[Case]:
    for layer in (*CONVNET, *RESNET):
        images = normal(layer.batch, layer.inputs, layer.size, layer.size)
        weight = normal(layer.outputs, layer.inputs, layer.kernel, layer.kernel)

        def call(lib: Library, x: Any, w: Any, layer: Layer = layer) -> Any:
            return lib.nn.functional.conv2d(x, w, stride=layer.stride, padding=layer.padding)

        yield Case(f"conv2d {layer}", forward(call, images, weight))
        if layer.inputs > 3:  # an image needs no gradient
            yield Case(f"conv2d {layer}, input", gradient(0, call, images, weight))
        yield Case(f"conv2d {layer}, weight", gradient(1, call, images, weight))


# -- other kernels -----------------------------------------------------------------------------------------------------

MILLION = normal(1000, 1000)
IMAGES = normal(16, 64, 32, 32)
VOLUMES = normal(4, 16, 16, 32, 32)
ROWS = integers(1000, 5000)
PLACES = integers(1000, 1000, 1000)
ORDERS = orders(1000, 1000)

# name: (call, its sources, the indices of the inputs whose gradients are timed)
CALLS: dict[str, tuple[Call, tuple[Source, ...], tuple[int, ...]]] = {
    "max_pool2d 2": (lambda lib, x: lib.nn.functional.max_pool2d(x, 2), (IMAGES,), (0,)),
    "max_pool2d 3 /2": (lambda lib, x: lib.nn.functional.max_pool2d(x, 3, 2, 1), (IMAGES,), (0,)),
    "avg_pool2d 2": (lambda lib, x: lib.nn.functional.avg_pool2d(x, 2), (IMAGES,), (0,)),
    "adaptive_avg_pool2d 7": (lambda lib, x: lib.nn.functional.adaptive_avg_pool2d(x, 7), (IMAGES,), (0,)),
    "adaptive_max_pool2d 7": (lambda lib, x: lib.nn.functional.adaptive_max_pool2d(x, 7), (IMAGES,), (0,)),
    "max_pool3d 2": (lambda lib, x: lib.nn.functional.max_pool3d(x, 2), (VOLUMES,), (0,)),
    "avg_pool3d 2": (lambda lib, x: lib.nn.functional.avg_pool3d(x, 2), (VOLUMES,), (0,)),
    "conv3d": (
        lambda lib, x, w: lib.nn.functional.conv3d(x, w, padding=1), (VOLUMES, normal(32, 16, 3, 3, 3)), (0, 1),
    ),
    "interpolate, bilinear": (
        lambda lib, x: lib.nn.functional.interpolate(x, scale_factor=2, mode="bilinear"), (IMAGES,), (0,),
    ),
    "interpolate, bicubic, antialias": (
        lambda lib, x: lib.nn.functional.interpolate(x, size=(1, 1000), mode="bicubic", antialias=True),
        (normal(1, 1, 1, 100_000),), (0,),
    ),
    "interpolate, nearest": (lambda lib, x: lib.nn.functional.interpolate(x, scale_factor=2), (IMAGES,), (0,)),
    "grid_sample": (
        lambda lib, x, g: lib.nn.functional.grid_sample(x, g, align_corners=False),
        (IMAGES, normal(16, 32, 32, 2)), (0, 1),
    ),
    "batch_norm": (
        lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, training=True),
        (IMAGES, normal(64), normal(64)), (0, 1),
    ),
    "layer_norm": (
        lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (1000,), w, b),
        (MILLION, normal(1000), normal(1000)), (0,),
    ),
    "group_norm": (
        lambda lib, x, w, b: lib.nn.functional.group_norm(x, 8, w, b), (IMAGES, normal(64), normal(64)), (0, 1),
    ),
    "softmax": (lambda lib, x: lib.nn.functional.softmax(x, dim=-1), (MILLION,), (0,)),
    "log_softmax": (lambda lib, x: lib.nn.functional.log_softmax(x, dim=-1), (MILLION,), (0,)),
    "randn": (lambda lib, x: lib.randn_like(x), (MILLION,), ()),
    "randperm": (lambda lib, x: lib.randperm(x.numel()), (MILLION,), ()),
    "softmax, dim 0": (lambda lib, x: lib.nn.functional.softmax(x, dim=0), (MILLION,), (0,)),
    "cross_entropy": (lambda lib, x, y: lib.nn.functional.cross_entropy(x, y), (MILLION, integers(1000, 1000)), (0,)),
    "linear": (
        lambda lib, x, w, b: lib.nn.functional.linear(x, w, b),
        (normal(1000, 512), normal(512, 512), normal(512)), (0, 1, 2),
    ),
    "x + y": (lambda lib, x, y: x + y, (MILLION, MILLION), ()),
    "x + row": (lambda lib, x, y: x + y, (MILLION, normal(1000)), (1,)),
    "x + column": (lambda lib, x, y: x + y, (MILLION, normal(1000, 1)), (1,)),
    "exp": (lambda lib, x: x.exp(), (MILLION,), (0,)),
    "tanh": (lambda lib, x: x.tanh(), (MILLION,), (0,)),
    "sigmoid": (lambda lib, x: x.sigmoid(), (MILLION,), (0,)),
    "relu": (lambda lib, x: lib.nn.functional.relu(x), (MILLION,), (0,)),
    "gelu": (lambda lib, x: lib.nn.functional.gelu(x), (MILLION,), (0,)),
    "x ** 2": (lambda lib, x: x**2, (MILLION,), (0,)),
    "where": (lambda lib, c, x, y: lib.where(c, x, y), (coins(1000, 1000), MILLION, MILLION), (1,)),
    "clamp": (lambda lib, x: x.clamp(-1, 1), (MILLION,), (0,)),
    "x > 0": (lambda lib, x: x > 0, (MILLION,), ()),
    "sum": (lambda lib, x: x.sum(), (MILLION,), (0,)),
    "sum, dim 0": (lambda lib, x: x.sum(0), (MILLION,), (0,)),
    "sum, dim 1": (lambda lib, x: x.sum(1), (MILLION,), ()),
    "var, dim 1": (lambda lib, x: x.var(1), (MILLION,), (0,)),
    "amax, dim 1": (lambda lib, x: x.amax(1), (MILLION,), (0,)),
    "max, dim 1": (lambda lib, x: x.max(1)[0], (MILLION,), (0,)),
    "argmax, dim 1": (lambda lib, x: x.argmax(1), (MILLION,), ()),
    "logsumexp": (lambda lib, x: x.logsumexp(1), (MILLION,), (0,)),
    "cumsum": (lambda lib, x: x.cumsum(1), (MILLION,), (0,)),
    "sort, dim 1": (lambda lib, x: x.sort(1)[0], (shuffled(1000, 1000),), (0,)),
    "sort, dim 0": (lambda lib, x: x.sort(0)[1], (shuffled(1000, 1000),), ()),
    "topk": (lambda lib, x: x.topk(10)[0], (shuffled(1000, 1000),), ()),
    "cat, dim 0": (lambda lib, *x: lib.cat(x), (normal(100, 1000),) * 10, (0,)),
    "cat, dim 1": (lambda lib, *x: lib.cat(x, 1), (normal(1000, 100),) * 10, (0,)),
    "stack": (lambda lib, *x: lib.stack(x, 1), (normal(100, 1000),) * 10, ()),
    "cat, 100 pieces": (lambda lib, *x: lib.cat(x, 1), (normal(1000, 10),) * 100, (0,)),
    "sort, integers": (lambda lib, x: x.sort()[0], (integers(1000000, 1000000),), ()),
    "argsort, one row": (lambda lib, x: x.argsort(), (shuffled(1000000),), ()),
    "unique": (lambda lib, x: x.unique(), (integers(5000, 1000000),), ()),
    "unique, floats": (lambda lib, x: x.unique(return_inverse=True)[0], (shuffled(1000000),), ()),
    "sort, integers far apart": (lambda lib, x: x.sort()[0], (integers(1 << 62, 1000000),), ()),
    "median, dim 1": (lambda lib, x: x.median(1)[0], (shuffled(1000, 1000),), ()),
    "cummax": (lambda lib, x: x.cummax(1)[0], (MILLION,), ()),
    "logcumsumexp": (lambda lib, x: x.logcumsumexp(1), (MILLION,), ()),
    "histc": (lambda lib, x: x.histc(100), (MILLION,), ()),
    "rfft": (lambda lib, x: lib.fft.rfft(x), (MILLION,), ()),
    "searchsorted": (lambda lib, x, y: lib.searchsorted(x.sort()[0], y), (normal(1000), MILLION), ()),
    "bincount": (lambda lib, x: x.bincount(), (integers(1000, 1000000),), ()),
    "median": (lambda lib, x: x.median(), (shuffled(1000, 1000),), ()),
    "kthvalue": (lambda lib, x: x.kthvalue(100, 1)[0], (shuffled(1000, 1000),), ()),
    "cumsum, dim 0": (lambda lib, x: x.cumsum(0), (MILLION,), ()),
    "cumprod": (lambda lib, x: x.cumprod(1), (MILLION,), ()),
    "flip": (lambda lib, x: x.flip(1), (MILLION,), ()),
    "roll": (lambda lib, x: x.roll(7, 1), (MILLION,), ()),
    "repeat": (lambda lib, x: x.repeat(10, 10), (normal(100, 100),), (0,)),
    "repeat_interleave": (lambda lib, x: x.repeat_interleave(10, 0), (normal(100, 1000),), (0,)),
    "tril": (lambda lib, x: x.tril(), (MILLION,), (0,)),
    "nonzero": (lambda lib, x: x.nonzero(), (coins(1000, 1000),), ()),
    "x.t().contiguous()": (lambda lib, x: x.t().contiguous(), (MILLION,), (0,)),
    "clone": (lambda lib, x: x.clone(), (MILLION,), ()),
    "x[rows]": (lambda lib, x, i: x[i], (normal(1000, 100), ROWS), (0,)),
    "x[rows, columns]": (lambda lib, x, i, j: x[i, j], (MILLION, PLACES, integers(1000, 1000, 1000)), (0,)),
    "x[rows] = y": (
        lambda lib, x, i, y: x.index_put((i,), y), (normal(1000, 100), orders(1, 1000), normal(1, 1000, 100)), (2,),
    ),
    "x[rows] += y, repeated": (
        lambda lib, x, i, y: x.index_put((i,), y, accumulate=True), (normal(1000, 100), ROWS, normal(5000, 100)), (2,),
    ),
    "x[one row]": (lambda lib, x, i: x[i], (normal(1000000), integers(1000000, 100000)), (0,)),
    "take": (lambda lib, x, i: x.take(i), (MILLION, integers(1000000, 100000)), (0,)),
    "index_select, dim 0": (lambda lib, x, i: x.index_select(0, i), (normal(1000, 100), ROWS), (0,)),
    "index_select, dim 1": (lambda lib, x, i: x.index_select(1, i), (normal(100, 1000), ROWS), (0,)),
    "x[mask]": (lambda lib, x, c: x[c], (MILLION, coins(1000, 1000)), (0,)),
    "x[100:900, ::2]": (lambda lib, x: x[100:900, ::2], (MILLION,), (0,)),
    "masked_fill": (lambda lib, x, c: x.masked_fill(c, 0.5), (MILLION, coins(1000, 1000)), (0,)),
    "embedding": (lambda lib, x, i: lib.nn.functional.embedding(i, x), (normal(1000, 100), ROWS), (0,)),
    "gather": (lambda lib, x, i: x.gather(1, i), (MILLION, PLACES), (0,)),
    "gather, dim 0": (lambda lib, x, i: x.gather(0, i), (MILLION, PLACES), (0,)),
    "scatter": (lambda lib, x, i, y: x.scatter(1, i, y), (MILLION, ORDERS, MILLION), (2,)),
    "scatter_add, dim 0": (lambda lib, x, i, y: x.scatter_add(0, i, y), (MILLION, PLACES, MILLION), ()),
    "scatter_reduce amax": (
        lambda lib, x, i, y: x.scatter_reduce(1, i, y, "amax"), (MILLION, PLACES, shuffled(1000, 1000)), (),
    ),
    "masked_scatter": (lambda lib, x, c, y: x.masked_scatter(c, y), (MILLION, coins(1000, 1000), MILLION), ()),
    "scatter_add": (lambda lib, x, i, y: x.scatter_add(1, i, y), (MILLION, PLACES, MILLION), (2,)),
    "index_add": (lambda lib, x, i, y: x.index_add(0, i, y), (normal(1000, 100), ROWS, normal(5000, 100)), ()),
    "matmul": (lambda lib, x, y: x @ y, (normal(512, 512), normal(512, 512)), (0,)),
    "matmul, batches": (lambda lib, x, y: x @ y, (normal(64, 64, 64), normal(64, 64, 64)), (0,)),
    "einsum bij,bjk->bik": (
        lambda lib, x, y: lib.einsum("bij,bjk->bik", x, y), (normal(64, 64, 64), normal(64, 64, 64)), (0,),
    ),
    "einsum bqhd,bkhd->bhqk": (
        lambda lib, x, y: lib.einsum("bqhd,bkhd->bhqk", x, y), (normal(8, 128, 4, 32), normal(8, 128, 4, 32)), (0,),
    ),
    "einsum ij,kj->ik": (lambda lib, x, y: lib.einsum("ij,kj->ik", x, y), (normal(512, 512), normal(512, 512)), (0,)),
    "einsum i,j->ij": (lambda lib, x, y: lib.einsum("i,j->ij", x, y), (normal(1000), normal(1000)), (0,)),
    "einsum ii->i": (lambda lib, x: lib.einsum("ii->i", x), (MILLION,), (0,)),
    "solve_triangular": (
        lambda lib, a, b: lib.linalg.solve_triangular(lib.eye(300) + 0.01 * a, b, upper=True),
        (normal(300, 300), normal(300, 300)), (1,),
    ),
    "einsum ijk,k->ij": (lambda lib, x, y: lib.einsum("ijk,k->ij", x, y), (normal(100, 100, 100), normal(100)), (0, 1)),
}  # fmt: skip

DRAWN: dict[str, Call] = {
    "dropout": lambda lib, x: lib.nn.functional.dropout(x, 0.5, training=True),
    "rand": lambda lib, x: lib.rand(1000, 1000),
    "randn": lambda lib, x: lib.randn(1000, 1000),
}


def cases() -> Iterator[Case]:
    yield from convolutions()
    for name, (call, sources, differentiated) in CALLS.items():
        yield Case(name, forward(call, *sources))
        for of in differentiated:
            suffix = ", gradient" if len(differentiated) == 1 else f", gradient {of}"
            yield Case(name + suffix, gradient(of, call, *sources))
    for name, call in DRAWN.items():
        yield Case(name, forward(call, MILLION), random=True)
