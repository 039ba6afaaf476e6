"""The envelope of every EasyCars answer: Code, ErrorMessage, and the payload beside them.

HTTP 200 says nothing: a refused call comes as 200 with a code (easycars-api §3). The vendor's
names come first; the spellings of the architecture document are read as well (trap T4). An answer
without a code is never a success.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from app.services.errors import ContractBroken, ProviderUnavailable, RequestRefused
from app.services.http_failures import AnswerUnreadable

LABEL: Final = "EasyCars"
CODE_NAMES: Final = ("Code", "ResponseCode", "ReturnCode")
MESSAGE_NAMES: Final = ("ErrorMessage", "ResponseMessage", "ErrorMsg")
SUCCESS, AUTHENTICATION_FAIL, WARNING, FAILED, SYSTEM_ERROR = 0, 1, 5, 7, 9
LONGEST_MESSAGE = 300


class TokenRefused(Exception):
    """Code 1 or HTTP 401 on a call with a token: the token, or the account pair.

    Not an error of the house: the client renews the token once and then knows which it was.
    """

    def __init__(self, message: str | None) -> None:
        super().__init__("the token or the account pair was refused")
        self.message = message


def read(body: bytes, status: int = 200) -> dict[str, Any]:
    """The envelope as a mapping. Raises AnswerUnreadable in words that name what came instead."""
    text = body.strip()
    if not text:
        raise AnswerUnreadable(f"{LABEL} sent an empty answer (HTTP {status}).")
    if text.startswith(b"<"):
        raise AnswerUnreadable(web_page(status))
    try:
        envelope = orjson.loads(text)
    except ValueError as exc:
        raise AnswerUnreadable(f"{LABEL} sent an answer that is not readable JSON.") from exc
    if not isinstance(envelope, dict):
        raise ContractBroken(f"{LABEL} sent JSON of another shape than agreed.")
    return envelope


def web_page(status: int) -> str:
    return f"{LABEL} answered with a web page instead of data (HTTP {status})."


def code_of(envelope: Mapping[str, Any]) -> int:
    """The answer's code. Raises ContractBroken when there is none."""
    found = _first(envelope, CODE_NAMES)
    if isinstance(found, str) and found.strip().isdecimal():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int):
        raise ContractBroken(f"{LABEL} sent an answer without a result code.")
    return found


def message_of(envelope: Mapping[str, Any]) -> str | None:
    """The vendor's own words, shortened, for people to read. Never branched on (§10)."""
    found = _first(envelope, MESSAGE_NAMES)
    if not isinstance(found, str):
        return None
    return " ".join(found.split())[:LONGEST_MESSAGE] or None


def judge(code: int, message: str | None, *, payload: bool) -> str | None:
    """Code → outcome. Returns the warning of code 5; every other code but 0 raises.

    `payload` says whether the answer holds what was asked for.
    """
    if code == AUTHENTICATION_FAIL:
        raise TokenRefused(message)
    if code == FAILED:
        raise RequestRefused(_words("refused the request", message), code=code)
    if code == SYSTEM_ERROR:
        raise ProviderUnavailable(_words("reports a fault of its own (code 9)", message), code=code)
    if code not in {SUCCESS, WARNING}:
        raise ContractBroken(_words(f"answered with an unknown code ({code})", message), code=code)
    if code == WARNING and not payload:
        raise RequestRefused(_words("sent a warning and no data", message), code=code)
    if not payload:
        raise ContractBroken(f"{LABEL} reports success, but the answer holds no data.", code=code)
    return (message or f"{LABEL} sent a warning without words.") if code == WARNING else None


def _words(what: str, message: str | None) -> str:
    return f"{LABEL} {what}: {message}" if message else f"{LABEL} {what}."


def _first(envelope: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((envelope[name] for name in names if envelope.get(name) is not None), None)
