"""Code that decides a result does not change without a look at its revision: revisions.json knows both.

Every module of the worker, and what compares and judges, is behind a number that evidence depends on: that of a stage
(planning/revisions.py), or that of a route, an exporter, a remedy, a shim, a target, a runtime or a probe.
Run as a program it writes the list anew: python tests/unit/test_revisions_raised.py
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from test_import_direction import imported

from tfparity import paths
from tfparity.paths import PACKAGE
from tfparity.planning import probes, revisions
from tfparity.worker import artifacts, compilers, exporters, remedies, routes, runtimes, shims, targets

KNOWN = Path(__file__).with_name("revisions.json")

ADVICE = (
    "changed since revisions.json was written. Raise the revision of each whose results can change (evidence by it "
    "becomes stale); then, and also where none can, run: python tests/unit/test_revisions_raised.py"
)

#: Packages whose modules declare a revision each.
KINDS = (artifacts, compilers, probes, exporters, remedies, routes, runtimes, shims, targets)

#: The modules that run a stage. What they import counts, too, at the first stage that needs it, but for modules with a
#: revision of their own.
RUNS: dict[str, tuple[str, ...]] = {
    "build": (
        "worker.__main__",
        "worker.serve",
        "worker.requests.source",
        "worker.frameworks.pytorch",
        "worker.frameworks.onnx_file",
        "judging.sensitivity",
    ),
    "export": ("worker.requests.source",),
    "check": ("worker.requests.source",),
    "convert": ("worker.requests.target", "worker.torch_ahead"),
    # Revisions of runtimes are in no key: the stage's stands for them.
    "load": ("worker.requests.target", "worker.runtimes.saved_model", "worker.runtimes.tflite"),
    "parity": ("worker.requests.target",),
    "dynamic-shape": ("worker.requests.target",),
    "signature": ("worker.requests.target",),
    "referee": ("engine.referee_process",),
    "compare": ("judging.compare",),
    # The sides' own parts of it: when another referee is asked, what no memory twice and a changed bundle come to.
    "judge": ("judging.judge", "engine.target_side", "engine.cell_run"),
    "probe": (
        "worker.requests.probe",
        "worker.probing",
        "judging.closeness",
        "judging.probed",
        "engine.probing",
        "planning.probes",
    ),
    "target": ("judging.precision", "engine.targets"),
    "compile": ("worker.requests.compile", "engine.compiling"),
}

#: Modules behind a number that is in no key of the zoo's: a change is looked at, and makes nothing of it stale.
BESIDE = {
    "own models": (revisions.OWN, ("judging.own_models",)),
    "runtimes": (revisions.RUNTIMES, ("worker.requests.artifact", "worker.artifacts", "judging.answers")),
    "sensitivity": (revisions.SENSITIVITY, ("worker.sensitivity", "worker.frameworks._slopes")),
}

#: Modules that cannot change a recorded result, of a package all of them, and why.
EXEMPT = {
    "worker.requests.latency": "times models whose verdict is known; results/latency is made anew as a whole",
    "worker.requests.score": "a person's own measure of what was judged already",
    "worker.subjects": "likewise: the ways to run a model that are timed",
    "worker.requests.selftest": "tells whether a parent can fork, which gives the same answer as one that cannot",
}

#: Rooms whose code decides results; what an import finds elsewhere does not.
DECIDING = ("worker", "judging", "records")


def name_of(path: Path, package: Path) -> str:
    """ "worker.routes.onnx_tf"; a package's own module has the package's name."""
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def path_of(name: str, package: Path) -> Path:
    folder = package.joinpath(*name.split("."))
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def kind_of(name: str) -> str | None:
    """The package of KINDS that a module is in, "worker.routes"; None of the package itself and of all others."""
    folders = (kind.__name__.removeprefix("tfparity.") for kind in KINDS)
    return next((folder for folder in folders if name.startswith(f"{folder}.")), None)


def closure(roots: Iterable[str], package: Path, follows: Callable[[str], bool]) -> list[str]:
    """The roots and what they import, each once; an import is followed where `follows(name)` is true."""
    found = list(dict.fromkeys(roots))
    for name in found:  # grows
        for other in sorted(imported(path_of(name, package))):
            if other not in found and follows(other) and path_of(other, package).is_file():
                found.append(other)
    return found


def stages(package: Path) -> Iterator[tuple[str, list[str]]]:
    """Every stage with its modules."""
    own = {name for names in RUNS.values() for name in names} | EXEMPT.keys() | _beside()
    counted: set[str] = set()
    for stage in revisions.STAGES:
        found = closure(
            RUNS[stage],
            package,
            lambda name: name.split(".")[0] in DECIDING and not kind_of(name) and name not in own | counted,
        )
        counted.update(found)
        yield stage, found


def _beside() -> set[str]:
    return {name for _, names in BESIDE.values() for name in names}


def declared(package: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Every module with a revision, that number, and its modules: itself and what it imports of its package."""
    for kind in KINDS:
        folder = kind.__name__.removeprefix("tfparity.")
        for path in sorted(path_of(folder, package).parent.glob("[!_]*.py")):
            found = closure([name_of(path, package)], package, lambda name, folder=folder: kind_of(name) == folder)
            yield f"{folder.partition('.')[2]}/{path.stem}", kind.load(path.stem).revision, found


def essence(node: object) -> object:
    """The code without docstrings, comments and layout, the same under every Python. (ast.dump is not.)"""
    if isinstance(node, list):
        return [essence(one) for one in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    body = fields.get("body")
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        fields["body"] = body[1:]
    told = {name: essence(value) for name, value in fields.items() if value not in (None, []) and name != "kind"}
    return [type(node).__name__, sorted(told.items())]


@functools.cache
def code(text: str) -> str:
    """What of a module's text can change a result."""
    return repr(essence(ast.parse(text)))


def digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(map(code, texts)).encode()).hexdigest()


def present(package: Path = PACKAGE) -> dict[str, list[int | str]]:
    """Stage or module → its revision, and the digest of the code behind it."""

    def entry(number: int, names: Iterable[str]) -> list[int | str]:
        return [number, digest(path_of(name, package).read_text(encoding="utf-8") for name in names)]

    found = {f"stage {stage}": entry(revisions.STAGES[stage], names) for stage, names in stages(package)}
    found |= {name: entry(number, names) for name, (number, names) in BESIDE.items()}
    return found | {name: entry(number, names) for name, number, names in declared(package)}


def uncovered(package: Path = PACKAGE) -> set[str]:
    """Modules that decide results and are behind no revision. One without code decides none."""
    files = [path for room in ("worker", "judging", "planning/probes") for path in (package / room).rglob("*.py")]
    there = {name_of(path, package) for path in files if code(path.read_text(encoding="utf-8")) != code("")}
    covered = {name for _, names in stages(package) for name in names}
    covered |= {name for _, _, names in declared(package) for name in names} | _beside()
    return {name for name in there - covered if not any(f"{name}.".startswith(f"{one}.") for one in EXEMPT)}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, to be changed."""
    return Path(shutil.copytree(PACKAGE, tmp_path / "tfparity", ignore=shutil.ignore_patterns("__pycache__")))


def test_no_code_changes_without_a_look_at_its_revision() -> None:
    known, now = json.loads(KNOWN.read_text(encoding="utf-8")), present()
    changed = sorted(name for name in {*known, *now} if known.get(name) != now.get(name))
    assert not changed, f"{', '.join(changed)}: {ADVICE}"


def test_every_module_that_decides_a_result_is_behind_a_revision() -> None:
    assert not uncovered(), "name each in RUNS under the stage that runs it, or in EXEMPT with the reason"


@pytest.mark.parametrize(
    "file",
    ["worker/frameworks/jax.py", "worker/rounding.py", "judging/mercy.py", "planning/probes/_mercy.py"],
)
def test_a_new_module_that_no_revision_covers_is_noticed(copy: Path, file: str) -> None:
    (copy / file).write_text("TOLERANCE = 1\n")
    assert uncovered(copy) == {file.removesuffix(".py").replace("/", ".")}


@pytest.mark.parametrize(
    ("file", "old", "new", "noticed"),
    [
        ("judging/own_models.py", "TINY = 1e-4", "TINY = 1e-3", {"own models"}),
        ("worker/sensitivity.py", "FILL = 1e30", "FILL = 1e20", {"sensitivity"}),
        ("worker/frameworks/_slopes.py", "SAFETY = 4.0", "SAFETY = 2.0", {"sensitivity"}),
        ("worker/frameworks/pytorch.py", "SPREAD = 0.1", "SPREAD = 0.2", {"stage build"}),
        ("worker/arrays.py", "% 2**32", "% 2**31", {"stage build"}),
        ("worker/messages.py", "MESSAGE_LIMIT = 4000", "MESSAGE_LIMIT = 400", {"stage build"}),
        ("worker/plugins.py", '"_"', '"."', {"stage build"}),
        ("worker/remedies/__init__.py", "is not None", "is None", {"stage build"}),
        (
            "worker/requests/source.py",
            '.startswith("float64/")',
            '.startswith("ulp/")',
            {"stage build", "stage export", "stage check"},
        ),
        ("worker/routes/__init__.py", "onnx_files: bool = False", "onnx_files: bool = True", {"stage convert"}),
        ("worker/runtimes/tflite.py", "num_threads=1", "num_threads=2", {"stage load", "runtimes/tflite"}),
        ("worker/routes/_rebuild/verify.py", "import", "import sys, ", {"routes/keras_rebuild"}),
        ("worker/routes/onnx_tf.py", "(13, 12, 14, 11)", "(13,)", {"routes/onnx_tf", "routes/onnx_tf_dynamo"}),
        ("worker/exporters/torch_module.py", "weights.pt", "w.pt", {"exporters/torch_module"}),
        ("worker/remedies/_resize.py", "- 0.5", "- 0.4", {"remedies/bicubic_handler", "remedies/resize_handler"}),
        ("worker/shims/legacy_keras.py", '"1"', '"0"', {"shims/legacy_keras"}),
        ("engine/referee_process.py", "import json", "import json, re", {"stage referee"}),
        ("judging/arrays.py", "import math", "import math, re", {"stage compare"}),
        ("judging/judge.py", "LEVEL = 1", "LEVEL = 2", {"stage judge"}),
        ("judging/closeness.py", "SLICE = 1e-3", "SLICE = 1e-2", {"stage probe"}),
        ("planning/probes/sizes.py", "BATCHES = (3, 9)", "BATCHES = (3,)", {"probes/sizes"}),
        ("planning/probes/__init__.py", "DEVIATIONS = 8.0", "DEVIATIONS = 4.0", {"stage probe"}),
        ("planning/probes/__init__.py", "else cell.verdict", "else Verdict.WORKS", {"stage probe"}),
        ("engine/target_side.py", "from functools import", "from functools import cache, ", {"stage judge"}),
        ("engine/cell_run.py", "if not self.alone:", "if self.alone:", {"stage judge"}),
        ("records/fingerprint.py", "import hashlib", "import hashlib, math", {"stage judge"}),
        ("worker/requests/latency.py", "import os", "import os, re", set()),
        ("worker/frameworks/pytorch.py", "def build", "# why\ndef build", set()),
    ],
)
def test_a_change_is_noticed_where_it_counts_and_nowhere_else(
    copy: Path, file: str, old: str, new: str, noticed: set[str]
) -> None:
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1))
    before, after = present(), present(copy)
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == noticed


@pytest.mark.parametrize("name", paths.worker_modules("routes"))
def test_of_exporters_a_route_imports_its_own_alone(name: str) -> None:
    """Another's revision is in no key of its cells."""
    found = imported(path_of(f"worker.routes.{name.replace('-', '_')}", PACKAGE))
    used = {other for other in found if kind_of(other) == "worker.exporters" and path_of(other, PACKAGE).is_file()}
    assert used <= {f"worker.exporters.{routes.load(name).exporter.replace('-', '_')}"}


def test_the_list_of_stages_is_whole() -> None:
    assert RUNS.keys() == revisions.STAGES.keys()
    names = {name for listed in RUNS.values() for name in listed} | EXEMPT.keys() | _beside()
    assert all(path_of(name, PACKAGE).is_file() for name in names)


def test_words_and_layout_are_free() -> None:
    plain = 'def f(x):\n    """Of x."""\n    return (x + 1)'
    assert digest([plain]) == digest(['"""New."""\n\n# why\ndef f(x):\n    return x + 1'])
    assert len({digest([text]) for text in (plain, plain.replace("1", "2"), plain.replace("x", "y"))}) == 3


if __name__ == "__main__":
    rows = (f'  "{name}": {json.dumps(entry)}' for name, entry in present().items())
    KNOWN.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
