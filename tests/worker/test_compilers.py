"""Planted compilers for edge devices over a planted target: what a file comes to, beside a verdict that stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.engine.artifact_runs import Ran, Runs
from tfparity.features.runtimes import check, table
from tfparity.inputs import artifact, matrix
from tfparity.inputs.matrix import Limits, Runtime
from tfparity.planning import targets
from tfparity.records.cells import CellRecord, Compiled, Entry
from tfparity.records.observer import Silent
from tfparity.records.vocabulary import Outcome, Stage, Target, Verdict
from tfparity.report import runtimes as told

HERE = Path(__file__).parent

#: The environment that stands for a compiler's own.
COMPILER = "numpy-py3.12"

TARGET = Target.TFLITE_INT8_IO

Put = Callable[..., CellRecord]


@pytest.fixture
def compiler(tmp_path: Path) -> Callable[[str], Path]:
    """A planted compiler: compiler("refuses")."""

    def planted(does: str) -> Path:
        return Path(shutil.copy(HERE / "planted_compiler.py", tmp_path / f"{does}.py"))

    return planted


@pytest.fixture
def put(
    convert: Put, compiler: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CellRecord]:
    """A cell whose file is put through a compiler: put("refuses"). target: what making that file does."""

    def crossed(does: str, *, target: str = "rounds", **given: object) -> CellRecord:
        shutil.copy(HERE / "planted.py", tmp_path / "faithful.py")
        made = shutil.copy(HERE / "planted_target.py", tmp_path / f"{target}.py")
        monkeypatch.setitem(targets.MODULES, TARGET, str(made))
        return convert("faithful", compiler=compiler(does), runtimes=(COMPILER,), **given)

    return crossed


def came_to(record: CellRecord) -> Entry:
    assert record.cell is not None
    assert record.verdict is Verdict.WORKS
    assert record.cell.targets[TARGET].outcome is Outcome.PASS  # a compiler asks for the target that it takes
    return record.cell.runtimes[COMPILER]


def test_what_a_compiler_leaves_on_the_cpu_stands_beside_the_cell(put: Put, convert: Put) -> None:
    record, plain = put("leaves"), convert("faithful").cell
    entry = came_to(record)
    assert (entry.outcome, entry.error) == (Outcome.PASS, None)
    assert entry.compiled == Compiled("planted-1", 9, 2, {"SOFTMAX": 1, "RESHAPE": 2})
    assert record.cell is not None
    assert plain is not None
    assert record.cell.key == plain.key
    assert told.found(record) == f"{COMPILER} takes it: 3 of 9 operators left on the CPU: RESHAPE 2, SOFTMAX 1"
    again = put("leaves", again=False)
    assert again.cached
    assert came_to(again) == entry


def test_a_file_of_which_nothing_is_left_is_taken_whole(put: Put) -> None:
    record = put("takes-all")
    assert came_to(record).compiled == Compiled("planted-1", 9, 2, {})
    assert told.found(record) == f"{COMPILER} takes it: all 9 operators on planted-1"


@pytest.mark.parametrize(
    ("does", "outcome", "said"),
    [
        ("refuses", Outcome.FAIL, "NotCompiled: no room in <tmp>/compiled for <model.tflite>"),
        ("aborts", Outcome.CRASH, "Signal: ended by SIGABRT"),
        ("hangs", Outcome.TIMEOUT, "still running after 8 s"),
        ("places-nothing", Outcome.FAIL, "NothingPlaced: nothing of it runs on planted-1, 3 of 3 operators left on"),
        ("lies", Outcome.CRASH, "BadReply: what it says of the file's operators cannot be"),
        ("changes-it", Outcome.CRASH, "ChangedArtifact: the artifact was changed"),
    ],
)
def test_a_refusal_has_its_reason_and_moves_no_verdict(put: Put, does: str, outcome: Outcome, said: str) -> None:
    record = put(does, seconds=8 if does == "hangs" else 60, fresh_process=does == "aborts")
    entry = came_to(record)
    assert entry.outcome is outcome
    (failure,) = record.beside
    assert (entry.error, failure.stage) == (failure.fingerprint, Stage.COMPILE)
    assert said in failure.text
    assert told.found(record).startswith(f"not on {COMPILER}: ")


def test_names_that_a_file_chose_are_made_printable(put: Put) -> None:
    compiled = came_to(put("paints")).compiled
    assert compiled is not None
    assert all(name.isprintable() for name in compiled.left)
    assert compiled.on_cpu == 3


@pytest.mark.parametrize("target", ["raises", "forgets"])
def test_where_the_target_is_not_right_nothing_is_compiled(put: Put, target: str) -> None:
    record = put("leaves", target=target)
    assert record.cell is not None
    assert record.cell.targets[TARGET].outcome is not Outcome.PASS
    assert record.cell.runtimes == {}


# A file of one's own


def of_ones_own(cache: paths.Cache, compiler: Path, file: Path, seconds: float = 60) -> Ran:
    declared = matrix.load(HERE / "matrix.yaml").model_copy(update={"limits": Limits(seconds=seconds, memory_gib=0.5)})
    environment = declared.environments[COMPILER]
    runtime = Runtime.model_construct(**{**dict(environment), "runs": (TARGET,), "compiler": str(compiler)})
    with Runs(paths.project(HERE), declared, cache, Silent()) as runs:
        (ran,) = check.check(runs, [runtime], artifact.Artifact(file, "tflite"), None, told=lambda _: None)
    return ran


@pytest.mark.parametrize(
    ("does", "state", "said"),
    [
        ("leaves", "accepted", "3 of 9 operators left on the CPU: RESHAPE 2, SOFTMAX 1"),
        ("takes-all", "accepted", "all 9 operators on planted-1"),
        ("refuses", "refused", "NotCompiled: no room in <tmp>/compiled for <mine.tflite>"),
        ("places-nothing", "refused", "NothingPlaced: nothing of it runs on planted-1"),
        ("aborts", "crash", "ended by SIGABRT"),
        ("hangs", "timeout", "still running after 4 s"),
    ],
)
def test_a_file_of_ones_own_is_accepted_or_refused(
    cache: paths.Cache, compiler: Callable[[str], Path], tmp_path: Path, does: str, state: str, said: str
) -> None:
    (tmp_path / "mine.tflite").write_bytes(b"any file")
    ran = of_ones_own(cache, compiler(does), tmp_path / "mine.tflite", seconds=4 if does == "hangs" else 60)
    assert (ran.state, ran.right) == (state, state == "accepted")
    assert said in table.note(ran)
