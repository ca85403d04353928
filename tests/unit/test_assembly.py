"""A cell's run as it is put together: what of the store counts for it, what becomes of a side that does not start."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import SOURCE, SPLIT, TARGET, attempt, broken, case, context, crossing, rule

from tfparity.engine import assembly, second_referee
from tfparity.engine.bundles import BundleFacts, Exported, ExportFacts
from tfparity.engine.cell_run import CellRun
from tfparity.engine.context import Context
from tfparity.engine.process_limits import Limits
from tfparity.engine.store import ImportStep
from tfparity.engine.worker_client import Answer, Facts, Side
from tfparity.errors import InstallError, MachineFault, TfparityError, WorkerError
from tfparity.inputs import matrix
from tfparity.paths import Project
from tfparity.planning import revisions
from tfparity.planning.keys import Where
from tfparity.records.cells import Attempt, CellId, Problem, StageReply
from tfparity.records.vocabulary import Outcome, Target
from tfparity.worker import exporters, remedies, routes


@dataclass
class FakeWorker:
    """A worker that has started, or could not import; keeps what it was asked."""

    failed_import: ImportStep | None = None
    facts: Facts = field(default_factory=Facts)
    asked: list[tuple[str, Any, Limits]] = field(default_factory=list)
    side: Side = field(default_factory=lambda: Side(Path("/opt/env/bin/python"), (), ()))

    def ask(self, kind: str, request: Any, limits: Limits, *, makes: Any = None, on_stage: Any = None) -> Answer:
        self.asked.append((kind, request, limits))
        return Answer((StageReply(kind, Outcome.PASS),), self.facts, Path())


class FakePool:
    """A pool whose sides start as they are told to."""

    def __init__(self) -> None:
        self.sides: dict[str, FakeWorker | Exception] = {SOURCE: FakeWorker(), TARGET: FakeWorker()}
        self.places: dict[str, str] = {"/home/me": "<home>"}

    def worker(self, where: Where) -> FakeWorker:
        found = self.sides[where.environment.id]
        if isinstance(found, Exception):
            raise found
        return found

    def warm(self, *wheres: Where) -> list[Future[FakeWorker]]:
        made = []
        for where in wheres:
            started: Future[FakeWorker] = Future()
            found = self.sides[where.environment.id]
            started.set_exception(found) if isinstance(found, Exception) else started.set_result(found)
            made.append(started)
        return made


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


Opened = Callable[..., CellRun]


@pytest.fixture
def opened(tmp_path: Path, pool: FakePool) -> Opened:
    """The run of the family's case, with options of the run."""
    (tmp_path / "zoo.py").write_text("def net():\n    return 1\n")
    declared = case(file=str(tmp_path / "zoo.py"), factory=lambda: None)

    def opened(*, tries_remedies: bool = False, run: Context | None = None, **given: Any) -> CellRun:
        run = run or context(tmp_path, declared, **given)
        run.folder.mkdir(parents=True, exist_ok=True)
        return assembly.of_planned(run, pool, crossing(run), tries_remedies=tries_remedies)  # type: ignore[arg-type]

    return opened


# Both sides


def test_where_both_sides_start_there_is_nothing_to_say(opened: Opened) -> None:
    assert opened().start() is None


STEP = ImportStep("torch", Outcome.FAIL, 1.5, Problem("ImportError", "no libstdc++"))


@pytest.mark.parametrize("side", [SOURCE, TARGET])
def test_a_side_that_does_not_import_fails_by_its_first_module_that_is_needed(
    opened: Opened, pool: FakePool, side: str
) -> None:
    pool.sides[side] = FakeWorker(STEP)
    said = StageReply("import", Outcome.FAIL, 1.5, None, Problem("ImportError", "import torch: no libstdc++"))
    assert opened().start() == said


def test_an_import_without_a_word_gets_one(opened: Opened, pool: FakePool) -> None:
    pool.sides[SOURCE] = FakeWorker(ImportStep("torch", Outcome.CRASH, 1.5))
    said = opened().start()
    assert said is not None
    assert said.error == Problem("crash", "import torch: no error text came back")


def test_a_side_that_does_not_install_fails_by_what_uv_says(opened: Opened, pool: FakePool) -> None:
    pool.sides[SOURCE] = InstallError("no wheel")
    pool.sides[TARGET] = FakeWorker(STEP)
    said = opened().start()
    assert said == StageReply("install", Outcome.FAIL, error=Problem("InstallError", "no wheel"))


@pytest.mark.parametrize("wrong", [MachineFault("ended by SIGKILL", "import"), WorkerError("the run was interrupted")])
def test_what_says_nothing_of_the_toolchain_is_raised(opened: Opened, pool: FakePool, wrong: Exception) -> None:
    pool.sides[TARGET] = wrong
    with pytest.raises(type(wrong)):
        opened().start()


def test_requests_go_to_the_targets_worker_within_the_limits_of_the_matrix(opened: Opened, pool: FakePool) -> None:
    run = opened(path=(Path("/code"),))
    exported = Exported((), BundleFacts(), ExportFacts(), Path("/bundle/made"), Path("/bundle/io.npz"))
    run.target.make(Target.TFLITE_FLOAT32, exported, Path("/run"), Path("/run/artifact"))
    (asked,) = pool.sides[TARGET].asked  # type: ignore[union-attr]
    assert (asked[0], asked[2]) == ("target", Limits(60, 1024))
    assert (run.limits, run.target.path, run.target.route) == (Limits(60, 1024), ["/code"], "onnx-tf")
    assert run.target.places is pool.places


def test_the_newest_opset_is_what_the_source_says(opened: Opened, pool: FakePool) -> None:
    pool.sides[SOURCE] = FakeWorker(facts=Facts(newest_opset=17))
    assert opened().newest_opset() == 17
    pool.sides[SOURCE] = FakeWorker()
    assert opened().newest_opset() is None


def test_a_run_is_alone_where_cells_run_one_by_one(opened: Opened) -> None:
    assert [opened(jobs=jobs).alone for jobs in (1, 2)] == [True, False]


def test_an_interrupted_run_goes_no_further(opened: Opened, tmp_path: Path) -> None:
    shared = context(tmp_path, case(file=str(tmp_path / "zoo.py"), factory=lambda: None))
    run = opened(run=shared)
    run.going()
    shared.aborted.set()
    with pytest.raises(TfparityError, match="interrupted"):
        run.going()


def test_remedies_are_named_where_they_are_to_be_tried(opened: Opened) -> None:
    rules = (rule(remedies=["auto-cast"]),)
    failed = broken()
    assert opened(limitations=rules).remedies is None
    named = opened(limitations=rules, tries_remedies=True).remedies
    assert named is not None
    assert (named(failed), named(attempt())) == (("auto-cast",), ())


@pytest.mark.parametrize(
    ("recorded", "named"),
    [
        ((broken(),), ()),
        ((broken(), broken(remedies=("auto-cast",))), ("auto-cast",)),
        ((attempt(),), ("auto-cast", "gru-handler")),
    ],
)
def test_a_cell_that_is_made_as_it_was_recorded_to_fail_tries_what_it_tried(
    opened: Opened, recorded: tuple[Attempt, ...], named: tuple[str, ...]
) -> None:
    rules = (rule(remedies=["auto-cast", "gru-handler"]),)
    cells = {CellId("both", "family/name", "onnx-tf"): builders.cell("family/name", *recorded)}
    asked = opened(limitations=rules, tries_remedies=True, as_recorded=cells).remedies
    assert asked is not None
    assert asked(broken()) == named


def test_remedies_of_a_cell_may_take_what_the_matrix_says(opened: Opened) -> None:
    limited = SPLIT.model_copy(update={"limits": matrix.Limits(remedy_seconds=7)})
    assert opened(tries_remedies=True, matrix=limited).remedy_seconds == 7


@pytest.mark.parametrize("handed_on", [False, True])
def test_a_run_has_a_second_referee_to_ask(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handed_on: bool
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(second_referee, "ask", lambda *given: asked.append(given))
    exported = Exported((), BundleFacts(), ExportFacts(), tmp_path, tmp_path / "io.npz")
    of_bundle: Any = assembly.of_bundle
    bundle = of_bundle(context(tmp_path), FakeWorker(), case(), {13: exported}, "/mine.py") if handed_on else None
    made = bundle or opened()
    made.target.second(exported)
    ((about, of, by),) = asked
    assert (about, of, by.folder, by.memory_mib) == (exported, made.target.case, made.folder, made.limits.memory_mib)


# What of the store counts


def raised(kind: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """The revision of every route, exporter or remedy is another."""
    load = kind.load

    def raise_it(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(kind, "load", lambda name: load(name)._replace(revision=99))

    return raise_it


def stage(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setitem(revisions.STAGES, name, 99)


MADE = {
    "unbuilt": attempt(13, "build", "fail", "no such module"),
    "broken": broken(),
    "wrong": attempt(13, "parity", "fail", "diverged"),
    "right": attempt(),
}


@pytest.mark.parametrize(
    ("change", "count"),
    [
        (lambda _: None, {"unbuilt", "broken", "wrong", "right"}),
        (stage("quantise"), {"unbuilt", "broken", "wrong", "right"}),
        (stage("signature"), {"unbuilt", "broken", "wrong"}),
        (stage("load"), {"unbuilt", "broken"}),
        (stage("referee"), {"unbuilt", "broken"}),
        (stage("convert"), {"unbuilt"}),
        (stage("judge"), set()),
        (stage("build"), set()),
        (raised(routes), {"unbuilt"}),
        (raised(exporters), {"unbuilt"}),
    ],
)
def test_an_attempt_counts_while_the_revisions_that_it_used_are_the_same(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None], count: set[str]
) -> None:
    for number, made in enumerate(MADE.values(), 13):
        opened().kept.put(replace(made, opset=number))
    change(monkeypatch)
    kept = opened().kept
    assert {name for number, name in enumerate(MADE, 13) if kept.get(number, ())} == count


def test_what_counts_is_what_was_made(opened: Opened) -> None:
    by = attempt(remedies=["auto-cast"])
    for made in (broken(), attempt(12), by):
        opened().kept.put(made)
    kept = opened().kept
    assert [kept.get(13, ()), kept.get(12, ()), kept.get(13, ("auto-cast",))] == [broken(), attempt(12), by]
    assert kept.get(14, ()) is None
    assert kept.get(12, ("auto-cast",)) is None
    assert kept.get(13, ("auto-cast", "fixed-axes")) is None


def test_an_attempt_by_a_remedy_counts_while_the_remedy_is_the_same(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for made in (broken(), attempt(remedies=["auto-cast"])):
        opened().kept.put(made)
    raised(remedies)(monkeypatch)
    kept = opened().kept
    assert kept.get(13, ("auto-cast",)) is None
    assert kept.get(13, ()) == broken()


def test_what_was_made_stands_beside_what_is_made_by_a_newer_remedy(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    by = attempt(remedies=["auto-cast"])
    opened().kept.put(by)
    with monkeypatch.context() as patched:
        raised(remedies)(patched)
        opened().kept.put(replace(by, host="newer"))
        assert opened().kept.get(13, ("auto-cast",)) == replace(by, host="newer")
    assert opened().kept.get(13, ("auto-cast",)) == by


def test_where_all_is_to_be_made_again_nothing_counts_and_all_is_kept(opened: Opened) -> None:
    again = opened(again=True).kept
    again.put(broken())
    assert again.get(13, ()) is None
    assert opened().kept.get(13, ()) == broken()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"stage": "convert", "outcome": "fail"}'])
def test_an_attempt_in_a_file_that_is_damaged_or_foreign_is_made_again(
    opened: Opened, tmp_path: Path, content: bytes
) -> None:
    opened().kept.put(broken())
    (file,) = (path for path in (tmp_path / "cache" / "store").rglob("*") if path.is_file())
    file.write_bytes(content)
    run = opened()
    assert run.kept.get(13, ()) is None
    run.kept.put(attempt())
    assert opened().kept.get(13, ()) == attempt()


def test_an_attempt_of_another_cell_does_not_count(opened: Opened, tmp_path: Path) -> None:
    opened().kept.put(broken())
    (tmp_path / "zoo.py").write_text("def net():\n    return 2222\n")
    assert opened().kept.get(13, ()) is None


def test_what_is_stored_says_which_revisions_it_used(opened: Opened, tmp_path: Path) -> None:
    opened().kept.put(MADE["unbuilt"])
    (file,) = (path for path in (tmp_path / "cache" / "store").rglob("*") if path.is_file())
    stored = json.loads(file.read_text())["kept"]["opset-13"]
    used = {"build": revisions.STAGES["build"], "judge": revisions.STAGES["judge"]}
    assert stored["revisions"] == {**used, "refusal": revisions.REFUSALS}


def test_a_users_own_that_failed_is_run_again_once_routes_refuse_otherwise(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = opened().kept
    kept.put(broken(opset=13))
    kept.put(attempt(12))
    monkeypatch.setattr(assembly, "REFUSALS", revisions.REFUSALS + 1)
    assert opened().kept.get(13, ()) is None
    assert opened().kept.get(12, ()) == attempt(12)


def test_of_the_zoo_what_failed_stays_whatever_routes_refuse(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Project, "cases", tmp_path)
    opened().kept.put(broken(opset=13))
    monkeypatch.setattr(assembly, "REFUSALS", revisions.REFUSALS + 1)
    assert opened().kept.get(13, ()) == broken(opset=13)


# A bundle that was handed on


def test_a_bundle_that_was_handed_on_runs_alone_on_its_opsets_and_is_kept_nowhere(tmp_path: Path) -> None:
    worker = FakeWorker(STEP)
    run = assembly.of_bundle(context(tmp_path), worker, case(), {13: None, 12: None}, "/mine.py")  # type: ignore[arg-type,dict-item]
    assert (run.opsets, run.alone, run.remedies, run.target.route) == ((13, 12), True, None, "/mine.py")
    said = run.start()
    assert said is not None
    assert (said.stage, said.outcome) == ("import", "fail")
    run.kept.put(attempt())
    assert run.kept.get(13, ()) is None
    assert run.target.places["/opt/env"] == "<env>"
    assert run.target.handed_on
