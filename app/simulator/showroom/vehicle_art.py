"""Paints a shape in a colour as a transparent picture, drawn at twice the size for smooth edges."""

from functools import lru_cache
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFilter

from app.simulator.showroom.shapes import SHAPES, Part, Points

Colour = tuple[int, int, int]
Art = Image.Image

SCALE = 2
WIDTH, HEIGHT = 1000, 430
_PAINTS: dict[str, Colour] = {
    "glass": (52, 66, 78),
    "dark": (30, 31, 34),
    "gap": (20, 20, 22),
    "handle": (196, 198, 200),
    "lamp": (236, 242, 246),
    "tail": (188, 26, 30),
    "chrome": (186, 190, 194),
    "trim": (48, 50, 54),
    "canvas": (206, 196, 170),
}


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the other colour in the one."""
    r, g, b = (round(a + (z - a) * share) for a, z in zip(one, other, strict=True))
    return r, g, b


def vehicle_art(shape: str, colour: Colour) -> Art:
    """The vehicle seen from its right side, nose to the right, on a transparent ground."""
    size = (WIDTH * SCALE, HEIGHT * SCALE)
    art = Image.new("RGBA", size)
    for part in SHAPES[shape].parts:
        _paint(art, part, colour)
    for x, radius in SHAPES[shape].wheels:
        _wheel(ImageDraw.Draw(art), x, radius)
    return art.reduce(SCALE)


def _paint(art: Art, part: Part, colour: Colour) -> None:
    points = (
        _rounded(part.points) if part.smooth else [(float(x), float(y)) for x, y in part.points]
    )
    left, top = (int(min(axis)) for axis in zip(*points, strict=True))
    right, bottom = (int(max(axis)) + 1 for axis in zip(*points, strict=True))
    size = ((right - left) * SCALE, (bottom - top) * SCALE)
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon(
        [((x - left) * SCALE, (y - top) * SCALE) for x, y in points], fill=255
    )
    art.paste(_fill(part.paint, colour, size), (left * SCALE, top * SCALE), mask)


def _fill(paint: str, colour: Colour, size: tuple[int, int]) -> Art:
    base = {"body": colour, "pale": mixed((244, 245, 244), colour, 0.08)}.get(paint) or _PAINTS[
        paint
    ]
    light, deep = {"glass": (0.35, 0.35), "body": (0.34, 0.42), "pale": (0.3, 0.22)}.get(
        paint, (0.12, 0.2)
    )
    column = Image.new("RGB", (1, 64))
    for y in range(64):
        at = y / 63
        shade = (
            mixed(base, (255, 255, 255), light * (1 - at / 0.45))
            if at < 0.45
            else mixed(base, (0, 0, 0), deep * (at - 0.45) / 0.55)
        )
        column.putpixel((0, y), shade)
    return column.resize(size, Image.Resampling.BILINEAR)


def _wheel(pen: ImageDraw.ImageDraw, x: int, radius: int) -> None:
    y = 400 - radius
    rings = (
        (1.14, (14, 14, 15)),
        (1.0, (26, 27, 29)),
        (0.68, (150, 154, 158)),
        (0.6, (206, 209, 212)),
        (0.52, (112, 116, 120)),
        (0.2, (214, 217, 220)),
        (0.1, (70, 72, 75)),
    )
    for share, shade in rings:
        _disc(pen, x, y, radius * share, shade)
    for spoke in range(5):
        _spoke(pen, x, y, radius, spoke)


def _spoke(pen: ImageDraw.ImageDraw, x: int, y: int, radius: int, spoke: int) -> None:
    # unit vectors at 72 degrees, written out so that the drawing needs no rounding of sines
    dx, dy = ((0.0, -1.0), (0.951, -0.309), (0.588, 0.809), (-0.588, 0.809), (-0.951, -0.309))[
        spoke
    ]
    ends = [(x + dx * radius * r, y + dy * radius * r) for r in (0.16, 0.58)]
    pen.line(
        [(a * SCALE, b * SCALE) for a, b in ends], fill=(210, 213, 216), width=radius * SCALE // 7
    )


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, shade: Colour) -> None:
    pen.ellipse(
        [(x - radius) * SCALE, (y - radius) * SCALE, (x + radius) * SCALE, (y + radius) * SCALE],
        fill=shade,
    )


def _rounded(points: Points) -> list[tuple[float, float]]:
    """The outline with its corners cut twice (Chaikin); its lowest edge stays straight."""
    curve = [(float(x), float(y)) for x, y in points]
    for _ in range(3):
        cut = [curve[0]]
        for (ax, ay), (bx, by) in pairwise(curve):
            cut += [
                (ax * 0.75 + bx * 0.25, ay * 0.75 + by * 0.25),
                (ax * 0.25 + bx * 0.75, ay * 0.25 + by * 0.75),
            ]
        curve = [*cut, curve[-1]]
    return curve


@lru_cache(maxsize=120)
def standing_art(shape: str, colour: Colour) -> Art:
    """The vehicle on its soft shadow."""
    art = vehicle_art(shape, colour)
    left, _, right, _ = art.getbbox() or (0, 0, WIDTH, HEIGHT)
    mask = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(mask).ellipse([left + 10, 380, right - 10, 420], fill=190)
    ground = Image.new("RGBA", (WIDTH, HEIGHT), (12, 12, 14, 0))
    ground.putalpha(mask.filter(ImageFilter.GaussianBlur(9)))
    return Image.alpha_composite(ground, art)
