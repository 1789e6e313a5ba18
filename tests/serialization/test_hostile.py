"""Hostile files: ``load`` of any n bytes ends in O(n) time and memory, with an error or a result.

Hostile values are tried in every field of a checkpoint, then whole files with hostile records, instructions or
repetitions. Each run has a memory limit; its time limit only separates an endless run from a slow one.
"""

from __future__ import annotations

import io
import itertools
import pickletools
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import minitensor as mt
from minitensor.errors import FileFormatError
from tests.serialization.byhand import (
    ELEMENTS,
    FALSE,
    FIELDS,
    HEAD,
    NONE,
    ORDERED,
    REBUILD,
    TRUE,
    archive,
    call,
    get,
    identity,
    integer,
    list_of,
    name,
    old_file,
    old_identity,
    put,
    real,
    row,
    storage,
    table,
    tensor,
    text,
)
from tests.serialization.limits import Endless, memory_limit, time_limit

AMPLIFIED = 400  # bytes of memory per byte of a file: an empty set is one byte in a pickle and 224 bytes in a list
LEAST = 1 << 21


def outcome(data: bytes) -> str:
    """Load a file within its limits and return ``"refused"`` or ``"read"``, or a description of the fault."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        with time_limit(), memory_limit(1 << 29), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = use(mt.load(io.BytesIO(data)))
    except FileFormatError as error:
        found = "refused" if len(str(error)) < 1000 else f"a message of {len(str(error))} letters"
    except Endless:
        return "endless"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:200]
    used = tracemalloc.get_traced_memory()[1] - before
    return found if used <= AMPLIFIED * len(data) + LEAST else f"{used} bytes for {len(data)}"


def use(result: Any) -> str:
    """Use a loaded tensor, if it is not larger than memory, in ways that need a valid layout."""
    if isinstance(result, mt.Tensor):
        with mt.no_grad():
            assert repr(result)
            corner = result[(slice(0, 2),) * min(result.ndim, 8)]
            if corner.numel() < 10_000:
                assert corner.clone().add(1).shape == corner.shape
            assert result.t().shape[::-1] == result.shape if result.ndim == 2 else result.unsqueeze(0)[0] is not None
    return "read"


@pytest.fixture(autouse=True)
def trace_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def faults(files: dict[str, bytes]) -> tuple[dict[str, str], int]:
    """Return the files that break the law, and how many were read."""
    outcomes = {label: outcome(data) for label, data in files.items()}
    broken = {label: found for label, found in outcomes.items() if found not in ("refused", "read")}
    # Again: modules that the first use of a tensor imports count as its memory, but only once.
    broken = {label: again for label in broken if (again := outcome(files[label])) not in ("refused", "read")}
    return broken, sum(found == "read" for found in outcomes.values())


# -- values ------------------------------------------------------------------------------------------------------------


def nested_pairs(depth: int, pair: Callable[[bytes, bytes], bytes], innermost: bytes) -> bytes:
    """Return a value that contains another one twice, which does the same, and so on: 2**depth values in few bytes."""
    value = innermost
    for number in range(1000, 1000 + depth):
        value = pair(value + put(number), get(number))
    return value


WIDE = tensor(shape=row(integer(1 << 40)), strides=row(integer(0)))
HUGE = int.from_bytes(bytes([0x7F]) * 50_000, "big")

VALUES = {
    "nothing": NONE, "true": TRUE, "a fraction": real(0.5), "not a number": real(float("nan")),
    "an infinity": real(float("inf")), "zero": integer(0), "minus one": integer(-1), "two to the 31": integer(1 << 31),
    "two to the 58": integer(1 << 58), "the largest of 64 bits": integer((1 << 63) - 1),
    "two to the 63": integer(1 << 63),
    "the least of 64 bits": integer(-(1 << 63)), "two to the 64": integer(1 << 64), "two to the 70": integer(1 << 70),
    "a huge integer": integer(HUGE), "a huge negative": integer(-HUGE), "decimal digits": b"I" + b"9" * 4000 + b"\n",
    "too many digits": b"L" + b"9" * 20_000 + b"L\n",
    "an empty text": text(""), "a text": text("storage"), "a long text": text("x" * 20_000),
    "half a letter": text("\ud800"), "a path": text("../../etc/passwd"), "bytes": b"U\x04\x00\xff\x00\xff",
    "an empty tuple": row(), "a long tuple": row(NONE * 5_000), "a long list": list_of(integer(1) * 2_000),
    "an empty dict": b"}", "a dict": table(text("a"), integer(1)), "an ordered dict": call(ORDERED),
    "a set": b"\x8f(" + integer(1) + b"\x90",
    "lists of lists": nested_pairs(60, list_of, b"]"), "tuples of tuples": nested_pairs(60, row, b")"),
    "dicts of dicts": nested_pairs(60, lambda a, b: table(integer(1), a, integer(2), b), b"}"),
    "tuples of lists": nested_pairs(60, lambda a, b: row(list_of(a, b)), b"]"),
    "a deep list": b"]" * 3_000 + b"a" * 2_999, "a deep tuple": b")" + b"\x85" * 3_000,
    "a deep dict": (b"}" + integer(1)) * 2_000 + NONE + b"s" * 2_000,
    "a list that holds itself": b"]" + put(7) + get(7) + b"a",
    "a dict that holds itself": b"}" + put(7) + integer(1) + get(7) + b"s",
    "a tuple that holds itself": b"]" + put(7) + get(7) + b"\x85a" + get(7) + b"\x85",
    "a tensor": tensor(), "a tensor of one": tensor(shape=row(), strides=row()), "a storage": storage(),
    "a wide tensor": WIDE,
    "a dtype": name("torch", "float32"), "a storage class": name("torch", "FloatStorage"), "a function": REBUILD,
    "a device": call(name("torch", "device"), text("cpu")), "a size": call(name("torch", "Size"), row(integer(1))),
    "a complex number": call(name("builtins", "complex"), real(1), real(float("nan"))),
}  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_every_value_in_every_field_is_refused_or_read(field: str) -> None:
    broken, _ = faults({label: FIELDS[field](value) for label, value in VALUES.items()})
    assert not broken


def test_the_handmade_files_are_valid() -> None:
    for data in (archive(), old_file(), FIELDS["tensor, key"](text("0")), FIELDS["old file, view"](NONE)):
        assert mt.load(io.BytesIO(data)).tolist() == [[1, 2, 3], [4, 5, 6]]


# -- instructions ------------------------------------------------------------------------------------------------------


def test_every_instruction_on_every_stack_is_refused_or_read() -> None:
    stacks = [b"", integer(1) * 2, b"](" + NONE, b"}(" + NONE, row() + call(ORDERED)]
    arguments = [b"", bytes(8), b"\xff" * 9, b"\x01" + b"\xff" * 7, b"-1\nx\n", b"9" * 50 + b"\n"]
    files = {
        f"{opcode.name} after {stack!r} with {argument!r}": archive(stack + opcode.code.encode("latin1") + argument)
        for opcode, stack, argument in itertools.product(pickletools.opcodes, stacks, arguments)
    }
    broken, read = faults(files)
    assert not broken and read


MERSENNE = (1 << 61) - 1  # integers are hashed modulo this
TIMES = 20_000


def tuples_with_one_hash() -> Iterator[bytes]:
    """Yield different tuples with the same hash, made of numbers with the same hash."""
    for low, high in itertools.product(range(1, 121), repeat=2):
        yield row(integer(low * MERSENNE), integer(high * MERSENNE))


TOO_MUCH = {
    "integers of one hash": table(*(integer(k * MERSENNE) + NONE for k in range(TIMES))),
    "members of one hash": b"\x8f(" + b"".join(integer(k * MERSENNE) for k in range(TIMES)) + b"\x90",
    "pairs of one hash": call(ORDERED, list_of(*(row(integer(k * MERSENNE), NONE) for k in range(TIMES)))),
    "complex keys of one hash": list_of(
        name("builtins", "complex") + put(0),
        table(*(call(get(0), real(-1000003 * k), real(k)) + NONE for k in range(TIMES))),
    ),
    "tuples of one hash": table(*(key + NONE for key in tuples_with_one_hash())),
    "keys of one hash, one by one": b"}" + b"".join(integer(k * MERSENNE) + NONE + b"s" for k in range(TIMES)),
    "numbers of values of one hash": b"".join(b"Np%d\n" % (k * MERSENNE) for k in range(TIMES)),
    "a huge key": b"}" + integer(HUGE) + put(0) + NONE + b"s(" + (get(0) + NONE) * TIMES + b"u",
    "a long tuple as key": b"}" + row(NONE * TIMES) + put(0) + NONE + b"s(" + (get(0) + NONE) * TIMES + b"u",
    "equal texts as keys": (
        b"}" + text("x" * 500_000) + NONE + b"s" + text("x" * 500_000) + put(0) + NONE + b"s"
        + b"(" + (get(0) + NONE) * TIMES + b"u"
    ),
    "a long text in tuples as keys": list_of(
        text("x" * 200_000) + put(0), table(*(row(get(0), integer(k)) + NONE for k in range(10_000)))
    ),
    "tuples of tuples as key": (
        b"}(" + nested_pairs(14, row, row(NONE * 100)) + put(0) + NONE + (get(0) + NONE) * 1000 + b"u"
    ),
    "a large state": list_of(
        table(text("_metadata"), NONE, *(integer(k) + NONE for k in range(TIMES))) + put(0),
        call(ORDERED) + (get(0) + b"b") * TIMES,
    ),
    "large metadata": list_of(
        table(text("_metadata"), table(*(integer(k) + b"}" for k in range(TIMES)))) + put(0),
        call(ORDERED) + (get(0) + b"b") * 1000,
    ),
    "sets of one list": list_of(list_of(integer(1) * TIMES) + put(0), *[call(name("builtins", "set"), get(0))] * 1000),
    "dicts of one list": list_of(list_of(row(integer(1), NONE) * 10_000) + put(0), *[call(ORDERED, get(0))] * 1000),
    "sizes of one list": list_of(list_of(integer(1) * TIMES) + put(0), *[call(name("torch", "Size"), get(0))] * 1000),
    "bytes of one text": list_of(
        text("x" * 500_000) + put(0), *[call(name("_codecs", "encode"), get(0), text("latin1"))] * 2000
    ),
    "a set of a wide tensor": call(name("builtins", "set"), WIDE),
    "a dict of a wide tensor": call(ORDERED, WIDE),
    "a size of a wide tensor": call(name("torch", "Size"), WIDE),
    "a wide negative": tensor(shape=row(integer(1 << 33)), strides=row(integer(0)), flags=table(text("neg"), TRUE)),
    "many marks": b"(" * 200_000,
    "a long name of a storage": storage(key=text("0" * 60_000)),
}  # fmt: skip

MUCH = {
    "numbers of values with equal low bits": b"(" + b"".join(NONE + put(k << 16) for k in range(TIMES)) + b"l",
    "keys with equal low bits": table(*(integer(k << 40) + NONE for k in range(TIMES))),
    "floats": table(*(real(2.0 ** (k % 1000) * (k // 1000 + 1)) + NONE for k in range(TIMES))),
    "nans": table(*(real(float("nan")) + NONE for _ in range(TIMES))),
    "one key in many dicts": list_of(row(text("name"), integer(1)) + put(0), *[b"}" + get(0) + NONE + b"s"] * TIMES),
    "many empty sets": b"(" + b"\x8f" * 100_000 + b"l",
    "many empty dicts": b"(" + b"}" * 100_000 + b"l",
    "many ordered dicts": list_of(ORDERED + put(0), b")" + put(1), *[get(0) + get(1) + b"R"] * TIMES),
    "many tensors": list_of(
        storage() + put(0), row(integer(2)) + put(1), row(integer(1)) + put(2), REBUILD + put(3),
        *[get(3) + row(get(0), integer(0), get(1), get(2), FALSE, NONE) + b"R"] * 2000,
    ),
    "many parameters": list_of(
        tensor() + put(0), *[call(name("torch._utils", "_rebuild_parameter"), get(0), TRUE, NONE)] * 1000
    ),
    "many names of one storage": list_of(identity() + put(0) + b"Q", *[get(0) + b"Q"] * TIMES),
}  # fmt: skip


@pytest.mark.parametrize("label", TOO_MUCH)
def test_files_that_would_take_more_than_linear_time_or_memory_are_refused(label: str) -> None:
    assert outcome(archive(TOO_MUCH[label])) == "refused"


@pytest.mark.parametrize("label", MUCH)
def test_files_that_take_linear_time_and_memory_are_read(label: str) -> None:
    assert outcome(archive(MUCH[label])) == "read"


def views(flag: str, times: int, elements: int) -> bytes:
    """Return a checkpoint with many lazy negatives or conjugates of one storage."""
    count, kind = (elements, "FloatStorage") if flag == "neg" else (elements // 2, "ComplexFloatStorage")
    one = get(0) + integer(0) + get(1) + get(2) + FALSE + NONE + get(3)
    parts = (
        storage(kind=name("torch", kind), count=integer(count)) + put(0), row(integer(count)) + put(1),
        row(integer(1)) + put(2), table(text(flag), TRUE) + put(3), REBUILD + put(4),
    )  # fmt: skip
    return archive(list_of(*parts, *[get(4) + b"(" + one + b"tR"] * times), **{"data/0": bytes(4 * elements)})


def test_lazy_negatives_and_conjugates_cost_no_more_than_their_storage() -> None:
    files = {f"{flag} {times}": views(flag, times, 1 << 18) for flag in ("neg", "conj") for times in (3, 15, 1000)}
    tracemalloc.reset_peak()
    broken, read = faults(files)
    assert not broken and read == 4
    assert tracemalloc.get_traced_memory()[1] < 12 * len(files["neg 3"])


@pytest.mark.parametrize("make", [archive, old_file], ids=["archive", "before 1.6"])
@pytest.mark.parametrize(("flag", "wanted"), [("neg", [-1 + 0j, -2 - 3j]), ("conj", [1 + 0j, 2 - 3j])])
def test_lazy_negatives_and_conjugates_are_read_with_their_values(
    make: Callable[..., bytes], flag: str, wanted: list[complex]
) -> None:
    kind, elements = name("torch", "ComplexFloatStorage"), struct.pack("<4f", 1, 0, 2, 3)
    named = (identity if make is archive else old_identity)(kind=kind, count=integer(2))
    value = tensor(named + b"Q", integer(0), row(integer(2)), row(integer(1)), flags=table(text(flag), TRUE))
    rest = {"data/0": elements} if make is archive else {"elements": struct.pack("<Q", 2) + elements}
    assert mt.load(io.BytesIO(make(value, **rest))).tolist() == wanted


# -- records -----------------------------------------------------------------------------------------------------------


def test_every_record_may_be_missing_or_replaced() -> None:
    contents = (
        None, b"", b"\0", b"3", b"little", b"big", b"LITTLE", b"little\n", b"\xff" * 100, bytes(64), bytes(63),
        bytes(65), bytes(1 << 20), b"9" * 100_000, HEAD + NONE + b".", ELEMENTS * 2, zip_of(("a", b"a")),
    )  # fmt: skip
    files = {
        f"{record} of {(content or b'')[:9]!r}, {len(content or b'')}": archive(**{record: content})
        for record in ("data.pkl", "byteorder", "data/0", "version", "data/1", "data/0/", "", "data")
        for content in contents
    }
    broken, read = faults(files)
    assert not broken and read > 30


@pytest.mark.parametrize("order", [b"LITTLE", b"little\n", b"", b"middle", b"BIG", b"x" * 1000])
def test_the_byte_order_must_be_little_or_big(order: bytes) -> None:
    for kind in (FileFormatError, ValueError):
        with pytest.raises(kind, match="unknown endianness"):
            mt.load(io.BytesIO(archive(byteorder=order)))


@pytest.mark.parametrize("version", [b"0", b"11", b"three", b"", b"-1", b"3.5"])
def test_the_version_must_be_one_of_pytorchs(version: bytes) -> None:
    with pytest.raises(FileFormatError, match="the archive is of version"):
        mt.load(io.BytesIO(archive(version=version)))


def zip_of(*records: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as out, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about two records with the same name
        for record, content in records:
            out.writestr(record, content)
    return file.getvalue()


def test_unusual_archives_are_refused() -> None:
    pickle = ("a/data.pkl", HEAD + NONE + b".")
    files = {
        "a name twice": zip_of(pickle, pickle),
        "two folders": zip_of(pickle, ("b/data.pkl", HEAD + NONE + b".")),
        "no folder": zip_of(("data.pkl", HEAD + NONE + b".")),
        "empty": zip_of(),
        "many records": zip_of(pickle, *((f"a/data/{k}", b"") for k in range(5_000))),
        "long names": zip_of(pickle, *((f"a/{k}{'x' * 60_000}", b"") for k in range(5))),
        **{f"packed by {method}": zip_of(pickle, ("a/data/0", bytes(1 << 24)), method=method)
           for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)},
    }  # fmt: skip
    broken, read = faults(files)
    assert not broken and read == 2  # the one with many records and the one with long names


# The position and number of bytes of each number in a zip archive's directory entries, its end record and its records.
CENTRAL = {
    "version": (4, 4), "flags": (8, 2), "method": (10, 2), "crc": (16, 4), "packed size": (20, 4), "size": (24, 4),
    "name": (28, 2), "extra": (30, 2), "comment": (32, 2), "disk": (34, 2), "offset": (42, 4),
}  # fmt: skip
END = {
    "disk": (4, 2), "records here": (8, 2), "records": (10, 2), "size": (12, 4), "offset": (16, 4), "comment": (20, 2),
}  # fmt: skip
LOCAL = {
    "flags": (6, 2), "method": (8, 2), "crc": (14, 4), "packed size": (18, 4), "size": (22, 4), "name": (26, 2),
    "extra": (28, 2),
}  # fmt: skip


def test_every_number_of_a_zip_archive_may_be_replaced() -> None:
    data, files = archive(), {}
    numbers = (0, 1, 9, 70, 1 << 31, -1)
    for mark, fields in ((b"PK\x01\x02", CENTRAL), (b"PK\x05\x06", END), (b"PK\x03\x04", LOCAL)):
        places = [at for at in range(len(data)) if data.startswith(mark, at)]
        for place, (field, (start, size)), number in itertools.product(places, fields.items(), numbers):
            wounded = bytearray(data)
            value = (number % (1 << 8 * size)).to_bytes(size, "little")
            wounded[place + start : place + start + size] = value
            files[f"{mark!r} at {place}, {field} {number}"] = bytes(wounded)
    broken, read = faults(files)
    assert not broken and read


def test_records_that_share_bytes_are_refused() -> None:
    """One local record of a million bytes, with a thousand directory entries that point to it."""
    data = zip_of(("a/data.pkl", HEAD + NONE + b"."), ("a/data/0", bytes(1_000_000)))
    at = data.rindex(b"PK\x01\x02")
    entry, end = data[at : data.index(b"PK\x05\x06", at)], bytearray(data[data.index(b"PK\x05\x06", at) :])
    many = b"".join(entry[:46] + f"a/data/{k}".encode()[:8].ljust(8, b"_") for k in range(10, 1000))
    struct.pack_into("<HHI", end, 8, 992, 992, struct.unpack_from("<I", end, 12)[0] + len(many))
    broken, read = faults({"shared": data[:at] + entry + many + end})
    assert not broken and not read


# -- files from before PyTorch 1.6 -------------------------------------------------------------------------------------


def test_storages_of_an_old_file_do_not_share_memory() -> None:
    big = integer(1 << 26)
    two = row(*[tensor(old_identity(key=text(key)) + b"Q") for key in "01"])
    body = struct.pack("<Q", 16) + ELEMENTS
    files = {
        "a large storage": old_file(tensor(old_identity(count=big) + b"Q")),
        "many storages": old_file(
            row(*[old_identity(key=text(str(k)), count=integer(100)) + b"Q" for k in range(2000)])
        ),
        "a key twice": old_file(two, keys=list_of(text("0"), text("0")), elements=body * 2),
        "a key too few": old_file(two, keys=list_of(text("0")), elements=body * 2),
        "a key too many": old_file(keys=list_of(text("0"), text("1")), elements=body * 2),
        "another length": old_file(elements=struct.pack("<Q", 17) + ELEMENTS),
        "a huge length": old_file(elements=b"\xff" * 8 + ELEMENTS),
        "no elements": old_file(elements=b""),
        "half of them": old_file(elements=body[:40]),
        "empty storages": old_file(
            row(*[old_identity(key=text(str(k)), count=integer(0)) + b"Q" for k in range(500)]),
            keys=list_of(*[text(str(k)) for k in range(500)]), elements=bytes(8) * 500,
        ),
        "a tar archive": b"pickle" + bytes(10_000),
        "only marks": HEAD + b"(" * 100_000,
        "only a head": HEAD,
    }  # fmt: skip
    broken, read = faults(files)
    assert not broken and read == 1  # the empty storages
