"""Functions of layers under torch's own names and arguments: PyTorch's values, gradients and errors."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt

torch = pytest.importorskip("torch")


def outcome(lib: Any, call: Any) -> Any:
    """Return the results of a call, and the gradients of the tensors that ``leaf`` makes."""
    lib.manual_seed(5)
    leaves: list[Any] = []

    def leaf(*shape: int) -> Any:
        leaves.append(lib.randn(*shape, dtype=lib.float64).requires_grad_())
        return leaves[-1]

    try:
        found = call(lib, leaf)
    except Exception as error:
        return error
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    differentiable = [each for each in results if each.requires_grad]
    if differentiable:
        sum(each.square().sum() for each in differentiable).backward()
    return [each.detach() for each in results] + [each.grad for each in leaves if each.grad is not None]


def assert_same(call: Any) -> None:
    ours, theirs = outcome(mt, call), outcome(torch, call)
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), (ours, theirs)
        return
    assert not isinstance(ours, Exception), ours
    for mine, other in zip(ours, theirs, strict=True):
        assert (tuple(mine.shape), str(mine.dtype)) == (tuple(other.shape), str(other.dtype))
        given = torch.tensor(mine.tolist(), dtype=other.dtype).reshape(other.shape)
        torch.testing.assert_close(given, other, rtol=1e-7, atol=1e-9)


def signs(lib: Any, n: int = 4) -> Any:
    return lib.tensor([1, -1, -1, 1], dtype=lib.float64)[:n]


REDUCED = {
    "binary_cross_entropy_with_logits": lambda lib, x, r: lib.binary_cross_entropy_with_logits(
        x(4, 3), lib.rand(4, 3, dtype=lib.float64), lib.rand(3, dtype=lib.float64), lib.rand(3, dtype=lib.float64), r),
    "cosine_embedding_loss": lambda lib, x, r: lib.cosine_embedding_loss(x(4, 3), x(4, 3), signs(lib), 0.1, r),
    "hinge_embedding_loss": lambda lib, x, r: lib.hinge_embedding_loss(x(4), signs(lib), 0.5, r),
    "kl_div": lambda lib, x, r: lib.kl_div(x(4, 3), lib.rand(4, 3, dtype=lib.float64), r),
    "kl_div of logarithms": lambda lib, x, r: lib.kl_div(x(4, 3), x(4, 3), reduction=r, log_target=True),
    "margin_ranking_loss": lambda lib, x, r: lib.margin_ranking_loss(x(4), x(4), signs(lib), 0.5, r),
    "poisson_nll_loss": lambda lib, x, r: lib.poisson_nll_loss(
        x(4), lib.arange(4, dtype=lib.float64), True, True, 1e-8, r),
    "triplet_margin_loss": lambda lib, x, r: lib.triplet_margin_loss(
        x(4, 3), x(4, 3), x(4, 3), 1.5, 2.0, 1e-6, True, r),
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCED)
@pytest.mark.parametrize("reduction", [0, 1, 2])
def test_losses_take_numbers_for_reductions(name: str, reduction: int) -> None:
    assert_same(lambda lib, leaf: REDUCED[name](lib, leaf, reduction))


NORMS = {
    "batch_norm": lambda lib, x: lib.batch_norm(x(4, 3), x(3), x(3), None, None, True, 0.1, 1e-5, True),
    "batch_norm in evaluation": lambda lib, x: lib.batch_norm(
        x(4, 3, 2), x(3), None, lib.ones(3).double(), lib.ones(3).double() * 2, False, 0.1, 1e-5, False),
    "batch_norm without statistics": lambda lib, x: lib.batch_norm(
        x(4, 3), None, None, None, None, False, 0.1, 1e-5, True),
    "instance_norm": lambda lib, x: lib.instance_norm(x(2, 3, 4), x(3), x(3), None, None, True, 0.1, 1e-5, True),
    **{f"norm_except_dim {dim} {p}": (lambda lib, x, dim=dim, p=p: lib.norm_except_dim(x(2, 3, 4), p, dim))
       for dim in (0, 1, 2, -1, -2, 5) for p in (1, 2)},
}  # fmt: skip
TABLES = {
    "embedding": lambda lib, x: lib.embedding(x(4, 2), lib.tensor([[0, 3], [1, 1]])),
    "embedding with padding": lambda lib, x: lib.embedding(x(4, 2), lib.tensor([0, 1, 1]), 1, True),
    "embedding out of range": lambda lib, x: lib.embedding(x(4, 2), lib.tensor([4])),
    "embedding_renorm_": lambda lib, x: lib.embedding_renorm_(x(4, 2).detach(), lib.tensor([0, 3]), 0.5, 1.0),
    **{f"embedding_bag {mode}": (lambda lib, x, mode=mode: lib.embedding_bag(
        x(4, 2), lib.tensor([0, 1, 2, 3, 3]), lib.tensor([0, 0, 2]), False, mode)[: 3 if mode else 1])
       for mode in (0, 1, 2, 7)},
    "embedding_bag weighted": lambda lib, x: lib.embedding_bag(
        x(4, 2), lib.tensor([0, 1, 2]), lib.tensor([0, 2, 3]), False, 0, False, x(3), True)[0],
    "embedding_bag with padding": lambda lib, x: lib.embedding_bag(
        x(4, 2), lib.tensor([0, 1, 2]), lib.tensor([0, 2]), False, 1, False, None, False, 1)[0],
}  # fmt: skip
WINDOWS = {
    **{f"convolution {dims} {transposed}": (lambda lib, x, dims=dims, transposed=transposed: lib.convolution(
        x(2, 4, *[5] * dims), x(4, 2, *[2] * dims), x(4), [2], [1] * dims, [1], transposed,
        [int(transposed)] * dims, 2)) for dims in (1, 2, 3) for transposed in (False, True)},
    "convolution of one image": lambda lib, x: lib.convolution(
        x(3, 4, 4), x(2, 3, 2, 2), None, [1], [0], [1], False, [0], 1),
    "conv_tbc": lambda lib, x: lib.conv_tbc(x(5, 2, 3), x(2, 3, 4), x(4), 1),
    "max_pool1d_with_indices": lambda lib, x: lib.max_pool1d_with_indices(x(1, 2, 6), 2, [], 1),
    **{f"grid_sampler {mode} {outside}": (lambda lib, x, mode=mode, outside=outside: lib.grid_sampler(
        x(1, 2, 4, 4), x(1, 3, 3, 2), mode, outside, True)) for mode in (0, 1, 2) for outside in (0, 1, 2)},
    "grid_sampler_2d": lambda lib, x: lib.grid_sampler_2d(x(1, 2, 4, 4), x(1, 3, 3, 2), 0, 0, False),
    "grid_sampler_3d": lambda lib, x: lib.grid_sampler_3d(x(1, 2, 3, 4, 4), x(1, 2, 3, 3, 3), 0, 1, False),
    "affine_grid_generator": lambda lib, x: lib.affine_grid_generator(x(2, 2, 3), [2, 1, 3, 4], False),
}  # fmt: skip
ONES = (3, 4, 2)
DROPOUTS = {
    **{f"{name} {p} {train}": (lambda lib, x, name=name, p=p, train=train: getattr(lib, name)(
        lib.ones(*ONES, dtype=lib.float64), p, train))
       for name in ("dropout_", "alpha_dropout_", "feature_dropout", "feature_dropout_", "feature_alpha_dropout_",
                    "feature_alpha_dropout", "native_dropout")
       for p, train in ((0.5, True), (0.3, False), (0.0, True), (1.0, True), (1.5, True))},
    "feature_dropout of one dim": lambda lib, x: lib.feature_dropout(x(3), 0.5, True),
    "feature_dropout with a gradient": lambda lib, x: lib.feature_dropout(x(3, 4), 0.5, True),
    "native_dropout with a gradient": lambda lib, x: lib.native_dropout(x(3, 4), 0.5, True)[0],
}  # fmt: skip


def weights(x: Any, gates: int, layers: int, directions: int, biases: bool) -> list[Any]:
    """Return the weights of a recurrent network from 3 features to states of 4."""
    shapes = [(gates * 4, 3), (gates * 4, 4)] + [(gates * 4,)] * 2 * biases
    higher = [(gates * 4, 4 * directions), *shapes[1:]]
    return [x(*each) for layer in range(layers) for _ in range(directions) for each in (higher if layer else shapes)]


def network(lib: Any, x: Any, name: str, layers: int, directions: int, biases: bool, batch_first: bool) -> Any:
    gates = {"lstm": 4, "gru": 3}.get(name, 1)
    states = [x(layers * directions, 2, 4) for _ in range(2 if name == "lstm" else 1)]
    given = weights(x, gates, layers, directions, biases)
    return getattr(lib, name)(
        x(5, 2, 3) if not batch_first else x(2, 5, 3), states if name == "lstm" else states[0], given, biases, layers,
        0.5, layers == 2, directions == 2, batch_first,
    )  # fmt: skip


def packed(lib: Any, x: Any, name: str) -> Any:
    gates = {"lstm": 4, "gru": 3}.get(name, 1)
    states = [x(1, 2, 4) for _ in range(2 if name == "lstm" else 1)]
    return getattr(lib, name)(
        x(5, 3), lib.tensor([2, 2, 1]), states if name == "lstm" else states[0], weights(x, gates, 1, 1, True), True,
        1, 0.0, False, False,
    )  # fmt: skip


RECURRENT = {
    **{f"{name} {options}": (lambda lib, x, name=name, options=options: network(lib, x, name, *options))
       for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")
       for options in ((1, 1, True, False), (2, 2, True, True), (1, 2, False, False))},
    **{f"{name} packed": (lambda lib, x, name=name: packed(lib, x, name))
       for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
    **{f"{name} {biases}": (lambda lib, x, name=name, gates=gates, biases=biases: getattr(lib, name)(
        x(2, 3), x(2, 4), x(gates * 4, 3), x(gates * 4, 4), *[x(gates * 4), x(gates * 4)][: 2 * biases]))
       for name, gates in (("gru_cell", 3), ("rnn_tanh_cell", 1), ("rnn_relu_cell", 1)) for biases in (True, False)},
    **{f"lstm_cell {biases}": (lambda lib, x, biases=biases: lib.lstm_cell(
        x(2, 3), [x(2, 4), x(2, 4)], x(16, 3), x(16, 4), *[x(16), x(16)][: 2 * biases])) for biases in (True, False)},
}  # fmt: skip
CALLS: dict[str, Any] = {**NORMS, **TABLES, **WINDOWS, **DROPOUTS, **RECURRENT}


@pytest.mark.parametrize("name", CALLS)
def test_layers_under_torchs_names_are_pytorchs(name: str) -> None:
    assert_same(CALLS[name])


def test_a_number_of_no_mode_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"interpolation_mode has to be 0 for bilinear, .* got 5"):
        mt.grid_sampler(mt.ones(1, 1, 2, 2), mt.zeros(1, 1, 1, 2), 5, 0, True)
