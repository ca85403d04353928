"""The referee in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from tfparity.engine import referee, sandbox
from tfparity.engine.referee import Referee, RefereeReply
from tfparity.engine.sandbox import Inside, Sandbox
from tfparity.errors import MachineFault

#: An ONNX file of one operator, y = Neg(x), over any number of elements (see tests/unit/test_bundles.py).
NEG = (
    b'\x08\x08:8\n\x0b\n\x01x\x12\x01y"\x03Neg\x12\x05graph'
    b"Z\x10\n\x01x\x12\x0b\n\t\x08\x01\x12\x05\n\x03\x12\x01n"
    b"b\x10\n\x01y\x12\x0b\n\t\x08\x01\x12\x05\n\x03\x12\x01nB\x04\n\x00\x10\r"
)

Ask = Callable[..., RefereeReply]


@pytest.fixture(params=["no sandbox", "user namespaces", "bubblewrap"])
def inside(request: pytest.FixtureRequest, named_way: Callable[[str], Sandbox]) -> Inside | None:
    return None if request.param == "no sandbox" else Inside(named_way(request.param))


@pytest.fixture
def ask(tmp_path: Path, inside: Inside | None) -> Ask:
    (tmp_path / "run").mkdir()

    def ask(model: bytes, *outputs: str, aborted: bool = False) -> RefereeReply:
        (tmp_path / "model.onnx").write_bytes(model)
        numpy.savez(
            tmp_path / "io.npz", **{"input/0/x": numpy.ones(2, "float32"), "input/3/x": numpy.ones(5, "float32")}
        )
        files = (tmp_path / name for name in ("model.onnx", "io.npz", "result.npz"))
        reply = Referee(tmp_path / "run", 2048.0, lambda: aborted, inside).ask(*files, outputs)
        assert list((tmp_path / "run").iterdir()) == []
        return reply

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


#: A runtime that an exported file has taken over.
TAKEN_OVER = """
import json, socket, sys
from pathlib import Path

def tried(what):
    try:
        what()
    except OSError as wrong:
        return f"denied: {wrong.strerror}"
    return "done"

model, io, answer, _, _ = sys.argv[1:]
port = int(Path(io).with_name("port").read_text())
print(json.dumps({"failed": {
    "the file": tried(lambda: Path(model).open("ab").close()),
    "the references": tried(lambda: Path(io).open("ab").close()),
    "the run's folder": tried(lambda: Path(answer).parent.with_name("other").mkdir()),
    "the network": tried(lambda: socket.create_connection(("127.0.0.1", port)).close()),
    "its own answer": tried(lambda: Path(answer).open("wb").close()),
}}))
"""


def test_a_runtime_that_is_taken_over_reaches_nothing_but_its_own_answer(
    tmp_path: Path, inside: Inside | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, run = tmp_path / "script.py", tmp_path / "run"
    script.write_text(TAKEN_OVER)
    monkeypatch.setattr(referee, "SCRIPT", script)
    run.mkdir()
    (tmp_path / "model.onnx").write_bytes(NEG)
    (tmp_path / "io.npz").write_bytes(b"")
    with socket.create_server(("127.0.0.1", 0)) as server:
        (tmp_path / "port").write_text(str(server.getsockname()[1]))
        files = (tmp_path / name for name in ("model.onnx", "io.npz", "result.npz"))
        came = Referee(run, 2048.0, lambda: False, inside).ask(*files, ["y"]).failed
    assert came.pop("its own answer") == "done"
    assert {said.partition(":")[0] for said in came.values()} == {"denied" if inside else "done"}


@pytest.mark.parametrize(
    "left",
    ["Path(answer).symlink_to(io)", "os.mkfifo(answer)", "os.mkdir(answer)", "Path(answer).symlink_to('/dev/zero')"],
)
def test_nothing_but_a_plain_file_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import os, sys\nfrom pathlib import Path\n_, io, answer, *_ = sys.argv[1:]\n{left}\nprint('{{}}')"
    )
    monkeypatch.setattr(referee, "SCRIPT", script)
    files = (tmp_path / name for name in ("model.onnx", "io.npz", "result.npz"))
    found = Referee(tmp_path, 2048.0, lambda: False).ask(*files, ["y"])
    assert found.error is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["script.py"]


def test_of_what_a_referee_prints_without_end_little_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    script.write_text("for _ in range(64): print('x' * 2**20, end='')")
    monkeypatch.setattr(referee, "SCRIPT", script)
    tracemalloc.start()
    try:
        found = Referee(tmp_path, 2048.0, lambda: False).ask(*[tmp_path / "none"] * 3, ["y"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.error == "Exit: ended with status 0"
    assert peak < 16 * 2**20


@pytest.mark.parametrize("named", ["user namespaces", "bubblewrap"])
@pytest.mark.parametrize("status", [0, 1, 74, 125])
def test_no_status_of_a_command_says_that_its_sandbox_was_not_made(
    tmp_path: Path, named_way: Callable[[str], Sandbox], named: str, status: int
) -> None:
    way = named_way(named)
    for command, refused in ((f"raise SystemExit({status})", False), ("", True)):
        writes = [tmp_path / "gone"] if refused else [tmp_path]  # what is not there cannot be made writable
        refusal = sandbox.Refusal(way)
        around = way.around([sys.executable, "-I", "-S", "-c", command], tmp_path / "made", writes, [], refusal.told)
        ended = subprocess.run(around, cwd=tmp_path, pass_fds=refusal.passed, stderr=subprocess.PIPE, check=False)
        refusal.started()
        assert refusal.came(way.status(ended.returncode)) is refused
        refusal.close()


@pytest.mark.parametrize("named", ["user namespaces", "bubblewrap"])
def test_a_referee_without_its_sandbox_says_nothing_of_the_file(
    tmp_path: Path, named_way: Callable[[str], Sandbox], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, around = Inside(named_way(named)), Sandbox.around

    def nowhere(way: Sandbox, command: Any, made: Path, writes: Any, *rest: Any) -> list[str]:
        return around(way, command, made, [tmp_path / "gone"], *rest)  # which cannot be made writable

    monkeypatch.setattr(Sandbox, "around", nowhere)
    with pytest.raises(MachineFault, match="no sandbox was made for the referee") as fault:
        Referee(tmp_path, 2048.0, lambda: False, inside).ask(Path("model.onnx"), Path("io.npz"), Path("result.npz"), [])
    assert fault.value.stage == referee.STAGE
