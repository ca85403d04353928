"""Imports run one way, and only the message shapes and case declarations cross to and from the worker."""

import ast
import functools
import re
from pathlib import Path

import pytest

from tfparity.paths import PACKAGE

#: The layers of our side, lowest first: a room imports from itself and from the layers below. Rooms of one layer don't
#: know each other.
LAYERS = (
    ("errors",),
    ("paths", "signals"),
    ("records",),
    ("inputs",),
    ("environments", "judging"),
    ("planning",),
    ("engine", "evidence"),
    ("report",),
    ("features",),
    ("cli", "pytest_plugin", "pytest_cells"),
    ("__main__",),
)

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

#: What our side may import of the worker: shapes and declarations, the code that finds a module by name, which errors
#: are this machine's, and what it can hold a request to. Of the packages no module: what a route or a remedy does is
#: the worker's alone.
WORKER_PARTS_FOR_US = {
    f"worker.{name}"
    for name in (
        *("messages", "declare", "plugins", "artifacts", "machine_errors", "confinement"),
        *("routes", "exporters", "frameworks", "targets", "remedies", "shims", "subjects", "compilers"),
    )
}


def modules():
    """(name, path) of every module of the package: "report.words", "worker.routes.onnx_tf"."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


def imported(path: Path) -> frozenset[str]:
    """The tfparity modules that a file imports, at its top or inside functions, without the package's name."""
    return _imported(path.read_text(encoding="utf-8"))


@functools.cache
def _imported(text: str) -> frozenset[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            found |= {
                f"{node.module}.{alias.name}" if node.module == "tfparity" else node.module for alias in node.names
            }
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(name.removeprefix("tfparity.") for name in found if name.startswith("tfparity."))


def is_module(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


OURS = [(name, path) for name, path in modules() if name and name.split(".")[0] != "worker"]
WORKER = [(name, path) for name, path in modules() if name.split(".")[0] == "worker"]


def test_every_module_of_ours_has_a_layer():
    assert {name.split(".")[0] for name, _ in OURS} == set(RANK)


@pytest.mark.parametrize(("name", "path"), OURS, ids=[name for name, _ in OURS])
def test_a_module_imports_only_from_below(name, path):
    mine = name.split(".")[0]
    for other in imported(path):
        top = other.split(".")[0]
        if top in RANK and top != mine:
            assert RANK[top] < RANK[mine], f"{name} imports {other}, which stands above or beside it"


@pytest.mark.parametrize(("name", "path"), OURS, ids=[name for name, _ in OURS])
def test_our_side_takes_only_shapes_and_declarations_from_the_worker(name, path):
    assert {
        other for other in imported(path) if other.startswith("worker.") and is_module(other)
    } <= WORKER_PARTS_FOR_US


@pytest.mark.parametrize(("name", "path"), WORKER, ids=[name for name, _ in WORKER])
def test_the_worker_imports_nothing_of_ours(name, path):
    assert {other for other in imported(path) if is_module(other) and other.split(".")[0] != "worker"} == set()


@pytest.mark.parametrize(("name", "path"), OURS, ids=[name for name, _ in OURS])
def test_no_module_reaches_another_past_its_imports(name, path):
    assert "sys.modules" not in path.read_text(encoding="utf-8")


def test_only_the_engine_names_a_cells_run():
    naming = [name for name, path in modules() if "CellRun" in re.findall(r"\w+", path.read_text(encoding="utf-8"))]
    assert naming
    assert {name.split(".")[0] for name in naming} == {"engine"}


def test_the_report_imports_no_engine():
    report = [path for name, path in OURS if name.split(".")[0] == "report"]
    assert report
    assert not [other for path in report for other in imported(path) if other.split(".")[0] == "engine"]


def test_few_modules_lie_outside_the_rooms():
    assert 0 < len(list(PACKAGE.glob("*.py"))) <= 8
