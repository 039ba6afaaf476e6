"""The import arrows of pyproject.toml hold, and each of them bites."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("lint-imports")
FORBIDDEN = {
    "a service that knows the web framework": ("app/services/_probe.py", "import flask"),
    "a model that knows the queue": ("app/models/_probe.py", "import rq"),
    "a model that calls a service": ("app/models/_probe.py", "import app.services.errors"),
    "a route that calls a job": ("app/routes/_probe.py", "import app.jobs.queues"),
    "a provider that knows the database": (
        "app/services/providers/easycars/_probe.py",
        "import app.db",
    ),
    "the engine naming a provider": (
        "app/services/sync/_probe.py",
        "import app.services.providers.easycars",
    ),
    "a provider that knows another": (
        "app/services/providers/easycars/_probe.py",
        "import app.services.providers.demo",
    ),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_arrows_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copy_of_source(tmp_path: Path) -> Path:
    """The source alone: broken on purpose, without touching the real one."""
    for source in (*ROOT.glob("app/**/*.py"), ROOT / "pyproject.toml"):
        target = tmp_path / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return tmp_path


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_import_is_found(name: str, copy_of_source: Path) -> None:
    path, statement = FORBIDDEN[name]
    (copy_of_source / path).write_text(statement + "\n")
    done = lint(copy_of_source)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "_probe" in done.stdout
