"""`forecourt` and `flask --app wsgi` find the same commands; starting a process stays light."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from app import cli
from app.cli.processes import queue_names
from app.ops.web_server import options

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = {"web", "worker", "scheduler", "simulator"}
NOUNS = {"db", "dealership", "user", "token", "credentials", "sync", "doctor", "keys"}


def test_every_command_of_the_contract_is_there() -> None:
    with cli.forecourt.make_context("forecourt", ["--help"], resilient_parsing=True) as ctx:
        assert set(cli.forecourt.list_commands(ctx)) >= PROCESSES | NOUNS


def test_flask_offers_the_same(app: Flask) -> None:
    for name in sorted(PROCESSES | NOUNS):
        answer = app.test_cli_runner().invoke(args=[name, "--help"])
        assert answer.exit_code == 0, answer.output


def test_members_of_a_group_are_not_commands_of_their_own() -> None:
    names = {command.name for command in cli.commands_of("credentials")}
    assert "credentials" in names
    assert not names & {"set", "rotate"}


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("forecourt")
    done = subprocess.run(
        [program, "fly"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"FORECOURT_INSTANCE": str(tmp_path)},
    )
    assert done.returncode == 2
    assert "No such command 'fly'" in done.stderr


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), []),
        (("sync,photos",), ["sync", "photos"]),
        (("sync", "photos"), ["sync", "photos"]),
        (("sync photos", "control"), ["sync", "photos", "control"]),
    ],
)
def test_queues_may_be_given_in_any_common_way(given: tuple[str, ...], expected: list[str]) -> None:
    assert queue_names(given) == expected


def test_the_web_server_opens_no_control_socket_and_shares_no_connection() -> None:
    chosen = options("127.0.0.1:1", 3, 5)
    assert chosen["control_socket_disable"]
    assert not chosen["preload_app"]
    assert (chosen["worker_class"], chosen["workers"], chosen["threads"]) == ("gthread", 3, 5)
