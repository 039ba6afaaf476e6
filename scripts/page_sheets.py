"""The pages as sheets: each in four widths, light above and dark below, for docs/pages.md.

A sheet is one file, so that a page's looks are compared at a glance and the folder stays small.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from scripts.screenshot_story import Found

GAP: Final = 24
BACKGROUND: Final = (128, 132, 138)
# Small enough to keep, large enough to read.
SCALE: Final = 0.75
QUALITY: Final = 40
INTRODUCTION: Final = """\
# Pages at every size

Every page at 1440, 820, 390 and 320 pixels, light above and dark below. All are made by \
`scripts/screenshots.py` from a running product, and this page with them.
"""


@dataclass(frozen=True)
class Sheet:
    """A page: its file's name, its title, and its address below the dealership's; one that begins
    with / is the system owner's. `{run}` and the like stand for the addresses of `Found`."""

    name: str
    title: str
    address: str

    @property
    def is_below(self) -> bool:
        return not self.address.startswith("/")

    def at(self, found: Found) -> str:
        numbers = {f"{name}_number": one.rpartition("/")[2] for name, one in vars(found).items()}
        return self.address.format(**vars(found), **numbers)


BULK = "vehicles/bulk?action=exclude&select=ticked&id={vehicle_number}"
CONFLICTS = "review/conflicts/decide?all=1&take=easycars"
HELD = "review/held/decide?run={run_number}&all=1&act=approve"
DIFFERENCES = "reconciliation/decide?action=take&select=ticked&id={difference_number}"
GROUPS: Final[Sequence[tuple[str, Sequence[Sheet]]]] = (
    ("Every day", (
        Sheet("dashboard", "Dashboard", ""),
        Sheet("all-dealerships", "All dealerships", "/"),
        Sheet("problems", "Problems", "alerts"),
        Sheet("problem", "A problem", "{problem}"),
        Sheet("search", "Search", "search?q=mazda"),
        Sheet("go-live", "Go live", "go-live"),
    )),
    ("Vehicles", (
        Sheet("vehicles", "Vehicles", "vehicles?sort=stock"),
        Sheet("vehicle", "A vehicle", "{vehicle}"),
        Sheet("vehicle-locked", "A vehicle with a padlock", "{locked}"),
        Sheet("vehicle-new", "A new vehicle", "vehicles/new"),
        Sheet("vehicle-edit", "Edit a vehicle", "{vehicle}/edit"),
        Sheet("vehicle-photos", "Photos of a vehicle", "{vehicle}/photos"),
        Sheet("vehicle-photo-remove", "Remove a photo", "{photo}"),
        Sheet("vehicle-why", "Why is it so?", "{locked}/why/price_cents"),
        Sheet("vehicle-lifecycle", "Take a vehicle off the market", "{vehicle}/lifecycle"),
        Sheet("vehicle-unlock", "Take padlocks off a vehicle", "{locked}/unlock"),
        Sheet("vehicles-bulk", "Change many vehicles", BULK),
        Sheet("quality", "Data quality", "quality"),
        Sheet("duplicates", "Duplicates", "duplicates"),
        Sheet("duplicate", "Two vehicles side by side", "{pair}"),
        Sheet("duplicate-preview", "What a merge would do", "{pair}/preview"),
    )),
    ("Leads and customers", (
        Sheet("leads", "Leads", "leads"),
        Sheet("lead", "A lead", "{lead}"),
        Sheet("lead-new", "A new lead", "leads/new"),
        Sheet("lead-edit", "Edit a lead", "{lead}/edit"),
        Sheet("lead-delete", "Delete a lead", "{lead}/delete"),
        Sheet("leads-send", "Send many leads", "leads/send?all=1"),
        Sheet("quotation-new", "A new quotation", "{lead}/quotation"),
        Sheet("customers", "Customers", "customers"),
        Sheet("customer", "A customer", "{customer}"),
        Sheet("customer-edit", "Edit a customer", "{customer}/edit"),
        Sheet("customer-duplicates", "Customers that may be the same", "customers/duplicates"),
    )),
    ("Review", (
        Sheet("review", "Review", "review"),
        Sheet("held", "Held changes", "review/held"),
        Sheet("held-decide", "Approve held changes", HELD),
        Sheet("conflicts", "Conflicts", "review/conflicts"),
        Sheet("conflict", "A conflict", "{conflict}"),
        Sheet("conflicts-decide", "Decide many conflicts", CONFLICTS),
    )),
    ("EasyCars", (
        Sheet("stock-sync", "Stock Sync", "sync/stock"),
        Sheet("lead-sync", "Lead Sync", "sync/leads"),
        Sheet("outside", "Vehicles outside the connection", "sync/outside"),
        Sheet("history", "History", "history"),
        Sheet("run", "A sync", "{run}?tab=updated"),
        Sheet("run-failed", "Refused rows of a sync", "{run}?tab=failed"),
        Sheet("preview", "A preview", "{preview}?tab=updated"),
        Sheet("run-approve", "Approve removals", "{run}/approve"),
        Sheet("run-undo", "Undo a sync", "{run}/undo"),
        Sheet("item-undo", "Undo one record", "{item}"),
        Sheet("reconciliation", "Reconciliation", "reconciliation"),
        Sheet("difference", "A difference", "{difference}"),
        Sheet("differences-decide", "Act on many differences", DIFFERENCES),
        Sheet("change-list", "The change list", "reconciliation/change-list"),
    )),
    ("Manage", (
        Sheet("easycars-settings", "EasyCars settings", "settings/easycars"),
        Sheet("easycars-delete", "Delete the credentials", "settings/easycars/delete"),
        Sheet("sync-settings", "Sync settings", "settings/sync"),
        Sheet("padlocks-off", "Take many padlocks off", "settings/sync/unlock"),
        Sheet("lead-settings", "Lead settings", "settings/leads"),
        Sheet("mapping", "Mapping rules", "settings/mapping"),
        Sheet("questions", "Questions about values", "settings/mapping/questions"),
        Sheet("history-keeping", "How long history is kept", "settings/history"),
        Sheet("people", "People", "settings/people"),
        Sheet("person-remove", "Remove a person", "{person}/remove"),
        Sheet("person-password", "A new password for a person", "{person}/password"),
        Sheet("tokens", "Tokens", "settings/tokens"),
        Sheet("audit", "Audit", "audit"),
        Sheet("account", "Change password", "/account"),
    )),
    ("System", (
        Sheet("system", "System", "/system/"),
        Sheet("dealerships", "Dealerships", "/system/dealerships"),
        Sheet("accounts", "Accounts", "/system/users"),
    )),
)  # fmt: skip
SHEETS: Final = tuple(sheet for _, sheets in GROUPS for sheet in sheets)


def composed(light: Sequence[bytes], dark: Sequence[bytes]) -> bytes:
    """The pictures of one page, each row from wide to narrow, as one WebP."""
    rows = [[Image.open(io.BytesIO(one)).convert("RGB") for one in row] for row in (light, dark)]
    width = sum(one.width + GAP for one in rows[0]) + GAP
    tall = max(one.height for one in rows[0])
    sheet = Image.new("RGB", (width, 2 * (tall + GAP) + GAP), BACKGROUND)
    for at, row in enumerate(rows):
        left = GAP
        for one in row:
            sheet.paste(one, (left, GAP + at * (tall + GAP)))
            left += one.width + GAP
    return _small(sheet)


def _small(sheet: Image.Image) -> bytes:
    width, height = (round(side * SCALE) for side in sheet.size)
    kept = io.BytesIO()
    smaller = sheet.resize((width, height), Image.Resampling.LANCZOS)
    smaller.save(kept, "WEBP", quality=QUALITY, method=6)
    return kept.getvalue()


def document() -> str:
    """docs/pages.md."""
    return "\n".join([INTRODUCTION, *_lines()])


def _lines() -> Iterator[str]:
    for heading, sheets in GROUPS:
        yield f"## {heading}\n"
        for sheet in sheets:
            looks = f"{sheet.title} at four widths, light and dark"
            yield f"### {sheet.title}\n\n![{looks}](screenshots/sheets/{sheet.name}.webp)\n"
