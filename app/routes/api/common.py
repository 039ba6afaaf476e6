"""What all JSON routes share: reading input strictly, answering in one shape (contract §4).

class NewLead(ApiModel):
    name: PlainText
    stock_number: PlainText | None = None          # `stockNumber` on the wire

body = read_body(NewLead)                          # 400 with `errors` {member: words}
query = read_query(VehicleQuery)                   # a PageQuery: page, pageSize 1..100
return ok({"vehicles": rows, "pagination": pagination(query, total)})
"""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

import orjson
from flask import Response, request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from werkzeug.exceptions import UnsupportedMediaType

from app.services.errors import InputInvalid

MAX_PAGE = 1_000_000


class ApiModel(BaseModel):
    """Base of all bodies, queries and answers: camelCase outside, snake_case inside.

    Members that we do not know are ignored, as the contract promises more of them. Messages never
    repeat the value: it may be a secret.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        str_strip_whitespace=True,
        hide_input_in_errors=True,
        extra="ignore",
    )


class PageQuery(ApiModel):
    """The page of a list; 101 rows are refused, not silently cut (rows B-2a)."""

    page: int = Field(1, ge=1, le=MAX_PAGE)
    page_size: int = Field(20, ge=1, le=100)


class Pagination(ApiModel):
    current_page: int
    page_size: int
    total_records: int
    total_pages: int


class ProblemBody(ApiModel):
    """RFC 9457 with our members; `errors` names the members of the body that are wrong."""

    type: str
    title: str
    status: int
    detail: str
    message: str
    error_code: str
    request_id: str
    errors: dict[str, str] | None = None


def one_line(text: str) -> str:
    """Refuses control characters, NUL among them (PostgreSQL cannot store it)."""
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise ValueError("must not hold control characters")
    return text


def many_lines(text: str) -> str:
    """As `one_line`, but line breaks and tabs may stay."""
    one_line(text.replace("\n", "").replace("\r", "").replace("\t", ""))
    return text


PlainText = Annotated[str, AfterValidator(one_line)]
LongText = Annotated[str, AfterValidator(many_lines)]
Model = TypeVar("Model", bound=BaseModel)


def read_body(model: type[Model]) -> Model:
    """The JSON body as `model`; an absent body reads as `{}`. Raises InputInvalid (400)."""
    raw = request.get_data(cache=True)
    if not raw.strip():
        raw = b"{}"
    elif not request.is_json:
        raise UnsupportedMediaType
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _invalid(error) from None


def read_query(model: type[Model]) -> Model:
    """The query string as `model`; an empty value reads as absent. Raises InputInvalid (400)."""
    given = {name: value for name, value in request.args.items() if value.strip()}
    for name, value in given.items():
        if "\0" in value:
            raise InputInvalid("A filter cannot be read.", {name: "holds a NUL character"})
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> InputInvalid:
    """pydantic's findings in words, without the values that were sent."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found and found[0]["type"] == "json_invalid":
        return InputInvalid("The body is not valid JSON.")
    fields = {_member(item["loc"]): _words(item["msg"]) for item in reversed(found)}
    named = ", ".join(sorted(name for name in fields if name))
    return InputInvalid(
        f"Some values cannot be accepted: {named}." if named else "The body must be an object.",
        fields,
    )


def _member(location: tuple[int | str, ...]) -> str:
    return ".".join(to_camel(part) if isinstance(part, str) else str(part) for part in location)


def _words(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


def pagination(query: PageQuery, total: int) -> dict[str, int]:
    """The contract's block: currentPage, pageSize, totalRecords, totalPages."""
    return {
        "currentPage": query.page,
        "pageSize": query.page_size,
        "totalRecords": total,
        "totalPages": math.ceil(total / query.page_size),
    }


def ok(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON of dicts, lists, dates and ApiModels; moments are written in UTC with a Z."""
    made = Response(
        orjson.dumps(body, default=_jsonable, option=orjson.OPT_PASSTHROUGH_DATETIME),
        status,
        content_type="application/json",
    )
    made.headers["Cache-Control"] = "no-store"
    made.headers.extend(headers or {})
    return made


def no_content() -> Response:
    return Response(status=204)


def moment(value: datetime | None) -> str | None:
    """2025-01-15T10:00:00Z, or None; microseconds are dropped."""
    if value is None:
        return None
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="python", by_alias=True)
    raise TypeError(f"{type(value).__name__} does not belong in an answer")
