"""The referee in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from tfparity.engine import referee
from tfparity.engine.referee import RefereeReply
from tfparity.errors import MachineFault

#: An ONNX file of one operator, y = Neg(x), over any number of elements (see tests/unit/test_bundles.py).
NEG = (
    b'\x08\x08:8\n\x0b\n\x01x\x12\x01y"\x03Neg\x12\x05graph'
    b"Z\x10\n\x01x\x12\x0b\n\t\x08\x01\x12\x05\n\x03\x12\x01n"
    b"b\x10\n\x01y\x12\x0b\n\t\x08\x01\x12\x05\n\x03\x12\x01nB\x04\n\x00\x10\r"
)

Ask = Callable[..., RefereeReply]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def ask(model: bytes, *outputs: str, aborted: bool = False) -> RefereeReply:
        (tmp_path / "model.onnx").write_bytes(model)
        numpy.savez(
            tmp_path / "io.npz", **{"input/0/x": numpy.ones(2, "float32"), "input/3/x": numpy.ones(5, "float32")}
        )
        files = (tmp_path / name for name in ("model.onnx", "io.npz", "result.npz"))
        return referee.ask(*files, outputs, 2048.0, lambda: aborted)

    return ask


def test_the_referee_leaves_nothing_in_the_home_folder(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    assert ask(NEG, "y").error is None
    assert list(home.rglob("*")) == []


def test_the_referee_answers_under_the_declared_names(ask: Ask) -> None:
    found = ask(NEG, "an output, of ours")
    assert (found.error, found.failed) == (None, {})
    assert found.result is not None
    with numpy.load(found.result, allow_pickle=False) as stored:
        answers = {name: stored[name].tolist() for name in stored.files}
    assert answers == {"output/0/an output, of ours": [-1.0] * 2, "output/3/an output, of ours": [-1.0] * 5}


def test_a_file_that_is_no_model_has_a_reason_of_its_own(ask: Ask) -> None:
    found = ask(b"no model", "y")
    assert found.result is None
    assert found.error is not None
    assert not found.error.startswith((*referee.LIMITED, "Exit: "))


def test_a_referee_of_an_aborted_run_is_killed(ask: Ask) -> None:
    with pytest.raises(MachineFault, match="SIGKILL"):
        ask(NEG, "y", aborted=True)


def test_the_referee_ends_where_who_asked_is_gone(tmp_path: Path) -> None:
    """Nobody else holds it to its limits."""
    model = tmp_path / "model.onnx"
    os.mkfifo(model)  # which is waited for
    command = [sys.executable, "-I", str(referee.SCRIPT), str(model), "io.npz", "result.npz", "[]", "onnx"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=tmp_path)
    with model.open("wb"):
        assert process.poll() is None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 1
