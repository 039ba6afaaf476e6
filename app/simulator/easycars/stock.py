"""StockService/GetAdvertisementStocks."""

from app.simulator.easycars.calls import ApiCall
from app.simulator.easycars.list_views import VIEWS
from app.simulator.easycars.stock_book import ListView


def get_advertisement_stocks(call: ApiCall) -> bytes:
    """All advertised vehicles of the account, or those of one yard; no paging, as at the vendor."""
    yard = call.fields.get("YardCode")
    book = call.world.dealer(call.account).book
    view, key = _view(call)
    return book.answer(call.base_url, str(yard) if yard else None, view, key)


def _view(call: ApiCall) -> tuple[ListView | None, object]:
    active = call.active
    if active is None or active.name not in VIEWS:
        return None, None
    make = VIEWS[active.name]
    return lambda book, rows: make(book, rows, active), (active.name, active.value, active.kinds)
