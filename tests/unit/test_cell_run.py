"""One cell under way: which attempts are made, which are kept from before, what a fault of the machine comes to."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from builders import attempt, broken

from tfparity.engine import bundles, referee
from tfparity.engine.bundles import BundleFacts, Exported, ExportFacts
from tfparity.engine.cell_run import CellRun, stored_name
from tfparity.engine.process_limits import Limits
from tfparity.engine.worker_client import Answer, Facts
from tfparity.errors import InstallError, MachineFault, TfparityError
from tfparity.judging import judge
from tfparity.records.cells import Attempt, Problem, RefereeAnswer, StageReply
from tfparity.records.vocabulary import Outcome, Stage

Way = tuple[int, tuple[str, ...]]
PASS = Outcome.PASS
LIMITS = Limits(60, 1024)


@dataclass
class Both:
    """Both sides of a cell as planned: `ends` says what attempts come to, `faults` is raised first; keeps the steps."""

    root: Path
    ends: Mapping[Way, Attempt] = field(default_factory=dict)
    faults: list[MachineFault] = field(default_factory=list)
    steps: list[tuple[str, Way]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    unrefereed: str | None = None

    def end(self, way: Way) -> Attempt:
        return self.ends.get(way) or broken("nothing helped", way[0], remedies=way[1])

    def _stages(self, way: Way, *names: str) -> tuple[StageReply, ...]:
        end, stages = self.end(way), []
        for name in names:
            failed = end.error is not None and end.stage == name
            problem = Problem(end.error.type, end.error.message) if end.error and failed else None
            stages.append(StageReply(name, end.outcome if failed else PASS, 1.0, None, problem))
            if failed:
                break
        return tuple(stages)

    def export(self, opset: int, remedies: Sequence[str] = (), unrefereed: str | None = None) -> Exported:
        self.way, self.unrefereed = way, _ = (opset, tuple(remedies)), unrefereed
        self.steps.append(("export", way))
        if self.faults:
            raise self.faults.pop(0)
        stages = self._stages(way, "build", "export", "check")
        return Exported(stages, BundleFacts(), ExportFacts(opset), self.root, self.root / "io.npz")

    def forget(self, _: Exported) -> None:
        self.steps.append(("forget", self.way))

    def convert(self, opset: int, _: Exported, folder: Path, remedies: Sequence[str] = ()) -> Answer:
        way = opset, tuple(remedies)
        self.steps.append(("convert", way))
        self.folders.append(folder)
        (folder / "artifact").mkdir()
        return Answer(self._stages(way, "convert"), Facts(), folder)

    def execute(self, _: Exported, folder: Path) -> Answer:
        self.steps.append(("execute", self.way))
        return Answer(self._stages(self.way, "load", "parity", "dynamic-shape", "signature"), Facts(), folder)

    def judged(self, opset: int, stages: Sequence[StageReply], *, remedies: Sequence[str] = (), **_: Any) -> Attempt:
        last = next((stage for stage in stages if not stage.passed), None)
        if last is None:
            return attempt(opset, remedies=tuple(remedies))
        problem = last.error or Problem("E", "")
        return attempt(opset, last.stage, last.outcome, problem.message, problem.type, remedies=tuple(remedies))


@dataclass
class Kept:
    """Keeps attempts in memory."""

    known: dict[Way, Attempt] = field(default_factory=dict)

    def get(self, opset: int, remedies: tuple[str, ...]) -> Attempt | None:
        return self.known.get((opset, remedies))

    def put(self, made: Attempt) -> None:
        assert made.opset is not None
        self.known[made.opset, made.remedies] = made


@pytest.fixture
def both(tmp_path: Path) -> Both:
    return Both(tmp_path)


def run(both: Both, *opsets: int, **given: Any) -> CellRun:
    return CellRun(
        opsets=opsets or (13, 12),
        start=given.pop("start", lambda: None),
        source=both,
        target=both,  # type: ignore[arg-type]
        folder=both.root,
        limits=LIMITS,
        **given,
    )


def ways(made: Sequence[Attempt]) -> list[Way]:
    return [(one.opset or 0, one.remedies) for one in made]


# In which order


def test_opsets_are_tried_in_order_until_one_works(both: Both) -> None:
    both.ends = {(12, ()): attempt(12)}
    assert ways(run(both, 13, 12, 11).attempts()) == [(13, ()), (12, ())]


@pytest.mark.parametrize(
    "end", [attempt(), attempt(13, "build", "fail", "no layer"), attempt(13, "convert", "timeout", "still running")]
)
def test_where_another_opset_has_no_point_none_is_tried(both: Both, end: Attempt) -> None:
    both.ends = {(13, ()): end}
    assert ways(run(both).attempts()) == [(13, ())]


@pytest.mark.parametrize("stage", ["build", "export", "convert"])
def test_what_the_route_does_not_take_is_tried_once_and_by_no_remedy(both: Both, stage: str) -> None:
    both.ends = {(13, ()): attempt(13, stage, "not-applicable", "takes models of transformers alone")}
    tried = run(both, remedies=lambda _: ("fixed-axes",), newest_opset=lambda: 15)
    made = tried.attempts()
    assert ways(made) == [(13, ())]
    assert tried.extra_attempts(made) == []


def test_a_step_that_fails_is_the_last(both: Both) -> None:
    both.ends = {(13, ()): attempt(13, "check", "fail", "invalid"), (12, ()): broken(opset=12), (11, ()): attempt(11)}
    run(both, 13, 12, 11).attempts()
    assert [(name, way[0]) for name, way in both.steps] == [
        ("export", 13),
        *(("export", 12), ("convert", 12)),
        *(("export", 11), ("convert", 11), ("execute", 11)),
    ]


def test_what_cannot_be_started_asks_neither_side(both: Both) -> None:
    failed = StageReply("install", Outcome.FAIL, error=Problem("InstallError", "no wheel"))
    kept = Kept()
    (made,) = run(both, start=lambda: failed, kept=kept).attempts()
    assert (made.stage, both.steps, kept.known) == ("install", [], {})


def test_remedies_are_chained_where_one_comes_further(both: Both) -> None:
    both.ends = {
        (13, ("a",)): attempt(13, "load", "fail", "a second obstacle", remedies=("a",)),
        (13, ("a", "b")): attempt(13, remedies=("a", "b")),
    }

    def named(failed: Attempt) -> tuple[str, ...]:
        return ("b",) if failed.stage == "load" else ("a",)

    made = run(both, 13, remedies=named).attempts()
    assert ways(made) == [(13, ()), (13, ("a",)), (13, ("a", "b"))]
    assert judge.works(made[-1])


def test_no_more_than_three_remedies_are_taken_together(both: Both) -> None:
    def named(failed: Attempt) -> tuple[str, ...]:
        return ("abcdef"[len(failed.remedies)],)

    chain = [tuple("abcdef"[:length]) for length in range(6)]
    both.ends = {(13, names): broken(f"obstacle {len(names)} of many", remedies=names) for names in chain}
    made = run(both, 13, remedies=named).attempts()
    assert ways(made) == [(13, names) for names in chain[:4]]


def test_no_remedy_is_taken_twice(both: Both) -> None:
    both.ends = {(13, ("a",)): attempt(13, "load", "fail", "a second obstacle", remedies=("a",))}

    def named(failed: Attempt) -> tuple[str, ...]:
        return ("a", "b") if failed.stage == "load" else ("a",)

    assert ways(run(both, 13, remedies=named).attempts()) == [(13, ()), (13, ("a",)), (13, ("a", "b"))]


def test_a_later_obstacle_that_names_no_remedy_leads_to_the_next_opset_and_remedy(both: Both) -> None:
    both.ends = {(12, ("a",)): attempt(12, "load", "fail", "a second obstacle", remedies=("a",))}

    def named(failed: Attempt) -> tuple[str, ...]:
        return () if failed.stage == "load" else ("a", "b")

    made = run(both, remedies=named).attempts()
    assert ways(made)[2:] == [(12, ("a",)), (13, ("a",)), (12, ("b",)), (13, ("b",))]
    assert judge.decisive(made) is made[1]


def test_a_remedy_that_uses_up_the_time_is_tried_at_no_other_opset(both: Both) -> None:
    both.ends = {(12, ("a",)): attempt(12, "convert", "timeout", "still running", remedies=("a",))}
    made = run(both, remedies=lambda failed: () if failed.outcome == "timeout" else ("a", "b")).attempts()
    assert ways(made)[2:] == [(12, ("a",)), (12, ("b",)), (13, ("b",))]


# Kept from before


def test_a_kept_attempt_is_not_made_again(both: Both) -> None:
    kept = Kept()
    first = run(both, kept=kept)
    made = first.attempts()
    both.steps.clear()
    again = run(both, kept=kept)
    assert again.attempts() == made
    assert (first.ran, again.ran, both.steps) == (True, False, [])


@pytest.mark.parametrize(("limits", "made"), [((60.0, 1024.0), 0), ((59.0, 1024.0), 1), ((60.0, 1000.0), 1)])
@pytest.mark.parametrize("outcome", ["timeout", "out-of-memory"])
def test_what_a_limit_ended_is_made_again_once_it_is_raised(
    both: Both, limits: tuple[float, float], made: int, outcome: str
) -> None:
    run(both, kept=Kept({(13, ()): attempt(13, "convert", outcome, "too much", limits=limits)})).attempt(13)
    assert len([step for step, _ in both.steps if step == "export"]) == made


@pytest.mark.parametrize(
    ("unconfined", "sandboxed", "outcome", "made"),
    [
        (True, True, "fail", True),
        (True, True, "pass", False),
        (True, False, "fail", False),
        (True, None, "fail", False),
        (False, True, "fail", False),
    ],
)
def test_what_failed_in_a_sandbox_is_made_again_where_none_is_wanted(
    both: Both, unconfined: bool, sandboxed: bool | None, outcome: str, made: bool
) -> None:
    kept = attempt(13, "signature", outcome, "Read-only file system", sandboxed=sandboxed)
    ran = run(both, kept=Kept({(13, ()): kept}), unconfined=unconfined)
    assert (ran.attempt(13) is not kept, ran.ran) == (made, made)


@pytest.mark.parametrize(
    ("referee", "stored"),
    [
        (RefereeAnswer(error="Timeout: still running after 300 s"), False),
        (RefereeAnswer(error="Fail: no kernel"), True),
        (RefereeAnswer("float32-noise", 0.0), True),  # type: ignore[arg-type]
        (None, True),
    ],
)
def test_what_another_machine_may_bring_to_another_end_is_not_stored(
    both: Both, monkeypatch: pytest.MonkeyPatch, referee: RefereeAnswer | None, stored: bool
) -> None:
    monkeypatch.setattr(both, "judged", lambda *_, **__: attempt(referee=referee))
    kept = Kept()
    run(both, kept=kept).attempt(13)
    assert bool(kept.known) == stored


def test_nothing_is_stored_of_an_interrupted_run(both: Both) -> None:
    kept, calls = Kept(), []

    def going() -> None:
        calls.append(1)
        if len(calls) > 4:  # after the four steps
            raise TfparityError("the run was interrupted")

    both.ends = {(13, ()): attempt()}
    with pytest.raises(TfparityError, match="interrupted"):
        run(both, kept=kept, going=going).attempt(13)
    assert kept.known == {}


def test_the_name_of_a_stored_attempt_has_its_remedies_and_their_revisions() -> None:
    assert stored_name(13, {}) == "opset-13"
    assert stored_name(13, {"a": 1, "b": None}) == "opset-13+a-1+b-None"


# Further opsets


def test_the_rest_of_the_window_is_tried_and_decides_nothing(both: Both) -> None:
    here = run(both, 13, 12, newest_opset=lambda: 14)
    both.ends = {(13, ()): attempt()}
    assert ways(here.extra_attempts(here.attempts())) == [(opset, ()) for opset in (9, 10, 11, 12, 14)]


def not_installed() -> int:
    raise InstallError("no wheel")


@pytest.mark.parametrize(
    ("end", "newest"), [(attempt(13, "build", "fail", "no layer"), lambda: 14), (attempt(), not_installed)]
)
def test_no_further_opset_is_tried_where_none_can_be(both: Both, end: Attempt, newest: Callable[[], int]) -> None:
    """What the store has may be of an environment that does not install now."""
    assert run(both, newest_opset=newest).extra_attempts([end]) == []


# The machine


def fault(memory: float | None, stage: str | None = "export") -> MachineFault:
    return MachineFault("ended by SIGKILL", stage, memory)


def no_memory() -> MachineFault:
    return MachineFault("there is no memory", "export", no_memory=True)


@pytest.mark.parametrize(
    "faults",
    [[fault(600), fault(700)], [no_memory(), no_memory()], [fault(600), no_memory()], [no_memory(), fault(600)]],
)
def test_what_twice_alone_has_no_more_memory_is_out_of_memory(both: Both, faults: list[MachineFault]) -> None:
    both.faults = list(faults)
    kept = Kept()
    made = run(both, alone=True, kept=kept).attempt(13)
    assert (made.stage, made.outcome) == ("export", "out-of-memory")
    assert made.error is not None
    assert made.error.type == "OutOfMemory"
    assert list(kept.known) == [(13, ())]


@pytest.mark.parametrize(
    "second",
    [MachineFault("killed", referee.STAGE, 700.0), MachineFault("no memory", referee.STAGE, no_memory=True)],
    ids=["killed", "no memory"],
)
def test_a_referee_that_has_no_more_memory_twice_alone_ends_as_by_a_limit(both: Both, second: MachineFault) -> None:
    both.faults = [MachineFault("killed", referee.STAGE, 600.0), second]
    both.ends = {(13, ()): attempt()}
    assert judge.works(run(both, alone=True).attempt(13))
    assert [step for step, _ in both.steps] == ["export"] * 3 + ["convert", "execute"]
    assert referee.limited(both.unrefereed)


def test_what_is_killed_once_counts_as_it_ends_then(both: Both) -> None:
    both.faults, both.ends = [fault(600)], {(13, ()): attempt()}
    assert judge.works(run(both, alone=True).attempt(13))


@pytest.mark.parametrize(
    ("faults", "alone", "tries"),
    [
        ([fault(600), fault(600)], False, 1),
        ([no_memory(), no_memory()], False, 1),
        ([no_memory(), fault(512)], True, 2),
        ([fault(512), fault(600)], True, 1),
        ([fault(None), fault(600)], True, 1),
        ([fault(600, None), fault(600)], True, 1),
        ([fault(600), fault(512)], True, 2),
    ],
    ids=[
        "beside others",
        "no memory beside others",
        "no memory once",
        "half",
        "nobody knows",
        "in no stage",
        "half the second time",
    ],
)
def test_another_fault_of_the_machine_is_raised(
    both: Both, faults: list[MachineFault], alone: bool, tries: int
) -> None:
    both.faults, kept = list(faults), Kept()
    with pytest.raises(MachineFault):
        run(both, alone=alone, kept=kept).attempt(13)
    assert (len(both.steps), kept.known) == (tries, {})
    assert not list(both.root.glob("cell-*"))


# What it leaves


def test_an_artifact_stays_only_of_an_attempt_that_is_right(both: Both) -> None:
    both.ends = {(12, ()): attempt(12)}
    here = run(both, keep_artifact=True)
    here.attempts()
    assert here.artifacts == {(12, ()): both.folders[1]}
    assert [folder.is_dir() for folder in both.folders] == [False, True]


@pytest.mark.parametrize("keep", [True, False])
def test_without_a_wish_for_it_only_keep_leaves_it(both: Both, keep: bool) -> None:
    both.ends = {(13, ()): attempt()}
    here = run(both, keep=keep)
    here.attempts()
    assert ([folder.is_dir() for folder in both.folders], here.artifacts) == ([keep], {})


def test_a_kept_attempt_that_works_is_made_again_once_for_its_artifact(both: Both) -> None:
    both.ends = {(13, ()): attempt()}
    here = run(both, kept=Kept({(13, ()): attempt()}), keep_artifact=True)
    for _ in range(2):
        assert judge.works(here.attempt(13))
    assert [step for step, _ in both.steps] == ["export", "convert", "execute"]


@pytest.mark.parametrize(
    "end", [broken(), attempt(13, "convert", "timeout", "still running"), attempt(13, "load", "crash", "a signal")]
)
def test_a_kept_attempt_that_works_stays_where_it_does_not_when_made_again(both: Both, end: Attempt) -> None:
    both.ends, kept = {(13, ()): end}, Kept({(13, ()): attempt()})
    here = run(both, 13, kept=kept, keep_artifact=True)
    assert not judge.works(here.attempt(13))
    assert (kept.known, here.artifacts) == ({(13, ()): attempt()}, {})


def test_a_kept_failure_is_not_made_again_for_an_artifact(both: Both) -> None:
    here = run(both, 13, kept=Kept({(13, ()): broken()}), keep_artifact=True)
    assert (here.attempts(), both.steps, here.artifacts) == ([broken()], [], {})


def test_artifacts_by_several_remedies_stand_side_by_side(both: Both) -> None:
    each: list[tuple[str, ...]] = [(), ("a",), ("a", "b")]
    both.ends = {(13, remedies): attempt(remedies=remedies) for remedies in each}
    here = run(both, keep_artifact=True)
    for remedies in each:
        here.attempt(13, remedies)
    assert list(here.artifacts) == [(13, remedies) for remedies in each]
    assert len(set(here.artifacts.values())) == 3
    assert all((folder / "artifact").is_dir() for folder in here.artifacts.values())


def test_what_raises_leaves_no_folder_and_is_not_kept(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(both, "execute", fail)
    both.ends, kept = {(13, ()): attempt()}, Kept()
    here = run(both, kept=kept, keep_artifact=True)
    with pytest.raises(KeyError):
        here.attempts()
    assert ([folder.is_dir() for folder in both.folders], here.artifacts, kept.known) == ([False], {}, {})


def test_attempts_before_the_one_that_the_machine_ends_are_kept(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    export, kept = both.export, Kept()

    def ended(opset: int, remedies: Sequence[str] = (), unrefereed: str | None = None) -> Exported:
        if opset == 12:
            raise fault(None)
        return export(opset, remedies, unrefereed)

    monkeypatch.setattr(both, "export", ended)
    with pytest.raises(MachineFault):
        run(both, kept=kept).attempts()
    assert list(kept.known) == [(13, ())]


# A bundle that was changed


def test_beside_other_cells_a_changed_bundle_is_nobodys_fault_yet(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "changed", lambda *_: True)
    kept = Kept()
    with pytest.raises(MachineFault, match="changed while the converter"):
        run(both, 13, kept=kept).attempts()
    assert (both.steps[-1], kept.known) == (("forget", (13, ())), {})


def test_alone_it_is_a_crash_of_the_converter(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "changed", lambda *_: True)
    (made,) = run(both, 13, alone=True).attempts()
    assert (made.stage, made.outcome, made.error.type if made.error else None) == ("convert", "crash", "ChangedBundle")
    assert both.steps[-1] == ("forget", (13, ()))


@pytest.mark.parametrize("alone", [False, True])
def test_an_export_that_cannot_be_taken_has_failed_where_it_is_known_whose_it_is(both: Both, *, alone: bool) -> None:
    stages = tuple(StageReply(name, PASS) for name in ("build", "export", "check"))
    odd = Exported(stages, BundleFacts(), ExportFacts(), both.root, both.root / "io.npz")
    both.faults = [bundles.NotTaken(odd, "it takes more than 8 GiB") for _ in range(2)]
    kept = Kept()
    if not alone:
        with pytest.raises(MachineFault, match="cannot be taken"):
            run(both, 13, kept=kept).attempts()
        assert kept.known == {}
        return
    (made,) = run(both, 13, alone=True).attempts()
    assert (made.stage, made.outcome, made.error.type if made.error else None) == ("export", "crash", "BadExport")


def test_an_export_that_failed_is_no_converters(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "changed", lambda *_: True)
    both.ends = {(13, ()): attempt(13, Stage.EXPORT, Outcome.FAIL, "no such operator")}
    assert run(both, 13).attempts()[0].stage is Stage.EXPORT


# An artifact that outlives its judging and was changed


@pytest.mark.parametrize("kept", ["keep_artifact", "retain"])
def test_an_artifact_that_changed_while_it_ran_is_a_crash_of_the_converter(
    both: Both, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    execute = both.execute

    def changes(exported: Exported, folder: Path) -> Answer:
        (folder / "artifact" / "more").touch()
        return execute(exported, folder)

    monkeypatch.setattr(both, "execute", changes)
    both.ends = {(13, ()): attempt(13)}
    with pytest.raises(MachineFault, match="the artifact was changed"):  # beside others it is nobody's fault yet
        run(both, 13, **{kept: True}).attempts()
    here = run(both, 13, alone=True, **{kept: True})
    (made,) = here.attempts()
    assert (made.stage, made.outcome, made.error.type if made.error else None) == (
        "convert",
        "crash",
        "ChangedArtifact",
    )
    assert here.artifacts == {}
    assert judge.works(run(both, 13).attempts()[0])  # nobody reads it any more


def test_an_artifact_of_more_than_plain_files_is_not_run(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    convert = both.convert

    def leaves(opset: int, exported: Exported, folder: Path, remedies: Sequence[str] = ()) -> Answer:
        answer = convert(opset, exported, folder, remedies)
        os.mkfifo(folder / "artifact" / "pipe")
        return answer

    monkeypatch.setattr(both, "convert", leaves)
    both.ends = {(13, ()): attempt(13)}
    (made,) = run(both, 13, alone=True, keep_artifact=True).attempts()
    assert (made.stage, made.error.type if made.error else None) == ("convert", "OddArtifact")
    assert [step for step, _ in both.steps] == ["export", "convert"]


def test_what_is_made_of_an_artifact_is_sealed_beside_it(both: Both) -> None:
    both.ends = {(13, ()): attempt(13)}
    here = run(both, 13, alone=True, keep_artifact=True)
    here.attempts()
    folder = here.artifacts[13, ()]
    target = folder / "target"
    target.mkdir()
    (target / "model.tflite").write_bytes(b"TFL3")
    assert here.seal(target) is None
    assert here.changed(Stage.PARITY, folder / "artifact", target) is None
    (target / "model.tflite").write_bytes(b"TFL4")
    assert here.changed(Stage.PARITY, folder / "artifact") is None
    problem = here.changed(Stage.PARITY, folder / "artifact", target)
    assert problem is not None
    assert problem.type == "ChangedArtifact"
