"""``func.rearrange`` and the other small names of ``torch.func`` do what PyTorch's do."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt

CASES: list[tuple[str, dict[str, int]]] = [
    ("a b c -> a b c", {}), ("a b c -> c a b", {}), ("a b c -> (a b) c", {}), ("a b c -> a (c b)", {}),
    ("a b c -> (a b c)", {}), ("a (b d) c -> d (a c) b", {"d": 2}), ("a (b d) c -> a b d c", {"b": 2}),
    ("a b (c d) -> a b c d", {"c": 3, "d": 2}), ("... c -> c ...", {}), ("a ... -> ... a", {}),
    ("... -> ...", {}), ("a ... c -> a (...) c", {}), ("a b c -> a b c 1", {}), ("a b c -> a () b c", {}),
    ("a ... c -> (a c) ...", {}), ("a b c -> a 1 (b c)", {}), ("(...) a -> a ...", {}),
    ("a b ... c -> (a ... c) b", {}),
    # wrong ones
    ("a b -> b a", {}), ("a b c d -> a b c d", {}), ("a b c -> a b", {}), ("a b c -> a b d", {}),
    ("a a c -> a c a", {}), ("a b c", {}), ("a b c -> a -> b", {}), ("a (b c -> a b c", {}),
    ("a (b (c)) d -> a b c d", {}),
    ("a (b d) c -> a b d c", {}), ("a (b d) c -> a b d c", {"d": 3}), ("a b c -> a b c", {"d": 3}),
    ("a b c -> a b c", {"a": 7}), ("a 2b c -> a 2b c", {}),
]  # fmt: skip


def outcome(torch: Any, pattern: str, sizes: dict[str, int]) -> Any:
    try:
        found = torch.func.rearrange(torch.arange(72).reshape(3, 4, 6), pattern, **sizes)
    except Exception as error:
        return type(error)
    return tuple(found.shape), found.tolist()


@pytest.mark.parametrize(("pattern", "sizes"), CASES, ids=str)
def test_dims_are_rearranged_as_pytorch_does(pattern: str, sizes: dict[str, int]) -> None:
    wanted, found = outcome(pytest.importorskip("torch"), pattern, sizes), outcome(mt, pattern, sizes)
    if isinstance(wanted, type):
        assert isinstance(found, type), found
        assert issubclass(found, ValueError), found
    else:
        assert found == wanted


def test_a_list_of_tensors_is_stacked_first_and_gradients_flow() -> None:
    parts = [mt.ones(2, 3, requires_grad=True), mt.zeros(2, 3)]
    found = mt.func.rearrange(parts, "b h w -> (b h) w")
    assert found.tolist() == [[1.0] * 3] * 2 + [[0.0] * 3] * 2
    found.sum().backward()
    assert parts[0].grad is not None


@pytest.mark.parametrize("track", [True, False])
def test_batch_norms_lose_their_running_statistics(track: bool) -> None:
    torch = pytest.importorskip("torch")
    states = []
    for library in (torch, mt):
        nn = library.nn
        model = nn.Sequential(nn.BatchNorm1d(2, track_running_stats=track), nn.Sequential(nn.BatchNorm2d(3)), nn.GELU())
        assert library.func.replace_all_batch_norm_modules_(model) is model
        states.append([(list(each.state_dict()), each.track_running_stats) for each in (model[0], model[1][0])])
    assert states[0] == states[1]
    batches = mt.func.vmap(model[0], randomness="error")(mt.rand(4, 5, 2))
    assert batches.shape == (4, 5, 2)


def test_functions_without_mutations_compute_the_same() -> None:
    def change(x: Any) -> Any:
        y = x.clone()
        y.add_(1)
        return y.view(-1)

    assert mt.func.functionalize(change)(mt.ones(2, 2)).tolist() == [2.0] * 4
    with pytest.raises(RuntimeError, match="must be 'mutations'"):
        mt.func.functionalize(change, remove="views")
    seen = []
    mt.vmap(lambda x: seen.append(mt.func.debug_unwrap(x)) or x)(mt.arange(3))
    assert seen[0].tolist() == [0, 1, 2]
