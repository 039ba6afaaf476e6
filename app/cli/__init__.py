"""The `forecourt` command: one group, one module per noun (contract §2).

A new noun is a new module in this folder: every click command or group that it defines at its
top level becomes a command of `forecourt`. `app/cli/processes.py` is looked at first, so that
starting a process does not import the commands of all the others.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup, FlaskGroup, ScriptInfo

if TYPE_CHECKING:
    from flask import Flask

FIRST = "processes"


class Discovered(click.Group):
    """Finds commands by module, so that nobody keeps a list of them."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _own(cmd_name) or super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        own = (command.name or "" for module in _modules() for command in commands_of(module))
        return sorted({*own, *self.commands})


class Forecourt(Discovered, FlaskGroup):
    """The group behind `forecourt`; `db` comes from Flask-Migrate."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), "db"})


class OfApp(Discovered, AppGroup):
    """The same commands for `flask --app wsgi`."""


def commands_of(module: str) -> Iterator[click.Command]:
    """The commands that one module of this folder offers, without the members of its groups."""
    found = [
        value
        for value in vars(importlib.import_module(f"{__name__}.{module}")).values()
        if isinstance(value, click.Command) and value.name
    ]
    inside = {
        id(sub)
        for group in found
        if isinstance(group, click.Group)
        for sub in group.commands.values()
    }
    return (command for command in found if id(command) not in inside)


def _own(name: str) -> click.Command | None:
    for module in _modules():
        for command in commands_of(module):
            if command.name == name:
                return command
    return None


def _modules() -> list[str]:
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    return sorted(names, key=lambda name: (name != FIRST, name))


def add_to(app: Flask) -> None:
    """Gives `flask --app wsgi` the same commands, found when they are asked for."""
    app.cli = OfApp(name=app.name, commands=app.cli.commands)


def _create(_info: ScriptInfo | None = None) -> Flask:
    from app import create_app
    from app.config import Settings

    return create_app(Settings.from_env())


forecourt = Forecourt(
    name="forecourt",
    help="Forecourt: stock and leads in step with EasyCars and the market places.",
    create_app=_create,
    add_default_commands=False,
    add_version_option=False,
    load_dotenv=False,
)


# Flask's --app, --env-file and --debug would only offer ways to start something else.
forecourt.params = []


def main() -> None:
    """The console script."""
    sys.exit(forecourt.main(prog_name="forecourt"))
