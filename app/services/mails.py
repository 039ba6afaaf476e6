"""A mail as plain text and simple HTML, made from what the outbox keeps.

The outbox keeps sentences and pages of ours, not addresses: where the product can be reached is
known when a mail is sent, and a stored mail survives a move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from app.services.outbox import Message
from app.services.ports import Mail

FOOT = "You get this mail because you may approve changes at this dealership in Forecourt."


def payload(
    subject: str,
    paragraphs: Sequence[str],
    *,
    rows: Sequence[str] = (),
    link: tuple[str, str],
    foot: str = FOOT,
) -> dict[str, Any]:
    """What the outbox keeps of a mail. `rows` become a list; `link` is (words, path of ours);
    `foot` says why the receiver gets it."""
    return {
        "subject": subject,
        "paragraphs": list(paragraphs),
        "rows": list(rows),
        "link": list(link),
        "foot": foot,
    }


def compose(message: Message, public_url: str | None) -> Mail:
    """The mail of a leased message. The same message always has the same id."""
    kept = message.payload
    words, path = kept["link"]
    address = f"{public_url.rstrip('/')}{path}" if public_url else None
    return Mail(
        recipient=message.recipient,
        subject=_one_line(kept["subject"]),
        text=_text(kept, words, address),
        html=_html(kept, words, address),
        message_id=f"outbox-{message.dealership_id}-{message.id}",
    )


def _one_line(subject: str) -> str:
    """A header ends at a line break: what came from outside must not begin another."""
    return " ".join(subject.split())


def _text(kept: Mapping[str, Any], words: str, address: str | None) -> str:
    parts = list(kept["paragraphs"])
    if kept["rows"]:
        parts.insert(1, "\n".join(f"- {row}" for row in kept["rows"]))
    parts.append(f"{words}: {address}" if address else f"{words} in Forecourt.")
    return "\n\n".join([*parts, "-- \n" + _foot(kept)]) + "\n"


def _foot(kept: Mapping[str, Any]) -> str:
    """Mails that were put before feet differed keep none."""
    return str(kept.get("foot", FOOT))


def _html(kept: Mapping[str, Any], words: str, address: str | None) -> str:
    blocks = [f"<p>{escape(text)}</p>" for text in kept["paragraphs"]]
    if kept["rows"]:
        rows = "".join(f"<li>{escape(row)}</li>" for row in kept["rows"])
        blocks.insert(1, f"<ul>{rows}</ul>")
    shown = f'<a href="{escape(address)}">{escape(words)}</a>' if address else escape(words)
    blocks += [f"<p>{shown}</p>", f"<p><small>{escape(_foot(kept))}</small></p>"]
    return f"<!doctype html><html><body>{''.join(blocks)}</body></html>"
