"""A bundle is made once and kept; a case that cannot tell right from wrong is refused; the referee's word is told."""

import json
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from tfparity import bundles, compare, limitations, matrix, referee, referee_process
from tfparity.bundles import Exported, insensitive, prune
from tfparity.paths import Cache, Project
from tfparity.processes import Limits
from tfparity.referee import Verdict
from tfparity.setting import Options, Setting
from tfparity.worker import messages
from tfparity.worker.declare import Case, floating, normal
from tfparity.workers import Answer

KEY_BIAS = "softmax does not see it"

MATRIX = """\
schema: 1
default: small
toolchains:
  - {id: small, python: "3.11", as-of: 2023-07-15, pins: {numpy: 1.24.3}}
"""


def case(*outputs: str, **globs: str) -> Case:
    return Case(
        "family/name",
        (normal("batch", 4, name="input"),),
        tuple(floating(name) for name in outputs or ("output",)),
        {"batch": (2, 1, 5)},
        {},
        (),
        {glob.replace("_any_", "*."): why for glob, why in globs.items()},
        dict,
        "cases/family.py",
        1,
    )


# Sensitivity


def references(noise: float = 0.0, **outputs: Any) -> dict[str, Any]:
    """The arrays of io.npz for `case`: every output the same at every sample, float64 beside it by that noise."""
    found = {}
    for sample in case().samples():
        for name, value in outputs.items():
            float32 = numpy.asarray(value, None if isinstance(value, numpy.ndarray) else "float32")
            found[f"float32/{sample.index}/{name}"] = float32
            if float32.dtype.kind == "f":
                found[f"float64/{sample.index}/{name}"] = float32.astype("float64") + noise
    return found


#: What moves where all is well: the input, the output, one weight.
ALIVE = {"input:input": [0.5], "output:output": [0.5], "a.weight": [0.1]}


def refused(declared: Case, changes: Mapping[str, Sequence[float]], noise: float = 0.0, **outputs: Any) -> str | None:
    return insensitive(declared, changes, references(noise, **(outputs or {"output": [0.0, 1.0]})))


def test_a_case_that_answers_to_its_input_and_its_weights_is_fine() -> None:
    assert refused(case(), {**ALIVE, "a.bias": [2e-5]}) is None


def test_a_case_without_weights_need_only_answer_to_its_input() -> None:
    assert refused(case(), {"input:input": [0.5], "output:output": [0.5]}) is None


@pytest.mark.parametrize("change", [0.0, 1e-7, 1e-5, float("nan")])
def test_an_output_that_ignores_the_inputs_is_named(change: float) -> None:
    changes = {"output:output": [0.5, 0.0], "output:anchors": [0.0, change]}
    found = refused(case("output", "anchors"), changes, output=[1.0], anchors=[1.0])
    assert found == "an output does not change with the inputs: anchors"


def test_an_input_that_moves_no_output_is_named() -> None:
    found = refused(case(), {**ALIVE, "input:mask": [1e-6]})
    assert found == "the outputs do not change with an input: mask"


def test_an_output_that_cannot_follow_is_declared() -> None:
    declared = case("output", "anchors")._replace(insensitive={"output:anchors": "made from sizes alone"})
    changes = {"output:output": [0.5, 0.0], "output:anchors": [0.0, 0.0]}
    assert refused(declared, changes, output=[1.0], anchors=[1.0]) is None


def test_a_trained_model_may_have_a_weight_that_does_nothing_and_no_dead_input_or_output() -> None:
    trained = case()._replace(trained=True)
    assert refused(case(), {**ALIVE, "a.bias": [0.0]}) is not None
    assert refused(trained, {**ALIVE, "a.bias": [0.0]}) is None
    assert refused(trained, {**ALIVE, "input:input": [0.0]}) is not None
    assert refused(trained, {**ALIVE, "output:output": [0.0]}) is not None


def test_an_input_need_move_one_of_the_outputs() -> None:
    changes = {"input:input": [0.0, 0.5], "output:output": [0.5, 0.0], "output:other": [0.0, 0.5]}
    assert refused(case("output", "other"), changes, output=[1.0], other=[1.0]) is None


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("input:mask", None),
        ("input:*", None),
        ("*mask", None),
        ("mask", "the outputs do not change with an input: mask"),
        ("output:mask", "the outputs do not change with an input: mask"),
    ],
)
def test_an_input_that_nothing_can_follow_is_declared_by_its_full_name(glob: str, found: str | None) -> None:
    declared = case()._replace(insensitive={glob: "a mask of ones"})
    assert refused(declared, {**ALIVE, "input:mask": [0.0]}) == found


@pytest.mark.parametrize(
    ("glob", "why"),
    [
        ("input:input", "all that it matches moves the output; take it out"),
        ("output:output", "all that it matches moves the output; take it out"),
        ("input:gone", "no weight, input or output has such a name; mend the glob"),
        ("output:gone", "no weight, input or output has such a name; mend the glob"),
        ("input:output", "no weight, input or output has such a name; mend the glob"),
    ],
)
def test_a_declaration_of_an_input_or_an_output_must_be_true(glob: str, why: str) -> None:
    found = refused(case()._replace(insensitive={glob: "once"}), ALIVE)
    assert found is not None
    assert found.startswith(f"declares {glob!r} insensitive, but ")
    assert found.endswith(why)


def test_of_all_that_is_wrong_the_noise_is_told_first_and_a_declaration_last() -> None:
    dead = {"output:output": [0.0], "input:input": [0.0], "a.weight": [0.0]}
    declared = case(_any_gone="once")
    told = [refused(declared, dead, noise=1.0)]
    for name in (None, *dead):
        if name:
            dead[name] = [1.0]
        told.append(refused(declared, dead))
    beginnings = ["float32 rounds", "an output does", "the outputs do not", "moving a weight", "declares '*.gone'"]
    assert [text and text.startswith(begin) for text, begin in zip(told, beginnings, strict=True)] == [True] * 5


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 2.4e-4), st.floats(0, 2e-3)), min_size=1, max_size=3),
    st.sampled_from([1.0, 100.0]),
)
def test_a_weight_is_alive_where_one_output_moves_by_more_than_a_grade_and_its_noise(
    met: list[tuple[float, float]], scale: float
) -> None:
    names = [f"y{number}" for number in range(len(met))]
    arrays: dict[str, Any] = {}
    changes: dict[str, list[float]] = {"input:input": [1.0] * len(met), "a.weight": [change for _, change in met]}
    for place, (name, (noise, _)) in enumerate(zip(names, met, strict=True)):
        arrays |= references(noise * scale, **{name: [0.0, scale]})
        changes[f"output:{name}"] = [float(place == other) for other in range(len(met))]
    floors = compare.floors(case(*names).outputs, case().samples(), arrays)
    alive = any(change > max(1e-5, 4 * floors[name]) for name, (_, change) in zip(names, met, strict=True))
    assert (insensitive(case(*names), changes, arrays) is None) == alive


@pytest.mark.parametrize("change", [0.0, 1e-7, 1e-5, float("nan")])
def test_a_weight_that_moves_nothing_is_named(change: float) -> None:
    found = refused(case(), {**ALIVE, "a.bias": [change]})
    assert found is not None
    assert "does not move the output: a.bias;" in found


@pytest.mark.parametrize(("change", "fine"), [(3.9e-4, False), (4.1e-4, True)])
def test_what_moves_the_output_moves_it_beyond_its_noise(change: float, fine: bool) -> None:
    assert (refused(case(), {**ALIVE, "a.bias": [change]}, noise=1e-4) is None) == fine


def test_each_output_has_a_noise_of_its_own() -> None:
    arrays = {**references(1e-4, output=[1.0]), **references(0.0, other=[1.0])}
    changes = {"output:output": [0.5, 0.0], "output:other": [0.0, 0.5]}
    declared = case("output", "other")
    assert insensitive(declared, {**changes, "a.bias": [0.0, 2e-5]}, arrays) is None
    assert insensitive(declared, {**changes, "a.bias": [2e-5, 0.0]}, arrays) is not None


@pytest.mark.parametrize(("noise", "fine"), [(2.4e-4, True), (2.6e-4, False)])
def test_a_case_in_whose_noise_a_wrong_answer_would_pass_is_refused(noise: float, fine: bool) -> None:
    found = refused(case(), {name: [1.0] for name in ALIVE}, noise=noise)
    assert (found is None) == fine
    assert fine or found == "float32 rounds output so coarsely that a wrong answer would pass for noise"


def test_noise_counts_relative_to_the_answer() -> None:
    assert refused(case(), ALIVE, noise=2e-4, output=[1000.0]) is None


def test_an_output_that_is_compared_exactly_has_no_noise() -> None:
    assert refused(case(), ALIVE, output=numpy.array([1, 2])) is None


def test_many_dead_weights_are_counted() -> None:
    found = refused(case(), {**ALIVE, **{f"{number}.bias": [0.0] for number in range(7)}})
    assert found is not None
    assert "0.bias, 1.bias, 2.bias, 3.bias and 3 more" in found


def test_a_dead_weight_that_is_declared_insensitive_is_fine() -> None:
    declared = case(_any_key_bias=KEY_BIAS)
    assert refused(declared, {**ALIVE, "0.key_bias": [1e-7], "1.key_bias": [0.0]}) is None


def test_a_dead_weight_beside_the_declared_ones_is_named_alone() -> None:
    found = refused(case(_any_key_bias=KEY_BIAS), {**ALIVE, "0.key_bias": [0.0], "0.bias": [0.0]})
    assert found is not None
    assert "output: 0.bias;" in found


def test_a_declaration_that_matches_nothing_is_refused() -> None:
    found = refused(case(_any_key_bias=KEY_BIAS), ALIVE)
    assert found == "declares '*.key_bias' insensitive, but no weight, input or output has such a name; mend the glob"


def test_a_declaration_of_what_moves_the_output_is_refused() -> None:
    found = refused(case(_any_key_bias=KEY_BIAS), {**ALIVE, "0.key_bias": [0.1], "1.key_bias": [0.2]})
    assert found == "declares '*.key_bias' insensitive, but all that it matches moves the output; take it out"


def test_a_declaration_holds_where_one_of_its_weights_is_dead() -> None:
    assert refused(case(_any_key_bias=KEY_BIAS), {**ALIVE, "0.key_bias": [0.1], "1.key_bias": [0.0]}) is None


def test_each_declaration_is_looked_at() -> None:
    found = refused(case(_any_key_bias=KEY_BIAS, _any_gone="once"), {**ALIVE, "0.key_bias": [0.0]})
    assert found is not None
    assert "'*.gone'" in found


# Made and kept


class Source:
    """The source side as planned: what it writes and says; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.failing: dict[str, str] = {}
        self.sensitivity: dict[str, list[float]] = dict(ALIVE)
        self.model = True
        self.outputs: dict[str, Any] = {"output": [0.0, 1.0]}
        self.noise = 0.0

    def ask(self, kind: str, request: dict[str, Any], limits: Limits, *, on_stage: Any = None) -> Answer:
        self.asked.append(request)
        stages = []
        facts: dict[str, Any] = {"fork_seconds": 0.1}
        for name in ("build", "export", "check"):
            outcome = self.failing.get(name, "pass")
            stages.append({"stage": name, "outcome": outcome, "seconds": 1.0, "error": None})
            if outcome != "pass":
                return Answer(stages, facts, Path())
            if name == "build" and request["reference"]:
                numpy.savez(request["io"], **references(self.noise, **self.outputs))
                facts.update(sensitivity=self.sensitivity, floor="float64", parameters=3)
        facts["file_opset"] = request["opset"]
        if self.model:
            (Path(request["artifact"]) / "model.onnx").write_bytes(b"onnx")
        return Answer(stages, facts, Path())


@pytest.fixture
def source() -> Source:
    return Source()


Export = Callable[..., Exported]


@pytest.fixture
def export(tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch) -> Export:
    def answered(model: Path, io: Path, result: Path, *_: Any) -> Verdict:
        numpy.savez(result, **{"output/0/output": numpy.zeros(2)})
        return Verdict(result, None)

    monkeypatch.setattr(referee, "ask", answered)

    def export(opset: int = 13, exporter: str = "onnx-legacy", **given: Any) -> Exported:
        return bundles.export(
            tmp_path / "bundle",
            given.get("case", case()),
            lambda: source,  # type: ignore[arg-type,return-value]
            framework="pytorch",
            exporter=exporter,
            opset=opset,
            key=given.get("key", "today---"),
            again=given.get("again", lambda _: False),
            aborted=given.get("aborted", lambda: False),
            limits=Limits(60, 1024),
            origin={"environment": "old"},
        )

    return export


def test_an_export_is_made_once(source: Source, export: Export) -> None:
    first = export()
    assert first.passed
    assert export() == first
    assert len(source.asked) == 1


def test_only_the_first_export_of_a_bundle_makes_references(source: Source, export: Export) -> None:
    assert export(13).facts["sensitivity"] == export(12).facts["sensitivity"] == ALIVE
    assert [(asked["opset"], asked["reference"]) for asked in source.asked] == [(13, True), (12, False)]
    assert export(12).facts["file_opset"] == 12


def test_a_bundle_says_what_it_is_and_where_it_was_made(tmp_path: Path, export: Export) -> None:
    export()
    told = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert told["format"] == bundles.FORMAT
    assert told["origin"] == {"environment": "old"}
    assert told["facts"] == {"sensitivity": ALIVE, "floor": "float64", "parameters": 3}
    assert len(told["samples"]) == len(case().samples())
    assert told["case"]["id"] == "family/name"


@pytest.mark.parametrize("outcome", ["fail", "timeout", "out-of-memory", "crash"])
def test_an_export_that_did_not_pass_is_tried_again(source: Source, export: Export, outcome: str) -> None:
    source.failing = {"export": outcome}
    assert [stage["outcome"] for stage in export().stages] == ["pass", outcome]
    source.failing = {}
    assert export().passed


def test_an_insensitive_case_fails_its_build_and_leaves_no_bundle(
    tmp_path: Path, source: Source, export: Export
) -> None:
    source.sensitivity = {**ALIVE, "a.bias": [0.0]}
    (stage,) = export().stages
    assert (stage["stage"], stage["outcome"], stage["error"]["type"]) == ("build", "fail", "InsensitiveCase")
    assert "a.bias" in stage["error"]["message"]
    assert not (tmp_path / "bundle" / "bundle.json").exists()
    source.sensitivity = ALIVE
    assert export().passed


def test_a_case_is_held_against_the_noise_of_the_references_that_it_wrote(source: Source, export: Export) -> None:
    source.noise = 1e-3
    (stage,) = export().stages
    assert stage["error"]["message"].startswith("float32 rounds output so coarsely")


def test_what_is_wrong_with_a_case_is_a_defect_that_no_limitation_explains(source: Source, export: Export) -> None:
    source.sensitivity = {**ALIVE, "a.bias": [0.0]}
    error = export().stages[0]["error"]
    assert f"{error['type']}: {error['message']}".startswith(limitations.DEFECT)


def test_the_referee_is_told_which_outputs_are_declared_and_when_to_end(
    source: Source, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(referee, "ask", lambda *given: told.append(given) or Verdict(None, "none"))
    source.sensitivity = {"input:input": [1.0, 1.0], "output:output": [1.0, 0.0], "output:other": [0.0, 1.0]}
    source.outputs["other"] = [1.0]
    made = export(case=case("output", "other"), aborted=lambda: True)
    assert made.passed
    ((model, io, result, outputs, memory, aborted),) = told
    assert (model, io, result) == (made.folder / "model.onnx", made.io, made.folder / "referee.npz")
    assert (outputs, memory, aborted()) == (["output", "other"], 1024, True)


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
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    declared = matrix.load(tmp_path / "matrix.yaml")
    for _ in range(2):
        run = Setting(Project(tmp_path), declared, {}, Cache(tmp_path), Options(again=True))
        for opset in (13, 12, 13, 12):
            export(opset, again=run.first_again)
    assert [(asked["opset"], asked["reference"]) for asked in source.asked] == [(13, True), (12, False)] * 2


def test_what_has_to_be_made_again_is_with_its_references(tmp_path: Path, source: Source, export: Export) -> None:
    bundle = tmp_path / "bundle"
    export()
    export(again=lambda folder: folder in (bundle, bundle / "onnx-legacy-13-today---"))
    export(again=lambda folder: folder == bundle / "onnx-legacy-13-today---")
    export()
    assert [asked["reference"] for asked in source.asked] == [True, True, False]


@pytest.mark.parametrize("name", ["bundle.json", "io.npz", "onnx-legacy-13-today---/export.json"])
def test_a_bundle_that_lost_a_file_is_made_again(tmp_path: Path, source: Source, export: Export, name: str) -> None:
    first = export()
    (tmp_path / "bundle" / name).unlink()
    assert export() == first
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
    monkeypatch.setattr(referee, "ask", lambda *_: Verdict(None, "Timeout: still running after 300 s"))
    for _ in range(2):
        found = export()
        assert (found.passed, found.referee, found.referee_error) == (True, None, "Timeout: still running after 300 s")
        assert found.facts["parameters"] == 3
    assert len(source.asked) == 2


@pytest.mark.parametrize("name", ["bundle.json", "onnx-legacy-13-today---/export.json"])
@pytest.mark.parametrize("content", ["", "{", "{}", "null", "[]"])
def test_a_bundle_with_a_file_that_is_no_record_is_made_again(
    tmp_path: Path, source: Source, export: Export, name: str, content: str
) -> None:
    export()
    (tmp_path / "bundle" / name).write_text(content)
    assert export().passed
    assert len(source.asked) == 2


def test_a_model_that_the_referee_cannot_run_is_exported_all_the_same(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referee, "ask", lambda *_: Verdict(None, "Fail: no such operator"))
    for found in (export(), export()):
        assert (found.passed, found.referee, found.referee_error) == (True, None, "Fail: no such operator")


def test_an_artifact_that_is_no_onnx_file_has_no_referee_and_says_so(source: Source, export: Export) -> None:
    source.model = False
    found = export()
    assert (found.passed, found.referee) == (True, None)
    assert found.referee_error == "the route's artifact is no ONNX file"


# Read


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.from_regex(r"(input|float32|output)/[0-9]/[a-z.]{1,8}", fullmatch=True),
        np_st.arrays(st.sampled_from(["float32", "int64", "bool", "complex64"]), np_st.array_shapes(min_dims=0)),
        min_size=1,
    )
)
def test_arrays_are_read_as_they_were_written(tmp_path: Path, arrays: dict[str, Any]) -> None:
    numpy.savez(tmp_path / "io.npz", **arrays)
    found = bundles.read_arrays(tmp_path / "io.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        numpy.testing.assert_array_equal(found[name], array)


def test_where_there_is_no_file_there_are_no_arrays(tmp_path: Path) -> None:
    assert bundles.read_arrays(None) == bundles.read_arrays(tmp_path / "none.npz") == {}


class Trap:
    """Does what nobody asked for where it is unpickled."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("the file was unpickled",)


def test_an_array_of_objects_is_not_unpickled_and_spoils_the_file(tmp_path: Path) -> None:
    numpy.savez(tmp_path / "io.npz", right=numpy.zeros(2), trap=numpy.array([Trap()], dtype=object))
    assert bundles.read_arrays(tmp_path / "io.npz") == {}
    (tmp_path / "io.npz").write_bytes(pickle.dumps(Trap()))
    assert bundles.read_arrays(tmp_path / "io.npz") == {}


# numpy leaves it to the garbage collector to close a file that is no archive.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_has_no_arrays(tmp_path: Path, part: float) -> None:
    path = tmp_path / "io.npz"
    numpy.savez(path, a=numpy.arange(1000.0), b=numpy.arange(1000))
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    assert bundles.read_arrays(path) == {}


def test_a_file_with_a_flipped_bit_has_no_arrays(tmp_path: Path) -> None:
    path = tmp_path / "io.npz"
    numpy.savez(path, a=numpy.arange(1000.0))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert bundles.read_arrays(path) == {}


# Pruned


def bundle(root: Path, name: str, *, used: int, size: int = 1000) -> Path:
    folder = root / name[:2] / name
    (folder / "onnx-legacy-13-today---").mkdir(parents=True)
    for file, seconds in (("io.npz", used), ("onnx-legacy-13-today---/model.onnx", 1)):
        (folder / file).write_bytes(b"x" * (size // 2))
        os.utime(folder / file, (seconds, seconds))
    return folder


def left(root: Path) -> set[str]:
    return {path.name for path in root.glob("*/*")}


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        (10000, {"old", "new", "mid"}),
        (3000, {"old", "new", "mid"}),
        (2999, {"new", "mid"}),
        (1000, {"new"}),
        (0, set()),
    ],
)
def test_bundles_used_longest_ago_go_first_and_no_more_than_needed(tmp_path: Path, limit: int, names: set[str]) -> None:
    for name, used in (("new", 300), ("old", 100), ("mid", 200)):
        bundle(tmp_path, name, used=used)
    prune(tmp_path, limit)
    assert left(tmp_path) == names


def test_a_bundle_that_was_taken_from_the_folder_counts_as_used(
    tmp_path: Path, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export().folder.parent
    for file in folder.rglob("*"):
        os.utime(file, (1, 1))
    export()
    assert max(file.stat().st_mtime for file in folder.rglob("*") if file.is_file() and file.name != ".lock") > 1e9


def test_a_cache_that_is_not_there_needs_no_pruning(tmp_path: Path) -> None:
    prune(tmp_path / "none", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_another_run_removes_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, used in (("aa", 100), ("bb", 200)):
        bundle(tmp_path, name, used=used)
    rglob = Path.rglob

    def vanishing(self: Path, pattern: str) -> Any:
        if self.name == "aa":
            raise FileNotFoundError(self)
        return rglob(self, pattern)

    monkeypatch.setattr(Path, "rglob", vanishing)
    prune(tmp_path, 0)
    monkeypatch.undo()
    assert left(tmp_path) == {"aa"}


# The referee


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number: int, value: int | str | bytes) -> bytes:
    """A field of a protocol buffer: https://protobuf.dev/programming-guides/encoding/"""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name: str, *shape: int | str) -> bytes:
    dims = b"".join(field(1, field(1 if isinstance(size, int) else 2, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def onnx(operator: str, *shape: int | str) -> bytes:
    """An ONNX file of one operator from x to y: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3"""
    node = field(1, "x") + field(2, "y") + field(4, operator)
    graph = field(1, node) + field(2, "graph") + field(11, tensor("x", *shape)) + field(12, tensor("y", *shape))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


Answered = Callable[..., tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture
def answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Answered:
    """What the referee prints of a model, and the arrays that it writes, over samples of x."""

    def answered(model: bytes, samples: Mapping[int, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        (tmp_path / "model.onnx").write_bytes(model)
        given = {f"input/{index}/x": numpy.asarray(value, "float32") for index, value in samples.items()}
        numpy.savez(tmp_path / "io.npz", **given, **{"float32/0/y": numpy.zeros(2), "input/0/unused": numpy.zeros(2)})
        files = (str(tmp_path / name) for name in ("model.onnx", "io.npz", "result.npz"))
        referee_process._main(*files, json.dumps(["z"]))
        said = json.loads(capsys.readouterr().out.splitlines()[-1])
        if not (tmp_path / "result.npz").exists():
            return said, {}
        with numpy.load(tmp_path / "result.npz", allow_pickle=False) as stored:
            return said, {name: stored[name].tolist() for name in stored.files}

    return answered


def test_the_referee_answers_every_sample(answered: Answered) -> None:
    said, results = answered(onnx("Neg", "n"), {0: [1.0, 2.0], 3: [5.0]})
    assert said == {"failed": {}}
    assert results == {"output/0/z": [-1.0, -2.0], "output/3/z": [-5.0]}


def test_a_sample_of_another_size_that_the_referee_cannot_run_is_named(answered: Answered) -> None:
    said, results = answered(onnx("Neg", 2), {0: [1.0, 2.0], 3: [5.0]})
    assert list(said["failed"]) == ["3"]
    assert list(results) == ["output/0/z"]


@pytest.mark.parametrize("model", [onnx("Neg", 3), onnx("NoSuchOperator", 2), b"no model", b""])
def test_a_model_that_cannot_be_run_has_a_reason_and_no_arrays(answered: Answered, model: bytes) -> None:
    said, results = answered(model, {0: [1.0, 2.0]})
    assert said["error"]["message"]
    assert results == {}


@pytest.mark.parametrize(
    ("found", "declared", "names"),
    [
        (["a", "b"], ["a", "b"], ["a", "b"]),
        (["b", "a"], ["a", "b"], ["b", "a"]),
        (["output_0", "output_1"], ["a", "b"], ["a", "b"]),
        (["renamed", "a"], ["a", "b"], ["b", "a"]),
        (["a", "another", "b"], ["a", "b"], ["a", "another", "b"]),
    ],
)
def test_an_output_that_lost_its_name_stands_for_the_one_that_is_missing(
    found: list[str], declared: list[str], names: list[str]
) -> None:
    assert referee_process.declared_names(found, declared) == names


@given(st.data())
def test_outputs_that_kept_their_names_keep_their_places_and_the_others_go_by_position(data: st.DataObject) -> None:
    declared = data.draw(st.lists(st.sampled_from("abcdef"), unique=True))
    order = data.draw(st.permutations(declared))
    kept = [data.draw(st.booleans()) for _ in declared]
    found = [name if keep else f"output_{place}" for place, (name, keep) in enumerate(zip(order, kept, strict=True))]
    names = referee_process.declared_names(found, declared)
    assert sorted(names) == sorted(declared)
    assert [name for name, keep in zip(names, kept, strict=True) if keep] == [
        name for name in found if name in declared
    ]
    taken = [name for name, keep in zip(names, kept, strict=True) if not keep]
    assert taken == sorted(taken, key=declared.index)


def test_what_a_reply_holds_is_what_a_bundle_keeps(tmp_path: Path, export: Export) -> None:
    export()
    kept = messages.read_json(str(tmp_path / "bundle" / "onnx-legacy-13-today---" / "export.json"))
    assert set(kept) == {"files", "stages", "facts", "referee_error", "referee_failed"}
    assert kept["facts"] == {"file_opset": 13}


@pytest.mark.parametrize("side", ["float32", "float64"])
@pytest.mark.parametrize("place", [0, -1])
def test_a_case_whose_references_contradict_each_other_by_nan_is_refused(side: str, place: int) -> None:
    """Both count as right, so that a converter that answers NaN everywhere would pass."""
    arrays = references(output=[1.0, 2.0])
    sample = case().samples()[place]
    arrays[f"{side}/{sample.index}/output"] = numpy.asarray([numpy.nan, 2.0], side)
    found = insensitive(case(), ALIVE, arrays)
    assert found is not None
    assert found.startswith("one of float32 and float64 is NaN")


def test_nan_that_both_references_have_is_an_answer() -> None:
    arrays = references(output=[numpy.nan, 2.0])
    assert insensitive(case(), ALIVE, arrays) is None
