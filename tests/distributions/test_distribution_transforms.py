"""Every transform against PyTorch: images, inverses, Jacobians, gradients, shapes, facts; and the registries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.distributions

torch = pytest.importorskip("torch")

NUMBERS = [[0.3, -1.2, 2.0], [0.1, 0.9, -0.4]]
POSITIVE = [[0.3, 1.2, 2.0], [0.1, 0.9, 0.4]]
SQUARE = [[[0.3, -1.2], [2.0, 0.5]], [[0.1, 0.9], [-0.4, 1.1]]]

# A transform of the module ``T`` of a library, with ``t``, which makes a tensor that requires grad; and its argument.
TRANSFORMS: dict[str, tuple[Any, Any]] = {
    "Abs": (lambda T, t: T.AbsTransform(), NUMBERS),
    "Affine": (lambda T, t: T.AffineTransform(t([0.5, 1.0, -1.0]), t([[2.0], [-0.5]])), NUMBERS),
    "Affine of numbers": (lambda T, t: T.AffineTransform(0.5, -3), NUMBERS),
    "Affine of events": (lambda T, t: T.AffineTransform(t([0.5, 1.0, -1.0]), t([2.0, 1.0, -3.0]), 1), NUMBERS),
    "Affine of events and numbers": (lambda T, t: T.AffineTransform(0.5, 3, event_dim=1), NUMBERS),
    "Cat": (lambda T, t: T.CatTransform([T.ExpTransform(), T.TanhTransform()], dim=1, lengths=[1, 2]), NUMBERS),
    "Cat of events": (
        lambda T, t: T.CatTransform([T.IndependentTransform(T.ExpTransform(), 1), T.SigmoidTransform()], dim=0), NUMBERS
    ),
    "Compose": (lambda T, t: T.ComposeTransform([T.ExpTransform(), T.AffineTransform(t(1.0), t(-2.0))]), NUMBERS),
    "Compose of events": (lambda T, t: T.ComposeTransform([T.ExpTransform(), T.StickBreakingTransform()]), NUMBERS),
    "CorrCholesky": (lambda T, t: T.CorrCholeskyTransform(), NUMBERS),
    "CumulativeDistribution": (
        lambda T, t: T.CumulativeDistributionTransform(LIBRARIES[type(t([0.0]))].distributions.Normal(t(0.3), t(1.5))),
        NUMBERS,
    ),
    "Exp": (lambda T, t: T.ExpTransform(), NUMBERS),
    "identity": (lambda T, t: T.identity_transform, NUMBERS),
    "Independent": (lambda T, t: T.IndependentTransform(T.ExpTransform(), 1), NUMBERS),
    "inverse": (lambda T, t: T.ExpTransform().inv, POSITIVE),
    "inverse of a chain": (
        lambda T, t: T.ComposeTransform([T.TanhTransform(), T.AffineTransform(t(0.5), t(2.0))]).inv, POSITIVE
    ),
    "LowerCholesky": (lambda T, t: T.LowerCholeskyTransform(), SQUARE),
    "PositiveDefinite": (lambda T, t: T.PositiveDefiniteTransform(), SQUARE),
    "Power": (lambda T, t: T.PowerTransform(t([0.5, 2.0, -1.0])), POSITIVE),
    "Reshape": (lambda T, t: T.ReshapeTransform((3,), (3, 1)), NUMBERS),
    "Sigmoid": (lambda T, t: T.SigmoidTransform(), NUMBERS),
    "Softmax": (lambda T, t: T.SoftmaxTransform(), NUMBERS),
    "Softplus": (lambda T, t: T.SoftplusTransform(), NUMBERS),
    "Stack": (lambda T, t: T.StackTransform([T.ExpTransform(), T.TanhTransform()], dim=0), NUMBERS),
    "StickBreaking": (lambda T, t: T.StickBreakingTransform(), NUMBERS),
    "Tanh": (lambda T, t: T.TanhTransform(), NUMBERS),
}  # fmt: skip
LIBRARIES = {mt.Tensor: mt, torch.Tensor: torch}


class Side:
    """A transform of one library, its argument, and all tensors that require grad."""

    def __init__(self, lib: Any, name: str, dtype: str = "float64") -> None:
        self.lib, self.dtype = lib, getattr(lib, dtype)
        self.leaves: list[Any] = []
        make, values = TRANSFORMS[name]
        self.transform = make(lib.distributions.transforms, self.tensor)
        self.x = self.tensor(values)

    def tensor(self, values: Any) -> Any:
        self.leaves.append(self.lib.tensor(values, dtype=self.dtype, requires_grad=True))
        return self.leaves[-1]

    def evaluate(self, call: Any) -> tuple[Any, list[Any]]:
        try:
            found = call(self.transform, self.x)
        except (NotImplementedError, RuntimeError) as error:
            return NotImplementedError if isinstance(error, NotImplementedError) else RuntimeError, []
        weights = self.lib.tensor(np.cos(np.arange(found.numel())).reshape(tuple(found.shape)), dtype=self.dtype)
        if not found.requires_grad:
            return found, []
        return found, list(self.lib.autograd.grad((found * weights).sum(), self.leaves, allow_unused=True))


def compare(name: str, call: Any, dtype: str, rtol: float) -> None:
    (found, slopes), (wanted, expected) = (Side(lib, name, dtype).evaluate(call) for lib in (mt, torch))
    if isinstance(wanted, type):
        assert found is wanted
        return
    assert str(found.dtype) == str(wanted.dtype)
    np.testing.assert_allclose(found.tolist(), wanted.tolist(), rtol=rtol, atol=rtol)
    assert len(slopes) == len(expected)
    for slope, other in zip(slopes, expected):
        if other is None or slope is None:
            assert not any(each is not None and each.any() for each in (slope, other))
        else:
            np.testing.assert_allclose(slope.tolist(), other.tolist(), rtol=rtol, atol=10 * rtol)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-9)])
def test_images_inverses_and_jacobians_are_pytorchs(name: str, dtype: str, rtol: float) -> None:
    compare(name, lambda transform, x: transform(x), dtype, rtol)
    compare(name, lambda transform, x: transform.inv(transform(x)), dtype, rtol)
    compare(name, lambda transform, x: transform.log_abs_det_jacobian(x, transform(x)), dtype, rtol)
    compare(name, lambda transform, x: transform.inv.log_abs_det_jacobian(transform(x), x), dtype, rtol)


def attempt(call: Any) -> Any:
    try:
        found = call()
    except (ValueError, NotImplementedError) as error:
        return ValueError if isinstance(error, ValueError) else NotImplementedError
    return found.tolist() if hasattr(found, "tolist") else found


def facts(side: Side) -> list[Any]:
    transform, shape = side.transform, tuple(side.x.shape)
    image = tuple(transform(side.x).shape)
    return [
        repr(transform).replace("_Inverse", "Inverse"), attempt(lambda: transform.event_dim),
        attempt(lambda: transform.sign), transform.bijective, repr(transform.domain), repr(transform.codomain),
        transform.domain.event_dim, transform.codomain.event_dim, tuple(transform.forward_shape(shape)),
        tuple(transform.inverse_shape(image)), repr(transform.inv).replace("_Inverse", "Inverse"),
        transform == transform, transform != transform.inv, repr(transform.with_cache(1)) == repr(transform),
        attempt(lambda: transform.forward_shape(())), attempt(lambda: transform.inverse_shape((1,))),
    ]  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_facts_are_pytorchs(name: str) -> None:
    for found, wanted in zip(facts(Side(mt, name)), facts(Side(torch, name))):
        same = found == wanted or {found, wanted} <= {(), ValueError} or str(found) == str(wanted)
        assert same, f"{found} is not {wanted}"


@pytest.mark.parametrize("name", ["Exp", "Affine", "Compose", "Independent", "StickBreaking", "Cat", "Stack", "Power"])
def test_a_cache_returns_the_argument_itself(name: str) -> None:
    side = Side(mt, name)
    cached = side.transform.with_cache()
    if name not in ("Cat", "Stack"):
        assert cached.inv(cached(side.x)) is side.x
    assert cached.with_cache(1) is cached
    y = cached(side.x)
    np.testing.assert_allclose(cached.inv(y).tolist(), side.x.tolist(), rtol=1e-9)


@pytest.mark.parametrize("lib", [mt, torch], ids=["ours", "pytorch"])
def test_wrong_arguments(lib: Any) -> None:
    T = lib.distributions.transforms
    with pytest.raises(ValueError, match="cache_size"):
        T.ExpTransform(cache_size=2)
    with pytest.raises(ValueError, match="different numbers of elements"):
        T.ReshapeTransform((3,), (2, 2))
    with pytest.raises(AssertionError):
        T.CatTransform([T.ExpTransform()], lengths=[1, 2])
    with pytest.raises(AssertionError):
        T.CatTransform([T.ExpTransform()])(lib.zeros(2))
    with pytest.raises(AssertionError):
        T.StackTransform([3])
    with pytest.raises(ValueError, match="Too few dim"):
        T.IndependentTransform(T.ExpTransform(), 2)(lib.zeros(2))
    with pytest.raises(ValueError, match="diag"):
        lib.distributions.utils.tril_matrix_to_vec(lib.zeros(2, 2), 2)
    with pytest.raises(ValueError, match=r"triang|lower"):
        lib.distributions.utils.vec_to_tril_matrix(lib.zeros(5))


def constraint_cases(lib: Any) -> list[Any]:
    c = lib.distributions.constraints
    return [
        c.real, c.positive, c.nonnegative, c.greater_than(2.0), c.greater_than_eq(-1.0), c.less_than(0.5),
        c.unit_interval, c.interval(-1.0, 3.0), c.half_open_interval(lib.tensor(0.0), lib.tensor(2.0)),
        c.real_vector, c.independent(c.positive, 1), c.simplex, c.corr_cholesky, c.lower_cholesky, c.positive_definite,
        c.positive_semidefinite, c.cat([c.positive, c.real], 1, [1, 2]), c.stack([c.positive, c.unit_interval], 0),
        c.boolean, c.symmetric,
    ]  # fmt: skip


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("place", range(20))
def test_registries_choose_pytorchs_transform(registry: str, place: int) -> None:
    sides = []
    for lib in (mt, torch):
        constraint = constraint_cases(lib)[place]
        x = lib.tensor(SQUARE if constraint.event_dim == 2 and place != 12 else NUMBERS, dtype=lib.float64)
        try:
            transform = getattr(lib.distributions, registry)(constraint)
        except NotImplementedError:
            sides.append(NotImplementedError)
            continue
        y = transform(x)
        assert bool(constraint.check(y).all()), constraint
        sides.append((repr(transform), y.tolist()))
    if isinstance(sides[1], type):
        assert sides[0] is sides[1]
        return
    assert sides[0][0] == sides[1][0]
    np.testing.assert_allclose(sides[0][1], sides[1][1], rtol=1e-9)


@pytest.mark.parametrize("lib", [mt, torch], ids=["ours", "pytorch"])
def test_a_registry_takes_entries(lib: Any) -> None:
    D = lib.distributions

    class Even(D.constraints.Constraint):  # type: ignore[name-defined,misc]
        pass

    registry = D.constraint_registry.ConstraintRegistry()

    @registry.register(Even)
    def double(constraint: Any) -> Any:
        return D.transforms.AffineTransform(0, 2)

    assert float(registry(Even())(lib.tensor(3.0))) == 6.0
    with pytest.raises(TypeError, match="Constraint"):
        registry.register(int, double)
    with pytest.raises(NotImplementedError):
        registry(D.constraints.real)


def test_shapes_of_numbers() -> None:
    D = mt.distributions
    assert D.Normal(mt.tensor(1.0), 2.0).expand(()).mean.shape == ()
    reshape = D.ReshapeTransform((1,), ())
    assert reshape(mt.ones(1)).shape == () and reshape.inv(mt.tensor(1.0)).shape == (1,)
