"""Makes and keeps photos: drawn ones for eyes, fast ones of a fixed size for benchmarks."""

import threading
from collections import OrderedDict

from app.simulator.showroom.drawing import draw
from app.simulator.showroom.subject import Subject

MODES = ("drawn", "fast")
FAST_BYTES = 150_000
KEPT = 800


class PhotoLab:
    """JPEG bytes per photo address; the same address always gives the same bytes."""

    def __init__(self, mode: str = "drawn") -> None:
        if mode not in MODES:
            raise ValueError(f"Photos are {' or '.join(MODES)}, not {mode!r}.")
        self.mode = mode
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._template = b""

    def photo(self, subject: Subject, digest: str) -> bytes:
        """A JPEG of the subject. `digest` names it: distinct digests give distinct bytes."""
        if self.mode == "fast":
            return self._fast(digest)
        with self._lock:
            found = self._kept.get(digest)
        return found or self._keep(digest, draw(subject, digest))

    def _keep(self, digest: str, jpeg: bytes) -> bytes:
        with self._lock:
            self._kept[digest] = jpeg
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return jpeg

    def _fast(self, digest: str) -> bytes:
        """One picture for all, told apart by what follows the end of the image."""
        if not self._template:
            self._template = draw(Subject("suv", (24, 92, 190), "", "", 0), "0" * 40)[
                : FAST_BYTES - 40
            ]
        return self._template + digest.encode().rjust(FAST_BYTES - len(self._template), b"\0")
