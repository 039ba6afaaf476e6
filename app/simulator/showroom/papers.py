"""Number plates and vehicle identification numbers that look right in the place they are for."""

import random

_VIN_CHARS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_VIN_VALUES = dict(
    zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ",
        (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
        strict=True,
    )
) | {str(n): n for n in range(10)}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_YEAR_CODES = "ABCDEFGHJKLMNPRSTVWXY123456789"

# A: letter, 9: digit, everything else as it stands
PLATES = {
    "NSW": "AAA99A",
    "VIC": "1AA9AA",
    "QLD": "999AA9",
    "WA": "1AAA999",
    "SA": "S999AAA",
    "TAS": "A99AA",
    "ACT": "YAA99A",
    "NT": "CA99AA",
}
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


def plate(rng: random.Random, state: str) -> str:
    """A plate in the pattern of an Australian state."""
    pattern = PLATES[state]
    return "".join(
        rng.choice(_LETTERS)
        if c == "A" and i
        else _LETTERS[rng.randrange(8)]
        if c == "A"
        else str(rng.randrange(10))
        if c == "9"
        else c
        for i, c in enumerate(pattern)
    )


def vin(start: str, year: int, serial: int) -> str:
    """A 17-character VIN with a correct check digit; unique per serial."""
    year_code = _YEAR_CODES[(year - 1980) % 30]
    tail = f"{year_code}{_VIN_CHARS[serial // 1_000_000 % 23]}{serial % 1_000_000:06d}"
    bare = start[:8] + "0" + tail
    total = sum(_VIN_VALUES[c] * w for c, w in zip(bare, _VIN_WEIGHTS, strict=True))
    return bare[:8] + ("X" if total % 11 == 10 else str(total % 11)) + tail
