"""The demonstration dealership, for a first look (contract §1)."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import with_appcontext


@click.group()
def demo() -> None:
    """The dealership that `./dev run` starts with."""


@demo.command()
@with_appcontext
def seed() -> None:
    """Make the demonstration dealership once, and print its sign-in."""
    from app.db import unit_of_work
    from app.parts import parts
    from app.services import demo_dealership

    made = parts()
    if made.settings.production:
        raise click.ClickException("The demonstration dealership is not for production.")
    with unit_of_work() as db:
        password = demo_dealership.seed(
            db, _simulator_keys(), settings=made.settings, crypto=made.crypto, clock=made.clock
        )
    note = made.settings.instance / "demo-sign-in"
    if password is not None:
        _keep(note, password)
    click.echo(f"Sign in as {demo_dealership.EMAIL}")
    click.echo(f"Password   {note.read_text().strip()}" if note.exists() else "Password   as set")


def _simulator_keys() -> dict[str, str]:
    from app import simulator

    return {
        "client_id": simulator.DEMO_CLIENT_ID,
        "client_secret": simulator.DEMO_CLIENT_SECRET,
        "account_number": simulator.DEMO_ACCOUNT_NUMBER,
        "account_secret": simulator.DEMO_ACCOUNT_SECRET,
    }


def _keep(note: Path, password: str) -> None:
    """Readable by this user alone: a second start prints the same sign-in."""
    note.touch(mode=0o600)
    note.write_text(password)
