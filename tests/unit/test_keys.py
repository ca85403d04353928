"""Content keys: each ingredient moves its own, and nothing else does."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import attempt, broken
from builders import cell as made

from tfparity.engine import referee
from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.inputs import case_files, matrix
from tfparity.judging.judge import cell as judged
from tfparity.paths import Project
from tfparity.planning import keys as planning_keys
from tfparity.planning import revisions, targets
from tfparity.planning.keys import Crossing, entry
from tfparity.records import vocabulary
from tfparity.records.cells import Attempt, PlannedCell
from tfparity.records.vocabulary import Stage, Target
from tfparity.worker import compilers, declare, plugins, remedies, shims

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
from tfparity.worker.routes import Route

ROUTE = Route(
    revision=1, sides="split", framework="framework.py", exporter="exporter.py", opsets=(13,),
    requires={"source": {}, "target": {}}, imports={"source": ["numpy"], "target": ["numpy"]},
    convert=print, load=print, pin_threads=print,
)
"""

EXPORTER = """
from tfparity.worker.exporters import Exporter

EXPORTER = Exporter(revision=1, newest_opset=print, export=print, check=print)
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
            ("exporter.py", EXPORTER),
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
        made, crossing = self.made()
        return {
            "bundle": made.bundle(crossing),
            "export": made.export(crossing, referee.version()),
            "base": made.base(crossing),
            "cell": self.cell(attempt()),
        }

    def made(self) -> tuple[planning_keys.Keys, Crossing]:
        """The keys of the project as it now is, and how its cell crosses."""
        self.patch.setattr(declare, "_registry", {})
        self.patch.setattr(plugins, "_loaded", {})
        declared = matrix.load(self.root / "matrix.yaml")
        zoo = case_files.load([self.root / "zoo.py"])
        keys = planning_keys.Keys(Project(self.root), declared, zoo, (), self.path)
        return keys, keys.crossing(CELL)

    def cell(self, *attempts: Attempt) -> str:
        """The key of the cell that these attempts make."""
        keys, _ = self.made()
        return keys.cell(CELL, judged(*CELL.place, attempts, shims=[]))


CELL = PlannedCell("both", "a/b", "mine.py")


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


ALL = {"bundle", "export", "base", "cell"}


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        (revised("build"), {"bundle", "base", "cell"}),
        (revised("export"), {"export", "cell"}),
        (revised("check"), {"export", "cell"}),
        (revised("referee"), {"export", "cell"}),
        *(
            (revised(stage), {"cell"})
            for stage in revisions.STAGES
            if stage not in ("build", "export", "check", "referee", "probe", "target", "compile")
        ),
        (revised("probe"), set()),
        (revised("target"), set()),
        (revised("compile"), set()),
        (written("zoo.py", "return 1", "return 2"), {"bundle", "base", "cell"}),
        (written("framework.py", "", "SEED = 1\n"), {"bundle", "base", "cell"}),
        (written("exporter.py", "revision=1", "revision=2"), {"export", "cell"}),
        (written("mine.py", "revision=1", "revision=2"), {"cell"}),
        (written("mine.py", "(13,)", "(13, 12)"), {"base", "cell"}),
        (written("matrix.yaml", "shims: [onnx-mapping]", "shims: []"), {"base", "cell"}),
        (relocked("torch-side"), {"bundle", "base", "cell"}),
        (relocked("tensorflow-side"), {"base", "cell"}),
        (lambda keys: keys.patch.setattr(shims, "load", lambda _: shims.Shim(99, print)), {"base", "cell"}),
        (lambda keys: keys.patch.setattr(referee, "version", lambda: "99"), {"export"}),
        (importing("one"), {"bundle", "base", "cell"}),
        (lambda keys: None, set()),
        (written("zoo.py", "def b", "# why\ndef b"), set()),
    ],
)
def test_an_ingredient_moves_its_keys_and_no_other(keys: Keys, change: Callable[[Keys], None], moved: set[str]) -> None:
    before = keys.read()
    change(keys)
    after = keys.read()
    assert {name for name in ALL if before[name] != after[name]} == moved


@pytest.mark.parametrize(("own", "moved"), [(True, {"bundle", "base", "cell"}), (False, set())])
def test_what_only_models_of_ones_own_get_is_in_no_key_of_the_zoo(keys: Keys, own: bool, moved: set[str]) -> None:
    keys.patch.setattr(planning_keys.Keys, "own", frozenset({"a/b"} if own else ()))
    before = keys.read()
    keys.patch.setattr(revisions, "OWN", 99)
    after = keys.read()
    assert {name for name in ALL if before[name] != after[name]} == moved


def test_code_that_a_case_imports_counts_wherever_it_lies(keys: Keys) -> None:
    for folder, text in (("one", "1"), ("same", "1"), ("other", "2")):
        (keys.root / folder / "pack" / "__pycache__").mkdir(parents=True)
        (keys.root / folder / "pack" / "net.py").write_text(text)
    importing("one")(keys)
    before = keys.read()
    (keys.root / "one" / "pack" / "__pycache__" / "net.pyc").write_text("compiled")
    for kept_apart in (".git/HEAD", "pack/.cache/x", ".gitignore"):
        (keys.root / "one" / kept_apart).parent.mkdir(exist_ok=True)
        (keys.root / "one" / kept_apart).write_text("of another program")
    assert keys.read() == before
    importing("same")(keys)
    assert keys.read() == before
    importing("other")(keys)
    assert keys.read()["bundle"] != before["bundle"]
    (keys.root / "same" / "pack").rename(keys.root / "same" / "package")
    importing("same")(keys)
    assert keys.read()["bundle"] != before["bundle"]


def test_results_that_lie_among_the_code_do_not_count(keys: Keys) -> None:
    (keys.root / "results" / "runs").mkdir(parents=True)
    keys.path = (keys.root,)
    before = keys.read()
    (keys.root / "results" / "old.json").write_text("{}")
    (keys.root / "results" / "runs" / "old.json").write_text("{}")
    assert keys.read() == before
    (keys.root / "results.txt").write_text("data of the model")
    assert keys.read()["bundle"] != before["bundle"]


def test_two_exporters_of_one_revision_do_not_share_an_export(keys: Keys) -> None:
    before = keys.read()
    shutil.copy(keys.root / "exporter.py", keys.root / "another.py")
    keys.write("mine.py", "exporter.py", "another.py")
    assert keys.read()["export"] != before["export"]


REACHED = {
    "build": attempt(13, "build", "fail", "the case raises"),
    "export": attempt(13, "export", "fail", "no symbolic"),
    "convert": broken(),
    "parity": attempt(13, "parity", "fail", "off", "ConverterDiverged"),
    "signature": attempt(),
}


@pytest.mark.parametrize("reached", REACHED)
@pytest.mark.parametrize("stage", [stage.value for stage in Stage if stage.position >= Stage.BUILD.position])
def test_a_stage_that_a_verdict_did_not_reach_has_no_part_in_its_key(keys: Keys, reached: str, stage: str) -> None:
    before = keys.cell(REACHED[reached])
    revised(stage)(keys)
    moved = keys.cell(REACHED[reached]) != before
    assert moved == (Stage(stage).position <= Stage(reached).position)


@pytest.mark.parametrize(("name", "since"), [("compare", "parity"), ("referee", "parity"), ("judge", "build")])
@pytest.mark.parametrize("reached", REACHED)
def test_what_judges_counts_from_the_stage_that_it_judges(keys: Keys, reached: str, name: str, since: str) -> None:
    before = keys.cell(REACHED[reached])
    revised(name)(keys)
    moved = keys.cell(REACHED[reached]) != before
    assert moved == (Stage(reached).position >= Stage(since).position)


@pytest.mark.parametrize("reached", REACHED)
def test_route_and_exporter_count_from_the_stage_that_they_run(keys: Keys, reached: str) -> None:
    before = keys.cell(REACHED[reached])
    keys.write("exporter.py", "revision=1", "revision=2")
    exporter = keys.cell(REACHED[reached])
    assert (exporter != before) == (reached != "build")
    keys.write("mine.py", "revision=1", "revision=2")
    assert (keys.cell(REACHED[reached]) != exporter) == (reached not in ("build", "export"))


@pytest.mark.parametrize("reached", REACHED)
def test_a_new_name_among_the_revisions_moves_no_key(keys: Keys, reached: str) -> None:
    before = keys.read(), keys.cell(REACHED[reached])
    keys.patch.setitem(revisions.STAGES, "probe-sizes", 1)
    assert (keys.read(), keys.cell(REACHED[reached])) == before


@pytest.mark.parametrize("reached", REACHED)
def test_a_new_stage_moves_no_key_before_an_attempt_runs_it(keys: Keys, reached: str) -> None:
    """Wherever it stands in the order: here before all, so that every attempt came further."""
    before = keys.cell(REACHED[reached])
    beside = [stage for stage in Stage if not stage.of_attempt]
    keys.patch.setattr(vocabulary, "_POSITIONS", {**vocabulary._POSITIONS, **dict.fromkeys(beside, 0)})
    for stage in beside:
        keys.patch.setitem(revisions.STAGES, stage.value, 9)
    assert keys.cell(REACHED[reached]) == before


def test_attempts_that_decide_nothing_have_no_part_in_a_key(keys: Keys) -> None:
    assert keys.cell(broken(), broken(opset=12)) == keys.cell(broken())
    extra = judged(*CELL.place, [broken()], shims=[], extra=[attempt(9)])
    made_, _ = keys.made()
    assert made_.cell(CELL, extra) == keys.cell(broken())


def test_an_entry_rests_on_its_cell_and_not_the_other_way_round() -> None:
    plain = made("a/b")
    target = entry(plain.key, "target", "tflite-float32", 1)
    assert target != entry("another", "target", "tflite-float32", 1)
    assert target != entry(plain.key, "target", "tflite-float32", 2)
    assert target != entry(plain.key, "probe", "tflite-float32", 1)
    assert entry(plain.key, "runtime", "tf2.15", 1, "lock") != entry(plain.key, "runtime", "tf2.15", 1, "other lock")


def of_matrix(tmp_path: Path, text: str = MATRIX) -> planning_keys.Keys:
    """Keys of a project of that matrix alone."""
    (tmp_path / "matrix.yaml").write_text(text)
    return planning_keys.Keys(Project(tmp_path), matrix.load(tmp_path / "matrix.yaml"), {})


def test_a_targets_key_rests_on_its_cell_its_revisions_its_remedies_and_its_examples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = of_matrix(tmp_path)

    def key(cell: str = "cell", target: Target = Target.TFLITE_INT8, examples: str | None = None) -> str:
        return keys.target(cell, target, examples)

    plain = key()
    others = [key("another"), key(target=Target.TFLITE_DYNAMIC), key(examples="digest")]
    monkeypatch.setitem(revisions.STAGES, "target", revisions.STAGES["target"] + 1)
    others.append(key())
    monkeypatch.undo()
    (cure,) = targets.declared(Target.TFLITE_INT8).remedies
    known = remedies.load(cure)
    monkeypatch.setattr(remedies, "load", lambda name: known._replace(revision=99))
    others.append(key())
    monkeypatch.undo()
    mine, real = targets.declared(Target.TFLITE_INT8), targets.declared
    raised = {Target.TFLITE_INT8: mine._replace(revision=99)}
    monkeypatch.setattr(targets, "declared", lambda target: raised.get(target) or real(target))
    others.append(key())
    assert len({plain, *others}) == 1 + len(others)


def test_the_key_of_a_compilers_entry_rests_on_the_target_on_its_lock_and_its_revision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = matrix.load(Path(__file__).parents[2] / "matrix.yaml").runtime("compile-vela5.2")
    locks = [LockStatus("locked", Path("compile.txt"), digit * 64, {}, None) for digit in "ab"]
    others = [runtime.model_copy(update=changed) for changed in ({}, {"id": "compile-other"}, {"python": "3.12"})]

    def made() -> set[str]:
        return {planning_keys.compiled(key, one, lock) for key in ("t1", "t2") for one in others for lock in locks}

    before = made()
    assert len(before) == 12
    monkeypatch.setitem(revisions.STAGES, "compile", revisions.STAGES["compile"] + 1)
    assert not before & made()
    monkeypatch.undo()
    known = compilers.load("vela")
    monkeypatch.setattr(compilers, "load", lambda name: known._replace(revision=known.revision + 1))
    assert not before & made()


MAKER = """\
makers:
  - {id: maker, python: "3.12", as-of: 2026-11-20, makes: [litert-int8], pins: {litert-quantizer: 0.11.0}}
toolchains:
"""


def test_a_target_that_is_made_apart_rests_on_its_maker_too_and_on_what_it_is_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = MATRIX.replace("toolchains:\n", MAKER)
    found: list[list[str]] = []

    def look() -> None:
        keys = of_matrix(tmp_path, text)
        found.append([keys.target("cell", one) for one in (Target.TFLITE_INT8, Target.LITERT_INT8)])

    for digest in ("a" * 64, "b" * 64):
        locked = LockStatus("locked", Path("maker.txt"), digest, {}, None)
        monkeypatch.setattr(lock, "status", lambda project, environment, locked=locked: locked)
        look()
    text = text.replace('"3.12"', '"3.13"')
    look()
    real = targets.declared
    changed = {Target.TFLITE_FLOAT32: real(Target.TFLITE_FLOAT32)._replace(revision=99)}
    monkeypatch.setattr(targets, "declared", lambda target: changed.get(target) or real(target))
    look()
    assert len({plain for plain, _ in found}) == 1
    assert len({apart for _, apart in found}) == len(found)


def test_the_key_of_a_runtimes_entry_rests_on_the_cell_and_on_its_own_lock() -> None:
    locked = LockStatus("locked", Path("run.txt"), "a" * 64, {}, None)
    other = LockStatus("locked", Path("run.txt"), "b" * 64, {}, None)
    made = {
        planning_keys.runtime(cell_key, id, python, status)
        for cell_key in ("one", "two")
        for id in ("run-tf2.12", "run-tf2.15")
        for python in ("3.10", "3.11")
        for status in (locked, other)
    }
    assert len(made) == 16
