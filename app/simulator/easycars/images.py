"""Public photos: no token, no file extension, validators, and the faults that photos have."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import Response, request

from app.simulator.easycars.accounts import account_of_image
from app.simulator.easycars.stock_book import StockBook
from app.simulator.easycars.vehicles import make_item, photo_serial
from app.simulator.faults import MAINTENANCE_PAGE, half, hold, html
from app.simulator.scenarios import PHOTO_ENDPOINT, Active
from app.simulator.showroom.subject import Subject, subject_of
from app.simulator.world import World

_EPOCH = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def serve_photo(world: World, image_account: int, image_id: int, digest: str) -> Response:
    """One photo, 304 when the caller has it, 404 when the address was never handed out."""
    account = account_of_image(image_account)
    active = world.switch.take(PHOTO_ENDPOINT, account)
    response = _damaged(world, active, digest) or _photo(world, account, image_id, digest)
    if (
        active
        and active.name == "photos-truncated"
        and _hit(active, digest)
        and response.status_code == 200
    ):
        response = half(response, promise_all=True)
    world.calls.add_photo(request.path, response.status_code)
    return response


def _hit(active: Active, digest: str) -> bool:
    """Whether this photo belongs to the share that the scenario concerns: same photo, same fate."""
    return int(digest[:4], 16) % 100 < active.number


def _damaged(world: World, active: Active | None, digest: str) -> Response | None:
    if active is None:
        return None
    if active.name == "photos-slow":
        hold(active.number, world.switch, until_switched=False)
        return None
    makers: dict[str, Callable[[], Response]] = {
        "photos-missing": lambda: html("<h1>404</h1>", 404),
        "photos-html": lambda: html(MAINTENANCE_PAGE, 200),
    }
    maker = makers.get(active.name)
    return maker() if maker and _hit(active, digest) else None


def _photo(world: World, account: str, image_id: int, digest: str) -> Response:
    book = world.dealer(account).book
    if not book.has_photo(image_id, digest):
        return html("<h1>404</h1>", 404)
    subject = _subject(book, image_id)
    response = Response(mimetype="image/jpeg")
    response.set_etag(digest)
    response.last_modified = _EPOCH + timedelta(minutes=image_id % 200_000)
    response.cache_control.public = True
    response.cache_control.max_age = 86_400
    response.make_conditional(request)
    if response.status_code == 200:
        response.set_data(world.lab.photo(subject, digest))
    return response


def _subject(book: StockBook, image_id: int) -> Subject:
    serial, index = photo_serial(image_id)
    return subject_of(make_item(book.seed, book.account, serial), index)
