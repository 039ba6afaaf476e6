"""The web process that `bench.pages` asks. Run as `python -m bench.pages_server URL FOLDER PORT`.

The product, and under /bare a page of the same size that Flask and Jinja make of constants.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flask import Flask, render_template_string, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app import create_app
from app.ops.web_server import Web, options
from tests.conftest import invented_settings

THREADS = 4
ROWS = 50
BARE = """<!doctype html><title>Bare</title><table>{% for row in rows %}<tr>
{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>{{ padding }}"""


def bare() -> Flask:
    """A page of 50 rows, padded to the `bytes` that are asked for."""
    app = Flask("bare")
    rows = [[f"cell {row} {column}" for column in range(7)] for row in range(ROWS)]
    empty = len(app.jinja_env.from_string(BARE).render(rows=rows, padding=""))

    @app.get("/")
    def page() -> str:
        padding = "x" * max(0, int(request.args["bytes"]) - empty)
        return render_template_string(BARE, rows=rows, padding=padding)

    return app


class Both(Web):
    """gunicorn with the product and the bare page in one process."""

    def __init__(self, database_url: str, folder: Path, port: int) -> None:
        self.database_url, self.folder = database_url, folder
        super().__init__(options(f"127.0.0.1:{port}", 1, THREADS))

    def load(self) -> Any:
        settings = invented_settings(self.folder, self.database_url, None)
        return DispatcherMiddleware(create_app(settings), {"/bare": bare()})


if __name__ == "__main__":
    url, folder, port = sys.argv[1:]
    sys.argv = sys.argv[:1]
    Both(url, Path(folder), int(port)).run()
