"""The import arrows of pyproject.toml hold, and each of them bites."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("lint-imports")
# What must not be: the importing module (a file is made for it) and what it imports.
FORBIDDEN = {
    "a service that knows the web framework": ("app.services.probe_a", "flask"),
    "a model that knows the queue": ("app.models.probe_b", "rq"),
    "a model that calls a service": ("app.models.probe_c", "app.services.errors"),
    "a route that calls a job": ("app.routes.probe_d", "app.jobs.queues"),
    "a provider that knows the database": ("app.services.providers.easycars.probe_e", "app.db"),
    "the engine naming a provider": ("app.services.sync.probe_f", "app.services.providers.demo"),
    "a provider that knows another": (
        "app.services.providers.easycars.probe_g",
        "app.services.providers.demo",
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


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy of the source with every forbidden import in it."""
    copy = tmp_path_factory.mktemp("source")
    for source in (*ROOT.glob("app/**/*.py"), ROOT / "pyproject.toml"):
        target = copy / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    for importer, imported in FORBIDDEN.values():
        (copy / f"{importer.replace('.', '/')}.py").write_text(f"import {imported}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_forbidden_import_is_found(name: str, broken: str) -> None:
    importer, imported = FORBIDDEN[name]
    assert f"{importer} -> {imported} (l.1)" in broken
