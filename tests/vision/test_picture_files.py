"""``torchvision.io``: pictures of every kind are read as Pillow reads them, written and read again, or refused."""

from __future__ import annotations

import io as files
from pathlib import Path
from typing import Any

import pytest

import minitensor as mt
from minitensor.vision import io
from minitensor.vision.transforms.functional import pil_to_tensor

Image = pytest.importorskip("PIL.Image")
MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA", "RGBA": "RGBA"}


def picture(mode: str = "RGB") -> Any:
    found = Image.new("RGB", (7, 5))
    found.putdata([(37 * place % 256, 11 * place % 256, 5 * place) for place in range(35)])
    return found.convert(mode)


def in_bytes(made: Any, kind: str) -> mt.Tensor:
    file = files.BytesIO()
    made.save(file, format=kind)
    return mt.frombuffer(bytearray(file.getvalue()), dtype=mt.uint8)


@pytest.mark.parametrize("mode", ["UNCHANGED", *MODES])
@pytest.mark.parametrize("kind, own", [
    ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "L"), ("PNG", "LA"), ("PNG", "P"), ("PNG", "1"), ("JPEG", "RGB"),
    ("JPEG", "L"), ("WEBP", "RGB"),
])  # fmt: skip
def test_a_picture_is_read_as_pillow_reads_it(kind: str, own: str, mode: str) -> None:
    content = in_bytes(picture(own), kind)
    read = Image.open(files.BytesIO(bytes(content.tolist())))
    wanted = read.convert(MODES[mode]) if mode in MODES else read.convert("L") if own == "1" else read
    for each in (mode, mode.lower(), io.ImageReadMode[mode]):
        found = io.decode_image(content, each)
        assert found.dtype == mt.uint8 and mt.equal(found, pil_to_tensor(wanted))


@pytest.mark.parametrize("channels", (1, 3))
def test_what_is_written_is_read_again(channels: int, tmp_path: Path) -> None:
    image = mt.arange(channels * 16 * 8).remainder(251).to(mt.uint8).reshape(channels, 16, 8)
    io.write_png(image, tmp_path / "a.png", 9)
    assert mt.equal(io.read_image(tmp_path / "a.png"), image)
    assert mt.equal(io.decode_png(io.read_file(tmp_path / "a.png")), image)
    io.write_jpeg(image, tmp_path / "a.jpg", 100)
    found = io.read_image(str(tmp_path / "a.jpg"))
    assert found.shape == image.shape and (found.float() - image.float()).abs().mean() < 30
    assert mt.equal(io.encode_jpeg(image, 100), io.read_file(tmp_path / "a.jpg"))


def test_sixteen_bits_frames_and_turned_pictures_keep_what_they_have() -> None:
    deep = Image.frombytes("I;16", (2, 1), (1000).to_bytes(2, "little") + (65535).to_bytes(2, "little"))
    assert io.decode_image(in_bytes(deep, "PNG")).tolist() == [[[1000, 65535]]]
    file = files.BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, "GIF", save_all=True, append_images=[Image.new("RGB", (3, 2), "blue")])
    assert io.decode_gif(mt.frombuffer(bytearray(file.getvalue()), dtype=mt.uint8)).shape == (2, 3, 2, 3)
    file, turned = files.BytesIO(), Image.Exif()
    turned[0x0112] = 6  # by a quarter
    picture().save(file, "JPEG", exif=turned)
    content = mt.frombuffer(bytearray(file.getvalue()), dtype=mt.uint8)
    assert io.decode_image(content).shape == (3, 5, 7)
    assert io.decode_image(content, apply_exif_orientation=True).shape == (3, 7, 5)


def test_bad_input_is_refused(tmp_path: Path) -> None:
    gray = mt.zeros(1, 2, 2, dtype=mt.uint8)
    for refused, told in (
        (lambda: io.read_image(tmp_path / "none.png"), "No such file"),
        (lambda: io.write_png(gray, tmp_path / "none" / "a.png"), "No such file"),
        (lambda: io.decode_image(mt.zeros(3, dtype=mt.uint8)), "the 3 bytes are no picture"),
        (lambda: io.decode_image(mt.zeros(3)), r"uint8 tensor of one dim, got float32 of shape \(3,\)"),
        (lambda: io.write_file(tmp_path / "a", gray), r"one dim, got uint8 of shape \(1, 2, 2\)"),
        (lambda: io.encode_png(mt.zeros(3, 2, 2)), "1 or 3 channels, got float32"),
        (lambda: io.encode_jpeg(mt.zeros(2, 2, 2, dtype=mt.uint8)), "1 or 3 channels"),
        (lambda: io.encode_png(gray, 10), "from 0 to 9, got 10"),
    ):
        with pytest.raises(RuntimeError, match=told):
            refused()  # type: ignore[no-untyped-call]
    for wrong, told in ((lambda: io.decode_image(io.encode_png(gray), "BGR"), "got 'BGR'"),
                        (lambda: io.encode_jpeg(gray, 0), "from 1 to 100, got 0")):
        with pytest.raises(ValueError, match=told):
            wrong()  # type: ignore[no-untyped-call]
