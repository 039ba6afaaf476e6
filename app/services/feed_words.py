"""Words of the trade that need no explanation: what is in them raises no question (C20)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from app.services.mapping import folded

# The whole value must be one of these; StockStatus has no published list (easycars-api §8).
WHOLE: Final = {
    "status": frozenset({
        "in stock", "on offer", "on order", "sold", "available", "reserved", "deposit taken",
        "under offer", "on hold", "in transit", "demo", "demonstrator", "coming soon", "new",
        "used",
    }),
    "kind": frozenset({"car", "motorbike", "boat", "caravan", "truck", "trailer"}),
}  # fmt: skip

_COLOURS: Final = (
    "aqua aquamarine aubergine azure beige black blue bone bordeaux brass bronze brown burgundy "
    "caramel champagne charcoal chocolate chrome claret copper coral cream crimson cyan ebony "
    "emerald fawn gold golden graphite gray green grey gunmetal indigo ivory jade khaki lavender "
    "lemon lilac lime magenta magnolia mahogany maroon mauve mint mocha mustard navy ochre olive "
    "onyx opal orange peach pearl pewter pink platinum plum purple red rose ruby russet rust "
    "sable saffron sand sandstone sapphire scarlet sienna silver slate steel stone tan taupe teal "
    "terracotta titanium turquoise ultramarine vermilion violet white wine yellow two-tone "
    "camouflage multi multicolour"
)
_TRIMS: Final = (
    "alcantara cloth fabric leather leatherette microfibre nappa suede tartan trim tweed velour "
    "vinyl woven"
)
_BODIES: Final = (
    "adventure bike bowrider box bus cab cabriolet camper campervan caravan carrier chassis "
    "convertible coupe crossover cruiser curtainsider cuddy dual-cab enduro fastback flatbed "
    "hardtop hatch hatchback horse jetski liftback limousine minibus motocross motorhome mover "
    "mpv naked p/up pantech people personal pick-up pickup platform pontoon roadster runabout "
    "scooter sedan shooting skidsteer soft-top softtop sport sportback sports spyder spider suv "
    "tanker targa tilt tipper tourer touring trail trailer tray ute utility van wagon watercraft "
    "yacht dinghy catamaran bicycle quad atv buggy float plant"
)
_FUELS: Final = (
    "petrol unleaded ulp pulp diesel electric hybrid phev hev bev mhev ev lpg cng lng gas ethanol "
    "e10 e85 hydrogen biodiesel plug-in duel dual-fuel flex two-stroke turbo-diesel kerosene"
)
_GEARS: Final = (
    "automatic auto manual cvt dct dsg variable constantly continuous continuously tiptronic "
    "sequential sportshift steptronic amt automated dual-clutch clutch reduction direct semi-auto "
    "semi-automatic powershift hydrostatic xtronic multitronic s-tronic e-cvt ecvt single-speed"
)
_DRIVES: Final = (
    "4x4 4x2 2x4 6x2 6x4 8x4 8x2 10x4 awd fwd rwd 4wd 2wd wheel four-wheel all-wheel rear-wheel "
    "front-wheel quattro xdrive 4matic chain shaft belt"
)
# One of these words anywhere in the value is enough: "GLACIER WHITE", "6 SP AUTOMATIC".
ANY_WORD: Final = {
    "colour": frozenset(_COLOURS.split()),
    "interior_colour": frozenset((*_COLOURS.split(), *_TRIMS.split())),
    "body": frozenset(_BODIES.split()),
    "fuel_type": frozenset(_FUELS.split()),
    "gear_type": frozenset(_GEARS.split()),
    "drive_train": frozenset(_DRIVES.split()),
}
_WORD: Final = re.compile(r"[^\s,;()&+]+")
_BETWEEN: Final = re.compile(r"[/\-.]")


@lru_cache(maxsize=8192)
def is_known(name: str, received: str) -> bool:
    """Whether a received value explains itself; fields without words of their own always do."""
    text = folded(received)
    if name in WHOLE:
        return text in WHOLE[name]
    words = ANY_WORD.get(name)
    if words is None:
        return True
    return any(
        word in words or not words.isdisjoint(_BETWEEN.split(word)) for word in _WORD.findall(text)
    )
