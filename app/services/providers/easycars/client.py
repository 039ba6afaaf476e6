"""EasyCarsApiClient: the verbs of the EasyCars API, typed (story 1.6, 2.1).

One renewal of the token per call, at most; retries, breaker and log lines come with the door.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

import httpx
import orjson

from app.secret import Secret
from app.services.errors import CredentialsRejected, RecordRefused
from app.services.http import Door, timeouts
from app.services.http_calls import Call, finishing
from app.services.http_failures import AnswerUnreadable, require_success
from app.services.providers.easycars import envelope
from app.services.providers.easycars.auth import ClientPair, TokenAuth, without
from app.services.providers.easycars.splitter import ListSplitter, require_list
from app.services.providers.easycars.wire import StockItem, parse_item
from app.services.sync.protocol import Page

STOCK_PATH: Final = "StockService/GetAdvertisementStocks"
ROWS_PER_PAGE: Final = 500
TOTAL_LIMIT_FACTOR: Final = 5


@dataclass(frozen=True, slots=True)
class StockQuestion:
    """Whose stock; without a yard code all yards (the property is left out then)."""

    account_number: Secret
    account_secret: Secret
    yard_code: str | None = None

    def body(self) -> bytes:
        fields = {
            "AccountNumber": self.account_number.reveal(),
            "AccountSecret": self.account_secret.reveal(),
        }
        return orjson.dumps(fields | ({"YardCode": self.yard_code} if self.yard_code else {}))


class EasyCarsApiClient:
    """One environment and client pair behind an open door."""

    def __init__(self, door: Door, environment: str, pair: ClientPair) -> None:
        self.door = door
        self.auth = TokenAuth(door, environment, "StockService", pair)
        self._read_timeout = door.outside.settings.easycars_stock_timeout

    def get_advertisement_stocks(
        self, account_number: Secret, account_secret: Secret, yard_code: str | None = None
    ) -> list[StockItem]:
        """All advertised vehicles, typed (row 55); elements that cannot be read are left out.

        Raises CredentialsRejected, ProviderUnavailable, RequestRefused, ContractBroken. A sync
        uses `stream_stock`, which keeps neither the answer nor the items in memory.
        """
        rows: list[bytes] = []
        for page in self.stream_stock(StockQuestion(account_number, account_secret, yard_code)):
            if page.restart:
                rows.clear()
            rows.extend(page.rows)
        return [item for raw in rows if (item := _readable(raw)) is not None]

    def stream_stock(self, question: StockQuestion) -> Iterator[Page]:
        """Pages of raw elements as they arrive; the last one comes after the code was judged.

        A broken answer is asked for again, three times in all: a page with `restart` then says
        that the pages so far count no more. Raises as `get_advertisement_stocks`.
        """
        begun = False
        for attempt in self.door.attempts():
            with attempt as number:
                if begun:
                    yield Page([], restart=True)
                for page in self._renewing(question, number):
                    begun = True
                    yield page

    def one_try(self, question: StockQuestion) -> Generator[Page, None, None]:
        """The same without repeats, for a person who is waiting."""
        with self.door.once():
            yield from self._renewing(question, 1)

    def _renewing(self, question: StockQuestion, number: int) -> Iterator[Page]:
        """A refusal may mean the token or the account: a fresh token tells which (§11 row 5)."""
        try:
            yield from self._list(question, number)
        except envelope.TokenRefused:
            self.auth.drop_used()
        else:
            return
        yield Page([], restart=True)
        try:
            yield from self._list(question, number)
        except envelope.TokenRefused as exc:
            raise _account_rejected(exc.message) from exc

    def _list(self, question: StockQuestion, number: int) -> Iterator[Page]:
        with self.door.within(self._read_timeout * TOTAL_LIMIT_FACTOR) as deadline:
            request = self.door.client.build_request(
                "POST",
                STOCK_PATH,
                content=question.body(),
                headers={"Content-Type": "application/json"},
                timeout=timeouts(max(0.1, min(self._read_timeout, deadline.remaining))),
                extensions={"attempt": number},
            )
            response = self.door.client.send(request, auth=self.auth, stream=True)
            with finishing(response) as call:
                _require_answer(response)
                yield from self._pages(response, call, question)

    def _pages(
        self, response: httpx.Response, call: Call, question: StockQuestion
    ) -> Iterator[Page]:
        splitter, rows = ListSplitter(), list[bytes]()
        for chunk in _chunks(response):
            rows += splitter.feed(chunk)
            if len(rows) >= ROWS_PER_PAGE:
                yield Page(rows)
                rows = []
        rows += splitter.finish()
        answer, complete = require_list(splitter.envelope(), response.status_code)
        call.code = envelope.code_of(answer)
        secrets = (question.account_secret, question.account_number)
        message = without(envelope.message_of(answer), secrets)
        yield Page(rows, envelope.judge(call.code, message, payload=complete))


def _require_answer(response: httpx.Response) -> None:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise envelope.TokenRefused(None)
    require_success(response, envelope.LABEL)


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    except httpx.DecodingError as exc:
        raise AnswerUnreadable(f"{envelope.LABEL} sent a damaged compressed answer.") from exc


def _readable(raw: bytes) -> StockItem | None:
    try:
        return parse_item(raw).item
    except RecordRefused:
        return None


def _account_rejected(message: str | None) -> CredentialsRejected:
    said = f" EasyCars says: {message}" if message else ""
    return CredentialsRejected(
        f"EasyCars refused the Account Number and Account Secret.{said}", pair="account"
    )
