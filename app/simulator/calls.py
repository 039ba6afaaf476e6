"""The log of calls: what was asked, never a secret. Tests count on it ("0 photos fetched")."""

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 2000


@dataclass(frozen=True)
class Call:
    """One call from outside. `code` is the vendor's answer code, None when there was none."""

    number: int
    service: str
    endpoint: str
    account: str | None
    status: int
    code: int | None
    scenario: str | None


class CallLog:
    """Counts since the last reset and the latest calls; photos are counted by path as well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._counts: Counter[str] = Counter()
            self._photo_status: Counter[int] = Counter()
            self._photo_paths: Counter[str] = Counter()
            self._recent: deque[Call] = deque(maxlen=KEPT)
            self._number = 0

    def add(
        self,
        service: str,
        endpoint: str,
        *,
        account: str | None,
        status: int,
        code: int | None = None,
        scenario: str | None = None,
    ) -> None:
        with self._lock:
            self._number += 1
            self._counts[f"{service}/{endpoint}"] += 1
            self._recent.append(
                Call(self._number, service, endpoint, account, status, code, scenario)
            )

    def add_photo(self, path: str, status: int) -> None:
        """Status 0 stands for a photo that was cut off."""
        with self._lock:
            self._photo_status[status] += 1
            self._photo_paths[path] += 1

    def as_dict(self, paths: bool = True) -> dict[str, Any]:
        """Counts per endpoint, photo counts by status and path, and the latest calls."""
        with self._lock:
            photos: dict[str, Any] = {
                "requests": sum(self._photo_status.values()),
                "fetched": self._photo_status[200],
                "not_modified": self._photo_status[304],
                "by_status": {str(status): n for status, n in sorted(self._photo_status.items())},
            }
            if paths:
                photos["by_path"] = dict(self._photo_paths)
            return {
                "total": self._number,
                "counts": dict(sorted(self._counts.items())),
                "photos": photos,
                "recent": [asdict(call) for call in self._recent],
            }
