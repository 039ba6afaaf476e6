"""Takes hidden data out of pictures without touching a pixel (trap T24: location, names, cameras).

The compressed picture itself is copied byte for byte, so nothing is lost and nothing has to be
encoded again. Colour profiles stay. A rotation that was only noted in the metadata is kept as a
note of 32 bytes that says nothing else.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from app.services.errors import ProviderUnavailable, RecordRefused

ORIENTATION = 0x0112
JPEG_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
START, END, SCAN = 0xD8, 0xD9, 0xDA
APP0, APP1, APP2, APP14, APP15, COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
PNG_DISPLAY_CHUNKS = {
    *(b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"pHYs"),
    *(b"acTL", b"fcTL", b"fdAT"),
}
WEBP_XMP_FLAG, WEBP_EXIF_FLAG = 0x04, 0x08

BROKEN_OFF = "The picture breaks off in the middle."


def sniff(content: bytes) -> str | None:
    """The type by the first bytes: "JPEG", "PNG", "WEBP", "GIF", or None for anything else."""
    if content[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if content[:8] == PNG_HEAD:
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return "GIF" if content[:6] in (b"GIF87a", b"GIF89a") else None


def without_metadata(kind: str, content: bytes) -> tuple[bytes, int]:
    """The same picture without its hidden data, and its orientation (1 to 8).

    Raises ProviderUnavailable when it breaks off, RecordRefused when it is malformed.
    """
    strip = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}[kind]
    try:
        return strip(content)
    except (struct.error, IndexError):
        raise ProviderUnavailable(BROKEN_OFF) from None


def _jpeg(content: bytes) -> tuple[bytes, int]:
    kept: list[bytes] = []
    turned = 1
    for marker, segment in _jpeg_segments(content):
        if marker == APP1:
            turned = max(turned, _orientation(segment[4:]))
        if _keep_jpeg(marker, segment):
            kept.append(segment)
    if turned != 1:
        kept.insert(1, _jpeg_orientation(turned))
    return b"".join(kept), turned


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, bytes) from the start to the end marker; what follows the end is left behind."""
    yield START, content[:2]
    at = 2
    while True:
        marker = content[at + 1]
        if content[at] != 0xFF:
            raise RecordRefused("The picture is damaged.")
        if marker == END:
            yield END, content[at : at + 2]
            return
        if marker == 0xFF:
            at += 1
            continue
        end = at + 2 + struct.unpack_from(">H", content, at + 2)[0]
        end = _after_scan(content, end) if marker == SCAN else end
        yield marker, content[at:end]
        at = end


def _after_scan(content: bytes, at: int) -> int:
    """Where the compressed data ends that begins at `at`."""
    found = JPEG_NEXT_MARKER.search(content, at)
    if found is None:
        raise ProviderUnavailable(BROKEN_OFF)
    return found.start()


def _keep_jpeg(marker: int, segment: bytes) -> bool:
    if marker == APP0:
        return segment[4:9] == b"JFIF\0"
    if marker == APP2:
        return segment[4:16] == b"ICC_PROFILE\0"
    return marker == APP14 or not (APP1 <= marker <= APP15 or marker == COMMENT)


def _orientation(exif: bytes) -> int:
    """1 to 8 as the camera noted it; 1 when there is no note or it cannot be read."""
    if not exif.startswith((b"Exif\0\0", b"II", b"MM")):
        return 1
    notes = Image.Exif()
    try:
        notes.load(exif)
        turned = notes.get(ORIENTATION, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return 1
    return turned if turned in range(1, 9) else 1


def _orientation_note(turned: int) -> bytes:
    """A TIFF block with the one entry "orientation"."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, turned, 0, 0)


def _jpeg_orientation(turned: int) -> bytes:
    note = b"Exif\0\0" + _orientation_note(turned)
    return struct.pack(">BBH", 0xFF, APP1, len(note) + 2) + note


def _png(content: bytes) -> tuple[bytes, int]:
    kept = [PNG_HEAD]
    turned = 1
    for name, chunk in _png_chunks(content):
        if name == b"eXIf" and turned == 1 and (turned := _orientation(chunk[8:-4])) != 1:
            kept.append(_png_chunk(b"eXIf", _orientation_note(turned)))
        elif name[0:1].isupper() or name in PNG_DISPLAY_CHUNKS:
            kept.append(chunk)
    return b"".join(kept), turned


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG_HEAD)
    name = b""
    while name != b"IEND":
        size, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + size
        if end > len(content):
            raise ProviderUnavailable(BROKEN_OFF)
        yield name, content[at:end]
        at = end


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _webp(content: bytes) -> tuple[bytes, int]:
    chunks = list(_webp_chunks(content))
    turned = next((_orientation(body) for name, body in chunks if name == b"EXIF"), 1)
    kept = [(name, body) for name, body in chunks if name not in (b"EXIF", b"XMP ")]
    if turned != 1:
        kept.append((b"EXIF", _orientation_note(turned)))
    body = b"".join(_webp_chunk(name, _webp_flags(name, data, turned)) for name, data in kept)
    return struct.pack("<4sI4s", b"RIFF", len(body) + 4, b"WEBP") + body, turned


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + struct.unpack_from("<I", content, 4)[0]
    if end > len(content) + 1:
        raise ProviderUnavailable(BROKEN_OFF)
    at = 12
    while at + 8 <= min(end, len(content)):
        name, size = struct.unpack_from("<4sI", content, at)
        yield name, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _webp_flags(name: bytes, body: bytes, turned: int) -> bytes:
    """The header of an extended WebP, telling the truth about what is still inside."""
    if name != b"VP8X":
        return body
    flags = body[0] & ~(WEBP_XMP_FLAG | WEBP_EXIF_FLAG)
    return bytes([flags | (WEBP_EXIF_FLAG if turned != 1 else 0)]) + body[1:]


def _webp_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)
