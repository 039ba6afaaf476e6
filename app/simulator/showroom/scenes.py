"""Backgrounds: where dealers take their pictures."""

# ruff: noqa: ARG001 - every scene has the same signature

import random
from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIZE = (1024, 683)
GROUND = 470
Colour = tuple[int, int, int]
Pen = ImageDraw.ImageDraw

SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((86, 148, 214), (214, 232, 244)),
    ((120, 160, 196), (236, 226, 210)),
    ((150, 168, 184), (222, 226, 230)),
)


@lru_cache(maxsize=16)
def scene(name: str, sky: int) -> Image.Image:
    """A ready background; `sky` picks the weather. The same arguments give the same picture."""
    picture = Image.new("RGB", SIZE)
    rng = random.Random(f"{name}/{sky}")
    SCENES[name](picture, rng, SKIES[sky % len(SKIES)])
    return ImageChops.add(
        picture.filter(ImageFilter.GaussianBlur(1.1)), _grain(rng), scale=1, offset=-14
    )


def _grain(rng: random.Random) -> Image.Image:
    """Unevenness of asphalt, leaves and sensor, so that the pictures do not look like posters."""
    coarse = Image.frombytes("L", (256, 171), rng.randbytes(256 * 171)).resize(
        SIZE, Image.Resampling.BICUBIC
    )
    fine = Image.frombytes("L", SIZE, rng.randbytes(SIZE[0] * SIZE[1]))
    return (
        Image.blend(coarse, fine, 0.55).point([value // 9 for value in range(256)]).convert("RGB")
    )


def _gradient(picture: Image.Image, top: Colour, bottom: Colour, y0: int, y1: int) -> None:
    ramp = Image.linear_gradient("L").resize((SIZE[0], y1 - y0))
    picture.paste(
        Image.composite(
            Image.new("RGB", ramp.size, bottom), Image.new("RGB", ramp.size, top), ramp
        ),
        (0, y0),
    )


def _clouds(picture: Image.Image, rng: random.Random) -> None:
    veil = Image.new("L", SIZE)
    pen = ImageDraw.Draw(veil)
    for _ in range(26):
        x, y, w = rng.randrange(-100, 1024), rng.randrange(10, 240), rng.randrange(80, 300)
        pen.ellipse([x, y, x + w, y + w // 5], fill=rng.randrange(60, 150))
    picture.paste((255, 255, 255), (0, 0), veil.filter(ImageFilter.GaussianBlur(14)))


def _trees(pen: Pen, rng: random.Random, horizon: int) -> None:
    for _ in range(16):
        x, height = rng.randrange(-20, 1040), rng.randrange(90, 210)
        pen.rectangle([x - 3, horizon - height + 40, x + 3, horizon + 6], fill=(104, 92, 78))
        for _ in range(22):
            a, b, r = (
                x + rng.gauss(0, 30),
                horizon - height + rng.gauss(26, 24),
                rng.randrange(10, 26),
            )
            green = rng.randrange(70, 118)
            pen.ellipse([a - r, b - r, a + r, b + r * 0.7], fill=(green - 18, green, green - 34))


def _forecourt(picture: Image.Image, rng: random.Random, sky: tuple[Colour, Colour]) -> None:
    _gradient(picture, *sky, 0, 400)
    _clouds(picture, rng)
    pen = ImageDraw.Draw(picture)
    pen.rectangle([60, 120, 980, 400], fill=(206, 210, 212))
    pen.rectangle([60, 120, 980, 176], fill=(28, 66, 110))
    pen.rectangle([60, 172, 980, 178], fill=(232, 176, 40))
    for x in range(84, 960, 112):
        shade = rng.randrange(96, 150)
        pen.rectangle([x, 196, x + 98, 392], fill=(shade - 20, shade, shade + 12))
        pen.polygon(
            [(x + 12, 392), (x + 52, 196), (x + 72, 196), (x + 32, 392)],
            fill=(shade, shade + 22, shade + 34),
        )
    _gradient(picture, (146, 146, 144), (104, 104, 104), 398, SIZE[1])
    for x in range(-300, 1400, 240):
        pen.line([(x + 150, 420), (x, SIZE[1])], fill=(216, 216, 208), width=5)
    for at, x in enumerate(range(0, 1040, 36)):
        y = 60 + abs(512 - x) // 22
        pen.polygon(
            [(x, y), (x + 26, y), (x + 13, y + 26)],
            fill=((206, 40, 44), (238, 238, 236), (30, 92, 170))[at % 3],
        )


def _street(picture: Image.Image, rng: random.Random, sky: tuple[Colour, Colour]) -> None:
    _gradient(picture, *sky, 0, 400)
    _clouds(picture, rng)
    pen = ImageDraw.Draw(picture)
    pen.polygon(
        [
            (0, 380),
            (160, 330),
            (380, 352),
            (620, 300),
            (840, 344),
            (1024, 322),
            (1024, 420),
            (0, 420),
        ],
        fill=(118, 138, 132),
    )
    _trees(pen, rng, 404)
    _gradient(picture, (150, 152, 96), (122, 130, 78), 398, 446)
    _gradient(picture, (132, 130, 128), (92, 92, 94), 446, SIZE[1])
    pen.line([(0, 448), (1024, 448)], fill=(196, 194, 188), width=9)
    for x in range(-40, 1024, 210):
        pen.polygon([(x, 634), (x + 120, 634), (x + 112, 644), (x - 10, 644)], fill=(230, 228, 220))


def _coast(picture: Image.Image, rng: random.Random, sky: tuple[Colour, Colour]) -> None:
    _gradient(picture, *sky, 0, 300)
    _clouds(picture, rng)
    _gradient(picture, (48, 118, 150), (112, 178, 186), 298, 392)
    pen = ImageDraw.Draw(picture)
    for _ in range(70):
        x, y = rng.randrange(1024), rng.randrange(304, 388)
        pen.line(
            [(x, y), (x + rng.randrange(10, 70), y)], fill=(214, 232, 234), width=1 + (y > 360)
        )
    pen.polygon([(700, 300), (820, 246), (1024, 226), (1024, 330)], fill=(96, 112, 86))
    _gradient(picture, (222, 206, 170), (196, 178, 142), 390, 452)
    _gradient(picture, (140, 138, 134), (96, 96, 96), 450, SIZE[1])


def _studio(picture: Image.Image, rng: random.Random, sky: tuple[Colour, Colour]) -> None:
    _gradient(picture, (198, 202, 206), (238, 240, 241), 0, 430)
    _gradient(picture, (214, 216, 218), (150, 153, 157), 428, SIZE[1])
    pen = ImageDraw.Draw(picture)
    for x in (120, 420, 720):
        pen.polygon([(x, 0), (x + 190, 0), (x + 170, 26), (x + 20, 26)], fill=(255, 255, 255))


SCENES = {"forecourt": _forecourt, "street": _street, "coast": _coast, "studio": _studio}
