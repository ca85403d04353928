"""The keys of a cell under way: each ingredient moves them, and nothing else does."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tfparity import cases, matrix, referee, revisions
from tfparity.crossing import Crossing, _model, _unsettled
from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.paths import Cache, Project
from tfparity.plan import PlannedCell
from tfparity.setting import Options, Setting
from tfparity.sides import Sides
from tfparity.worker import declare, plugins, shims

MATRIX = """\
schema: 1
default: both
environments:
  - {id: torch-side, python: "3.11", as-of: 2023-07-15, pins: {torch: 2.0.1}}
  - {id: tensorflow-side, python: "3.11", as-of: 2023-07-15, pins: {tensorflow: 2.12.1}, shims: [onnx-mapping]}
toolchains:
  - {id: both, source: torch-side, routes: {mine.py: tensorflow-side}}
"""

ROUTE = """
REVISION, SIDES, FRAMEWORK, EXPORTER, OPSETS = 1, "split", "framework.py", "exporter.py", (13,)
REQUIRES = {"source": {}, "target": {}}
IMPORTS = {"source": ["numpy"], "target": ["numpy"]}
"""

CASE = 'from tfparity import case, normal\n\n\n@case("a/b", inputs=[normal(2)])\ndef b():\n    return 1\n'


class Keys:
    """A project whose every ingredient can be changed, and the keys of its one cell."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.patch = root, monkeypatch
        self.lines = {"torch-side": "00", "tensorflow-side": "11"}
        self.path: tuple[Path, ...] = ()
        for name, text in (
            ("matrix.yaml", MATRIX),
            ("mine.py", ROUTE),
            ("framework.py", ""),
            ("exporter.py", "REVISION = 1\n"),
            ("zoo.py", CASE),
        ):
            (root / name).write_text(text)
        monkeypatch.setattr(lock, "status", lambda _, environment: self._locked(environment.id))

    def _locked(self, id: str) -> LockStatus:
        return LockStatus("locked", Path(), self.lines[id], {}, None)

    def write(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def read(self) -> dict[str, str]:
        self.patch.setattr(declare, "_registry", {})
        self.patch.setattr(plugins, "_loaded", {})
        declared = matrix.load(self.root / "matrix.yaml")
        zoo, cache = cases.load([self.root / "zoo.py"]), Cache(self.root / "cache")
        setting = Setting(Project(self.root), declared, zoo, cache, Options(path=self.path))
        crossing = Crossing(setting, PlannedCell("both", "a/b", "mine.py"), Sides(setting, ExitStack()))
        return {"bundle": crossing.bundle_key, "export": crossing.export_key, "cell": crossing.key}


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    return Keys(tmp_path, monkeypatch)


def revised(stage: str) -> Callable[[Keys], None]:
    return lambda keys: keys.patch.setitem(revisions.STAGES, stage, revisions.STAGES[stage] + 1)


def written(name: str, old: str, new: str) -> Callable[[Keys], None]:
    return lambda keys: keys.write(name, old, new)


def importing(*folders: str) -> Callable[[Keys], None]:
    return lambda keys: setattr(keys, "path", tuple(keys.root / folder for folder in folders))


def relocked(id: str) -> Callable[[Keys], None]:
    return lambda keys: keys.lines.update({id: "22"})


ALL = {"bundle", "export", "cell"}


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (revised("build"), {"bundle", "cell"}),
        (revised("export"), {"export", "cell"}),
        (revised("check"), {"export", "cell"}),
        (revised("referee"), {"export", "cell"}),
        *(
            (revised(stage), {"cell"})
            for stage in revisions.STAGES
            if stage not in ("build", "export", "check", "referee")
        ),
        (written("zoo.py", "return 1", "return 2"), {"bundle", "cell"}),
        (written("framework.py", "", "SEED = 1\n"), {"bundle", "cell"}),
        (written("exporter.py", "REVISION = 1", "REVISION = 2"), {"export", "cell"}),
        (written("mine.py", '= 1, "split"', '= 2, "split"'), {"cell"}),
        (written("mine.py", "(13,)", "(13, 12)"), {"cell"}),
        (written("matrix.yaml", "shims: [onnx-mapping]", "shims: []"), {"cell"}),
        (relocked("torch-side"), {"bundle", "cell"}),
        (relocked("tensorflow-side"), {"cell"}),
        (lambda keys: keys.patch.setattr(shims, "revision", lambda _: 99), {"cell"}),
        (lambda keys: keys.patch.setattr(referee, "version", lambda: "99"), {"export"}),
        (importing("one"), {"bundle", "cell"}),
        (lambda keys: None, set()),
        (written("zoo.py", "def b", "# why\ndef b"), set()),
    ],
)
def test_an_ingredient_moves_its_keys_and_no_other(keys: Keys, change: Callable[[Keys], None], moved: set[str]) -> None:
    before = keys.read()
    change(keys)
    after = keys.read()
    assert {name for name in ALL if before[name] != after[name]} == moved


def test_code_that_a_case_imports_counts_wherever_it_lies(keys: Keys) -> None:
    for folder, text in (("one", "1"), ("same", "1"), ("other", "2")):
        (keys.root / folder / "pack" / "__pycache__").mkdir(parents=True)
        (keys.root / folder / "pack" / "net.py").write_text(text)
    importing("one")(keys)
    before = keys.read()
    (keys.root / "one" / "pack" / "__pycache__" / "net.pyc").write_text("compiled")
    assert keys.read() == before
    importing("same")(keys)
    assert keys.read() == before
    importing("other")(keys)
    assert keys.read()["bundle"] != before["bundle"]
    (keys.root / "same" / "pack").rename(keys.root / "same" / "package")
    importing("same")(keys)
    assert keys.read()["bundle"] != before["bundle"]


def test_two_exporters_of_one_revision_do_not_share_an_export(keys: Keys) -> None:
    before = keys.read()
    shutil.copy(keys.root / "exporter.py", keys.root / "another.py")
    keys.write("mine.py", "exporter.py", "another.py")
    assert keys.read()["export"] != before["export"]


def attempt(message: str | None = None, stage: str = "convert", **more: Any) -> dict[str, Any]:
    error = {"stage": stage, "type": "OSError", "message": message} if message else None
    return {"stage": stage, "error": error, "referee": None, **more}


@pytest.mark.parametrize(
    ("made", "unsettled"),
    [
        (attempt(), False),
        (attempt("no handler for Gelu"), False),
        (attempt("ended by SIGSEGV"), False),
        (attempt("no matching distribution", "install"), True),
        (attempt(referee={"error": "Timeout: still running after 300 s"}), True),
        (attempt(referee={"error": "Fail: no kernel"}), False),
        (attempt(referee={"grade": "float32-noise", "max_abs": 0.0}), False),
    ],
)
def test_what_another_machine_may_bring_to_another_end_is_not_stored(made: dict[str, Any], unsettled: bool) -> None:
    assert _unsettled(made) == unsettled


def test_a_model_is_told_by_its_weights_and_not_by_its_inputs_and_outputs() -> None:
    sensitivity = {"input:x": [0.1, 0.0], "output:y": [0.2, 0.0], "a": [0.0, 0.5], "b": [0.01234, 0.0]}
    found = _model({"sensitivity": sensitivity, "parameters": 3, "operators": ["Conv"]})
    assert found == {"parameters": 3, "weights": 2, "least": "b", "change": 0.012, "operators": ["Conv"]}


def test_a_model_without_weights_has_none_that_moves_least() -> None:
    found = _model({"sensitivity": {"input:x": [0.1], "output:y": [0.1]}, "parameters": 0})
    assert found == {"parameters": 0, "weights": 0, "least": None, "change": None, "operators": []}


def test_a_model_that_was_not_built_is_not_told() -> None:
    assert _model({"file_opset": 13}) is None
