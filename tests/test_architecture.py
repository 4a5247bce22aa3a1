"""What holds for the whole house: arrows, imports without effects, sizes, public names, the command line's help."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from parcelray import COMMANDS

ROOT = Path(__file__).parents[1]
ROOMS = ("benchmarks", "datasets", "detector", "serving", "training")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
MAX_LINES = 400
TOP_LEVEL = {
    *(".ci", ".dockerignore", ".gitignore", ".python-version", "CHANGELOG.md", "Dockerfile", "LICENSE", "README.md"),
    *("constraints.txt", "parcelray.py", "pyproject.toml", "scripts", "tests"),
    *ROOMS,
}
HEAVY = ("torch", "torchvision", "ultralytics", "albumentations")

# Imports every module of a room and says what that did; {room} is put in.
IMPORT_ALL = """
import importlib, os, pkgutil, sys, threading
import cv2  # changes the environment by itself
os.environ.setdefault("RAY_CLIENT_MODE", "0")  # as Ray does where it is imported
before = dict(os.environ), os.getcwd()
for module in pkgutil.walk_packages([{folder!r}], {room!r} + "."):
    if ".migrations" not in module.name and module.name not in {optional!r}:
        importlib.import_module(module.name)
assert (dict(os.environ), os.getcwd()) == before, "the environment or the working directory changed"
assert threading.active_count() == 1, threading.enumerate()
print(*sorted(sys.modules))
"""
# Needs an extra that the tests do not install.
OPTIONAL = ("serving.ray_app",)


def run(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("room", ROOMS)
def test_the_package_imported_is_ours(room: str) -> None:
    # `datasets` is also the name of another well-known package.
    assert Path(str(importlib.import_module(room).__file__)).parent == ROOT / room


def test_the_import_contracts_hold() -> None:
    result = run("-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 kept, 0 broken" in result.stdout


@pytest.mark.parametrize("room", ["detector", "serving", "datasets"])
def test_importing_a_room_does_nothing_and_loads_no_torch(room: str, tmp_path: Path) -> None:
    script = IMPORT_ALL.format(folder=str(ROOT / room), room=room, optional=OPTIONAL)
    result = run("-W", "error", "-c", script, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    assert list(tmp_path.iterdir()) == []
    loaded = set(result.stdout.split())
    assert not loaded & set(HEAVY)
    if room != "datasets":
        assert not loaded & {"datasets", "training", "numba"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_names_all_that_is_public(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= MAX_LINES, f"{path.name} has more than {MAX_LINES} lines: give each subject its own file"
    body = ast.parse(text).body
    listed = [
        ast.literal_eval(node.value) for node in body if isinstance(node, ast.Assign) and _targets(node) == ["__all__"]
    ]
    if not listed:
        return
    (names,) = listed
    assert names == sorted(names, key=_isort_key)
    assert len(names) == len(set(names))
    defined = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    # A decorated function, such as a route, may be there for its decorator alone.
    public = {node.name for node in defined if not node.name.startswith("_")}
    hidden = {n.name for n in defined if n.decorator_list and not isinstance(n, ast.ClassDef)}
    assert public - hidden <= set(names), f"not in __all__: {sorted(public - hidden - set(names))}"
    constants = {name for node in body if isinstance(node, ast.Assign | ast.AnnAssign) for name in _targets(node)}
    imported = {a.asname or a.name for node in body if isinstance(node, ast.ImportFrom) for a in node.names}
    assert set(names) <= public | constants | imported, f"nowhere in the file: {sorted(set(names) - public)}"


def test_no_folder_or_file_strays_to_the_top() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert {name.split("/")[0] for name in listed.split("\0") if name} <= TOP_LEVEL


def test_help_names_every_command() -> None:
    result = run("-m", "parcelray", "--help")
    assert result.returncode == 0, result.stderr
    assert all(command in result.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_needs_no_torch(command: str) -> None:
    result = run("-X", "importtime", "-m", "parcelray", command, "--help")
    assert result.returncode == 0, result.stderr[-2000:]
    assert f"parcelray {command}" in result.stdout
    loaded = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert not loaded & set(HEAVY)


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: the order that ruff gives."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name
