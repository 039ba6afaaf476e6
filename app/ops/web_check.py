"""Whether the web process answers yet."""

from __future__ import annotations

import http.client
from collections.abc import Callable

from app.ops.ports import HOST, wait_until

ASK_S = 5.0
PATH = "/readyz"


def wait_for(port: int, seconds: float, given_up: Callable[[], bool]) -> bool:
    """True when the readiness page says 200; False after `seconds`, or as soon as `given_up()`."""
    wait_until(lambda: given_up() or is_ready(port), seconds)
    return not given_up() and is_ready(port)


def is_ready(port: int) -> bool:
    """Asks directly, past any proxy that the environment names."""
    link = http.client.HTTPConnection(HOST, port, timeout=ASK_S)
    try:
        link.request("GET", PATH)
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()
