"""Dealerships, people and tokens from the command line (contract §2)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from app.db import ALL_DEALERSHIPS, unit_of_work
from app.models.accounts import ROLES
from app.parts import parts
from app.secret import Secret
from app.services import accounts, dealerships, passwords, people, tokens
from app.services.audit import Actor
from app.services.errors import HubError, InputInvalid

ACTOR = Actor(None, "command line")


@click.group()
def dealership() -> None:
    """Dealerships."""


@dealership.command("create")
@click.argument("name")
@click.option("--slug", help="Short name in addresses; made from NAME without it.")
@click.option("--timezone", default="Australia/Sydney", show_default=True)
@with_appcontext
def create_dealership(name: str, slug: str | None, timezone: str) -> None:
    """Create a dealership; prints its short name."""
    with _writing() as session:
        made = dealerships.create(session, ACTOR, name=name, slug=slug, timezone=timezone)
    click.echo(made.slug)


@click.group()
def user() -> None:
    """People who sign in."""


@user.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice([*ROLES, "system"]), required=True)
@click.option("--dealership", "slugs", multiple=True, help="Short name; may be repeated.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@with_appcontext
def create_user(email: str, role: str, slugs: tuple[str, ...], password_stdin: bool) -> None:
    """Create a person; prints a generated password once, unless one is given."""
    if bool(slugs) == (role == "system"):
        raise click.UsageError("Name a dealership for each role but system, which has all.")
    given = _password_from_stdin(email) if password_stdin else None
    password = given or passwords.generated()
    with _writing() as session:
        accounts.create(session, ACTOR, email=email, password=password, is_system=role == "system")
        for slug in slugs:
            place = dealerships.by_slug(session, slug)
            people.add(session, ACTOR, place.id, email=email, role=role)
    if given is None:
        click.echo(password.reveal())


def _password_from_stdin(email: str) -> Secret:
    password = Secret(sys.stdin.readline().rstrip("\r\n"))
    with _said_plainly():
        passwords.check(password, email)
    return password


@click.group()
def token() -> None:
    """Bearer tokens for programs."""


@token.command("create")
@click.option("--user", "email", required=True)
@click.option("--dealership", "slug", required=True)
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice([*tokens.SCOPES])
)
@click.option("--days", type=click.IntRange(1, tokens.LONGEST_DAYS), help="Without it: no end.")
@with_appcontext
def create_token(email: str, slug: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a token of a person for a dealership; prints it once."""
    with _writing() as session:
        person = accounts.by_email(session, email)
        if person is None or dealerships.place_of(session, person, slug) is None:
            raise InputInvalid(f"{email} does not belong to a dealership {slug}.")
        place = dealerships.by_slug(session, slug)
        issued = tokens.issue(
            session,
            ACTOR,
            tokens.Wish(scopes, days, "command line"),
            user=person,
            dealership_id=place.id,
            now=parts().clock.now(),
        )
    click.echo(issued.secret.reveal())


@contextmanager
def _writing() -> Iterator[Session]:
    """One transaction over all dealerships; refusals become a plain line and exit status 1."""
    with _said_plainly(), unit_of_work(ALL_DEALERSHIPS) as session:
        yield session


@contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except HubError as error:
        fields = getattr(error, "fields", {})
        raise click.ClickException(" ".join([error.user_message, *fields.values()])) from error
