"""To the sign-in page and back to the same place, with what was typed (C82, ADR 22).

What was typed waits for the same person. Who that is says a cookie of its own: it outlives the
session and comes only with requests from our own pages (SameSite=Strict). The form must carry a
CSRF token that we signed for somebody, so that no other site puts words into a form of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import urlencode, urlsplit

from flask import Response, current_app, g, redirect, request, url_for
from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer
from sqlalchemy.exc import SQLAlchemyError

from app.db import unit_of_work
from app.log import get_logger
from app.parts import parts
from app.services import kept_forms
from app.services.kept_forms import Form

log = get_logger(__name__)
KEPT: Final = "kept"
CSRF: Final = "csrf_token"
COOKIE: Final = "forecourt-last"
DAYS: Final = 30 * 86_400
MOST_BODY: Final = 1_000_000


def own_path(address: str, same_host: bool = False) -> str | None:
    """`address` when it leads to this site, else None: a link must not send people elsewhere.

    `same_host` accepts absolute addresses of this host and answers their path.
    """
    cleaned = urlsplit(address)
    if same_host and cleaned.netloc == request.host and cleaned.scheme in {"http", "https"}:
        cleaned = cleaned._replace(scheme="", netloc="")
    path = cleaned.geturl()
    plain = address.isprintable() and "\\" not in address
    if cleaned.scheme or cleaned.netloc or not plain:
        return None
    return path if path.startswith("/") and not path.startswith("//") else None


def ask_to_sign_in() -> Response:
    """To the sign-in page and back (C82); a poll or a part moves the whole page."""
    by_script = bool(request.headers.get("HX-Request"))
    if not by_script and request.method in {"GET", "HEAD"}:
        asked = request.full_path.rstrip("?")
        return _see(url_for("auth.login", next=None if asked == "/" else asked))
    return _go(login_page(_page_before(), keep_request(), bool(_typed())))


def ask_again(user_id: int) -> Response | None:
    """The form of another sign-in of the same person, shown anew with what was typed in it.

    None when nothing could be kept: then the caller refuses.
    """
    kept = keep_request() if last_person() == user_id else None
    return None if kept is None else _go(with_kept(page_of(_page_before() or request.path), kept))


def _page_before() -> str | None:
    """The page that this request came from, when it is one of ours."""
    by_script = request.headers.get("HX-Request")
    said = request.headers.get("HX-Current-URL", "") if by_script else request.referrer
    return own_path(said or "", same_host=True)


def _go(address: str) -> Response:
    """The whole page goes there, also when a part of it asked."""
    if not request.headers.get("HX-Request"):
        return _see(address)
    answer = Response(status=401)
    answer.headers["HX-Redirect"] = address
    return answer


def login_page(asked: str | None, kept: str | None, typed: bool = False) -> str:
    """The sign-in page that leads back to `asked`, where what was typed waits.

    `typed` without `kept`: it could not be kept, and the page says so.
    """
    if kept is None:
        ended = "lost" if typed else "1"
        return url_for("auth.login", next=page_of(asked) if asked else None, ended=ended)
    return url_for("auth.login", next=with_kept(page_of(asked or request.path), kept), ended=1)


def page_of(address: str) -> str:
    """The page of an address: a refused form was shown where it was posted to, which is none."""
    path, question, query = address.partition("?")
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None  # noqa: S101 - inside a request there is one
    if adapter.test(path, "GET"):
        return address
    shorter = path
    while shorter.strip("/"):
        shorter = shorter.rstrip("/").rpartition("/")[0] or "/"
        if adapter.test(shorter, "GET"):
            return shorter + question + query
    return "/"


def with_kept(address: str, kept: str) -> str:
    """The address with the token of what was typed, instead of an older one."""
    path, _, query = address.partition("?")
    rest = [part for part in query.split("&") if part and not part.startswith(f"{KEPT}=")]
    return f"{path}?{'&'.join([*rest, urlencode({KEPT: kept})])}"


def keep_request() -> str | None:
    """Keeps the form of this request for whoever was signed in last; the token, or None."""
    signed = request.form.get(CSRF) or request.headers.get("X-CSRFToken", "")
    return keep(_typed(), signed)


def _typed() -> list[Form]:
    """The form of this request without what is never kept; nothing for a request without one.

    Larger bodies hold files; they are not read for somebody who is not signed in.
    """
    if request.method in {"GET", "HEAD"} or (request.content_length or 0) > MOST_BODY:
        return []
    return kept_forms.cleaned([Form(request.path, tuple(request.form.items(multi=True)))])


def keep(forms: Sequence[Form], signed: str) -> str | None:
    """Keeps forms that carry a CSRF token of ours; None when nobody is known, or nothing typed."""
    user_id, made = last_person(), parts()
    if user_id is None or not _is_ours(signed):
        return None
    try:
        with unit_of_work() as session:
            now = made.clock.now()
            return kept_forms.keep(session, user_id, forms, crypto=made.crypto, now=now)
    except SQLAlchemyError as error:
        log.warning("typed_text_lost", error=type(error).__name__)
        return None


def _is_ours(signed: str) -> bool:
    signer = URLSafeTimedSerializer(cast(str, current_app.secret_key), salt="wtf-csrf-token")
    try:
        signer.loads(signed)
    except BadSignature:
        return False
    return True


def cookie_name() -> str:
    return f"__Host-{COOKIE}" if parts().settings.production else COOKIE


def last_person() -> int | None:
    """Who was signed in on this browser last, as far as we signed it."""
    try:
        known = _signer().unsign(request.cookies.get(cookie_name(), "")).decode()
    except BadSignature:
        return None
    return int(known) if known.isdecimal() else None


def remember_person(response: Response) -> Response:
    """Notes who is signed in; the cookie opens nothing and is read by this module alone."""
    user = g.get("user")
    if user is None or g.get("token") is not None or last_person() == user.id:
        return response
    response.set_cookie(
        cookie_name(),
        _signer().sign(str(user.id)).decode(),
        max_age=DAYS,
        secure=parts().settings.production,
        httponly=True,
        samesite="Strict",
    )
    return response


def _signer() -> Signer:
    return Signer(cast(str, current_app.secret_key), salt=COOKIE)


def _see(address: str) -> Response:
    return cast(Response, redirect(address, 303))
