"""What a photo shows: the vehicle's shape and colour, seen from one of several sides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.simulator.showroom.catalogue import CARS, COLOURS

_SHAPES = {(model["make"], model["model"]): model["shape"] for model in CARS}
_BY_BODY = {"CAMPER TRAILER": "camper", "BUS": "bus", "PRIME MOVER": "prime-mover"}
_BY_TYPE = {"A": "suv", "B": "boat", "C": "caravan", "H": "truck", "M": "bike", "T": "trailer"}


@dataclass(frozen=True)
class Subject:
    """`index` is the photo's place in the advertisement; 0 is the main picture."""

    shape: str
    colour: tuple[int, int, int]
    plate: str
    number: str
    index: int


def subject_of(item: Mapping[str, Any], index: int) -> Subject:
    """What the index-th photo of a stock item shows."""
    shape = (
        _SHAPES.get((item["Make"], item["Model"]))
        or _BY_BODY.get(item["Body"])
        or _BY_TYPE[item["StockType"]]
    )
    colour = COLOURS.get(item["Colour"], (120, 126, 134))
    return Subject(shape, colour, item["RegoNum"], item["StockNumber"], index)
