"""From the bytes that a server sent to what is kept: a clean original and its smaller sizes.

Everything here is pure (bytes in, bytes out) and runs in the download threads; Pillow lets go of
the interpreter lock while it works, so two cores are used.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageOps

from app.services.errors import ProviderUnavailable, RecordRefused
from app.services.photos.metadata import BROKEN_OFF, sniff, without_metadata

SIZES = {"small": 160, "medium": 480, "large": 1280}
ORIGINAL = "original"
CONTENT_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
# Pictures up to this length of the longer side are shown as they are: a copy of nearly the same
# size would cost more time and space than it saves.
SHOWN_AS_THEY_ARE = 1600
# A JPEG is decoded at a fraction of its size; the other types must be unfolded whole in memory.
MAX_PIXELS = {"JPEG": 50_000_000, **dict.fromkeys(("PNG", "WEBP", "GIF"), 20_000_000)}
# A JPEG can be decoded at a half, a quarter or an eighth for nothing. When that comes this close
# to a size it is taken as it is: scaling down again costs as much as all the rest.
CLOSE_ENOUGH = 1.34
WEBP_QUALITY = 75
WEBP_EFFORT = 0
MAX_PROFILE_BYTES = 4096
BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    struct.error,
)
UPRIGHT = range(1, 5)


@dataclass(frozen=True)
class Picture:
    """A clean original. `width` and `height` as it is shown, after its rotation."""

    content: bytes
    sha256: str
    kind: str
    width: int
    height: int

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.kind]


def read_picture(content: bytes) -> Picture:
    """Checks and cleans what came. Raises RecordRefused or ProviderUnavailable (cut off)."""
    kind = sniff(content)
    if kind is None:
        raise RecordRefused(_no_picture(content))
    if kind == "GIF":
        kind, content = "PNG", _still(content)
    clean, turned = without_metadata(kind, content)
    with _pillow():
        image = _opened(clean, kind)
    width, height = image.size if turned in UPRIGHT else reversed(image.size)
    return Picture(clean, hashlib.sha256(clean).hexdigest(), kind, width, height)


def smaller_sizes(picture: Picture) -> Iterator[tuple[str, bytes]]:
    """(size name, WebP bytes), largest first, each made from the one before.

    Decodes the whole picture, so a damaged one is found here: raises like read_picture.
    """
    wanted = [name for name in reversed(SIZES) if is_made(name, picture.width, picture.height)]
    with _pillow():
        image = _opened(picture.content, picture.kind)
        profile = image.info.get("icc_profile") or b""
        current = _decoded(image, SIZES[wanted[0]])
    for name in wanted:
        if max(current.size) > SIZES[name] * CLOSE_ENOUGH:
            current.thumbnail((SIZES[name], SIZES[name]), Image.Resampling.HAMMING)
        yield name, _webp(current, profile)


def is_made(size: str, width: int, height: int) -> bool:
    """Whether a size is kept as a file of its own; otherwise the original is shown for it."""
    return size != "large" or max(width, height) > SHOWN_AS_THEY_ARE


def _no_picture(content: bytes) -> str:
    start = content[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "The server sent a web page instead of a picture."
    return "The server sent something that is no picture." if content else "The picture is empty."


def _still(gif: bytes) -> bytes:
    """The first frame of a GIF as PNG; colours of a GIF fit without loss."""
    target = io.BytesIO()
    with _pillow():
        image = _opened(gif, "GIF")
        image.convert("RGBA").save(target, "PNG", compress_level=3)
    return target.getvalue()


def _opened(content: bytes, kind: str) -> Image.Image:
    """Reads the head alone, so that the size can be judged before memory is taken."""
    image = Image.open(io.BytesIO(content), formats=[kind])
    if image.width * image.height > MAX_PIXELS[kind]:
        raise RecordRefused(f"The picture has too many pixels ({image.width} x {image.height}).")
    return image


def _decoded(image: Image.Image, longest: int) -> Image.Image:
    """The pixels, upright, no larger than needed for a side of `longest`."""
    scale = longest / max(image.size)
    image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
    image.load()
    upright = ImageOps.exif_transpose(image)
    return upright if upright.mode in ("RGB", "RGBA") else upright.convert(_plain_mode(upright))


def _plain_mode(image: Image.Image) -> str:
    return "RGBA" if image.has_transparency_data else "RGB"


@contextmanager
def _pillow() -> Iterator[None]:
    """Says in words what Pillow's many exceptions mean."""
    try:
        yield
    except BOMB:
        raise RecordRefused("The picture has too many pixels.") from None
    except UNREADABLE as exc:
        if "truncated" in str(exc):
            raise ProviderUnavailable(BROKEN_OFF) from None
        raise RecordRefused("The picture is damaged.") from None


def _webp(image: Image.Image, profile: bytes) -> bytes:
    target = io.BytesIO()
    kept = profile if len(profile) <= MAX_PROFILE_BYTES else b""
    image.save(target, "WEBP", quality=WEBP_QUALITY, method=WEBP_EFFORT, icc_profile=kept)
    return target.getvalue()
