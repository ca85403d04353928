"""What a worker says is read as it is meant; what it cannot have said is a crash of that request and nothing more."""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tfparity import paths
from tfparity.engine import sandbox, worker_client
from tfparity.engine.process_limits import Limits, Watched
from tfparity.engine.sandbox import Inside, Sandbox
from tfparity.engine.worker_client import STAGES, Answer, Facts, Made, Side, Worker
from tfparity.errors import MachineFault
from tfparity.judging.judge import Signature
from tfparity.records.cells import Problem, StageReply
from tfparity.records.vocabulary import Outcome
from tfparity.worker import machine_errors, messages

LIMITS = Limits(60, 1024)

Ask = Callable[..., Answer]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """A request whose process leaves that reply and ends with that status."""

    def ask(
        kind: str,
        reply: object,
        status: int | None = 0,
        stopped: str | None = None,
        limits: Limits = LIMITS,
        last_words: str | None = None,
        peak_mib: float | None = None,
        **given: Any,
    ) -> Answer:
        worker = Worker(Side(Path("/opt/python"), (), ()), tmp_path)

        def hand_over(control: Path) -> int:
            content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            if reply is not None:
                (control / messages.REPLY).write_bytes(content)
            if status is not None:
                worker._ended[str(control)], worker._peaks[str(control)] = status, peak_mib
            if last_words is not None:
                worker._machine[str(control)] = last_words
            return 4242

        def watch(group: int, alive: object, limits: Limits, **more: Any) -> Watched:
            assert group == 4242
            more["look"]()
            return Watched(stopped, [(100.5, 300.0), (102.5, 200.0)])

        monkeypatch.setattr(worker, "_hand_over", hand_over)
        monkeypatch.setattr(worker_client, "watch", watch)
        monkeypatch.setattr(worker_client, "kill", lambda _: None)
        return worker.ask(kind, {"a": 1}, limits, **given)

    return ask


def stage(name: str, outcome: str = "pass", **more: Any) -> dict[str, Any]:
    return {"stage": name, "outcome": outcome, "began": 100.0, "seconds": 1.0, "error": None, **more}


def told(kind: str, **more: Any) -> dict[str, Any]:
    """The reply to a request of that kind that passed."""
    return {"stages": [stage(name) for name in STAGES[kind]], "running": None, "facts": {}, "done": True, **more}


@pytest.mark.parametrize("kind", STAGES)
def test_a_reply_is_read_with_the_memory_that_each_stage_took(ask: Ask, kind: str) -> None:
    answer = ask(kind, told(kind))
    assert answer.passed
    assert answer.stages == tuple(StageReply(name, Outcome.PASS, 1.0, 300.0) for name in STAGES[kind])
    assert answer.facts == Facts()
    made = str(answer.folder / messages.MADE)
    assert json.loads((answer.folder / messages.REQUEST).read_text()) == {"kind": kind, "a": 1, "made": made}


def test_facts_are_read_by_their_types_and_unknown_ones_are_left(ask: Ask) -> None:
    facts = ask(
        "execute",
        told(
            "execute",
            facts={
                "sensitivity": {"a.weight": [0.1, 0.2]},
                "floor": "ulp",
                "float64_error": "TypeError: no float64",
                "failed": {"3": {"type": "ValueError", "message": "first dimension"}},
                "signature": {"inputs": [["x", "float32"]], "outputs": [], "ordered": False},
                "target": {"select_tf_ops": True, "megabytes": 1.5},
                "fork_seconds": 0.1,
                "unheard": [1],
            },
        ),
    ).facts
    assert facts.sensitivity == {"a.weight": (0.1, 0.2)}
    assert (facts.floor, facts.float64_error) == ("ulp", "TypeError: no float64")
    assert facts.failed == {"3": Problem("ValueError", "first dimension")}
    assert facts.signature == Signature((("x", "float32"),), (), ordered=False)
    assert (facts.target, facts.fork_seconds) == (Made(select_tf_ops=True, megabytes=1.5), 0.1)


def test_a_stage_that_failed_ends_a_reply(ask: Ask) -> None:
    error = {"type": "ValueError", "message": "no handler"}
    answer = ask("source", {"stages": [stage("build"), stage("export", "fail", error=error)], "done": True})
    assert not answer.passed
    assert answer.stages[-1] == StageReply("export", Outcome.FAIL, 1.0, 300.0, Problem("ValueError", "no handler"))
    assert len(answer.stages) == 2


@pytest.mark.parametrize("text", ["\udc80 from a path", "ünïcode", "\x00\x1b[31m", "\ud800"])
def test_the_text_of_an_error_may_hold_what_it_likes(ask: Ask, text: str) -> None:
    reply = {"stages": [stage("convert", "fail", error={"type": "E", "message": text})], "done": True}
    assert ask("convert", reply).stages[-1].error == Problem("E", text)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


#: Replies of the right shape that end too early.
NOTHING_SAID: tuple[dict[str, Any], ...] = ({"done": True}, {"stages": [], "done": True})

#: What code under test may write in the place of a reply.
WRONG = {
    "no file": None,
    "nothing": b"",
    "a list": [],
    "null": b"null",
    "text": '"pass"',
    "half": b'{"stages": [',
    "no text": b"\xff\xfe",
    "nested": nested(1000),
    "nested deeper": nested(100_000),
    "nested as a fact": b'{"facts": ' + nested(1000) + b"}",
    "nothing said and done": NOTHING_SAID[0],
    "no stages and done": NOTHING_SAID[1],
    "a reply without end": b" " * (worker_client.REPLY_LIMIT + 1),
    "a stage without an outcome": {"stages": [{"stage": "convert"}], "done": True},
    "an outcome that is none": {"stages": [stage("convert", "fine")], "done": True},
    "a stage that is none": {"stages": [stage("transmute")], "done": True},
    "a stage of another kind": {"stages": [stage("parity", "fail")], "done": True},
    "a stage twice": {"stages": [stage("convert"), stage("convert")], "done": True},
    "stages that are no list": {"stages": {"convert": "pass"}, "done": True},
    "seconds that are none": {"stages": [stage("convert", seconds="soon")], "done": True},
    "seconds without end": b'{"stages": [{"stage": "convert", "outcome": "pass", "began": 1, "seconds": Infinity}]}',
    "a time that is none": b'{"stages": [{"stage": "convert", "outcome": "pass", "began": NaN, "seconds": 1}]}',
    "an error that is text": {"stages": [stage("convert", "fail", error="it broke")], "done": True},
    "an error without a type": {"stages": [stage("convert", "fail", error={"message": "m"})], "done": True},
    "facts that are a list": told("convert", facts=[1]),
    "a signature that is none": told("convert", facts={"signature": [["x", "float32"]]}),
    "sensitivity that is none": told("convert", facts={"sensitivity": {"a": "much"}}),
    "a sensitivity of no output": told("convert", facts={"sensitivity": {"a": []}}),
    "a sensitivity below zero": told("convert", facts={"sensitivity": {"a": [-1.0]}}),
    "a sensitivity without end": told("convert", facts={"sensitivity": {"a": [math.inf]}}),
    "a sensitivity that is no number": told("convert", facts={"sensitivity": {"a": [math.nan]}}),
    "a weight without end": told("convert", facts={"unseen": {"a": math.inf}}),
    "a stage that runs and is none": {"stages": [], "running": "transmute", "done": False},
    "running that is no text": {"stages": [], "running": ["convert"]},
    "done that is text": {"stages": [], "done": "quite"},
}


@pytest.mark.parametrize("status", [0, 70, -11])
@pytest.mark.parametrize("reply", WRONG.values(), ids=WRONG.keys())
def test_a_reply_of_a_wrong_shape_is_a_crash_of_that_request(ask: Ask, reply: object, status: int) -> None:
    heard: list[str] = []
    (crash,) = ask("convert", reply, status, on_stage=heard.append).stages
    assert (crash.stage, crash.outcome) == ("convert", "crash")
    assert crash.error is not None
    unsaid = reply is None or (isinstance(reply, dict) and reply in NOTHING_SAID)
    bad = "Exit" if unsaid else "BadReply"
    assert crash.error.type == ("Signal" if status < 0 else bad)
    assert heard == []


@pytest.mark.parametrize("kind", sorted(STAGES.keys() - {"convert"}))
@pytest.mark.parametrize("reply", WRONG.values(), ids=WRONG.keys())
def test_of_every_kind_of_request_the_first_stage_has_crashed_then(ask: Ask, reply: object, kind: str) -> None:
    stages = ask(kind, reply).stages
    assert [stage.outcome for stage in stages] == ["crash"]
    assert stages[0].stage == STAGES[kind][0]


@pytest.mark.parametrize(
    ("stages", "reached"),
    [([], "build"), ([stage("build")], "export"), ([stage("build"), stage("export")], "check")],
)
def test_a_reply_that_is_done_before_its_last_stage_is_not(ask: Ask, stages: list[Any], reached: str) -> None:
    answer = ask("source", {"stages": stages, "done": True})
    assert [reply.stage for reply in answer.stages] == [*(stage["stage"] for stage in stages), reached]
    assert answer.stages[-1].outcome == "crash"


def test_a_stage_that_runs_is_told_and_blamed_for_the_end(ask: Ask) -> None:
    heard: list[str] = []
    reply = {"stages": [stage("build")], "running": "export", "done": False}
    answer = ask("source", reply, -11, on_stage=heard.append)
    assert heard == ["export"]
    assert answer.stages[-1] == StageReply("export", Outcome.CRASH, None, 300.0, Problem("Signal", "ended by SIGSEGV"))


@pytest.mark.parametrize(
    ("stopped", "outcome", "kind"),
    [("timeout", "timeout", "Timeout"), ("out-of-memory", "out-of-memory", "OutOfMemory")],
)
def test_what_a_limit_ended_says_so(ask: Ask, stopped: str, outcome: str, kind: str) -> None:
    last = ask("source", {"stages": [], "running": "build"}, -9, stopped).stages[-1]
    assert last.error is not None
    assert (last.stage, last.outcome, last.error.type) == ("build", outcome, kind)


@pytest.mark.parametrize("reply", [None, [], {"stages": [stage("convert", "fine")], "done": True}])
@pytest.mark.parametrize(
    ("status", "last_words"), [(None, None), (-9, None), (-15, None), (70, machine_errors.DISK), (0, "a\x1b[2J")]
)
def test_what_the_machine_ended_is_no_crash_whatever_is_left_of_the_reply(
    ask: Ask, reply: object, status: int | None, last_words: str | None
) -> None:
    with pytest.raises(MachineFault) as fault:
        ask("convert", reply, status, last_words=last_words)
    assert (fault.value.stage, fault.value.memory_mib) == ("convert", 200.0)
    assert str(fault.value).isprintable()


@pytest.mark.parametrize("status", [1, 2, 70, 74, 125, 127, 137, 255])
def test_no_exit_status_says_that_the_machine_ended_it(ask: Ask, status: int) -> None:
    """Code under test may choose any."""
    (crash,) = ask("convert", None, status).stages
    assert (crash.outcome, crash.error) == ("crash", Problem("Exit", f"exited with status {status}"))


@pytest.mark.parametrize(("peak_mib", "told"), [(900.0, 900.0), (250.0, 200.0), (None, 200.0)])
@pytest.mark.parametrize(("status", "last_words"), [(-9, None), (70, machine_errors.MEMORY)])
def test_what_the_machine_ended_had_what_its_parent_tells_where_no_look_saw_it(
    ask: Ask, status: int, last_words: str | None, peak_mib: float | None, told: float
) -> None:
    with pytest.raises(MachineFault) as fault:
        ask("convert", None, status, last_words=last_words, peak_mib=peak_mib)
    assert fault.value.memory_mib == told


@pytest.mark.parametrize("machine", [None, *sorted(set(machine_errors.NUMBERS.values()))])
def test_what_the_worker_tells_as_the_machines_is_no_failure(ask: Ask, machine: str | None) -> None:
    """Without it, the text alone tells."""
    error = {"type": "OSError", "message": "it does not convert" if machine else "[Errno 28] No space left on device"}
    reply = {"stages": [stage("convert", "fail", error=error)], "done": True, "machine": machine}
    with pytest.raises(MachineFault, match=machine or "disk") as fault:
        ask("convert", reply)
    assert (fault.value.stage, fault.value.memory_mib) == ("convert", 200.0)
    assert fault.value.no_memory == (machine == machine_errors.MEMORY)


@pytest.mark.parametrize("outcome", ["fail", "out-of-memory"])
def test_without_memory_near_its_limit_a_stage_is_out_of_memory(ask: Ask, outcome: str) -> None:
    error = {"type": "E", "message": "no memory"}
    reply = {"stages": [stage("convert", outcome, error=error)], "done": True, "machine": machine_errors.MEMORY}
    last = ask("convert", reply, limits=Limits(60, 399)).stages[-1]
    assert (last.outcome, last.error) == ("out-of-memory", Problem("E", "no memory"))
    with pytest.raises(MachineFault):
        ask("convert", reply, limits=Limits(60, 400))


@pytest.mark.parametrize(
    "fact",
    [
        {"failed": {"3": {"type": "OSError", "message": "[Errno 122] Disk quota exceeded"}}},
        {"float64_error": "OSError: [Errno 28] No space left on device"},
    ],
)
def test_an_error_of_the_disk_that_fails_no_stage_is_the_machines(ask: Ask, fact: dict[str, Any]) -> None:
    with pytest.raises(MachineFault, match="disk"):
        ask("execute", told("execute", facts=fact))


@pytest.mark.parametrize(
    ("number", "machines"), [(errno.EMFILE, True), (errno.EIO, True), (errno.ENOMEM, True), (errno.EACCES, False)]
)
def test_a_reply_that_cannot_be_read_is_the_machines_unless_the_file_forbids_it(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, number: int, machines: bool
) -> None:
    opened = paths.open_untrusted

    def refused(path: Path, flags: int = os.O_RDONLY) -> int:
        if path.name == messages.REPLY:
            raise OSError(number, os.strerror(number))
        return opened(path, flags)

    monkeypatch.setattr(paths, "open_untrusted", refused)
    if machines:
        with pytest.raises(MachineFault, match="a reply cannot be read"):
            ask("convert", told("convert"))
    else:
        assert ask("convert", told("convert")).stages[0].outcome == "crash"


# What a worker says once it has imported


class Parent:
    """A worker's parent process that prints these lines."""

    pid, stdin = 4242, None

    def __init__(self, path: Path, *lines: object) -> None:
        path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        self.stdout = path.open()

    def wait(self, _: float | None = None) -> int:
        return 0


STEP = {"module": "torch", "outcome": "pass", "seconds": 1.0, "error": None}


def test_a_worker_starts_whatever_a_framework_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(Side(Path("/opt/python"), (), ("torch",)), tmp_path / "worker", fresh=True)
    lines = ["a warning of a framework", {"ready": True, "imports": [STEP]}]
    monkeypatch.setattr(worker, "_spawn", lambda _: Parent(tmp_path / "said", *lines))
    monkeypatch.setattr(worker_client, "IMPORT_SECONDS", 5.0)
    with worker:
        assert [step.module for step in worker.imports] == ["torch"]
        assert worker.failed_import is None


@pytest.mark.parametrize("sandboxed", [True, False])
@pytest.mark.parametrize(
    "named",
    [os.getpid, os.getppid, lambda: -os.getpid(), *(lambda n=n: n for n in (1, 0, -1, 2**22, 2**31, 2**70))],
    ids=["us", "our parent", "our group", "1", "0", "-1", "2**22", "2**31", "2**70"],
)
def test_no_process_is_ended_that_the_worker_did_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: Callable[[], int], sandboxed: bool
) -> None:
    pid = named()
    inside = Inside(Sandbox("user namespaces")) if sandboxed else None
    worker = Worker(Side(Path("/opt/python"), (), ()), tmp_path / "worker", fresh=True, inside=inside)
    lines = [{"started": "a", "pid": pid}, {"ready": True, "imports": [], "facts": {}}, {"started": "b", "pid": pid}]
    parent = Parent(tmp_path / "said", *lines)
    parent.pid = 2**22 - 1
    ended: list[int] = []
    monkeypatch.setattr(worker, "_spawn", lambda _: parent)
    monkeypatch.setattr(worker_client, "kill", ended.append)
    monkeypatch.setattr(worker_client.orphans, "end", lambda *_, **__: None)
    with worker:
        worker._gone.wait(5)
        assert set(worker._running()) <= {sandbox.NOBODY}
        worker.kill()
    assert set(ended) <= {sandbox.NOBODY, parent.pid}


# Files in the place of which code under test put something else


@pytest.mark.parametrize("put", ["pipe", "link", "endless"])
def test_nothing_is_waited_for_and_no_link_followed(tmp_path: Path, put: str) -> None:
    """A pipe that nobody writes into, a link to another file, one to a file without an end."""
    (tmp_path / "other").write_text("Check failed: of another file")
    for name in (messages.REPLY, messages.LOG):
        place = tmp_path / name
        if put == "pipe":
            os.mkfifo(place)
        else:
            place.symlink_to(tmp_path / "other" if put == "link" else "/dev/zero")
    assert worker_client._reply(tmp_path, "convert") is worker_client._BAD
    assert worker_client._ending(1, tmp_path / messages.LOG) == "exited with status 1"


# What a request makes


def made_by(tmp_path: Path, makes: Callable[[Path], object], names: Sequence[str] = ("answers.npz",)) -> dict[str, str]:
    """What is put where it belongs of what a request leaves in its folder, by name."""
    control, places = tmp_path / "request", tmp_path / "places"
    control.mkdir()
    places.mkdir()
    for name in names:
        (places / name).write_text("of before")
    with worker_client._Makes(control, {name: places / name for name in names}) as made:
        makes(made.folder)
        made.open_up()
        made.take()
    assert list(control.iterdir()) == []
    return {path.name: path.read_text() if path.is_file() else "a folder" for path in places.iterdir()}


def test_what_a_request_makes_is_put_where_it_belongs_in_the_place_of_what_stood_there(tmp_path: Path) -> None:
    def makes(folder: Path) -> None:
        (folder / "answers.npz").write_text("made")
        (folder / "artifact").mkdir()
        (folder / "more").write_text("nobody asked for it")

    assert made_by(tmp_path, makes, ("answers.npz", "artifact", "none")) == {
        "answers.npz": "made",
        "artifact": "a folder",
    }


@pytest.mark.parametrize(
    "makes",
    [
        lambda folder: (folder / "answers.npz").symlink_to("/etc/hostname"),
        lambda folder: os.mkfifo(folder / "answers.npz"),
        lambda folder: (folder.rename(folder.with_name("away")), folder.symlink_to("/etc")),
        lambda folder: (folder.rename(folder.with_name("made-away")), folder.touch()),
    ],
    ids=["link", "pipe", "folder is a link", "folder is a file"],
)
def test_what_is_no_file_and_no_folder_is_not_taken(tmp_path: Path, makes: Callable[[Path], object]) -> None:
    control = tmp_path / "request"
    control.mkdir()
    with worker_client._Makes(control, {"answers.npz": tmp_path / "answers.npz"}) as made:
        makes(made.folder)
        made.take()
    assert not os.path.lexists(tmp_path / "answers.npz")
    assert Path("/etc/hostname").exists()


@pytest.mark.parametrize("mode", [0, 0o111, 0o555])
def test_the_modes_of_what_a_request_makes_are_no_obstacle(tmp_path: Path, mode: int) -> None:
    """Whom modes hold, unlike the superuser, may move no folder that it may not write to."""

    def makes(folder: Path) -> None:
        (folder / "artifact").mkdir()
        (folder / "artifact" / "x").touch()
        for path in (folder / "artifact", folder, folder.parent):
            path.chmod(mode)

    assert made_by(tmp_path, makes, ("artifact",)) == {"artifact": "a folder"}
    assert stat.S_IMODE((tmp_path / "places" / "artifact").stat().st_mode) & stat.S_IRWXU == stat.S_IRWXU


def test_texts_of_a_reply_are_as_long_as_a_worker_makes_them(ask: Ask) -> None:
    """What is done with them takes time by their length."""
    long = "__inference_a" * 100_000
    error = {"type": long, "message": long}
    answer = ask("convert", told("convert", stages=[stage("convert", "fail", error=error)], facts={"where": long}))
    problem = answer.stages[0].error
    assert problem is not None
    texts = (problem.type, problem.message, answer.facts.where)
    assert max(len(text or "") for text in texts) <= messages.MESSAGE_LIMIT
