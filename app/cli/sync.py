"""`forecourt sync`: start a run from the command line and follow it to its end (contract §2)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.models import SyncRun

LOOK_EVERY_S = 0.3
EXIT_CODES = {"success": 0, "failed": 1, "cancelled": 1, "warning": 3, "held": 3}


@click.group()
def sync() -> None:
    """Fetch what EasyCars has now."""


@sync.command()
@click.option("--dealership", required=True, metavar="SLUG")
@click.option("--preview", is_flag=True, help="Only tell what a sync would change.")
@click.option("--wait", is_flag=True, help="Follow the run to its end, photos included.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.pass_context
@with_appcontext
def stock(ctx: click.Context, dealership: str, preview: bool, wait: bool, as_json: bool) -> None:
    """Start a stock sync.

    With --preview nothing is changed: the run tells what a sync would do, and `sync apply` with
    its number does exactly that within half an hour.

    With --wait the command ends when the sync and the photo job behind it have ended. It exits
    with 0 after success, 1 after a failed or cancelled sync, 3 after a warning or when
    something is held for approval. A sync that is running already is followed with --wait;
    without it, its number is told and the command exits with 1.
    """
    dealership_id = dealership_id_of(dealership)
    mode = "preview" if preview else "sync"
    run_id, is_new = start(dealership_id, lambda db, wish: _sync(db, dealership_id, mode, wish))
    end(ctx, dealership_id, run_id, is_new, wait, as_json)


@sync.command()
@click.option("--dealership", required=True, metavar="SLUG")
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.pass_context
@with_appcontext
def leads(ctx: click.Context, dealership: str, wait: bool, as_json: bool) -> None:
    """Start a lead sync: read known leads again.

    Leads of your own are sent to EasyCars by themselves, without this command. Waits and exits
    as `sync stock` does.
    """
    dealership_id = dealership_id_of(dealership)
    run_id, is_new = start(
        dealership_id, lambda db, wish: _sync(db, dealership_id, "sync", wish, "leads")
    )
    end(ctx, dealership_id, run_id, is_new, wait, as_json)


@sync.command()
@click.argument("run_id", type=click.IntRange(1, 2_147_483_647))
@click.option("--dealership", required=True, metavar="SLUG")
@click.option("--wait", is_flag=True, help="Follow the run to its end, photos included.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.pass_context
@with_appcontext
def apply(ctx: click.Context, run_id: int, dealership: str, wait: bool, as_json: bool) -> None:
    """Apply the preview RUN_ID: write exactly what it showed.

    A vehicle that changed since is left as it is and told under failed. A preview can be applied
    once, within half an hour. Exits as `sync stock` does.
    """
    dealership_id = dealership_id_of(dealership)
    started, is_new = start(dealership_id, lambda db, wish: _apply(db, run_id, wish))
    if not is_new:
        raise click.ClickException(
            f"Run {started} is at work. Apply the preview when it has ended."
        )
    end(ctx, dealership_id, started, is_new, wait, as_json)


def end(
    ctx: click.Context, dealership_id: int, run_id: int, is_new: bool, wait: bool, as_json: bool
) -> None:
    """Follows the run or tells where it stands, and leaves with the exit code of its outcome."""
    if not is_new:
        of_leads = "leads" in (ctx.command.name, ctx.params.get("stream"))
        kind = "lead" if of_leads else "stock"
        click.echo(f"A {kind} sync is running already: run {run_id}.", err=True)
    run = _follow(dealership_id, run_id, as_json) if wait else read_run(dealership_id, run_id)
    _tell(run, as_json)
    if wait:
        ctx.exit(EXIT_CODES.get(run.status, 1))
    ctx.exit(0 if is_new else 1)


def dealership_id_of(slug: str) -> int:
    from app.db import reading
    from app.services import dealerships
    from app.services.errors import HubError

    try:
        with reading() as db:
            return dealerships.by_slug(db, slug).id
    except HubError as error:
        raise click.ClickException(error.user_message) from error


def _sync(
    db: Session, dealership_id: int, mode: str, wish: dict[str, Any], stream: str = "stock"
) -> SyncRun:
    from app.services import manual_sync

    return manual_sync.start(
        db, dealership_id=dealership_id, stream=stream, trigger="person", mode=mode, **wish
    )


def _apply(db: Session, run_id: int, wish: dict[str, Any]) -> SyncRun:
    from app.services import manual_sync

    return manual_sync.apply(db, run_id, **wish)


def start(
    dealership_id: int, opens: Callable[[Session, dict[str, Any]], SyncRun]
) -> tuple[int, bool]:
    """The run's id, and whether it is a new one. Starts from here are not counted per hour."""
    from app.db import unit_of_work
    from app.parts import parts
    from app.services import run_words
    from app.services.audit import Actor
    from app.services.errors import AlreadyRunning, HubError
    from app.services.manual_sync import Means

    made = parts()
    wish = {
        "actor": Actor(None, run_words.COMMAND_LINE),
        "means": Means(made.queue, made.clock, None),
    }
    try:
        with unit_of_work(dealership_id) as db:
            return opens(db, wish).id, True
    except AlreadyRunning as running:
        return running.run_id, False
    except HubError as error:
        raise click.ClickException(error.user_message) from error


def read_run(dealership_id: int, run_id: int) -> SyncRun:
    from app.db import reading
    from app.services.sync import runs

    with reading(dealership_id) as db:
        return runs.get(db, run_id)


def _follow(dealership_id: int, run_id: int, is_quiet: bool) -> SyncRun:
    """Looks until nothing works on the run any more; the bar goes to stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=is_quiet) as progress:
        task = progress.add_task("Waiting for its turn", total=None)
        while True:
            run = read_run(dealership_id, run_id)
            progress.update(task, **_bar(run))
            if _is_over(run):
                return run
            time.sleep(LOOK_EVERY_S)


def _is_over(run: SyncRun) -> bool:
    return not run.is_active and run.photos_state not in ("queued", "running")


def _bar(run: SyncRun) -> dict[str, Any]:
    """What the bar shows: the sync's rows, afterwards the photos."""
    from app.services import run_words

    if run.is_active:
        is_reading = run.phase not in ("applying", "reading", "done")
        total = None if is_reading else run.total
        done = (run.total or 0) if is_reading else run.done
        return {"description": run_words.phase(run), "completed": done, "total": total}
    if run.photos_state == "none":
        return {"description": "Finished", "completed": run.done, "total": run.total or run.done}
    done = run.photos_kept + run.photos_new + run.photos_failed
    return {"description": "Photos", "completed": done, "total": run.photos_total}


def _tell(run: SyncRun, as_json: bool) -> None:
    import json

    from app.services import photos
    from app.services.sync.summary import STATUS_WORDS, summary

    if as_json:
        click.echo(json.dumps(summary(run)))
        return
    click.echo(f"Run {run.id}: {STATUS_WORDS[run.status]}. {run.message or ''}".rstrip())
    told = photos.line(run)
    if told:
        click.echo(told)
