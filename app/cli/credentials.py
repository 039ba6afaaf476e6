"""Credentials, encryption keys and the doctor (contract §2)."""

from __future__ import annotations

import click
from flask.cli import with_appcontext
from sqlalchemy import select

COMMAND_LINE = "command line"


@click.group()
def credentials() -> None:
    """The connection of a dealership to EasyCars."""


@credentials.command("set")
@click.argument("provider", type=click.Choice(["easycars"]))
@click.option("--dealership", required=True, metavar="SLUG")
@click.option("--environment", required=True, type=click.Choice(["Test", "Production"]))
@click.option("--yard-code", default=None, metavar="CODE", help="Only this yard; empty: all.")
@with_appcontext
def set_credentials(
    provider: str, dealership: str, environment: str, yard_code: str | None
) -> None:
    """Save the keys from EASYCARS_CLIENT_ID, EASYCARS_CLIENT_SECRET, EASYCARS_ACCOUNT_NUMBER and
    EASYCARS_ACCOUNT_SECRET; never from arguments, which other users of the machine can read."""
    from app.config import easycars_keys
    from app.db import unit_of_work
    from app.parts import parts
    from app.services import credentials as service
    from app.services.audit import Actor
    from app.services.credential_input import CredentialInput
    from app.services.errors import HubError

    given = {name: value.reveal() for name, value in easycars_keys().items()}
    made = parts()
    try:
        entered = CredentialInput.of(
            {**given, "environment": environment, "yard_code": yard_code}, replaces=True
        )
        dealership_id = _dealership_id(dealership)
        with unit_of_work(dealership_id) as db:
            actor = Actor(None, COMMAND_LINE)
            service.save(db, dealership_id, entered, made.crypto, actor, made.clock)
    except HubError as error:
        raise click.ClickException(error.user_message) from error
    click.echo(f"Saved the {provider} credentials of {dealership} for {environment}.")


@click.group()
def keys() -> None:
    """The keys that encrypt credentials at rest."""


@keys.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be encrypted anew.")
@with_appcontext
def rotate(dry_run: bool) -> None:
    """Encrypt all credentials with the newest key. May be interrupted and started again."""
    from app.db import ALL_DEALERSHIPS, reading, unit_of_work
    from app.parts import parts
    from app.services import credentials as service
    from app.services.credential_encryption import EncryptionError

    crypto = parts().crypto
    try:
        with reading(ALL_DEALERSHIPS) as db:
            outdated = service.outdated(db, crypto)
        click.echo(
            f"{sum(outdated.values())} values of {len(outdated)} dealerships use an older key."
        )
        if dry_run:
            return
        changed = 0
        last: int | None = 0
        while last is not None:
            with unit_of_work(ALL_DEALERSHIPS) as db:
                count, last = service.rotate(db, crypto, after=last)
            changed += count
    except EncryptionError as error:
        raise click.ClickException(
            f"{error.user_message} Add the missing key to CREDENTIAL_KEYS, then start again."
        ) from error
    click.echo(f"{changed} values are now encrypted with key {crypto.newest!r}.")


@click.command()
@with_appcontext
def doctor() -> None:
    """Check keys, database, Redis, workers, clock, media, mail and outside addresses."""
    from app.adapters.doctor import examine
    from app.parts import parts

    report = examine(parts())
    for name, part in report.parts.items():
        mark = {"ok": "ok  ", "degraded": "LOOK", "down": "DOWN"}[part.state]
        click.echo(f"{mark}  {name:<12} {part.words}")
        if part.state != "ok" and part.cure:
            click.echo(f"{'':<19}{part.cure}")
    if report.status != "ok":
        raise SystemExit(1)
    click.echo("All is well.")


def _dealership_id(slug: str) -> int:
    from app.db import reading
    from app.models import Dealership

    with reading() as db:
        found = db.scalar(select(Dealership.id).where(Dealership.slug == slug))
    if found is None:
        raise click.ClickException(f"There is no dealership called {slug!r}.")
    return found
