"""Times, money and numbers as pages write them; each row is one sentence of the house's style."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask, g
from jinja2 import UndefinedError
from markupsafe import Markup

from app import templating

NOW = datetime(2026, 7, 15, 4, 14, tzinfo=UTC)
NOT_GIVEN = '<span class="not-given">Not given</span>'


@pytest.fixture
def app(tmp_path) -> Flask:
    (tmp_path / "look.css").write_text("a{}")
    made = Flask("pages", static_folder=str(tmp_path), static_url_path="/static")
    templating.register(made, now=lambda: NOW)
    return made


def render(app: Flask, source: str, cookie: str | None = None, **values: object) -> str:
    headers = {"Cookie": cookie} if cookie else {}
    with app.test_request_context("/", headers=headers):
        context = dict(values)
        app.update_template_context(context)
        return app.jinja_env.from_string(source).render(**context)


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [
        (2_499_000, "AUD", "$24,990"),
        (2_499_050, "AUD", "$24,990.50"),
        (5, "AUD", "$0.05"),
        (0, "AUD", "$0"),
        (-150_000, "AUD", "-$1,500"),
        (100_000, "NZD", "NZ$1,000"),
        (100_000, "EUR", "EUR 1,000"),
        (None, "AUD", NOT_GIVEN),
    ],
)
def test_money(cents, currency, text):
    assert templating.money(cents, currency) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (84_210, "km", "84,210 km"),
        (0, "km", "0 km"),
        (1_200, "H", "1,200 h"),
        (900, None, "900 km"),
        (None, "km", NOT_GIVEN),
    ],
)
def test_distance(value, unit, text):
    assert templating.distance(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.42, "0.4 s"),
        (3, "3 s"),
        (45.4, "45 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3_780, "1 h 3 min"),
        (187_200, "2 d 4 h"),
        (timedelta(minutes=2, seconds=5), "2 min 5 s"),
        (None, NOT_GIVEN),
    ],
)
def test_duration(value, text):
    assert templating.duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Toyota", "Toyota"),
        (0, 0),
        (True, "Yes"),
        (False, "No"),
        (None, NOT_GIVEN),
        ("  ", NOT_GIVEN),
        ([], NOT_GIVEN),
    ],
)
def test_given_never_hides_a_zero_and_never_shows_nothing(value, text):
    assert templating.given(value) == text


def test_given_escapes_the_words_of_a_page():
    assert templating.given(None, "<b>") == Markup('<span class="not-given">&lt;b&gt;</span>')


@pytest.mark.parametrize(
    ("number", "noun", "plural", "text"),
    [
        (1, "vehicle", None, "1 vehicle"),
        (0, "vehicle", None, "0 vehicles"),
        (12_480, "vehicle", None, "12,480 vehicles"),
        (2, "entry", "entries", "2 entries"),
    ],
)
def test_counted(number, noun, plural, text):
    assert templating.counted(number, noun, plural) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOW - timedelta(minutes=12), "12 minutes ago (14:02 AEST)"),
        (NOW - timedelta(seconds=20), "just now (14:13 AEST)"),
        (NOW + timedelta(seconds=20), "in under a minute (14:14 AEST)"),
        (NOW - timedelta(hours=1), "1 hour ago (13:14 AEST)"),
        (NOW + timedelta(hours=3), "in 3 hours (17:14 AEST)"),
        (NOW - timedelta(hours=15), "15 hours ago (Tue 14 Jul, 23:14 AEST)"),
        (NOW - timedelta(days=180), "6 months ago (Fri 16 Jan, 15:14 AEDT)"),
        (NOW - timedelta(days=400), "1 year ago (10 Jun 2025, 14:14 AEST)"),
    ],
)
def test_when_gives_age_and_exact_time_with_its_zone(app, moment, text):
    html = render(app, "{{ moment|when }}", moment=moment)
    assert f">{text}</time>" in html
    assert f'datetime="{moment.isoformat(timespec="seconds")}"' in html


def test_when_uses_the_zone_of_the_dealership_on_the_page(app):
    perth = SimpleNamespace(timezone="Australia/Perth")
    html = render(app, "{{ moment|when('exact') }}", moment=NOW, dealership=perth)
    assert ">12:14 AWST</time>" in html


def test_when_uses_the_zone_of_the_request_inside_an_imported_macro(app):
    with app.test_request_context("/"):
        g.dealership = SimpleNamespace(timezone="Australia/Adelaide")
        html = app.jinja_env.from_string("{{ moment|when('exact') }}").render(moment=NOW)
    assert ">13:44 ACST</time>" in html


def test_when_says_what_the_page_wants_for_no_time(app):
    assert ">Never<" in render(app, "{{ none|when(empty='Never') }}")


def test_a_misspelt_name_raises_instead_of_printing_nothing(app):
    with pytest.raises(UndefinedError):
        render(app, "{{ run.is_activ }}", run=SimpleNamespace(is_active=True))


@pytest.mark.parametrize(
    ("cookie", "theme"),
    [(None, "system"), ("theme=dark", "dark"), ("theme=light", "light"), ("theme=<x>", "system")],
)
def test_theme_is_what_the_browser_chose_or_the_system(app, cookie, theme):
    assert render(app, "{{ theme }}", cookie) == theme


def test_asset_addresses_change_with_the_file_and_work_without_it(app):
    found = render(app, "{{ asset('look.css') }}")
    assert found.startswith("/static/look.css?v=")
    assert render(app, "{{ asset('vendor/absent.css') }}") == "/static/vendor/absent.css"
