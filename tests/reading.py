"""What a person reads on a page, without its markup and its random tokens."""

import re


def words(html: str) -> str:
    """The text of a page. Short names are looked for here: a token may hold any letters."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
