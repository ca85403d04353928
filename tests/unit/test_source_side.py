"""The source side of an attempt: a bundle is made once and kept, a case that tells nothing is refused."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Any

import numpy
import pytest
from builders import case as family
from builders import context, crossing
from test_sensitivity import ALIVE, references

from tfparity import paths
from tfparity.engine import bundles, referee
from tfparity.engine.bundles import Exported, NotTaken
from tfparity.engine.context import Context
from tfparity.engine.process_limits import Limits
from tfparity.engine.referee import Referee, RefereeReply
from tfparity.engine.source_side import HandedOn, SourceSide
from tfparity.engine.worker_client import Answer, Facts
from tfparity.errors import MachineFault, TfparityError, WorkerError
from tfparity.inputs import limitations
from tfparity.planning.keys import BUNDLE_FORMAT, Crossing, Keys
from tfparity.planning.probes import Call
from tfparity.records.cells import Problem, StageReply
from tfparity.records.vocabulary import Outcome
from tfparity.worker import arrays, declare

#: The bundle's key, and the name of its first export.
KEY, FIRST = "bundle", "onnx-legacy-13-today---"


@dataclass
class Source:
    """The source side's worker as planned: what it writes and says; keeps what it was asked, an export and the
    references that were made for it as one."""

    asked: list[Mapping[str, Any]] = field(default_factory=list)
    failing: dict[str, Outcome] = field(default_factory=dict)
    sensitivity: dict[str, tuple[float, ...]] = field(default_factory=lambda: dict(ALIVE))
    model: bool = True
    outputs: dict[str, Any] = field(default_factory=lambda: {"output": [0.0, 1.0]})
    noise: float = 0.0
    unseen: dict[str, float] = field(default_factory=dict)
    case: declare.Case | None = None
    leaves: Callable[[Path], object] = lambda _: None
    exports: Callable[[Mapping[str, Any]], object] = lambda _: None
    rebuilt: Outcome = Outcome.PASS
    told: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def arrays(self) -> dict[str, Any]:
        """Inputs and references of every sample."""
        assert self.case is not None
        found = references(self.noise, **self.outputs)
        for sample in self.case.samples():
            for given in self.case.inputs:
                shape = [sample.sizes.get(str(size), size) for size in given.shape]
                found[f"input/{sample.index}/{given.name}"] = numpy.ones(shape, given.dtype)  # type: ignore[arg-type]
        return found

    def ask(
        self, kind: str, request: Mapping[str, Any], limits: Limits, *, makes: Mapping[str, Path], on_stage: Any = None
    ) -> Answer:
        assert limits == Limits(60, 1024)
        try:
            on_stage("build")
            return self._reference(request, makes) if kind == "reference" else self._source(request, makes, on_stage)
        except OSError as gone:
            failed = StageReply("build", Outcome.FAIL, 1.0, error=Problem(type(gone).__name__, str(gone)))
            return Answer((failed,), Facts(fork_seconds=0.1), Path())

    def _reference(self, request: Mapping[str, Any], makes: Mapping[str, Path]) -> Answer:
        self.asked.append({**request, "reference": True})
        stage = StageReply("build", self.failing.get("build", Outcome.PASS), 1.0)
        if not stage.passed:
            return Answer((stage,), Facts(fork_seconds=0.1, where="/models/net.py:3"), Path())
        arrays.write_npz(str(makes[request["io"]]), self.arrays())
        facts = {"sensitivity": self.sensitivity, "unseen": self.unseen, "floor": "float64", "parameters": 3}
        return Answer((stage,), Facts(fork_seconds=0.1, **facts), Path())  # type: ignore[arg-type]

    def _source(self, request: Mapping[str, Any], makes: Mapping[str, Path], on_stage: Any) -> Answer:
        if self.asked and self.asked[-1]["reference"] and "opset" not in self.asked[-1]:
            self.asked[-1] = {**self.asked[-1], **request}
        else:
            self.asked.append({**request, "reference": False})
        made = makes[request["artifact"]]
        made.mkdir()
        self.leaves(made)
        stages = [StageReply("build", self.rebuilt, 1.0)]
        for name in ("export", "check") if self.rebuilt.passed else ():
            on_stage(name)
            if name == "export":
                self.exports(request)
            stages.append(StageReply(name, self.failing.get(name, Outcome.PASS), 1.0))
            if not stages[-1].passed:
                break
        facts = {"sensitivity": self.told, "where": None if stages[-1].passed else "/models/net.py:3"}
        if stages[-1].passed and self.model:
            (made / "model.onnx").write_bytes(b"onnx")
        return Answer(tuple(stages), Facts(**facts, fork_seconds=0.1, file_opset=request["opset"]), Path())  # type: ignore[arg-type]


class Named(Keys):
    """Keys by name: the bundle's, and of an export whatever is said."""

    @cached_property
    def own(self) -> frozenset[str]:
        return frozenset(case.id for case in self.cases.values() if case.file.startswith("/own/"))

    def named(self, export: str) -> "Named":
        self.name = export
        return self

    def bundle(self, crossing: Crossing) -> str:
        return KEY

    def export(self, crossing: Crossing, referee_version: str, remedies_of_source: Sequence[str] = ()) -> str:
        assert referee_version == referee.version()
        return "+".join([self.name, *remedies_of_source])[-8:]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The bundle's folder."""
    return tmp_path / "cache" / "bundles" / KEY[:2] / KEY


Export = Callable[..., Exported]


def in_bundle(found: Exported, bundle: Path) -> Exported:
    """An export that lies apart as it lies in its bundle."""
    folder = bundle / found.folder.name
    answer = folder / found.referee.name if found.referee else None
    return replace(found, folder=folder, io=bundle / "io.npz", referee=answer, own=None)


@pytest.fixture
def export(tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch) -> Export:
    """Exports, each as if by a run of its own unless a `run` is given."""

    def answered(asked: Referee, model: Path, io: Path, result: Path, *_: Any) -> RefereeReply:
        try:
            numpy.savez(result, **{"output/0/output": numpy.zeros(2)})
        except OSError as gone:
            return RefereeReply(None, str(gone))
        return RefereeReply(result, None)

    monkeypatch.setattr(Referee, "ask", answered)

    def export(
        opset: int = 13,
        remedies: Sequence[str] = (),
        *,
        exporter: str = "onnx-legacy",
        declared: declare.Case | None = None,
        key: str = "today---",
        run: Context | None = None,
        heard: list[str] | None = None,
        apart: bool = False,
        unrefereed: str | None = None,
    ) -> Exported:
        source.case = declared = declared or family()
        run = run or context(tmp_path, declared)
        run.keys = Named(run.project, run.matrix, {declared.id: declared}).named(key)
        crosses = crossing(run)
        crosses = replace(crosses, way=replace(crosses.way, exporter=exporter))
        stages: list[str] = heard if heard is not None else []
        side = SourceSide(run, crosses, lambda: source, stages.append)  # type: ignore[arg-type,return-value]
        found = side.export(opset, remedies, unrefereed)
        return found if apart or found.own is None else in_bundle(found, tmp_path / "cache" / "bundles" / KEY[:2] / KEY)

    return export


def test_an_export_is_made_once(source: Source, export: Export) -> None:
    first = export()
    assert first.passed
    assert export() == first
    assert len(source.asked) == 1


def test_only_the_first_export_of_a_bundle_makes_references(source: Source, export: Export) -> None:
    assert export(13).bundle.sensitivity == export(12).bundle.sensitivity == ALIVE
    assert [(asked["opset"], asked["reference"]) for asked in source.asked] == [(13, True), (12, False)]
    assert export(12).facts.file_opset == 12


def test_a_bundle_says_what_it_is_and_where_it_was_made(bundle: Path, export: Export) -> None:
    export()
    told = json.loads((bundle / "bundle.json").read_text())
    assert told["format"] == BUNDLE_FORMAT
    assert told["origin"] == {"environment": "torch-side", "packages": {}}
    alive = {name: list(by) for name, by in ALIVE.items()}
    assert told["facts"] == {"sensitivity": alive, "floor": "float64", "parameters": 3}
    assert len(told["samples"]) == len(family().samples())
    assert told["case"]["id"] == "family/name"


@pytest.mark.parametrize("outcome", ["fail", "timeout", "out-of-memory", "crash"])
def test_an_export_that_did_not_pass_is_tried_again(source: Source, export: Export, outcome: str) -> None:
    source.failing = {"export": Outcome(outcome)}
    assert [stage.outcome for stage in export().stages] == ["pass", outcome]
    source.failing = {}
    assert export().passed


def test_an_insensitive_case_fails_its_build_and_leaves_no_bundle(bundle: Path, source: Source, export: Export) -> None:
    source.sensitivity = {**ALIVE, "a.bias": (0.0,)}
    made = export()
    (stage,) = made.stages
    assert stage.error is not None
    assert (stage.stage, stage.outcome, stage.error.type) == ("build", "fail", "InsensitiveCase")
    assert "a.bias" in stage.error.message
    assert not made.passed
    assert not (bundle / "bundle.json").exists()
    source.sensitivity = ALIVE
    assert export().passed


def test_a_model_of_ones_own_is_judged_whatever_it_shows(bundle: Path, source: Source, export: Export) -> None:
    source.sensitivity, source.unseen = {**ALIVE, "a.gamma": (0.0,)}, {"a.gamma": 1e-6}
    own = family()._replace(file="/own/mine.py")
    made = export(declared=own)
    assert made.passed
    (note,) = made.notes
    assert note.names == ("a.gamma",)
    assert "a layer scale of 1e-06" in note.text
    assert (source.asked[0]["own"], export(declared=own).notes) == (True, made.notes)
    assert len(source.asked) == 1
    assert export(12, declared=family()).notes == ()


def test_a_model_of_ones_own_is_not_judged_where_zeros_would_pass(source: Source, export: Export) -> None:
    source.noise = 1.0
    (stage,) = export(declared=family()._replace(file="/own/mine.py")).stages
    assert stage.error is not None
    assert (stage.stage, stage.error.type) == ("build", "Undetermined")


def test_a_case_is_held_against_the_noise_of_the_references_that_it_wrote(source: Source, export: Export) -> None:
    source.noise = 1e-3
    (stage,) = export().stages
    assert stage.error is not None
    assert stage.error.message.startswith("float32 rounds output so coarsely")


def test_what_is_wrong_with_a_case_is_a_defect_that_no_limitation_explains(source: Source, export: Export) -> None:
    source.sensitivity = {**ALIVE, "a.bias": (0.0,)}
    error = export().stages[0].error
    assert error is not None
    assert f"{error.type}: {error.message}".startswith(limitations.DEFECT)


def test_the_referee_is_told_which_outputs_are_declared_and_when_to_end(
    tmp_path: Path, source: Source, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    def ask(*given: Any) -> RefereeReply:
        told.append(given)
        return RefereeReply(None, "none")

    monkeypatch.setattr(Referee, "ask", ask)
    source.sensitivity = {"input:input": (1.0, 1.0), "output:output": (1.0, 0.0), "output:other": (0.0, 1.0)}
    source.outputs["other"] = [1.0]
    declared = family("output", "other")
    run = context(tmp_path, declared)
    made = export(declared=declared, run=run)
    assert made.passed
    ((asked, model, io, result, outputs),) = told
    run.aborted.set()
    assert (model, io, result) == (made.folder / "model.onnx", made.io, made.folder / "referee.npz")
    assert (outputs, asked.memory_mib, asked.aborted()) == (["output", "other"], 1024, True)


def test_exporters_of_one_bundle_do_not_share_a_folder(export: Export) -> None:
    assert export(exporter="onnx-legacy").folder != export(exporter="/there/onnx_mine.py").folder
    assert export(exporter="/there/onnx_mine.py").folder.name == "onnx_mine-13-today---"


def test_an_export_of_other_revisions_is_made_again_on_the_same_references(source: Source, export: Export) -> None:
    export(key="yesterday")
    export()
    export()
    assert [asked["reference"] for asked in source.asked] == [True, False]


def test_exports_under_two_keys_are_both_kept(source: Source, export: Export) -> None:
    first, second = export(key="yesterday"), export()
    assert first.folder != second.folder
    assert (export(key="yesterday"), export()) == (first, second)
    assert len(source.asked) == 2


def test_a_run_with_again_makes_each_folder_once_and_the_next_run_once_more(
    tmp_path: Path, source: Source, export: Export
) -> None:
    """Two opsets on two routes: the second route takes what the first one made."""
    for _ in range(2):
        run = context(tmp_path, family(), again=True)
        for opset in (13, 12, 13, 12):
            export(opset, run=run)
    assert [(asked["opset"], asked["reference"]) for asked in source.asked] == [(13, True), (12, False)] * 2


def test_what_has_to_be_made_again_is_with_its_references(
    tmp_path: Path, bundle: Path, source: Source, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = context(tmp_path, family())
    export(run=run)
    monkeypatch.setattr(run, "first_again", lambda folder: folder in (bundle, bundle / FIRST))
    export(run=run)
    monkeypatch.setattr(run, "first_again", lambda folder: folder == bundle / FIRST)
    export(run=run)
    export()
    assert [asked["reference"] for asked in source.asked] == [True, True, False]


@pytest.mark.parametrize("name", ["bundle.json", "io.npz", "onnx-legacy-13-today---/export.json"])
def test_a_bundle_that_lost_a_file_is_made_again(bundle: Path, source: Source, export: Export, name: str) -> None:
    first = export()
    (bundle / name).unlink()
    assert replace(export(), stages=first.stages) == first
    assert len(source.asked) == 2
    assert first.io.exists()


@pytest.mark.parametrize("left", [None, b"on"])
def test_an_export_that_lost_a_part_of_itself_is_made_again(source: Source, export: Export, left: bytes | None) -> None:
    model = export().folder / "model.onnx"
    model.unlink() if left is None else model.write_bytes(left)
    assert export().passed
    assert len(source.asked) == 2
    assert model.read_bytes() == b"onnx"


def test_what_a_limit_made_the_referee_say_is_not_kept(
    source: Source, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Referee, "ask", lambda *_: RefereeReply(None, "Timeout: still running after 300 s"))
    for _ in range(2):
        found = export()
        assert (found.passed, found.referee, found.referee_error) == (True, None, "Timeout: still running after 300 s")
        assert found.bundle.parameters == 3
    assert len(source.asked) == 2


@pytest.mark.parametrize("how", ["again", "by another key", "damaged", "forgotten", "pruned"])
def test_who_reads_an_export_keeps_it_while_a_run_beside_it_makes_it_again(
    tmp_path: Path, bundle: Path, source: Source, export: Export, how: str
) -> None:
    mine = export(apart=True)
    source.outputs = {"output": [0.0, 2.0]}
    if how == "damaged":
        (bundle / "bundle.json").unlink()
        (bundle / FIRST / "export.json").unlink()
    elif how == "forgotten":
        bundles.forget(bundle / FIRST, bundle)
    elif how == "pruned":
        bundles.remove(bundle, "bundle.json")
    if how == "again":
        other = export(apart=True, run=context(tmp_path, family(), again=True))
    else:
        other = export(apart=True, key="tomorrow" if how == "by another key" else "today---")
    assert len(source.asked) == 2
    assert not bundles.changed(mine)
    assert not bundles.changed(other)
    assert bundles.read_arrays(mine.io)["float32/0/output"].tolist() == [0.0, 1.0]
    assert mine.own != other.own


def test_what_a_reader_changes_is_forgotten_in_its_bundle(tmp_path: Path, source: Source, export: Export) -> None:
    run = context(tmp_path, family())
    mine = export(apart=True, run=run)
    (mine.folder / "model.onnx").write_bytes(b"evil")
    assert bundles.changed(mine)
    side = SourceSide(run, crossing(run), lambda: source, print)  # type: ignore[arg-type,return-value]
    side.forget(mine)
    assert not bundles.changed(export(apart=True))
    assert len(source.asked) == 2


def test_without_a_referee_an_export_says_why_and_is_not_kept(
    source: Source, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the first nor the second is asked."""
    why = "OutOfMemory: killed twice by the system"
    export()
    assert export(unrefereed=why).referee_error == why
    monkeypatch.setattr(Referee, "ask", lambda *_: pytest.fail("it was asked"))
    for _ in range(2):
        found = export(12, unrefereed=why)
        assert (found.passed, found.referee, found.referee_error) == (True, None, why)
    assert len(source.asked) == 3


def test_an_export_that_is_not_kept_stays_its_cells_when_another_asks(
    source: Source, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Referee, "ask", lambda *_: RefereeReply(None, "Timeout: still running after 300 s"))
    first, second = export(apart=True), export(apart=True)
    assert first.folder != second.folder
    for made in (first, second):
        assert (made.folder / "model.onnx").read_bytes() == b"onnx"


@pytest.mark.parametrize("name", ["bundle.json", "onnx-legacy-13-today---/export.json"])
@pytest.mark.parametrize("content", ["", "{", "{}", "null", "[]"])
def test_a_bundle_with_a_file_that_is_no_record_is_made_again(
    bundle: Path, source: Source, export: Export, name: str, content: str
) -> None:
    export()
    (bundle / name).write_text(content)
    assert export().passed
    assert len(source.asked) == 2


def test_a_model_that_the_referee_cannot_run_is_exported_all_the_same(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Referee, "ask", lambda *_: RefereeReply(None, "Fail: no such operator"))
    for found in (export(), export()):
        assert (found.passed, found.referee, found.referee_error) == (True, None, "Fail: no such operator")


def test_an_artifact_that_is_no_onnx_file_has_no_referee_and_says_so(source: Source, export: Export) -> None:
    source.model = False
    found = export()
    assert (found.passed, found.referee) == (True, None)
    assert found.referee_error == "the route's artifact is no ONNX file"


def test_of_the_remedies_the_source_takes_its_own_alone(source: Source, export: Export) -> None:
    plain = export()
    assert export(remedies=("resize-handler",)) == plain  # at the target
    apart = export(remedies=("resize-handler", "fixed-axes"))
    assert apart.folder != plain.folder
    assert [asked["remedies"] for asked in source.asked] == [[], ["fixed-axes"]]
    assert [asked["reference"] for asked in source.asked] == [True, False]


def test_stages_are_told_as_they_begin_and_none_where_nothing_runs(export: Export) -> None:
    heard: list[str] = []
    for _ in range(2):
        export(heard=heard)
    assert heard == ["build", "export", "check"]


def test_a_worker_is_told_the_case_and_where_its_code_is(tmp_path: Path, source: Source, export: Export) -> None:
    declared = family(file="/models/zoo.py")
    made = export(declared=declared, run=context(tmp_path, declared, path=(Path("/code"),)))
    export(12, declared=declared, run=context(tmp_path, declared, path=(Path("/code"),)))
    asked, again = source.asked
    assert {name: asked[name] for name in ("framework", "exporter", "case_file", "case", "path")} == {
        "framework": "pytorch",
        "exporter": "onnx-legacy",
        "case_file": "/models/zoo.py",
        "case": "family/name",
        "path": ["/code"],
    }
    assert again["io"] == str(made.io)


def test_the_references_are_described_before_any_exporter_begins(source: Source, export: Export, bundle: Path) -> None:
    """What it says of the model is not asked."""
    before: list[bundles.BundleFacts | None] = []
    source.exports = lambda _: before.append(bundles.facts_of(bundle))
    source.told = {**ALIVE, "forged": (9.0,)}
    made = export()
    (described,) = before
    assert described is not None
    assert (described.sensitivity, made.bundle) == (ALIVE, described)


def test_a_build_that_fails_beside_an_exporter_is_no_other_routes(
    tmp_path: Path, source: Source, export: Export
) -> None:
    """Its reply was the exporter's to write."""
    run = context(tmp_path, family())
    source.rebuilt = Outcome.FAIL
    assert [stage.outcome for stage in export(run=run).stages] == [Outcome.FAIL]
    source.rebuilt = Outcome.PASS
    assert export(exporter="torch-state", run=run).passed


def test_a_model_that_is_built_twice_took_the_time_of_both(source: Source, export: Export) -> None:
    assert [stage.seconds for stage in export(13).stages] == [2.0, 1.0, 1.0]
    assert [stage.seconds for stage in export(12).stages] == [1.0, 1.0, 1.0]


def other_references(io: Path) -> None:
    """An answer of zeros is right by them."""
    with numpy.load(io) as stored:
        held = {name: array if name.startswith("input/") else array * 0 for name, array in stored.items()}
    arrays.write_npz(str(io), held)


def test_without_a_sandbox_references_that_an_exporter_changed_in_their_bundle_are_not_taken(
    source: Source, export: Export, bundle: Path
) -> None:
    source.exports = lambda _: other_references(bundle / "io.npz")
    with pytest.raises(NotTaken, match="were changed while it was exported"):
        export()
    assert bundles.facts_of(bundle) is None
    source.exports = lambda _: None
    assert export().passed


@pytest.mark.parametrize(("file", "own"), [("/own/zoo.py", True), ("/models/zoo.py", False)])
def test_probes_are_answered_by_the_model_that_is_exported(
    tmp_path: Path, source: Source, export: Export, file: str, own: bool
) -> None:
    declared = family(file=file)
    run = context(tmp_path, declared)
    export(declared=declared, run=run)
    asked: list[tuple[str, Mapping[str, Any]]] = []

    class Answering:
        def ask(self, kind: str, request: Mapping[str, Any], *_: Any, makes: Mapping[str, Path], **__: Any) -> Answer:
            asked.append((kind, request))
            numpy.savez(makes[request["parts"][0]["result"]])
            return Answer((StageReply("probe", Outcome.PASS, 1.0),), Facts(unanswered={0: {}}), Path())

    side = SourceSide(run, crossing(run), Answering, lambda _: None)  # type: ignore[arg-type]
    assert side.answer({"sizes": (1, [Call("batch=3", {"batch": 3})])})["sizes"].failed is None
    ((kind, told),) = asked
    (exported,) = source.asked
    assert kind == "answer"
    shared = ("framework", "case_file", "case", "path", "own")
    assert {name: told[name] for name in shared} == {name: exported[name] for name in shared}
    assert told["own"] is own


@pytest.mark.parametrize("ends", [Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY])
def test_a_limit_that_ends_a_probe_leaves_the_others_their_answers(
    tmp_path: Path, export: Export, ends: Outcome
) -> None:
    run = context(tmp_path, family())
    export(run=run)
    asked: list[list[str]] = []

    class Answering:
        """Ends in the second part of its first request."""

        def ask(self, _: str, request: Mapping[str, Any], *__: Any, makes: Mapping[str, Path], **___: Any) -> Answer:
            results = [makes[part["result"]] for part in request["parts"]]
            asked.append([result.name.split("-")[1] for result in results])
            first = len(asked) == 1
            answered = results[:1] if first else results
            for result in answered:
                numpy.savez(result)
            reply = StageReply("probe", ends, 1.0, None, Problem("Limit", "too much"))
            facts = Facts(unanswered={place: {} for place in range(len(answered))}, part=1, turn=0)
            return Answer((reply if first else StageReply("probe", Outcome.PASS, 1.0),), facts, Path())

    side = SourceSide(run, crossing(run), Answering, lambda _: None)  # type: ignore[arg-type]
    found = side.answer({name: (1, [Call("batch=3", {"batch": 3})]) for name in ("sizes", "domain", "extremes")})
    assert asked == [["sizes", "domain", "extremes"], ["extremes"]]
    assert {name: answered.failed for name, answered in found.items()} == {
        "sizes": None,
        "domain": Problem("Limit", "too much"),
        "extremes": None,
    }


def test_a_case_that_does_not_build_is_told_with_the_place_and_no_model(source: Source, export: Export) -> None:
    source.failing = {"build": Outcome.FAIL}
    made = export()
    assert (made.where, made.model, made.facts.file_opset) == ("/models/net.py:3", None, None)


@pytest.mark.parametrize("stage", ["build", "export", "check"])
def test_in_a_folder_that_was_taken_away_nothing_is_said_of_the_model(
    source: Source, export: Export, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The exporter of another cell may have done it, while this one was built."""

    def stays(folder: Path) -> None:
        raise bundles.Odd("it is no folder any more")

    source.failing = {stage: Outcome.FAIL}
    monkeypatch.setattr(bundles, "stays", stays)
    with pytest.raises(MachineFault, match="no folder any more"):
        export()


def test_what_did_not_build_by_one_route_is_not_built_by_another_of_the_same_run(
    tmp_path: Path, source: Source, export: Export
) -> None:
    source.failing = {"build": Outcome.FAIL}
    run = context(tmp_path, family())
    first, second = export(run=run), export(exporter="torch-state", run=run)
    assert (first.stages, first.where) == (second.stages, second.where)
    assert len(source.asked) == 1
    export(exporter="torch-state")  # another run
    assert len(source.asked) == 2


@pytest.mark.parametrize("failing", [{"build": Outcome.TIMEOUT}, {"build": Outcome.CRASH}, {"export": Outcome.FAIL}])
def test_what_may_end_otherwise_by_another_route_is_made_again(
    tmp_path: Path, source: Source, export: Export, failing: dict[str, Outcome]
) -> None:
    source.failing = failing
    run = context(tmp_path, family())
    export(run=run)
    export(exporter="torch-state", run=run)
    assert len(source.asked) == 2


def test_what_failed_at_another_opset_is_told_with_the_model_that_was_built(source: Source, export: Export) -> None:
    assert export().model is not None
    source.failing = {"export": Outcome.FAIL}
    assert export(12).model == export(13).model


def test_a_bundle_that_was_taken_from_the_folder_counts_as_used(export: Export) -> None:
    folder = export().folder.parent
    for file in folder.rglob("*"):
        os.utime(file, (1, 1))
    export()
    assert max(file.stat().st_mtime for file in folder.rglob("*") if file.is_file()) > 1e9


def test_what_a_reply_holds_is_what_a_bundle_keeps(bundle: Path, export: Export) -> None:
    made = export()
    kept = json.loads((bundle / FIRST / "export.json").read_text())
    assert set(kept) == {"seal", "files", "sha256", "stages", "facts", "referee_error", "referee_failed"}
    assert kept["facts"] == {"file_opset": 13, "operators": []}
    assert [stage["stage"] for stage in kept["stages"]] == [stage.stage for stage in made.stages]


# Handed on


def test_a_bundle_that_was_handed_on_has_the_exports_that_it_has(export: Export) -> None:
    made = export()
    side = HandedOn({13: made})
    assert side.export(13) is made
    with pytest.raises(WorkerError, match="no export at opset 12"):
        side.export(12)
    with pytest.raises(WorkerError, match="opset 13 by fixed-axes"):
        side.export(13, ("fixed-axes",))


@pytest.mark.parametrize(
    "damage",
    [
        lambda arrays: {},
        lambda arrays: {name: array for name, array in arrays.items() if name != "input/3/input"},
        lambda arrays: {**arrays, "input/0/input": numpy.ones((2, 5), "float32")},
        lambda arrays: {**arrays, "input/0/input": numpy.ones((2, 4), "float64")},
        lambda arrays: {name: array for name, array in arrays.items() if name != "float32/0/output"},
        lambda arrays: {name: array for name, array in arrays.items() if name != "float64/4/output"},
        lambda arrays: {**arrays, "float32/0/output": numpy.array(["a"])},
    ],
)
def test_references_that_are_none_are_a_crash_of_their_case(
    source: Source, export: Export, bundle: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[..., Any]
) -> None:
    """Code of a case runs where they are written."""
    whole = source.arrays
    monkeypatch.setattr(source, "arrays", lambda: damage(whole()))
    with pytest.raises(NotTaken) as raised:
        export()
    (stage,) = raised.value.exported.stages
    assert (stage.stage, stage.outcome) == ("build", "crash")
    assert stage.error is not None
    assert (stage.error.type, "io.npz lacks" in stage.error.message) == ("BadReply", True)
    assert not (bundle / "bundle.json").exists()


def test_who_waits_for_another_runs_export_is_told_and_can_be_interrupted(
    tmp_path: Path, export: Export, bundle: Path
) -> None:
    """The other may take as long as a request may."""
    run = context(tmp_path, family())
    heard: list[str] = []
    with bundles.lock(run.cache, bundle), ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(export, run=run, heard=heard)
        while not heard:
            time.sleep(0.01)
        assert not waiting.done()
        run.aborted.set()
        assert isinstance(waiting.exception(10), TfparityError)
    assert heard == ["waiting for another run that exports it"]


# What an exporter may leave


def replaced(path: Path, put: Callable[[Path], object]) -> None:
    paths.discard(path)
    put(path)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**42)


@pytest.mark.parametrize("put", [os.mkfifo, sparse, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("place", ["{made}/more", "io.npz", "bundle.json"])
def test_an_export_that_leaves_what_cannot_be_taken_has_failed_and_the_next_one_passes(
    source: Source, export: Export, bundle: Path, put: Callable[[Path], object], place: str
) -> None:
    export(12)
    inside = place.removeprefix("{made}/")
    source.leaves = lambda made: replaced(bundle / place if place == inside else made / inside, put)
    with pytest.raises(NotTaken) as raised:
        export()
    failed = raised.value.exported
    assert (raised.value.stage, failed.passed) == ("export", False)
    assert [(stage.stage, stage.outcome) for stage in failed.stages] == [("build", "pass"), ("export", "crash")]
    assert failed.stages[-1].error is not None
    assert failed.stages[-1].error.type == "BadExport"
    source.leaves = lambda _: None
    assert export().passed
    assert export(12).passed


@pytest.mark.parametrize("put", [os.mkfifo, sparse, lambda path: path.symlink_to("/dev/zero"), Path.touch])
@pytest.mark.parametrize("name", ["export.json", "referee.npz"])
@pytest.mark.parametrize("fails", [False, True])
def test_what_an_exporter_leaves_where_we_write_is_not_read(
    source: Source, export: Export, bundle: Path, put: Callable[[Path], object], name: str, fails: bool
) -> None:
    """An export of its own making, an answer of a referee that was never asked."""
    source.leaves = lambda made: put(made / name)
    source.failing, source.model = {"export": Outcome.FAIL} if fails else {}, False
    made = export()
    assert (made.passed, made.referee) == (not fails, None)
    assert (bundle / FIRST / name).is_file() is (name == "export.json" and not fails)
    source.leaves, source.failing = lambda _: None, {}
    assert export().referee is None


def test_a_link_that_an_exporter_left_for_its_export_has_us_remove_nothing(
    tmp_path: Path, source: Source, export: Export, bundle: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "export.json").write_text("a person's own")
    export(12)
    (bundle / FIRST).symlink_to(mine)
    assert export(13).passed
    assert (mine / "export.json").read_text() == "a person's own"


def test_an_export_that_was_taken_away_before_it_is_read_is_not_taken(
    export: Export, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    utime = os.utime

    def takes_away(path: Path, *times: object, **given: object) -> None:
        utime(path, *times, **given)  # type: ignore[arg-type,call-overload]
        if path == bundle / "io.npz":
            bundle.rename(bundle.with_name("away"))

    monkeypatch.setattr(os, "utime", takes_away)
    with pytest.raises(NotTaken, match="No such file"):
        export()


#: Places in an export at which a bundle is taken away.
PLACES = 25


class At:
    """Does something once, before the nth of our functions that look at a bundle; counts them."""

    files = tuple(str(paths.PACKAGE / name) for name in ("paths.py", "engine/bundles.py", "inputs/arrays_file.py"))

    def __init__(self, number: int, act: Callable[[], object]) -> None:
        self.number, self.act, self.seen = number, act, 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename in self.files:
            self.seen += 1
            if self.seen == self.number:
                self.act()

    def during(self, what: Callable[[], Exported]) -> Exported:
        sys.setprofile(self)
        try:
            return what()
        finally:
            sys.setprofile(None)


def emptied(bundle: Path) -> None:
    numpy.savez(bundle / "io.npz", **{"output/0/other": numpy.zeros(2)})


def led_away(bundle: Path) -> None:
    away = bundle.with_name("away")
    bundle.rename(away)
    bundle.symlink_to(away.with_name("nowhere"))


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    "harm", [lambda bundle: bundle.rename(bundle.with_name("away")), led_away, emptied], ids=["gone", "led", "emptied"]
)
def test_whenever_another_exporter_takes_a_bundle_away_it_is_this_export_alone_that_fails(
    source: Source, export: Export, bundle: Path, harm: Callable[[Path], object], kept: bool
) -> None:
    declared = family()._replace(file="/own/mine.py")

    def harmed() -> None:
        if (bundle / "io.npz").is_file():
            harm(bundle)

    def afresh() -> None:
        for place in (bundle, bundle.with_name("away")):
            paths.discard(place)
        if kept:
            export(declared=declared)

    afresh()
    counts = At(0, lambda: None)
    assert counts.during(lambda: export(declared=declared)).passed
    ends = Counter[str]()
    for number in range(1, counts.seen + 1, max(1, counts.seen // PLACES)):
        afresh()
        try:
            ended = At(number, harmed).during(lambda: export(declared=declared))
            ends[ended.stages[-1].outcome] += 1
        except MachineFault as fault:
            ends[type(fault).__name__] += 1
    assert set(ends) <= {"pass", "NotTaken", "MachineFault"}
    assert 0 < ends["pass"] < ends.total()


def test_an_export_whose_folder_leads_elsewhere_has_us_write_nothing_there(
    source: Source, export: Export, bundle: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    export(12)

    def leads_away(_: Path) -> None:
        bundle.rename(other)
        bundle.symlink_to(other)

    source.leaves = leads_away
    with pytest.raises(NotTaken, match="no folder any more"):
        export()
    there = sorted(other.rglob("*"))
    source.leaves = lambda _: None
    assert export().passed
    assert sorted(other.rglob("*")) == there
    assert not bundle.is_symlink()
