"""Random numbers against PyTorch: the same seed gives PyTorch's numbers and leaves PyTorch's state."""

from __future__ import annotations

import copy
import math
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from minitensor import dtypes as D
from minitensor import generator as G
from minitensor import sampling as R
from minitensor.backends.numpy import shuffle
from minitensor.errors import ArgumentError, ArgumentTypeError

torch = pytest.importorskip("torch")

FLOATS = ["float16", "float32", "float64"]
SIZES = [*range(41), 100, 1000, 1025, 2048, 2049]  # the engine is read in two ways, up to 2048 numbers and above


def streams(seed):
    """Return our stream and PyTorch's, with the same seed."""
    return G.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def draws_from_the_engine():
    """On Intel processors PyTorch draws Bernoulli and exponential numbers with MKL, seeded from the generator."""
    their = torch.Generator().manual_seed(0)
    before = their.clone_state()
    torch.empty(20).bernoulli_(0.5, generator=their)
    torch.empty(20, dtype=torch.float64).random_(generator=before)
    return torch.equal(their.get_state(), before.get_state())


from_the_engine = pytest.mark.skipif(not draws_from_the_engine(), reason="PyTorch uses MKL's engine on this processor")
SAMPLES = np.linspace(-6, 6, 2001)
SAME_LIBRARY = all(  # NumPy has its own vector code for some processors
    np.array_equal(fast(np.abs(SAMPLES)), [slow(abs(x)) for x in SAMPLES.tolist()])
    for fast, slow in ((np.log1p, math.log1p), (np.cos, math.cos), (np.sin, math.sin))
)
FUSED = torch.backends.cpu.get_cpu_capability() != "DEFAULT"  # x * factor + shift is rounded once


def assert_same_state(ours, their):
    assert ours.state_bytes() == their.get_state().numpy().tobytes()


def assert_same_numbers(got, wanted, *, last_bits=0):
    wanted = wanted.numpy()
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    assert got.flags.c_contiguous and got.flags.writeable
    if last_bits or not FUSED:
        part = got.real.dtype
        got, wanted = got.reshape(-1).view(part), wanted.reshape(-1).view(part)
        np.testing.assert_array_max_ulp(got, wanted, maxulp=last_bits or 1)
    else:
        np.testing.assert_array_equal(got, wanted)


def last_bits_of_normals(size, dtype):
    """Float32 blocks equal PyTorch's bit by bit if it has AVX2; otherwise its processor's own sine is used."""
    if torch.backends.cpu.get_cpu_capability() == "AVX2":
        in_blocks = size >= {"float32": 16, "complex64": 8}.get(dtype, math.inf)
        return 0 if in_blocks else 8 * (not SAME_LIBRARY)
    blocks = {"float32": 8 * (size >= 16), "complex64": 8 * (2 * size >= 16)}.get(dtype, 0)
    return blocks or 8 * (not SAME_LIBRARY)


# ------------------------------------------------------------------------------------------------------- distributions


@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "complex128"])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-0.3, 1.1), (1000.3, 1001.9), (-1 / 3, 1 / 3), (2.0, 2.0)])
def test_uniform_numbers_are_pytorchs(dtype, bounds):
    for size in SIZES:
        ours, their = streams(size)
        wanted = torch.empty(size, dtype=getattr(torch, dtype)).uniform_(*bounds, generator=their)
        assert_same_numbers(R.uniform(ours, size, dtype, *bounds), wanted)
        assert_same_state(ours, their)


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_numbers_never_reach_the_upper_bound(dtype):
    """If rounding would reach it, PyTorch gives the lower bound; 1 - 2**-24 rounds to 1 in float16."""
    for low, high in ((0.0, 1.0), (1.0, 1.01), (1000.0, 1001.0)):
        ours, their = streams(7)
        got = R.uniform(ours, 50_000, dtype, low, high)
        wanted = torch.empty(50_000, dtype=getattr(torch, dtype)).uniform_(low, high, generator=their)
        assert_same_numbers(got, wanted)
        assert got.max() < np.dtype(dtype).type(high)


@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "complex128"])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.3, 0.7), (-2.0, 0.0)])
def test_normal_numbers_are_pytorchs(dtype, mean, std):
    for size in SIZES:
        ours, their = streams(size)
        wanted = torch.empty(size, dtype=getattr(torch, dtype)).normal_(mean, std, generator=their)
        got = R.normal(ours, size, dtype, mean, std)
        bits = last_bits_of_normals(size, dtype)
        if bits and mean:  # Near zero, a sum keeps the absolute error of its terms.
            np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-6, atol=5e-7)
        else:
            assert_same_numbers(got, wanted, last_bits=bits)
        assert_same_state(ours, their)


def test_normal_numbers_of_a_tensor_with_strides_come_in_pairs():
    ours, their = streams(3)
    for size in (20, 1, 7, 100):
        wanted = torch.zeros(2 * size)[::2].normal_(0.3, 0.7, generator=their).contiguous()
        assert_same_numbers(R.normal_in_pairs(ours, size, "float32", 0.3, 0.7), wanted)
        assert_same_state(ours, their)


@from_the_engine
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rate", [1.0, 0.3, 2.0])
def test_exponential_numbers_are_pytorchs(dtype, rate):
    for size in SIZES:
        ours, their = streams(size)
        wanted = torch.empty(size, dtype=getattr(torch, dtype)).exponential_(rate, generator=their)
        assert_same_numbers(R.exponential(ours, size, dtype, rate), wanted, last_bits=2 * (not SAME_LIBRARY))
        assert_same_state(ours, their)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("method", "ours_draw", "parameters"), [
    ("log_normal_", R.log_normal, (0.5, 1.3)), ("log_normal_", R.log_normal, (1.0, 2.0)),
    ("cauchy_", R.cauchy, (0.0, 1.0)), ("cauchy_", R.cauchy, (0.5, 1.3)),
    ("geometric_", R.geometric, (0.3,)), ("geometric_", R.geometric, (0.01,)),
])  # fmt: skip
def test_numbers_of_other_distributions_are_pytorchs(method, ours_draw, parameters, dtype):
    for size in SIZES:
        ours, their = streams(size)
        wanted = getattr(torch.empty(size, dtype=getattr(torch, dtype)), method)(*parameters, generator=their)
        assert_same_but_for(terms_of(method, *parameters), ours_draw(ours, size, dtype, *parameters), wanted)
        assert_same_state(ours, their)


def terms_of(method, *parameters):
    """Return a function of the results: the size of the terms whose last bits a vector library may change.

    exp turns an absolute error of its argument into a relative error, and the median may cancel a large tangent.
    """
    if method == "log_normal_":
        return lambda values: values * (1 + np.abs(np.log(values)))
    return lambda values: np.abs(values) + (abs(parameters[0]) if method == "cauchy_" else 0)


def assert_same_but_for(terms, got, wanted):
    """Compare exactly, or within 4 ulps of the terms where NumPy has its own vector code."""
    if SAME_LIBRARY:
        assert_same_numbers(got, wanted)
        return
    wanted = wanted.numpy()
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    with np.errstate(divide="ignore", invalid="ignore"):  # the logarithm of an underflowed value is not a term
        room = 4 * np.finfo(got.dtype).eps * terms(wanted)
    assert (np.abs(got - wanted) <= np.where(np.isfinite(room), room, 0)).all()


@from_the_engine
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", *FLOATS])
@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0, 1])
def test_coin_tosses_are_pytorchs(dtype, p):
    for size in SIZES:
        ours, their = streams(size)
        wanted = torch.empty(size, dtype=getattr(torch, dtype)).bernoulli_(p, generator=their)
        assert_same_numbers(R.bernoulli(ours, p, size, dtype), wanted)
        assert_same_state(ours, their)


@pytest.mark.parametrize("dtype", FLOATS)
def test_coin_tosses_by_an_array_of_probabilities_are_pytorchs(dtype):
    p = np.random.default_rng(0).random((13, 17)).astype(dtype)
    ours, their = streams(1)
    assert_same_numbers(R.bernoulli(ours, p, p.shape, dtype), torch.bernoulli(torch.from_numpy(p), generator=their))
    assert_same_state(ours, their)
    wanted = torch.empty(13, 17, dtype=torch.int64).bernoulli_(torch.from_numpy(p), generator=their)
    assert_same_numbers(R.bernoulli(ours, p, p.shape, "int64"), wanted)
    assert_same_state(ours, their)


RANGES = [
    (0, 1), (0, 10), (-5, 7), (0, 2**28 - 1), (0, 2**28), (0, 2**28 + 1), (0, 2**32),
    (-(2**40), 2**41), (-(2**63), 2**63 - 1),
]  # fmt: skip


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_integers_are_pytorchs(low, high):
    for size in SIZES:
        ours, their = streams(size)
        wanted = torch.randint(low, high, (size,), generator=their)
        assert_same_numbers(R.randint(ours, size, low, high), wanted)
        assert_same_state(ours, their)


@pytest.mark.parametrize("dtype", [d for d in D.DTYPES if not d.is_complex], ids=repr)
def test_integers_of_any_dtype_are_pytorchs(dtype):
    their_dtype = getattr(torch, dtype.name)
    high = 2 if dtype is D.bool_ else 100
    ours, their = streams(5)
    wanted = torch.randint(0, high, (3, 50), dtype=their_dtype, generator=their)
    assert_same_numbers(R.randint(ours, (3, 50), 0, high, dtype.numpy), wanted)
    wanted = torch.empty(50, dtype=their_dtype).random_(generator=their)
    assert_same_numbers(R.random_integers(ours, 50, dtype.numpy), wanted)
    low = int(dtype.is_signed) * -5 if not dtype.is_floating_point else 5
    wanted = torch.empty(50, dtype=their_dtype).random_(low, None, generator=their)
    assert_same_numbers(R.random_integers(ours, 50, dtype.numpy, low), wanted)
    assert_same_state(ours, their)


def test_all_64_bits_are_pytorchs():
    ours, their = streams(5)
    wanted = torch.empty(50, dtype=torch.int64).random_(-(2**63), None, generator=their)
    assert_same_numbers(R.random_integers(ours, 50, np.int64, -(2**63)), wanted)
    assert_same_state(ours, their)


@pytest.mark.parametrize("size", [*SIZES, 20_000, 100_000])
def test_permutations_are_pytorchs(size):
    ours, their = streams(size)
    assert_same_numbers(R.randperm(ours, size), torch.randperm(size, generator=their))
    assert_same_state(ours, their)


def test_runs_of_steps_end_before_a_place_is_touched_again(monkeypatch):
    monkeypatch.setattr(shuffle, "FEW_PLACES", 2)
    monkeypatch.setattr(shuffle, "LOOPED", 0)
    for seed in range(200):
        ours, their = streams(seed)
        assert_same_numbers(R.randperm(ours, seed), torch.randperm(seed, generator=their))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float64"])
def test_permutations_of_any_dtype_are_pytorchs(dtype):
    ours, their = streams(0)
    assert_same_numbers(R.randperm(ours, 200, dtype), torch.randperm(200, dtype=getattr(torch, dtype), generator=their))


@given(data=st.data(), size=st.integers(0, 30))
def test_the_vectorized_shuffle_equals_the_loop(data, size):
    partners = [data.draw(st.integers(i, size - 1)) for i in range(size)]
    deck = list(range(size))
    for i, j in enumerate(partners):
        deck[i], deck[j] = deck[j], deck[i]
    assert shuffle.shuffle(np.array(partners, np.int64)).tolist() == deck


@given(data=st.data(), size=st.integers(1, 300))
def test_a_few_places_are_shuffled_as_many_are(data, size):
    drawn = np.random.default_rng(data.draw(st.integers(0, 2**32))).integers(0, 2**32, size - 1, np.uint64)
    partners = np.arange(size) + np.append(drawn % np.arange(size, 1, -1, dtype=np.uint64), 0).astype(np.int64)
    assert shuffle.shuffle_by_loop(drawn).tolist() == shuffle.shuffle_many(partners).tolist()


@from_the_engine
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("shape", [(1,), (7,), (40,), (5, 12)])
def test_categories_are_pytorchs(dtype, replacement, shape):
    weights = np.random.default_rng(1).random(shape).astype(dtype)
    for num_samples in {1, 2, shape[-1]}:
        if num_samples > shape[-1] and not replacement:
            continue
        ours, their = streams(num_samples)
        wanted = torch.multinomial(torch.from_numpy(weights), num_samples, replacement, generator=their)
        assert_same_numbers(R.multinomial(ours, weights, num_samples, replacement), wanted)
        assert_same_state(ours, their)


def test_categories_of_weight_zero_are_not_drawn():
    weights = np.array([0.0, 1.0, 0.0, 3.0], np.float32)
    ours = G.Generator().manual_seed(0)
    drawn = R.multinomial(ours, weights, 2000, replacement=True)
    assert set(drawn.tolist()) == {1, 3}
    assert np.mean(drawn == 3) == pytest.approx(0.75, abs=0.05)
    assert set(R.multinomial(ours, weights, 2).tolist()) == {1, 3}


# ------------------------------------------------------------------------------------------------------ mixed programs

sizes = st.integers(0, 40)
floats = st.sampled_from(FLOATS)
steps = st.one_of(
    st.tuples(st.just("uniform"), sizes, st.sampled_from([*FLOATS, "complex64"])),
    st.tuples(st.just("normal"), sizes, st.sampled_from([*FLOATS, "complex64"])),
    st.tuples(st.just("randint"), sizes, st.sampled_from([3, 2**30])),
    st.tuples(st.just("randperm"), sizes),
    st.tuples(st.just("by_array"), sizes, floats),
    st.tuples(st.just("reseed"), st.integers(-(2**63), 2**64 - 1)),
    st.tuples(st.just("state")),
    st.tuples(st.just("random"), sizes, st.sampled_from(["int8", "int32", "int64", "float32"])),
    *([st.tuples(st.just("exponential"), sizes, floats), st.tuples(st.just("bernoulli"), sizes, floats)]
      * draws_from_the_engine()),
)  # fmt: skip


class Both:
    """A program step in both libraries, compared."""

    def __init__(self, seed):
        self.ours, self.their = streams(seed)

    def uniform(self, size, dtype):
        wanted = torch.empty(size, dtype=getattr(torch, dtype)).uniform_(generator=self.their)
        assert_same_numbers(R.uniform(self.ours, size, dtype), wanted)

    def normal(self, size, dtype):
        wanted = torch.empty(size, dtype=getattr(torch, dtype)).normal_(generator=self.their)
        assert_same_numbers(R.normal(self.ours, size, dtype), wanted, last_bits=last_bits_of_normals(size, dtype))

    def randint(self, size, high):
        assert_same_numbers(
            R.randint(self.ours, size, -2, high), torch.randint(-2, high, (size,), generator=self.their)
        )

    def random(self, size, dtype):
        wanted = torch.empty(size, dtype=getattr(torch, dtype)).random_(generator=self.their)
        assert_same_numbers(R.random_integers(self.ours, size, dtype), wanted)

    def randperm(self, size):
        assert_same_numbers(R.randperm(self.ours, size), torch.randperm(size, generator=self.their))

    def by_array(self, size, dtype):
        p = np.linspace(0, 1, size).astype(dtype)
        assert_same_numbers(
            R.bernoulli(self.ours, p, size, dtype), torch.bernoulli(torch.from_numpy(p), generator=self.their)
        )

    def exponential(self, size, dtype):
        wanted = torch.empty(size, dtype=getattr(torch, dtype)).exponential_(generator=self.their)
        assert_same_numbers(R.exponential(self.ours, size, dtype), wanted, last_bits=2 * (not SAME_LIBRARY))

    def bernoulli(self, size, dtype):
        wanted = torch.empty(size, dtype=getattr(torch, dtype)).bernoulli_(0.3, generator=self.their)
        assert_same_numbers(R.bernoulli(self.ours, 0.3, size, dtype), wanted)

    def reseed(self, seed):
        self.ours.manual_seed(seed)
        self.their.manual_seed(seed)
        assert self.ours.initial_seed() == self.their.initial_seed()

    def state(self):
        """Swap the states: each library continues from the other's."""
        state = torch.from_numpy(self.ours.get_state().numpy())
        self.ours.set_state(mt.tensor(self.their.get_state().numpy()))
        self.their.set_state(state)


@given(seed=st.integers(0, 2**64 - 1), program=st.lists(steps, max_size=12))
def test_any_program_of_draws_leaves_both_streams_aligned(seed, program):
    both = Both(seed)
    for name, *arguments in program:
        getattr(both, name)(*arguments)
        assert_same_state(both.ours, both.their)


# --------------------------------------------------------------------------------------------------------- generators


@pytest.mark.parametrize("drawn", [0, 1, 5, 623, 624, 625, 2000])
def test_a_state_written_by_one_library_continues_in_the_other(drawn):
    ours = G.Generator().manual_seed(11)
    R.random_integers(ours, drawn, np.int32)
    R.normal(ours, 3)
    fresh = torch.Generator()
    fresh.set_state(torch.from_numpy(ours.get_state().numpy()))
    assert_same_state(ours, fresh)
    for _ in range(2):
        assert_same_numbers(R.normal(ours, 5), torch.empty(5).normal_(generator=fresh))


COPIES = [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g)), lambda g: g.clone_state()]


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_gives_the_same_numbers_and_is_independent(copied):
    ours = G.Generator().manual_seed(3)
    R.normal(ours, 3)
    other = copied(ours)
    assert other.state_bytes() == ours.state_bytes() and other.initial_seed() == 3 and other.device == ours.device
    assert R.normal(ours, 3).tolist() == R.normal(other, 3).tolist()
    R.normal(ours, 1)
    assert other.state_bytes() != ours.state_bytes()


def test_a_new_generator_has_pytorchs_seed():
    ours, their = G.Generator(), torch.Generator()
    assert ours.initial_seed() == their.initial_seed() == G.DEFAULT_SEED
    assert_same_state(ours, their)
    assert str(ours.device) == str(their.device) == "cpu"


def test_entropy_gives_another_seed_each_time():
    ours = G.Generator()
    seeds = {ours.seed() for _ in range(5)}
    assert len(seeds) == 5 and ours.initial_seed() in seeds


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_a_seed_beyond_64_bits_is_refused_as_in_pytorch(seed):
    with pytest.raises(ValueError, match="Overflow"):
        torch.Generator().manual_seed(seed)
    with pytest.raises(ArgumentError, match="expected a seed from"):
        G.Generator().manual_seed(seed)


def test_a_seed_is_an_integer():
    with pytest.raises(ArgumentTypeError, match="manual_seed expected a long, but got float"):
        G.Generator().manual_seed(1.5)
    assert G.Generator().manual_seed(np.int64(3)).initial_seed() == 3


@pytest.mark.parametrize(
    ("state", "message"),
    [(b"short", "size 5056 but found the input RNG state size to be 5"), (bytes(5056), "Invalid mt19937 state")],
)
def test_a_wrong_state_is_refused_as_in_pytorch(state, message):
    with pytest.raises(RuntimeError, match=message):
        torch.Generator().set_state(torch.tensor(list(state), dtype=torch.uint8))
    with pytest.raises(RuntimeError, match=message):
        G.Generator().set_state_bytes(state)


def test_a_state_is_bytes():
    with pytest.raises(TypeError, match=r"must be a torch\.ByteTensor"):
        G.Generator().set_state(np.zeros(5056))


class TestTheDefaultGenerator:
    @pytest.fixture(autouse=True)
    def _sealed(self):
        before = G.default_generator.state_bytes()
        yield
        G.default_generator.set_state_bytes(before)

    def test_it_is_seeded_as_pytorchs(self):
        with torch.random.fork_rng():
            for seed in (0, -1, 2**64 - 1, 2**32 + 5, 1.7):
                torch.manual_seed(seed)
                assert G.manual_seed(seed) is G.default_generator
                assert G.initial_seed() == torch.initial_seed()
                assert_same_numbers(R.uniform(G.default_generator, 3), torch.rand(3))

    def test_entropy_seeds_it(self):
        assert G.seed() == G.initial_seed() == G.default_generator.initial_seed()

    def test_a_fork_leaves_no_trace(self):
        before = G.default_generator.state_bytes()
        with pytest.raises(KeyError), G.fork_rng():
            R.uniform(G.default_generator, 3)
            raise KeyError
        assert G.default_generator.state_bytes() == before
        with G.fork_rng(enabled=False):
            R.uniform(G.default_generator, 3)
        assert G.default_generator.state_bytes() != before


def test_threads_share_a_stream_without_losing_a_number():
    ours = G.Generator().manual_seed(0)
    drawn = []
    threads = [
        threading.Thread(target=lambda: drawn.extend(R.normal_in_pairs(ours, 2, np.float64) for _ in range(200)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = R.normal_in_pairs(G.Generator().manual_seed(0), 1600, np.float64)
    assert sorted(np.concatenate(drawn)) == sorted(alone)


# ----------------------------------------------------------------------------------------------------------- refusals

ONES = np.ones(3, np.float32)
REFUSED = {
    "bounds": (lambda g: R.uniform(g, 3, low=2, high=1), lambda t: t.uniform_(2, 1), "from=2.* > to=1"),
    "infinite": (lambda g: R.uniform(g, 3, high=np.inf), lambda t: t.uniform_(0, np.inf), "out of bounds for"),
    "std": (lambda g: R.normal(g, 3, std=-1), lambda t: t.normal_(0, -1), "std >= 0.0, but found std -1"),
    "p": (lambda g: R.bernoulli(g, 1.5, 3), lambda t: t.bernoulli_(1.5), r"expects p to be in \[0, 1\], but got p=1.5"),
    "rate": (lambda g: R.exponential(g, 3, rate=0.0), lambda t: t.exponential_(0.0), "expects lambda > 0.0"),
    "empty": (lambda g: R.randint(g, 3, 3, 3), lambda t: torch.randint(3, 3, (3,)), "from=3 >= to=3"),
    "from": (
        lambda g: R.randint(g, 3, -1, 3, np.uint8),
        lambda t: torch.randint(-1, 3, (3,), dtype=torch.uint8),
        "from is out of bounds for",
    ),
    "to": (
        lambda g: R.randint(g, 3, 0, 300, np.uint8),
        lambda t: torch.randint(0, 300, (3,), dtype=torch.uint8),
        "to - 1 is out of bounds for",
    ),
    "negative": (lambda g: R.randperm(g, -1), lambda t: torch.randperm(-1), "negative dimension -1"),
    "half": (
        lambda g: R.randperm(g, 3000, np.float16),
        lambda t: torch.randperm(3000, dtype=torch.float16),
        "n cannot be greater than 2049 for",
    ),
    "integers": (
        lambda g: R.exponential(g, 3, np.int64),
        lambda t: t.long().exponential_(),
        "is a continuous probability distribution",
    ),
    "no sample": (lambda g: R.multinomial(g, ONES, 0), lambda t: torch.multinomial(t, 0), "n_sample <= 0 samples"),
    "too many": (lambda g: R.multinomial(g, ONES, 4), lambda t: torch.multinomial(t, 4), "without replacement"),
    "zeros": (
        lambda g: R.multinomial(g, 0 * ONES, 1),
        lambda t: torch.multinomial(0 * t, 1),
        "sum of probabilities <= 0",
    ),
    "zeros, replaced": (
        lambda g: R.multinomial(g, 0 * ONES, 2, True),
        lambda t: torch.multinomial(0 * t, 2, True),
        "sum of probabilities <= 0",
    ),
    "negatives": (lambda g: R.multinomial(g, -ONES, 1), lambda t: torch.multinomial(-t, 1), "or element < 0"),
    "negatives, replaced": (
        lambda g: R.multinomial(g, -ONES, 2, True),
        lambda t: torch.multinomial(-t, 2, True),
        "entry < 0",
    ),
    "infinite, replaced": (
        lambda g: R.multinomial(g, ONES / 0, 2, True),
        lambda t: torch.multinomial(t / 0, 2, True),
        "infinity or NaN",
    ),
    "integer weights": (
        lambda g: R.multinomial(g, np.ones(3, np.int64), 1),
        lambda t: torch.multinomial(t.long(), 1),
        "only supports floating-point dtypes",
    ),
    "three dims": (
        lambda g: R.multinomial(g, np.ones((1, 1, 1), np.float32), 1),
        lambda t: torch.multinomial(t.reshape(1, 1, 3), 1),
        "prob_dist must be 1 or 2 dim",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_parameters_that_make_no_sense_are_refused_as_in_pytorch(name):
    ours, theirs, message = REFUSED[name]
    stream = G.Generator()
    before = stream.state_bytes()
    with pytest.raises(RuntimeError, match=message):
        theirs(torch.ones(3))
    with pytest.raises(RuntimeError, match=message):
        ours(stream)
    assert stream.state_bytes() == before


@pytest.mark.parametrize("draw", [R.uniform, R.normal])
def test_integers_have_no_continuous_distribution(draw):
    with pytest.raises(NotImplementedError, match="expected floats, got int64"):
        draw(G.Generator(), 3, np.int64)
    with pytest.raises(NotImplementedError, match="not defined for complex64"):
        R.randint(G.Generator(), 3, 0, 2, np.complex64)


@pytest.mark.parametrize("p", [0.0, 2.0**-53, 2.0**-40, 0.25, 1 / 3, 0.5, 1 - 2.0**-53, 1.0])
def test_comparing_pairs_of_halves_equals_comparing_whole_numbers(p: float) -> None:
    limit = math.ceil(p * 2.0**53)
    near = [min(max(limit + k, 0), 2**53 - 1) for k in (-(2**32), -1, 0, 1, 2**32)] + [0, 2**53 - 1]
    words = np.array([[value >> 32, value % 2**32] for value in near], np.uint32)
    assert R._is_below(words, p).tolist() == [value * 2.0**-53 < p for value in near]
