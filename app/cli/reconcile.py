"""`forecourt reconcile`: compare both sides from the command line; nothing is changed (row 193)."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.cli.sync import dealership_id_of, end, read_run, start


@click.command()
@click.option("--dealership", required=True, metavar="SLUG")
@click.option("--stream", type=click.Choice(["stock", "leads"]), default="stock", show_default=True)
@click.option("--wait", is_flag=True, help="Follow the run to its end.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.pass_context
@with_appcontext
def reconcile(ctx: click.Context, dealership: str, stream: str, wait: bool, as_json: bool) -> None:
    """Compare vehicles or leads with EasyCars and keep what differs.

    In the summary `created` counts what is only in EasyCars, `missing` what is only here and
    `updated` what differs. Waits and exits as `sync stock` does; differences are no warning. A
    sync that is at work is not followed: its number is told and the command exits with 1.
    """
    from app.services.reconciliation import starting

    dealership_id = dealership_id_of(dealership)
    run_id, is_new = start(
        dealership_id, lambda db, wish: starting.start(db, dealership_id, stream, **wish)
    )
    if not is_new and read_run(dealership_id, run_id).mode != starting.MODE:
        raise click.ClickException(f"Run {run_id} is at work. Reconcile when it has ended.")
    end(ctx, dealership_id, run_id, is_new, wait, as_json)
