"""The referee's process, as planned: what it is given, and what is made of how it ends."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tfparity import processes, referee
from tfparity.errors import MachineFault
from tfparity.processes import Limits, Watched
from tfparity.referee import Verdict

RESULT = Path("result.npz")


class Process:
    """A referee that prints these lines and ends with that status."""

    pid = 4242

    def __init__(self, *lines: str, status: int = 0) -> None:
        self.stdout, self.status = lines, status
        self.command: list[str] = []
        self.options: dict[str, Any] = {}

    def __call__(self, command: list[str], **options: Any) -> "Process":
        self.command, self.options = command, options
        return self

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self) -> int:
        return self.status


class Watch:
    """A watch that comes to that end after one look; keeps the limits, and whom it was told to kill."""

    def __init__(self) -> None:
        self.stopped: str | None = None
        self.limits: Limits | None = None
        self.killed: list[int] = []

    def __call__(self, group: int, alive: Callable[[float], bool], limits: Limits) -> Watched:
        self.limits = limits
        alive(1.0)
        return Watched(self.stopped)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(processes, "watch", watch)
    monkeypatch.setattr(processes, "kill", watch.killed.append)
    return watch


@pytest.fixture
def ask(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Verdict]:
    def ask(process: Process, *, aborted: bool = False, outputs: tuple[str, ...] = ("a", "b")) -> Verdict:
        monkeypatch.setattr(referee.subprocess, "Popen", process)
        return referee.ask(Path("model.onnx"), Path("io.npz"), RESULT, outputs, 512.0, lambda: aborted)

    return ask


Ask = Callable[..., Verdict]


def test_the_referee_is_told_the_files_and_the_declared_outputs(ask: Ask, watch: Watch) -> None:
    process = Process('{"failed": {}}')
    assert ask(process, outputs=("scores", "x, y")) == Verdict(RESULT, None)
    python, isolated, script, *files, outputs = process.command
    assert (python, isolated, Path(script).name) == (sys.executable, "-I", "referee_process.py")
    assert Path(script).is_file()
    assert files == ["model.onnx", "io.npz", "result.npz"]
    assert json.loads(outputs) == ["scores", "x, y"]
    assert process.options["start_new_session"]
    assert watch.limits == Limits(referee.SECONDS, 512.0)


def test_samples_that_it_could_not_run_are_told(ask: Ask) -> None:
    assert ask(Process('{"failed": {"3": "bad size"}}')).failed == {"3": "bad size"}


def test_what_is_printed_before_the_last_line_does_not_count(ask: Ask) -> None:
    assert ask(Process("a warning\n", "{\n", '{"failed": {}}\n')) == Verdict(RESULT, None)


def test_an_error_is_its_reason(ask: Ask) -> None:
    found = ask(Process('{"error": {"type": "Fail", "message": "no kernel"}}'))
    assert found == Verdict(None, "Fail: no kernel")
    assert not str(found.error).startswith(referee.LIMITED)


@pytest.mark.parametrize(
    ("stopped", "status", "reason"),
    [
        ("timeout", -9, "Timeout: still running after 300 s"),
        ("out-of-memory", -9, "OutOfMemory: more than 512 MiB"),
        ("crash", -9, "TooManyProcesses: "),
    ],
)
def test_what_a_limit_ended_is_told_as_such(
    ask: Ask, watch: Watch, stopped: str | None, status: int, reason: str
) -> None:
    watch.stopped = stopped
    found = ask(Process('{"failed": {}}', status=status))
    assert found.result is None
    assert str(found.error).startswith(reason)
    assert str(found.error).startswith(referee.LIMITED)


@pytest.mark.parametrize(("lines", "status"), [((), -9), ((), -15), (('{"disk": "[Errno 28] No space left"}',), 0)])
def test_what_this_machine_ended_is_no_answer(ask: Ask, lines: tuple[str, ...], status: int) -> None:
    with pytest.raises(MachineFault, match="the referee"):
        ask(Process(*lines, status=status))


@pytest.mark.parametrize("lines", [(), ("",), ("no json",), ("[]",), ("null",)])
def test_a_referee_that_says_nothing_of_use_has_its_status_told(ask: Ask, lines: tuple[str, ...]) -> None:
    found = ask(Process(*lines, status=-11))
    assert found == Verdict(None, "Exit: ended with status -11")
    assert not str(found.error).startswith(referee.LIMITED)


@pytest.mark.parametrize("aborted", [False, True])
def test_an_aborted_run_ends_its_referee(ask: Ask, watch: Watch, aborted: bool) -> None:
    ask(Process('{"failed": {}}'), aborted=aborted)
    assert watch.killed == ([Process.pid] if aborted else [])
