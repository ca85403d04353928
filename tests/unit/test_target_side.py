"""The target side of an attempt: what its worker is asked, what of the answer is judged, what a case says of it."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from tfparity.engine import bundles
from tfparity.engine.bundles import BundleFacts, Exported, ExportFacts
from tfparity.engine.target_side import Ask, Examples, TargetSide, answers, measured
from tfparity.engine.worker_client import Answer, Facts
from tfparity.judging.judge import SecondReferee, Signature
from tfparity.records.cells import Artifact, Problem, Said, StageReply
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Outcome, Target
from tfparity.worker.declare import Case, floating, normal

ONE = numpy.ones((2, 4), "float32")
REFERENCES = {"input/0/x": 3 * ONE, "float32/0/y": ONE, "float64/0/y": ONE}


def case(answer: Callable[[Mapping[str, Any]], str] | None = None) -> Case:
    inputs, outputs = (normal("batch", 4, name="x"),), (floating("y"),)
    return Case("a/b", inputs, outputs, {"batch": (2, 1)}, {}, (), {}, dict, "/models/a.py", 7, answer=answer)


# What a case says of its outputs


def total(arrays: Mapping[str, Any]) -> str:
    return f"{arrays['y'].sum():.0f} of {arrays['x'].sum():.0f}"


def test_both_sides_answer_at_the_exported_shape_and_the_first_seed() -> None:
    outputs = {"output/0/y": 2 * ONE, "output/1/y": 9 * ONE}
    assert answers(case(total), REFERENCES, outputs) == Said("8 of 24", "16 of 24")


@pytest.mark.parametrize("outputs", [{}, {"output/1/y": ONE}, {"output/0/y": numpy.array(["text"])}])
def test_what_did_not_come_back_or_cannot_be_read_has_no_answer(outputs: Mapping[str, Any]) -> None:
    assert answers(case(total), REFERENCES, outputs) == Said("8 of 24", None)


def test_an_answer_is_one_line_that_a_terminal_can_show() -> None:
    said = answers(case(lambda arrays: "440\n\x1b[31mHz\x07"), REFERENCES, {})
    assert said.torch == "440 Hz"


@pytest.mark.parametrize("answer", [lambda _: sys.exit(0), lambda _: os._exit(0)], ids=["sys.exit", "os._exit"])
def test_an_answer_that_would_end_our_process_is_none(answer: Callable[..., str]) -> None:
    assert answers(case(answer), REFERENCES, {}) == Said(None, None)


# Asked and judged

PASS = Outcome.PASS
SIGNATURE = Signature((("x", "float32"),), (("y", "float32"),), ordered=True)


@pytest.fixture
def exported(tmp_path: Path) -> Exported:
    """An export whose references are ones at every sample."""
    sizes = {sample.index: sample.sizes["batch"] for sample in case().samples()}
    arrays = {
        f"{kind}/{index}/y": numpy.ones((size, 4), "float32" if kind == "float32" else "float64")
        for kind in ("float32", "float64")
        for index, size in sizes.items()
    }
    numpy.savez(tmp_path / "io.npz", **arrays)
    stages = tuple(StageReply(name, PASS, 1.0) for name in ("build", "export", "check"))
    bundle = BundleFacts({"input:x": (0.5,), "output:y": (0.5,), "a.weight": (0.1,)}, "float64", None, 3)
    return Exported(stages, bundle, ExportFacts(13, ("Conv",)), tmp_path, tmp_path / "io.npz")


def side(answer: Ask | None = None, declared: Case | None = None) -> TargetSide:
    ask = answer or (lambda kind, request, makes: Answer((), Facts(), Path()))
    return TargetSide(declared or case(), "onnx-tf", ask, {"/home/me": "<home>", "/run/1": "<tmp>"}, ["/code"])


def test_a_worker_is_asked_for_what_it_needs_and_no_more(exported: Exported, tmp_path: Path) -> None:
    asked: dict[str, Mapping[str, Json]] = {}
    made: dict[str, Mapping[str, Path]] = {}

    def ask(kind: str, request: Mapping[str, Json], makes: Mapping[str, Path]) -> Answer:
        asked[kind], made[kind] = request, makes
        return Answer((), Facts(), Path())

    here = side(ask)
    here.convert(13, exported, tmp_path, ("fixed-axes",))
    here.execute(exported, tmp_path)
    here.make(Target.TFLITE_FLOAT32, exported, tmp_path, tmp_path / "artifact")
    assert asked["convert"] == {
        "route": "onnx-tf",
        "artifact": "artifact",
        "bundle": str(exported.folder),
        "opset": 13,
        "remedies": ["fixed-axes"],
        "case_file": "/models/a.py",
        "case": "a/b",
        "path": ["/code"],
        "handed_on": False,
    }
    samples = asked["execute"].pop("samples")  # type: ignore[attr-defined]
    assert [sample["index"] for sample in samples] == [sample.index for sample in case().samples()]
    assert asked["execute"] == {
        "route": "onnx-tf",
        "artifact": str(tmp_path / "artifact"),
        "io": str(exported.io),
        "result": "outputs.npz",
        "inputs": ["x"],
        "outputs": ["y"],
    }
    assert asked["target"] == {
        "route": "tflite-float32",
        "package": "targets",
        "artifact": str(tmp_path / "artifact"),
        "folder": "target-tflite-float32",
        "examples": str(exported.io),
        "samples": [0, 1, 2],
        "inputs": ["x"],
    }
    assert made == {
        "convert": {"artifact": tmp_path / "artifact"},
        "execute": {"outputs.npz": tmp_path / "outputs.npz"},
        "target": {"target-tflite-float32": tmp_path / "target-tflite-float32"},
    }
    here.execute_target(Target.TFLITE_FLOAT32, exported, tmp_path)
    executed = asked["execute"]
    assert (executed["artifact"], executed["package"]) == (str(tmp_path / "target-tflite-float32"), "targets")
    assert made["execute"] == {executed["result"]: tmp_path / "target-tflite-float32.npz"}
    here.execute_target(Target.SAVED_MODEL_XLA, exported, tmp_path)  # nothing is made for it
    assert asked["execute"]["artifact"] == str(tmp_path / "artifact")


def test_a_target_is_made_with_a_users_own_examples(exported: Exported, tmp_path: Path) -> None:
    asked: list[Mapping[str, Json]] = []

    def ask(kind: str, request: Mapping[str, Json], makes: Mapping[str, Path]) -> Answer:
        asked.append(request)
        return Answer((), Facts(), Path())

    given = Examples(tmp_path / "mine.npz", (0, 1), "d")
    side(ask).make(Target.TFLITE_INT8, exported, tmp_path, tmp_path / "artifact", given)
    assert (asked[0]["examples"], asked[0]["samples"]) == (str(tmp_path / "mine.npz"), [0, 1])


def execution(**facts: Any) -> Answer:
    names = ("load", "parity", "dynamic-shape", "signature")
    return Answer(tuple(StageReply(name, PASS, 1.0) for name in names), Facts(signature=SIGNATURE, **facts), Path())


def answered(folder: Path, *indexes: int) -> Path:
    sizes = {sample.index: sample.sizes["batch"] for sample in case().samples()}
    given = {f"output/{index}/y": numpy.ones((sizes[index], 4), "float32") for index in indexes}
    numpy.savez(folder / "outputs.npz", **given)
    return folder / "outputs.npz"


CONVERTED = StageReply("convert", PASS, 2.0)


def test_what_came_back_right_works_with_the_model_that_it_is_of(exported: Exported, tmp_path: Path) -> None:
    executed, result = execution(), answered(tmp_path, *(sample.index for sample in case().samples()))
    stages = [*exported.stages, CONVERTED, *executed.stages]
    made = side(declared=case(total)).judged(13, stages, exported=exported, executed=executed, result=result)
    assert (made.stage, made.outcome, made.signature, made.dynamic) == ("signature", "pass", True, {"batch": True})
    assert (made.file_opset, made.model, made.where) == (13, exported.model, None)
    assert made.answer == Said(None, None)  # io.npz lacks x here
    assert side().judged(13, stages, exported=exported, executed=executed, result=result).answer is None


@pytest.mark.parametrize(
    ("outputs", "referee", "asked", "culprit"),
    [
        (1.0, 3.0, 0, None),  # right
        (2.0, 1.0, 0, "converter"),
        (2.0, 3.0, 1, "converter"),  # only the second referee clears the file
        (2.0, 2.0, 1, "exporter"),  # and is outvoted
        (2.0, None, 0, "unknown"),
    ],
)
def test_another_referee_is_asked_only_where_the_exporter_would_be_blamed(
    exported: Exported, tmp_path: Path, outputs: float, referee: float | None, asked: int, culprit: str | None
) -> None:
    indexes = [sample.index for sample in case().samples()]
    right = bundles.read_arrays(answered(tmp_path, *indexes))
    result = tmp_path / "result.npz"
    numpy.savez(result, **{name: outputs * array for name, array in right.items()})
    if referee is not None:
        numpy.savez(tmp_path / "referee.npz", **{name: referee * array for name, array in right.items()})
        exported = replace(exported, referee=tmp_path / "referee.npz")
    times: list[Exported] = []

    def second(about: Exported) -> SecondReferee:
        times.append(about)
        return SecondReferee(right)

    executed = execution()
    stages = [*exported.stages, CONVERTED, *executed.stages]
    made = replace(side(), second=second).judged(13, stages, exported=exported, executed=executed, result=result)
    assert (len(times), made.culprit) == (asked, culprit)
    assert (made.second is not None) == bool(asked)


def test_folders_of_this_run_are_masked_in_every_error(exported: Exported, tmp_path: Path) -> None:
    failed = {"3": Problem("ValueError", "cannot read /run/1/graph.pb of /home/me/models")}
    executed, result = execution(failed=failed), answered(tmp_path, 0, 1, 2)
    stages = [*exported.stages, CONVERTED, *executed.stages]
    made = side().judged(13, stages, exported=exported, executed=executed, result=result)
    assert made.error is not None
    assert made.error.message.endswith("at batch=1 ValueError: cannot read <tmp>/graph.pb of <home>/models")
    broken = replace(CONVERTED, outcome=Outcome.FAIL, error=Problem("OSError", "no /run/1/x"))
    made = side().judged(13, [*exported.stages, broken], exported=exported)
    assert made.error is not None
    assert made.error.message == "no <tmp>/x"


@pytest.mark.parametrize(("told", "where"), [("/models/net.py:3", "/models/net.py:3"), (None, "/models/a.py:7")])
def test_of_a_case_that_does_not_build_the_place_is_told(exported: Exported, told: str | None, where: str) -> None:
    stages = (StageReply("build", Outcome.FAIL, 1.0, None, Problem("NameError", "torchh")),)
    unbuilt = replace(exported, stages=stages, bundle=BundleFacts(), where=told)
    made = side().judged(13, stages, exported=unbuilt)
    assert (made.where, made.model) == (where, None)
    failed = StageReply("convert", Outcome.FAIL, 1.0, None, Problem("NameError", "tff"))
    assert side().judged(13, [*exported.stages, failed], exported=replace(exported, where=told)).where is None


def test_an_artifact_is_measured_in_megabytes_and_seconds(tmp_path: Path) -> None:
    (tmp_path / "artifact" / "variables").mkdir(parents=True)
    (tmp_path / "artifact" / "saved_model.pb").write_bytes(b"x" * 1_200_000)
    (tmp_path / "artifact" / "variables" / "data").write_bytes(b"x" * 2_000_000)
    (tmp_path / "artifact" / "link").symlink_to(tmp_path / "none")
    converted = Answer((StageReply("convert", PASS, 1.2345), StageReply("more", PASS, None)), Facts(), tmp_path)
    assert measured(tmp_path, converted) == Artifact(3.2, 1.23)
