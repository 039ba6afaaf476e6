"""The simulator shares no code with what it is there to test."""

import ast
from pathlib import Path

import app.simulator

ROOT = Path(app.simulator.__file__).parent


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_only_its_own_modules_are_imported() -> None:
    files = list(ROOT.rglob("*.py"))
    ours = {name for path in files for name in imported(path) if name.split(".")[0] == "app"}
    assert len(files) > 20
    assert {name for name in ours if not name.startswith("app.simulator")} == set()
