"""Environment variables as text, numbers, choices and secrets; `NAME_FILE` reads a mounted file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.secret import Secret

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"", "0", "false", "no", "off"}


class Variables:
    """Reads variables by name; remembers problems instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        """The value of NAME, or the content of the file that NAME_FILE points to."""
        mounted = self.environ.get(f"{name}_FILE")
        if mounted:
            try:
                return Path(mounted).read_text(encoding="utf-8").strip()
            except OSError as exc:
                self.problems.append(f"{name}_FILE: cannot read {mounted} ({exc.strerror})")
                return None
        value = self.environ.get(name, "").strip()
        return value or None

    def optional_secret(self, name: str) -> Secret | None:
        value = self.text(name)
        return Secret(value) if value else None

    def choice(self, name: str, default: str, allowed: set[str]) -> str:
        value = self.text(name) or default
        if value not in allowed:
            self.problems.append(f"{name}: {value!r} is not one of {', '.join(sorted(allowed))}")
            return default
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in TRUE_WORDS | FALSE_WORDS:
            self.problems.append(f"{name}: {value!r} is neither true nor false")
        return value.lower() in TRUE_WORDS

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self.text(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            self.problems.append(f"{name}: {value!r} is not a number from {low:g} to {high:g}")
            return default
        return number
