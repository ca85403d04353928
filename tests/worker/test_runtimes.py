"""Artifacts on runtimes over a small numpy "runtime": what is right, what turns with a switch, and that a crash, a hang
or a memory grab is that runtime's result alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import pytest

from tfparity import paths
from tfparity.engine import artifact_runs
from tfparity.engine.artifact_runs import Ran, Runs
from tfparity.errors import ArtifactError, LockError, UsageError
from tfparity.features.runtimes import check, golden_answers, table
from tfparity.features.upgrade import artifact as upgrade
from tfparity.features.upgrade.artifact_report import ArtifactUpgrade
from tfparity.features.upgrade.artifact_sides import ArtifactSide
from tfparity.inputs import artifact, golden, matrix
from tfparity.inputs.artifact import Artifact
from tfparity.inputs.golden import Golden
from tfparity.inputs.matrix import Environment, Limits, Matrix, Runtime
from tfparity.records.cells import CellRecord
from tfparity.records.observer import Silent
from tfparity.report import runtimes as told

HERE = Path(__file__).parent
OPENER = str(HERE / "planted_opener.py")

Made = Callable[..., Artifact]


def runtime(declared: Matrix, python: str) -> Runtime:
    """A runtime of the locked numpy environment of that Python."""
    environment = declared.environments[f"numpy-py{python}"]
    return Runtime.model_construct(**{**dict(environment), "id": environment.id, "runs": ("saved-model",)})


@pytest.fixture
def runs(cache: paths.Cache) -> Iterator[Runs]:
    declared = matrix.load(HERE / "matrix.yaml").model_copy(update={"limits": Limits(seconds=60, memory_gib=0.5)})
    openers = {"saved-model": OPENER, "c-api": OPENER}
    with Runs(paths.project(HERE), declared, cache, Silent(), openers=openers) as made:
        yield made


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """An artifact with those faults."""

    def made(*faults: str) -> Artifact:
        folder = tmp_path / "-".join(["model", *faults])
        folder.mkdir()
        (folder / "saved_model.pb").write_bytes(b"\x08\x01\x12\x01g")
        (folder / "faults").write_text(" ".join(faults))
        random = numpy.random.RandomState(0)
        numpy.savez(folder / "weights.npz", w=random.normal(size=(8, 12)).astype("float32"))
        return artifact.located(folder)

    return made


@pytest.fixture
def answers(tmp_path: Path) -> Golden:
    """What an artifact without a fault answers."""
    random = numpy.random.RandomState(0)
    weights, x = (random.normal(size=size).astype("float32") for size in ((8, 12), (2, 8)))
    a, b = numpy.split(x @ weights, 2, axis=-1)
    numpy.savez(tmp_path / "golden.npz", **{"inputs/x": x, "outputs/y": a / (1 + numpy.exp(-b))})
    return golden.read(tmp_path / "golden.npz")


def test_the_same_answers_on_every_python(runs: Runs, made: Made, answers: Golden, python: str) -> None:
    ran = runs.held(runtime(runs.matrix, python), made("faithful"), answers)
    assert (ran.state, ran.right) == ("pass", True)
    assert ran.held is not None
    assert ran.held.grade == "float32-noise"


@pytest.mark.parametrize(
    ("fault", "state", "said"),
    [
        ("crash-at-load", "crash", "ended by SIGSEGV"),
        ("hang", "timeout", "still running after 4 s"),
        ("eat-memory", "out-of-memory", "more than 512 MiB"),
        ("rename", "fail", "answers output_0, not y"),
    ],
)
def test_what_ends_a_runtime_is_its_result_alone(
    runs: Runs, made: Made, answers: Golden, fault: str, state: str, said: str
) -> None:
    if fault == "hang":
        runs.matrix = runs.matrix.model_copy(update={"limits": Limits(seconds=4, memory_gib=0.5)})
    ran = runs.held(runtime(runs.matrix, "3.11"), made(fault), answers)
    assert (ran.state, ran.right) == (state, False)
    assert said in table.note(ran)


def turned(runs: Runs, made: Made, answers: Golden, *faults: str) -> Ran:
    return runs.held(runtime(runs.matrix, "3.11"), made(*faults), answers, with_switches=True)


def test_a_fusion_that_is_wrong_turns_with_onednn(runs: Runs, made: Made, answers: Golden) -> None:
    ran = turned(runs, made, answers, "swish-fusion")
    assert (ran.state, ran.right) == ("turns with oneDNN", False)
    assert ran.outcome == "pass"  # as it is
    assert table.note(ran).startswith("oneDNN off: right; on: wrong by ")
    assert table.note(ran).endswith("the runtime is to blame")


def test_a_crash_under_one_setting_turns_with_it(runs: Runs, made: Made, answers: Golden) -> None:
    ran = turned(runs, made, answers, "crash-on-threads")
    assert ran.state == "turns with threads"
    assert "threads 1: right; 4: crash (Signal)" in table.note(ran)


def test_rounding_is_no_turn(runs: Runs, made: Made, answers: Golden) -> None:
    ran = turned(runs, made, answers, "off-by-noise")
    assert (ran.state, ran.right) == ("pass", True)


def test_what_is_wrong_under_every_setting_does_not_turn(runs: Runs, made: Made, answers: Golden) -> None:
    other = answers.outputs["y"] + numpy.float32(1)
    ran = turned(runs, made, Golden(answers.file, answers.inputs, {"y": other}), "faithful")
    assert (ran.state, ran.turns) == ("fail", ())


@pytest.mark.parametrize(
    ("faults", "state", "said"),
    [
        ((), "c-api", "no TensorFlow in Python; a batch of twice the size is right"),
        (("fixed-batch",), "c-api", "no TensorFlow in Python; the batch is fixed"),
        (("first-row-only",), "fail", "right as given, wrong at a batch of twice the size: output 'y' diverged"),
        (("crash-at-load",), "crash", "ended by SIGSEGV"),
    ],
)
def test_the_c_api_is_a_state_of_its_own_and_tries_another_batch(
    runs: Runs, made: Made, answers: Golden, faults: tuple[str, ...], state: str, said: str
) -> None:
    ran = runs.c_api(runtime(runs.matrix, "3.11"), made("faithful", *faults), answers)
    assert ran.state == state
    assert said in table.note(ran)


def test_serving_without_a_server_is_untested_and_no_c_api(
    runs: Runs, made: Made, answers: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    one = runtime(runs.matrix, "3.11")
    found = check.check(runs, [one], made("faithful"), answers, serving=True, told=lambda _: None)
    assert [ran.state for ran in found] == ["pass", "c-api", "untested"]
    assert "no tensorflow_model_server is on PATH" in table.note(found[-1])
    assert [check.counts(ran) for ran in found] == [True, True, False]


def test_a_runtime_that_cannot_be_installed_is_told(runs: Runs, made: Made, answers: Golden) -> None:
    absent = runtime(runs.matrix, "3.11").model_copy(update={"id": "never-locked"})
    ran = runs.held(absent, made("faithful"), answers)
    assert (ran.state, ran.right) == ("untested", False)
    assert "cannot be installed: never-locked.txt is missing" in table.note(ran)


def test_golden_answers_are_made_by_one_runtime_and_right_on_another(runs: Runs, made: Made, tmp_path: Path) -> None:
    saved = golden_answers.save(runs, runtime(runs.matrix, "3.11"), made(), tmp_path / "golden.npz", ["x=normal(3, 8)"])
    assert saved.inputs["x"].shape == (3, 8)
    assert runs.held(runtime(runs.matrix, "3.7"), made("faithful"), saved).right


def test_an_artifact_that_does_not_load_gives_no_golden_answers(runs: Runs, made: Made, tmp_path: Path) -> None:
    broken = made("faithful")
    (broken.path / "weights.npz").unlink()
    with pytest.raises(ArtifactError, match=r"numpy-py3\.11 does not load it: FileNotFoundError"):
        golden_answers.save(runs, runtime(runs.matrix, "3.11"), broken, tmp_path / "g.npz", [])
    assert not (tmp_path / "g.npz").exists()


@pytest.mark.parametrize(
    ("fault", "said"), [("nan", "outputs/y has no finite number"), ("text", "'outputs/y' holds <U4")]
)
def test_answers_that_nothing_can_be_held_against_take_no_files_place(
    runs: Runs, made: Made, tmp_path: Path, fault: str, said: str
) -> None:
    (tmp_path / "g.npz").write_text("as it was")
    with pytest.raises(ArtifactError, match=f"gives no golden answers: .*{said}"):
        golden_answers.save(runs, runtime(runs.matrix, "3.11"), made(fault), tmp_path / "g.npz", ["x=normal(2, 8)"])
    assert (tmp_path / "g.npz").read_text() == "as it was"


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["run-tf2.16"], "matrix.yaml has no runtime 'run-tf2.16', did you mean"),
        (["run-litert2.3"], "run-litert2.3 runs no saved-model artifact; run-tf2.12, "),
    ],
)
def test_a_runtime_that_is_not_there_or_runs_other_artifacts_is_told(ids: list[str], said: str) -> None:
    declared = matrix.load(HERE.parents[1] / "matrix.yaml")
    with pytest.raises(UsageError, match=said):
        artifact_runs.chosen(declared, "saved-model", ids)


# From one runtime to another


def upgraded(runs: Runs, artifact: Artifact, answers: Golden, *heads: Environment, **given: bool) -> ArtifactUpgrade:
    base = runtime(runs.matrix, "3.11")
    head = heads[0] if heads else runtime(runs.matrix, "3.12")
    both = ArtifactSide("base", base), ArtifactSide("head", head)
    return upgrade.compare(runs, both, artifact, answers, "nox -s upgrade", **given)


@pytest.mark.parametrize(
    ("faults", "kind", "code", "said"),
    [
        ((), "same", 0, ""),
        (("fails-from-3.12",), "regressed", 30, "fail (RuntimeError: no kernel for it)"),
        (("less-exact-from-3.12",), "less-exact", 38, "grade 1e-5 instead of float32-noise"),
        (("fails-before-3.12",), "fixed", 0, "on BASE: fail (RuntimeError: no kernel for it)"),
        (("fails-before-3.12", "rename"), "changed-failure", 0, "on HEAD: fail (answers output_0, not y)"),
        (("rename",), "same", 0, "not right on either side, for the same reason: fail"),
        (("fails-once",), "flaky", 40, "first: fixed (on BASE: fail (RuntimeError: only once)); again: same"),
    ],
)
def test_what_becomes_of_an_artifact_has_its_word_and_code(
    runs: Runs, made: Made, answers: Golden, faults: tuple[str, ...], kind: str, code: int, said: str
) -> None:
    found = upgraded(runs, made("faithful", *faults), answers)
    assert (found.change, found.exit_code) == (kind, code), found.message
    assert said in found.message


def test_an_environment_that_does_not_import_is_broken_and_a_missing_lock_is_no_answer(
    runs: Runs, made: Made, answers: Golden, cache: paths.Cache
) -> None:
    head = runtime(runs.matrix, "3.12")
    absent = head.model_copy(update={"id": "never-locked"})
    with pytest.raises(LockError, match=r"never-locked\.txt is missing"):
        upgraded(runs, made("faithful"), answers, absent)
    runs._openers["saved-model"] = str(HERE / "planted_opener_that_does_not_import.py")
    both = upgraded(runs, made("faithful", "again"), answers)
    assert (both.on_base.state, both.on_head.state, both.change) == ("no-environment", "no-environment", "same")
    assert "no_such_module does not import" in both.on_head.note


# Beside a cell's verdict

BOTH = ("numpy-py3.7", "numpy-py3.13")


def test_what_a_cell_converts_runs_on_other_runtimes_and_moves_nothing_else(convert: Callable[..., CellRecord]) -> None:
    plain, record = convert("faithful").cell, convert("faithful", runtimes=BOTH)
    assert plain is not None
    assert record.cell is not None
    assert {name: entry.outcome for name, entry in record.cell.runtimes.items()} == dict.fromkeys(BOTH, "pass")
    assert len({entry.key for entry in record.cell.runtimes.values()}) == len(BOTH)
    assert (record.cell.key, record.cell.verdict) == (plain.key, plain.verdict)
    assert told.found(record) == "runs right on numpy-py3.7, numpy-py3.13"


@pytest.mark.parametrize(
    ("fault", "outcome", "said"),
    [
        ("wrong-on-3.7", "fail", "Diverged"),
        ("crash-on-3.7", "crash", "Signal: ended by SIGSEGV"),
        ("change-itself-on-3.7", "crash", "ChangedArtifact: the artifact was changed"),
    ],
)
def test_a_runtime_that_is_wrong_is_told_beside_a_verdict_that_stays(
    convert: Callable[..., CellRecord], fault: str, outcome: str, said: str
) -> None:
    record = convert(fault, runtimes=BOTH)
    assert record.verdict == "works"
    assert record.cell is not None
    assert record.cell.runtimes["numpy-py3.7"].outcome == outcome
    assert record.cell.runtimes["numpy-py3.13"].outcome == "pass"
    (failure,) = record.beside
    assert record.cell.runtimes["numpy-py3.7"].error == failure.fingerprint
    assert told.found(record).startswith("runs right on numpy-py3.13; not on numpy-py3.7: ")
    assert said in told.found(record)


def test_a_cell_that_does_not_work_is_run_nowhere_else(convert: Callable[..., CellRecord]) -> None:
    record = convert("drop-an-op", runtimes=BOTH)
    assert record.cell is not None
    assert (record.verdict, dict(record.cell.runtimes)) == ("broken", {})
