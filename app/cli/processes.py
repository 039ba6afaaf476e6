"""The long-running processes: each command becomes one process and stays in the foreground."""

from __future__ import annotations

import re

import click

Queues = tuple[str, ...]


@click.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, help="Address and port.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option(
    "--threads", default=8, show_default=True, type=click.IntRange(1), help="Threads each."
)
def web(bind: str, workers: int, threads: int) -> None:
    """Serve pages and the JSON interface."""
    from app.ops import web_server

    web_server.serve(bind, workers, threads)


@click.command()
@click.option("--queues", multiple=True, help="Only these queues; comma separated or repeated.")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.argument("more", nargs=-1)
def worker(queues: Queues, count: int, more: Queues) -> None:
    """Work through background jobs."""
    from app.jobs.worker import main as work

    work(queue_names((*queues, *more)), count)


@click.command()
def scheduler() -> None:
    """Start what is due. Any number may run, one at a time is active."""
    from app.jobs.scheduler import main as tick

    tick()


@click.command()
@click.option("--port", default=8100, show_default=True, type=click.IntRange(0, 65535))
@click.option("--vehicles", default=120, show_default=True, type=click.IntRange(0))
@click.option("--seed", default=1, show_default=True, type=int)
@click.option("--scenario", default=None, help="Scenario at the start; switchable while it runs.")
def simulator(port: int, vehicles: int, seed: int, scenario: str | None) -> None:
    """Play the part of EasyCars over real HTTP."""
    from app import simulator as double

    double.main(port, vehicles, seed, scenario)


def queue_names(given: Queues) -> list[str]:
    """`("high,default", "low")` becomes `["high", "default", "low"]`; empty means all queues."""
    return [name for text in given for name in re.split(r"[,\s]+", text) if name]
