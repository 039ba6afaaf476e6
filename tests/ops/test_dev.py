"""`./dev`: its stamps, its hints, and that it needs nothing but the standard library."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dev(tmp_path: Path) -> ModuleType:
    """The script as a module, its folders moved to a place of the test's own."""
    loader = importlib.machinery.SourceFileLoader("dev_script", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader("dev_script", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    module.ROOT = tmp_path
    module.STAMPS = tmp_path / "stamps"
    module.VENDOR = tmp_path / "vendor"
    module.NODE_MODULES = tmp_path / "node_modules"
    return module


@pytest.fixture
def installed(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(dev, "install", lambda *arguments: calls.append(arguments))
    return calls


def test_only_the_standard_library_is_imported() -> None:
    tree = ast.parse((ROOT / "dev").read_text())
    names = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


def test_a_lock_is_installed_once_and_again_when_it_changes(
    dev: ModuleType, installed: list[tuple[object, ...]], tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.txt"
    for content in ("one", "one", "two", "two"):
        lock.write_text(content)
        dev.ensure_packages("")
    assert installed == [("--require-hashes", "-r", lock)] * 2


def test_a_failed_install_leaves_no_stamp(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_arguments: object) -> None:
        raise subprocess.CalledProcessError(1, "install")

    monkeypatch.setattr(dev, "install", fail)
    (tmp_path / "requirements.txt").write_text("one")
    with pytest.raises(subprocess.CalledProcessError):
        dev.ensure_packages("")
    assert not list(tmp_path.glob("stamps/*"))


def fake_npm(dev: ModuleType) -> Callable[..., None]:
    def npm(*_arguments: str) -> None:
        for source in dev.ASSETS.values():
            path = dev.NODE_MODULES / source
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("content\n/*# sourceMappingURL=x.css.map */\n")

    return npm


def test_front_end_files_are_copied_once(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    npm = fake_npm(dev)
    monkeypatch.setattr(dev, "npm", lambda *words: (calls.append(words[0]), npm()))
    dev.ensure_assets()
    dev.ensure_assets()
    assert calls == ["ci"]
    assert {path.name for path in dev.VENDOR.iterdir()} == {*dev.ASSETS, "stamp"}
    assert (dev.VENDOR / "tabler.min.css").read_text() == "content\n"


def test_without_front_end_files_the_start_goes_on_with_a_warning(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: str) -> None:
        raise subprocess.CalledProcessError(1, "npm")

    monkeypatch.setattr(dev, "npm", fail)
    dev.ensure_assets()
    assert "WARNING" in capsys.readouterr().out
    assert not (dev.VENDOR / "stamp").exists()


def test_a_missing_venv_module_is_answered_with_the_command(dev: ModuleType) -> None:
    hint = dev.venv_hint("Error: ensurepip is not available")
    assert hint.endswith(f"apt install python3.{sys.version_info[1]}-venv")


def test_a_broken_venv_is_recognised(dev: ModuleType, tmp_path: Path) -> None:
    dev.PYTHON = tmp_path / "python"
    assert not dev.venv_works()
    dev.PYTHON.symlink_to(sys.executable)
    assert dev.venv_works()


def test_an_old_python_is_refused_in_one_sentence(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev.shutil, "which", lambda _name: None)
    monkeypatch.setattr(dev, "OLDEST_PYTHON", (4, 0))
    with pytest.raises(SystemExit, match=r"Python 3\.11 or newer is needed"):
        dev.require_python()


@pytest.mark.parametrize(
    ("answer", "major"), [("v20.20.2", 20), ("v8.1.0", 8), ("", 0), ("bash: node: not found", 0)]
)
def test_the_version_of_node_is_read(
    dev: ModuleType, answer: str, major: int, tmp_path: Path
) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho '{answer}'\n")
    node.chmod(0o755)
    assert dev.node_version(str(node)) == major


def test_a_second_setup_does_nothing() -> None:
    done = subprocess.run(
        [str(ROOT / "dev"), "setup"], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.splitlines() == ["· Ready. .venv/bin/forecourt --help lists what there is."]


@pytest.mark.parametrize(("words", "code"), [([], 0), (["--help"], 0), (["fly"], 2)])
def test_help_lists_the_verbs(words: list[str], code: int) -> None:
    done = subprocess.run(
        [str(ROOT / "dev"), *words], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == code
    assert "./dev run" in done.stdout


def test_locks_name_no_address_and_hash_everything() -> None:
    for lock in ROOT.glob("requirements*.txt"):
        lines = lock.read_text().splitlines()
        assert not [line for line in lines if "://" in line or line.startswith("-")], lock.name
        packages = [line for line in lines if "==" in line and not line.lstrip().startswith("#")]
        assert packages
        assert all(line.endswith("\\") for line in packages), lock.name
