"""What the documentation says is so: names in the code and names in the pages are compared.

The pages are read as text. A test names what is missing, so that the cure is one line in a page.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from flask import Flask
from sqlalchemy import inspect
from sqlalchemy.engine import create_engine

from app import cli
from app.config import Settings, SettingsInvalid, easycars_keys
from app.simulator import SCENARIOS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
APP = ROOT / "app"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
# Read where processes are started, not by Settings.
READ_ELSEWHERE = {"PORT": APP / "ops" / "run.py"}
KNOWN_HOSTS = {
    "127.0.0.1", "localhost", "forecourt.example", "keepachangelog.com", "semver.org",
    "www.rfc-editor.org", "testmy.easycars.com.au", "my.easycars.net.au",
}  # fmt: skip
OF_ONE_MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home|Users|tmp|var/folders)/")
LARGEST_PICTURE = 300_000


def text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def sections(page: str, level: str) -> dict[str, str]:
    """Heading → what stands below it, up to the next heading of that level or above."""
    parts = re.split(rf"^#{{1,{len(level)}}} (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


# -- Database ----------------------------------------------------------------------------------


@pytest.fixture
def tables(database_url: str) -> dict[str, list[str]]:
    """Table or view → columns, as the migrations make them."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        found = inspect(connection)
        names = [*found.get_table_names(), *found.get_view_names()]
        columns = {name: [column["name"] for column in found.get_columns(name)] for name in names}
    engine.dispose()
    return columns


def test_every_column_of_every_table_is_described(tables: dict[str, list[str]]) -> None:
    """Row 8."""
    page = text("database.md")
    described = sections(page, "##") | sections(page, "###")
    missing = [
        f"{table}.{column}"
        for table, columns in tables.items()
        for column in columns
        if f"`{column}`" not in described.get(table, "")
    ]
    assert missing == []


def test_no_column_is_described_that_does_not_exist(tables: dict[str, list[str]]) -> None:
    invented = [
        f"{table}.{column}"
        for table, body in sections(text("database.md"), "###").items()
        for column in re.findall(r"^\| `(\w+)` \|", body, flags=re.MULTILINE)
        if column not in tables.get(table, [])
    ]
    assert invented == []


# -- Settings ----------------------------------------------------------------------------------


class Asked(Mapping[str, str]):
    """A production environment that is nearly empty and remembers what it was asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name.removesuffix("_FILE"))
        return {"FORECOURT_ENV": "production"}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.fixture(scope="module")
def settings_read() -> set[str]:
    asked = Asked()
    with pytest.raises(SettingsInvalid):
        Settings.from_env(asked)
    easycars_keys(asked)
    assert "SECRET_KEY" in asked.names
    return asked.names


def test_every_setting_is_described(settings_read: set[str]) -> None:
    page = text("settings.md")
    assert sorted(name for name in settings_read if f"`{name}`" not in page) == []


def test_every_described_setting_is_read(settings_read: set[str]) -> None:
    described = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", text("settings.md"), flags=re.MULTILINE)
    assert len(described) > 20
    unread = set(described) - settings_read
    assert unread == set(READ_ELSEWHERE)
    for name, place in READ_ELSEWHERE.items():
        assert f'"{name}"' in place.read_text(encoding="utf-8")


# -- Commands ----------------------------------------------------------------------------------


def own_commands() -> dict[str, click.Command]:
    found = [command for module in cli._modules() for command in cli.commands_of(module)]
    return {command.name or "": command for command in found}


def full_names() -> Iterator[str]:
    for name, command in own_commands().items():
        if isinstance(command, click.Group):
            yield from (f"{name} {member}" for member in command.commands)
        else:
            yield name


@pytest.mark.parametrize("command", [*full_names(), "db upgrade", "db downgrade", "db current"])
def test_every_command_is_described(command: str) -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert re.search(rf"forecourt {command}\b", pages), f"no page tells of `forecourt {command}`"


def test_no_page_names_a_command_that_does_not_exist() -> None:
    known = {"db", *own_commands()}
    groups = {n: c for n, c in own_commands().items() if isinstance(c, click.Group)}
    wrong = [
        f"{page.name}: forecourt {first} {second}".rstrip()
        for page in PAGES
        for first, second in _commands_in(page.read_text(encoding="utf-8"))
        if first not in known or (first in groups and second not in {"", *groups[first].commands})
    ]
    assert wrong == []


def _commands_in(page: str) -> Iterator[tuple[str, str]]:
    """`forecourt sync stock` in code spans and at the start of lines of code blocks."""
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL))
    spans = re.findall(r"`([^`\n]+)`", page)
    for line in [*blocks.splitlines(), *spans]:
        found = re.search(r"(?:^|/bin/|\s{2})forecourt ([a-z]+)(?: ([a-z]+)(?=\s|$))?", line)
        if found:
            yield found[1], found[2] or ""


# -- JSON routes -------------------------------------------------------------------------------


def test_every_json_route_is_described_with_its_methods(app: Flask) -> None:
    """And none that does not exist: the table of routes is what the code answers to."""
    answered = {
        (method, re.sub(r"<[^>]+>", "<id>", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described_routes() == answered


def described_routes() -> set[tuple[str, str]]:
    found = set()
    for row in re.findall(r"^\| (`[A-Z].+?) \|", sections(text("api.md"), "##")["Routes"], re.M):
        methods = re.findall(r"[A-Z]{3,}", row.partition("/")[0])
        paths = [path for path in re.findall(r"/[^\s`,]+", row) if path.startswith("/api/")]
        found |= {(method, path) for method in methods for path in paths}
    return found


# -- Errors ------------------------------------------------------------------------------------


def error_codes() -> set[str]:
    """Every code that a page, a run or the JSON interface can carry, read from the source."""
    found: set[str] = set()
    for path in APP.rglob("*.py"):
        if "simulator" not in path.parts:
            found |= set(_codes_of(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _codes_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _class_codes(node)
        elif isinstance(node, ast.Call):
            yield from _given_codes(node)
        elif isinstance(node, ast.Assign) and _name(node.targets[0]) == "HTTP_WORDS":
            yield from re.findall(r"\('(\w+)', ", ast.unparse(node.value))


def _class_codes(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        if isinstance(line, ast.Assign) and _name(line.targets[0]) == "code":
            yield from _texts([line.value])


def _given_codes(node: ast.Call) -> Iterator[str]:
    yield from _texts([k.value for k in node.keywords if k.arg == "error_code"])
    if _name(node.func) == "Problem" and len(node.args) > 1:
        yield from _texts(node.args[1:2])


def _texts(nodes: list[ast.expr]) -> Iterator[str]:
    return (n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def test_the_search_for_error_codes_finds_each_kind() -> None:
    """One of a class, of a keyword, of the framework's table, of an answer made by hand."""
    assert {
        "AUTHENTICATION_FAIL", "timeout", "method_not_allowed", "database_unavailable",
    } <= error_codes()  # fmt: skip


@pytest.mark.parametrize("code", sorted(error_codes()))
def test_every_error_code_has_its_place_in_troubleshooting(code: str) -> None:
    """Row 227: an anchor of its own, and something below it."""
    body = sections(text("troubleshooting.md"), "###").get(code)
    assert body is not None, f"docs/troubleshooting.md has no heading ### {code}"
    assert len(body.split()) > 5


# -- Simulator ---------------------------------------------------------------------------------


def test_every_scenario_of_the_simulator_is_described() -> None:
    page = text("simulator.md")
    assert [name for name in SCENARIOS if f"`{name}`" not in page] == []


# -- Links, pictures, places -------------------------------------------------------------------


def links(page: Path) -> list[str]:
    without_code = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    return re.findall(r"\]\(([^)\s]+)\)", without_code)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    cleaned = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in cleaned}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not target.is_file() or (parts.fragment and parts.fragment not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_place_of_one_machine_or_an_unknown_host(page: Path) -> None:
    words = page.read_text(encoding="utf-8")
    assert OF_ONE_MACHINE.findall(words) == []
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s)`'\"|,]+", words)}
    assert {host for host in hosts if host and "…" not in host} <= KNOWN_HOSTS


def test_every_picture_is_used_or_comes_in_four_looks_and_is_small() -> None:
    """Wide and narrow, light and dark, of the main pages (row 228)."""
    pictures = {path.name: path.stat().st_size for path in (DOCS / "screenshots").glob("*.png")}
    main = ("dashboard", "stock-sync", "run", "vehicles", "vehicle", "leads", "easycars-settings")
    wanted = {f"{name}-{w}-{look}.png" for name in main for w in ("1440", "390")
              for look in ("light", "dark")}  # fmt: skip
    assert wanted <= set(pictures)
    assert {name for name, size in pictures.items() if size >= LARGEST_PICTURE} == set()
    shown = {Path(link).name for page in PAGES for link in links(page)}
    assert set(pictures) - wanted <= shown


def test_pictures_are_those_that_the_script_makes() -> None:
    """Each can be made anew; none is left of a page that went."""
    pytest.importorskip("playwright")
    from scripts import screenshots
    from scripts.screenshot_story import Found

    shots = screenshots.shots_of(Found(*["runs/1"] * len(fields(Found))))
    made = {f"{shot.name}-{look}" for shot in shots for look in shot.looks}
    there = {path.stem for path in (DOCS / "screenshots").glob("*.png")}
    assert there == made | set(screenshots.ON_THE_WAY)


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            found = ((page.parent / urlsplit(link).path).resolve() for link in links(page))
            waiting += [target for target in found if target.suffix == ".md" and target.is_file()]
    assert set(PAGES) - reached == set()
