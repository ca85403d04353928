"""The command runtimes: what is wrong is told with its own exit code before anything is installed or started."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from test_artifact import tflite

from tfparity import cli
from tfparity.engine import artifact_runs
from tfparity.inputs import matrix

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFPARITY_PROJECT", str(ROOT))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"\x08\x01\x12\x05hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.tflite").write_text("this is a text")
    (tmp_path / "small.tflite").write_bytes(tflite())
    numpy.savez(tmp_path / "io.npz", **{"inputs/x": numpy.ones(3), "outputs/y": numpy.ones(3)})
    numpy.savez(tmp_path / "other.npz", y=numpy.ones(3))
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("empty --golden io.npz", 24, "empty: is empty"),
        ("model.tflite --golden io.npz", 24, "model.tflite: its content is no .tflite file's"),
        ("nothing --save-golden io.npz", 24, "nothing: is not there"),
        ("model --golden nothing.npz", 26, "nothing.npz: is not there"),
        ("model --golden other.npz", 26, "other.npz: 'y' is neither inputs/NAME nor outputs/NAME"),
        ("model --golden io.npz --runtime run-tf9", 2, "matrix.yaml has no runtime 'run-tf9'"),
        ("model --golden io.npz --runtime run-litert2.3", 2, "run-litert2.3 runs no saved-model artifact"),
        ("model --golden io.npz --input x=normal(3)", 2, "--input says what --save-golden makes"),
        ("model --save-golden new.npz --switches", 2, "--save-golden writes the answers of one runtime"),
        ("model --save-golden no/new.npz", 2, "no/new.npz: its folder is not there"),
        ("model", 2, "what is it to answer? say --golden FILE, or --save-golden FILE"),
        ("model --runtime compile-vela5.2", 2, "compile-vela5.2 compiles no saved-model artifact"),
        ("small.tflite --runtime run-litert2.3 --runtime compile-vela5.2", 2, "what is it to answer?"),
        ("small.tflite --runtime compile-vela5.2 --golden io.npz", 2, "compile-vela5.2 compiles and answers nothing: "),
        ("small.tflite --runtime compile-vela5.2 --switches", 2, "compile-vela5.2 compiles and answers nothing: leave"),
        (
            "small.tflite --runtime compile-vela5.2 --save-golden n.npz",
            2,
            "compile-vela5.2 compiles and answers nothing",
        ),
    ],
)
def test_what_is_wrong_is_told(
    model: Path, capsys: pytest.CaptureFixture[str], arguments: str, code: int, said: str
) -> None:
    assert model.is_dir()
    assert cli.main(["runtimes", *arguments.split()]) == code
    told = capsys.readouterr()
    assert told.err.startswith(f"tfparity: {said}")
    assert told.out == ""


def test_golden_answers_are_given_or_written(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert model.is_dir()
    with pytest.raises(SystemExit) as ended:
        cli.main(["runtimes", "model", "--golden", "io.npz", "--save-golden", "new.npz"])
    assert ended.value.code == 2
    assert "--golden" in capsys.readouterr().err


def test_a_run_on_a_runtime_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str], model: Path) -> None:
    assert model.is_dir()
    assert cli.main(["run", "--case", "operators/gelu", "--runtime", "run-tf2.16"]) == 2
    assert "matrix.yaml has no runtime 'run-tf2.16', did you mean 'run-tf2." in capsys.readouterr().err


def test_a_compiler_is_asked_where_it_is_named_alone() -> None:
    declared = matrix.load(ROOT / "matrix.yaml")
    every = artifact_runs.chosen(declared, "tflite")
    assert every
    assert all(one.compiler is None for one in every)
    assert [one.id for one in artifact_runs.chosen(declared, "tflite", ["compile-vela5.2"])] == ["compile-vela5.2"]
