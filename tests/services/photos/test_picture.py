"""What is kept of a picture: clean, whole, in three sizes, and never more than memory allows."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from app.services.errors import ProviderError, ProviderUnavailable, RecordRefused
from app.services.photos.picture import read_picture, smaller_sizes
from tests.factories_vehicles import jpeg

PLACE = "33.8688 S somewhere private"


def exif(orientation: int = 1) -> bytes:
    notes = Image.Exif()
    notes[0x0112] = orientation
    notes[0x010E] = PLACE
    notes.get_ifd(0x8825)[1] = "S"
    return notes.tobytes()


def saved(kind: str, size: tuple[int, int] = (80, 40), mode: str = "RGB", **how: Any) -> bytes:
    target = io.BytesIO()
    image = Image.new(mode, size)
    image.putpixel((0, 0), 200 if mode in ("L", "P") else (200,) * len(image.getbands()))
    image.save(target, kind, **how)
    return target.getvalue()


def pixels(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGBA").tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_hidden_data_goes_and_no_pixel_changes(kind: str, orientation: int) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", PLACE)
    extra = {"pnginfo": text} if kind == "PNG" else {}
    sent = saved(kind, exif=exif(orientation), **extra)
    assert PLACE.encode() in sent

    picture = read_picture(sent)

    assert PLACE.encode() not in picture.content
    assert pixels(picture.content) == pixels(sent)
    with Image.open(io.BytesIO(picture.content)) as image:
        notes = image.getexif()
        assert dict(notes) == ({0x0112: 6} if orientation == 6 else {})
        assert not notes.get_ifd(0x8825)
    assert (picture.width, picture.height) == ((40, 80) if orientation == 6 else (80, 40))


def test_comments_thumbnails_and_what_follows_the_end_go() -> None:
    sent = saved("JPEG", comment=PLACE.encode()) + b"\0trailer " + PLACE.encode()
    assert PLACE.encode() not in read_picture(sent).content


def test_a_colour_profile_stays() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("JPEG", "PNG", "WEBP"):
        picture = read_picture(saved(kind, icc_profile=profile))
        with Image.open(io.BytesIO(picture.content)) as image:
            assert image.info["icc_profile"] == profile


def test_the_same_picture_with_other_hidden_data_is_the_same_file() -> None:
    assert read_picture(saved("JPEG", exif=exif())).sha256 == read_picture(saved("JPEG")).sha256


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param((640, 480), {"medium": (640, 480), "small": (160, 120)}, id="usual"),
        pytest.param(
            (4000, 3000),
            {"large": (1280, 960), "medium": (480, 360), "small": (160, 120)},
            id="large",
        ),
        pytest.param((100, 50), {"medium": (100, 50), "small": (100, 50)}, id="smaller than small"),
        pytest.param((1200, 30), {"medium": (600, 15), "small": (160, 4)}, id="a strip"),
    ],
)
def test_sizes(size: tuple[int, int], expected: dict[str, tuple[int, int]]) -> None:
    made = {}
    for name, content in smaller_sizes(read_picture(jpeg(size=size))):
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "WEBP"
            made[name] = image.size
    assert made == expected


def test_a_rotation_is_applied_in_the_smaller_sizes() -> None:
    sent = saved("JPEG", (400, 200), exif=exif(6))
    sizes = dict(smaller_sizes(read_picture(sent)))
    with Image.open(io.BytesIO(sizes["small"])) as image:
        assert image.height > image.width


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "P", "1"])
def test_every_colour_mode_can_be_shown(mode: str) -> None:
    kind = {"CMYK": "JPEG"}.get(mode, "PNG")
    assert dict(smaller_sizes(read_picture(saved(kind, mode=mode))))


def test_a_gif_is_kept_as_its_first_frame() -> None:
    frames = [Image.new("P", (30, 20), colour) for colour in (1, 2)]
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:], comment=PLACE.encode())
    picture = read_picture(target.getvalue())
    assert picture.content_type == "image/png"
    assert (picture.width, picture.height) == (30, 20)
    assert PLACE.encode() not in picture.content


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it has four thousand million pixels."""
    head = struct.pack(">IIBBBBB", 65_000, 65_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def too_wide() -> bytes:
    sent = saved("PNG", (10, 10))
    head = struct.pack(">II", 5000, 5000) + sent[24:29]
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return sent[:16] + head + crc + sent[33:]


@pytest.mark.parametrize("content", [bomb(), too_wide()], ids=["bomb", "over our limit"])
def test_too_many_pixels_are_refused_before_they_are_unfolded(content: bytes) -> None:
    with pytest.raises(RecordRefused, match="too many pixels"):
        read_picture(content)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_a_picture_that_breaks_off_is_told_apart(kind: str, share: float) -> None:
    noise = Image.effect_noise((200, 150), 80).convert("RGB")
    target = io.BytesIO()
    noise.save(target, kind)
    cut = target.getvalue()[: int(len(target.getvalue()) * share)]
    with pytest.raises(ProviderUnavailable, match="breaks off"):
        dict(smaller_sizes(read_picture(cut)))


@pytest.mark.parametrize("seed", range(200))
def test_damage_anywhere_ends_in_words(seed: int) -> None:
    """Bytes changed at random: a picture or one of our errors, never anything else."""
    kind = ("JPEG", "PNG", "WEBP", "GIF")[seed % 4]
    content = bytearray(saved(kind, (64, 64), mode="P" if kind == "GIF" else "RGB"))
    for step in range(1 + seed % 5):
        content[(seed * 7919 + step * 104_729) % len(content)] = (seed * 31 + step) % 256
    with suppress(ProviderError):
        assert dict(smaller_sizes(read_picture(bytes(content)))).keys() >= {"medium", "small"}
