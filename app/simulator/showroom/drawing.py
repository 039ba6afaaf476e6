"""Puts a vehicle into a scene, from a viewpoint that depends on the photo's place in the ad."""

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont, ImageOps

from app.simulator.showroom.scenes import GROUND, SCENES, SIZE, scene
from app.simulator.showroom.subject import Subject
from app.simulator.showroom.vehicle_art import HEIGHT, WIDTH, standing_art

# zoom, what part of the vehicle stands in the middle (0 tail, 1 nose), nose to the left
_VIEWS = (
    (0.88, 0.50, False),
    (0.84, 0.50, True),
    (1.50, 0.80, False),
    (1.50, 0.18, False),
    (2.30, 0.80, False),
    (0.60, 0.46, True),
    (1.15, 0.58, True),
    (1.90, 0.50, False),
    (2.10, 0.20, True),
    (0.72, 0.55, False),
    (1.65, 0.70, True),
    (1.05, 0.42, False),
)
_WHEEL_LINE = 400
_QUALITY = 88


def draw(subject: Subject, digest: str) -> bytes:
    """A JPEG of 1024 by 683. `digest` moves scene and camera a little; nothing is chance."""
    nudge = int(digest[:8], 16)
    zoom, centre, mirrored = _VIEWS[subject.index % len(_VIEWS)]
    names = tuple(SCENES)
    picture = scene(names[_scene_of(subject, nudge) % len(names)], nudge % 3).copy()
    _place(picture, subject, zoom + nudge % 7 / 100, centre, mirrored)
    _label(picture, subject)
    out = BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY, optimize=False)
    return out.getvalue()


def _scene_of(subject: Subject, nudge: int) -> int:
    """A dealer's main pictures are taken on the forecourt, the others where there is room."""
    return 0 if subject.index == 0 and nudge % 3 else nudge // 7


def _place(
    picture: Image.Image, subject: Subject, zoom: float, centre: float, mirrored: bool
) -> None:
    art = standing_art(subject.shape, subject.colour)
    if mirrored:
        art, centre = ImageOps.mirror(art), 1 - centre
    left = round(SIZE[0] / 2 - WIDTH * zoom * centre)
    top = round(min(640, GROUND + 110 * zoom) - _WHEEL_LINE * zoom)
    seen = (max(0, left), max(0, top), min(SIZE[0], left + round(WIDTH * zoom)), SIZE[1])
    size = (seen[2] - seen[0], min(seen[3], top + round(HEIGHT * zoom)) - seen[1])
    source = (seen[0] - left, seen[1] - top, seen[0] - left + size[0], seen[1] - top + size[1])
    x0, y0, x1, y1 = (edge / zoom for edge in source)
    box = (x0, y0, min(x1, WIDTH), min(y1, HEIGHT))
    part = art.resize(size, Image.Resampling.BILINEAR, box=box)
    picture.paste(part, seen[:2], part)


def _label(picture: Image.Image, subject: Subject) -> None:
    """The strip that dealers' software prints into pictures; the plate, where there is one."""
    pen = ImageDraw.Draw(picture)
    pen.rectangle([0, SIZE[1] - 40, SIZE[0], SIZE[1]], fill=(24, 30, 38))
    font = ImageFont.load_default(20)
    pen.text((20, SIZE[1] - 32), f"STOCK {subject.number}", fill=(240, 240, 236), font=font)
    pen.text(
        (SIZE[0] - 170, SIZE[1] - 32),
        subject.plate or "UNREGISTERED",
        fill=(236, 190, 44),
        font=font,
    )
