"""The list of what can go wrong on purpose. It is data: page, control and tests all read it."""

from dataclasses import dataclass

NORMAL = "normal"


@dataclass(frozen=True)
class Scenario:
    """One thing that can be switched on.

    `reach` says which calls it touches: "api" (every call, tokens too), "calls" (calls that carry a
    token), "photos", or the name of one endpoint. `value` is the default of its one number and
    `unit` says what that number means.
    """

    name: str
    group: str
    does: str
    reach: str
    value: float | None = None
    unit: str = ""


_STOCK = "GetAdvertisementStocks"
_TOKEN = "RequestToken"  # noqa: S105 - an endpoint, not a secret
_DETAIL = "GetLeadDetail"

_TABLE = (
    # name, group, reach, default value, unit, what it does
    (NORMAL, "Normal", "none", None, "", "Everything works."),
    (
        "refused-client",
        "Access",
        _TOKEN,
        None,
        "",
        "RequestToken answers Code 1: the client pair is wrong.",
    ),
    (
        "refused-account",
        "Access",
        "calls",
        None,
        "",
        "Every call answers Code 1: the account pair is wrong.",
    ),
    ("expired-token", "Access", "calls", None, "", "Every token is refused with Code 1."),
    (
        "token-expires-early",
        "Access",
        "calls",
        2,
        "seconds",
        "Tokens promise 600 s and are refused after a few seconds.",
    ),
    ("slow", "Transport", "api", 5, "seconds", "Every answer comes late."),
    ("never-answers", "Transport", "api", 600, "seconds", "Takes the request and says nothing."),
    ("http-500", "Transport", "api", None, "", "HTTP 500 with an HTML error page."),
    ("http-503", "Transport", "api", 2, "seconds", "HTTP 503 with Retry-After."),
    ("http-429", "Transport", "api", 2, "seconds", "HTTP 429 with Retry-After."),
    ("html-error", "Transport", "api", None, "", "HTTP 200 with an HTML maintenance page."),
    (
        "connection-reset",
        "Transport",
        "api",
        None,
        "",
        "The connection is reset before anything is done.",
    ),
    (
        "reset-after-processing",
        "Transport",
        "calls",
        None,
        "",
        "The call is carried out, then the connection is reset.",
    ),
    (
        "timeout-after-processing",
        "Transport",
        "calls",
        600,
        "seconds",
        "The call is carried out, the answer never comes.",
    ),
    (
        "http-500-after-processing",
        "Transport",
        "calls",
        None,
        "",
        "The call is carried out, then HTTP 500 is answered.",
    ),
    ("code-5", "Codes", "calls", None, "", "Code 5 (warning) together with the payload."),
    ("code-5-empty", "Codes", "calls", None, "", "Code 5 (warning) without any payload."),
    ("code-7", "Codes", "calls", None, "", "Code 7 (failed)."),
    ("code-9", "Codes", "calls", None, "", "Code 9 (system error)."),
    (
        "code-9-after-processing",
        "Codes",
        "calls",
        None,
        "",
        "The call is carried out, then Code 9 is answered.",
    ),
    ("code-42", "Codes", "calls", None, "", "A code that is in no table."),
    ("malformed-json", "Answers", "calls", None, "", "The answer is broken JSON."),
    (
        "truncated",
        "Answers",
        "calls",
        None,
        "",
        "Half of the promised bytes, then the connection closes.",
    ),
    (
        "truncated-before-processing",
        "Answers",
        "calls",
        None,
        "",
        "The same, and nothing is done.",
    ),
    ("truncated-json", "Answers", "calls", None, "", "Half of the JSON as a complete HTTP answer."),
    ("empty-body", "Answers", "calls", None, "", "HTTP 200 with no body."),
    ("wrong-envelope", "Answers", "calls", None, "", "The answer carries no code at all."),
    (
        "wrong-envelope-return-code",
        "Answers",
        "calls",
        None,
        "",
        "ReturnCode and ErrorMsg instead of Code and ErrorMessage.",
    ),
    (
        "wrong-envelope-other-list",
        "Answers",
        _STOCK,
        None,
        "",
        "Code 0, but the list is called Response instead of StockList.",
    ),
    ("empty-list", "Stock list", _STOCK, None, "", "Success with no vehicle at all."),
    ("shrinking-feed", "Stock list", _STOCK, 60, "percent", "Only part of the stock is listed."),
    (
        "other-yard",
        "Stock list",
        _STOCK,
        None,
        "",
        "Another yard's vehicles instead of the dealer's own.",
    ),
    ("changed-prices", "Stock list", _STOCK, 10, "percent", "Part of the prices differ a little."),
    ("price-zero", "Stock list", _STOCK, 5, "percent", "Part of the prices are 0."),
    ("price-drop", "Stock list", _STOCK, 5, "percent", "Part of the prices fall by 60 %."),
    (
        "odometer-falling",
        "Stock list",
        _STOCK,
        5,
        "percent",
        "Part of the odometers run backwards.",
    ),
    (
        "sold-cars",
        "Stock list",
        _STOCK,
        10,
        "percent",
        "Part of the stock is sold: half says Sold, half is gone.",
    ),
    (
        "dirty-rows",
        "Stock list",
        _STOCK,
        6,
        "rows",
        "Rows with every kind of defect, one after the other.",
    ),
    (
        "bad-rows",
        "Stock list",
        _STOCK,
        3,
        "rows",
        "Rows that cannot be identified: nothing to store.",
    ),
    (
        "spelling-only",
        "Stock list",
        _STOCK,
        None,
        "",
        "The same content with other spacing, padding, null for empty text.",
    ),
    (
        "unknown-fields",
        "Stock list",
        _STOCK,
        None,
        "",
        "Every vehicle carries fields nobody has heard of.",
    ),
    ("missing-fields", "Stock list", _STOCK, None, "", "A third of the fields is left out."),
    ("photos-missing", "Photos", "photos", 100, "percent", "Photos answer 404."),
    ("photos-html", "Photos", "photos", 100, "percent", "Photos answer 200 with an HTML page."),
    ("photos-truncated", "Photos", "photos", 100, "percent", "Photos break off in the middle."),
    ("photos-slow", "Photos", "photos", 3, "seconds", "Photos come late."),
    (
        "new-leads",
        "Leads",
        "none",
        3,
        "leads",
        "Leads come in at the vendor when this is switched on.",
    ),
    ("status-readable", "Leads", _DETAIL, None, "", "GetLeadDetail also tells the LeadStatus."),
)

SCENARIOS: dict[str, Scenario] = {
    name: Scenario(name, group, does, reach, value, unit)
    for name, group, reach, value, unit, does in _TABLE
}
TOKEN_ENDPOINT = _TOKEN
PHOTO_ENDPOINT = "photo"
