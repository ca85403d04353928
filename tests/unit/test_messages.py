"""A reply names the stage that runs, what each came to and why; only its own process may write it."""

import errno
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity.worker import machine_errors, messages
from tfparity.worker.messages import NotApplicable, Refused, Reply, StageFailed


@pytest.fixture
def reply(tmp_path: Path) -> Reply:
    return Reply(str(tmp_path))


def read(tmp_path: Path) -> dict[str, Any]:
    value: dict[str, Any] = messages.read_json(str(tmp_path / messages.REPLY))
    return value


def failed(reply: Reply, exception: BaseException, name: str = "convert") -> dict[str, Any]:
    """The record of a stage that raises that."""

    def work() -> None:
        raise exception

    with pytest.raises(StageFailed):
        reply.stage(name, work)
    return reply.stages[-1]


# Stages


def test_a_reply_is_there_from_the_first_moment(tmp_path: Path, reply: Reply) -> None:
    assert read(tmp_path) == {"stages": [], "running": None, "facts": {}, "machine": None, "done": False}


def test_a_stage_that_passes_gives_its_value_and_is_recorded(tmp_path: Path, reply: Reply) -> None:
    assert reply.stage("build", lambda: 42) == 42
    told = read(tmp_path)
    (stage,) = told["stages"]
    assert (stage["stage"], stage["outcome"], stage["error"]) == ("build", "pass", None)
    assert 0 <= stage["seconds"] < 10
    assert told["running"] is None


def test_the_file_names_the_stage_while_it_runs(tmp_path: Path, reply: Reply) -> None:
    assert reply.stage("export", lambda: read(tmp_path)["running"]) == "export"


def test_a_failed_stage_is_recorded_before_it_ends_the_request(tmp_path: Path, reply: Reply) -> None:
    failed(reply, ValueError("no handler for Unsqueeze"))
    told = read(tmp_path)
    assert told["stages"][0]["outcome"] == "fail"
    assert told["stages"][0]["error"] == {"type": "ValueError", "message": "no handler for Unsqueeze"}
    assert (told["running"], told["done"]) == (None, False)


def test_the_cause_of_a_failed_stage_is_kept_for_the_log(reply: Reply) -> None:
    cause = ValueError("why")

    def work() -> None:
        raise cause

    with pytest.raises(StageFailed, match="load") as caught:
        reply.stage("load", work)
    assert caught.value.__cause__ is cause


class OutOfArrayMemory(MemoryError):
    """numpy's own kind."""


@pytest.mark.parametrize("exception", [MemoryError(), OutOfArrayMemory("Unable to allocate 7 TiB")])
def test_a_memory_error_is_out_of_memory(reply: Reply, exception: MemoryError) -> None:
    stage = failed(reply, exception)
    assert stage["outcome"] == "out-of-memory"
    assert stage["error"] == {"type": type(exception).__name__, "message": str(exception)}


@pytest.mark.parametrize(
    ("exception", "reason"),
    [
        (OSError(errno.EMFILE, "Too many open files"), machine_errors.FILES),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), machine_errors.MEMORY),
        (OSError(errno.ENOSPC, "x", "y" * 9000), machine_errors.DISK),
        (RuntimeError("x" * 4500 + "No space left on device" + "x" * 4500), machine_errors.DISK),
        (MemoryError(), machine_errors.MEMORY),
        (ValueError("no handler"), None),
        (OSError(errno.ENOENT, "No such file"), None),
    ],
    ids=["files", "memory", "a long name", "in the midst of a long text", "MemoryError", "a failure", "a missing file"],
)
@pytest.mark.parametrize("behind", [False, True])
def test_a_reply_says_whether_the_machine_was_behind_a_failure(
    tmp_path: Path, reply: Reply, exception: Exception, reason: str | None, behind: bool
) -> None:
    if behind:
        last = RuntimeError("it does not convert")
        last.__cause__ = exception
        failed(reply, last)
    else:
        failed(reply, exception)
    assert read(tmp_path)["machine"] == reason


def test_a_refusal_is_reported_under_its_own_type(reply: Reply) -> None:
    stage = failed(reply, Refused("NotDeterministic", "two runs differ"))
    assert stage["outcome"] == "fail"
    assert stage["error"] == {"type": "NotDeterministic", "message": "two runs differ"}


def test_what_a_route_does_not_take_is_no_failure(reply: Reply) -> None:
    stage = failed(reply, NotApplicable("takes models of transformers alone"))
    assert stage["outcome"] == "not-applicable"
    assert stage["error"] == {"type": "NotApplicable", "message": "takes models of transformers alone"}


@pytest.mark.parametrize("exception", [SystemExit(3), KeyboardInterrupt()])
def test_a_stage_that_leaves_the_process_is_still_the_running_one(
    tmp_path: Path, reply: Reply, exception: BaseException
) -> None:
    def work() -> None:
        raise exception

    with pytest.raises(type(exception)):
        reply.stage("convert", work)
    assert (read(tmp_path)["running"], read(tmp_path)["stages"]) == ("convert", [])


def test_stages_come_in_the_order_in_which_they_ran(tmp_path: Path, reply: Reply) -> None:
    reply.stage("build", dict)
    reply.stage("export", dict)
    failed(reply, ValueError(), "check")
    assert [(s["stage"], s["outcome"]) for s in read(tmp_path)["stages"]] == [
        ("build", "pass"),
        ("export", "pass"),
        ("check", "fail"),
    ]


def test_a_fact_is_written_at_once(tmp_path: Path, reply: Reply) -> None:
    reply.fact("floor", "float64")
    assert read(tmp_path)["facts"] == {"floor": "float64"}


def test_a_fact_that_is_not_json_fails_its_stage_and_the_reply_goes_on(tmp_path: Path, reply: Reply) -> None:
    with pytest.raises(StageFailed):
        reply.stage("check", lambda: reply.fact("file_opset", object()))
    reply.finish()
    told = read(tmp_path)
    assert told["stages"][0]["error"]["type"] == "TypeError"
    assert (told["facts"], told["done"]) == ({}, True)


def test_only_finishing_makes_a_reply_done(tmp_path: Path, reply: Reply) -> None:
    reply.stage("build", dict)
    assert read(tmp_path)["done"] is False
    reply.finish()
    assert read(tmp_path)["done"] is True


# A second process


class Left(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def forked(reply: Reply, monkeypatch: pytest.MonkeyPatch) -> Reply:
    """The reply as a process sees it that the converter forked off."""

    def leave(status: int) -> None:
        raise Left(status)

    monkeypatch.setattr(messages.os, "_exit", leave)
    reply.owner = os.getpid() + 1
    return reply


def test_a_forked_second_process_cannot_write_a_stage(tmp_path: Path, forked: Reply) -> None:
    with pytest.raises(Left):
        forked.stage("convert", dict)
    assert read(tmp_path) == {"stages": [], "running": None, "facts": {}, "machine": None, "done": False}


def test_a_forked_second_process_cannot_finish(tmp_path: Path, forked: Reply) -> None:
    with pytest.raises(Left):
        forked.finish()
    assert read(tmp_path)["done"] is False


def test_a_process_forked_within_a_stage_ends_before_the_stage_is_told(
    tmp_path: Path, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(status: int) -> None:
        raise Left(status)

    def fork() -> None:
        reply.owner += 1

    monkeypatch.setattr(messages.os, "_exit", leave)
    with pytest.raises(Left):
        reply.stage("convert", fork)
    assert (read(tmp_path)["running"], read(tmp_path)["stages"]) == ("convert", [])


# Errors


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not now")


class NoText(Exception):
    def _nothing(self) -> None: ...

    __str__ = _nothing  # type: ignore[assignment]


@pytest.mark.parametrize(("exception", "broken"), [(Unprintable(), "RuntimeError"), (NoText(), "TypeError")])
def test_an_exception_that_cannot_be_printed_says_so(exception: Exception, broken: str) -> None:
    assert messages.error(exception) == {
        "type": type(exception).__name__,
        "message": f"(its message cannot be printed: {broken})",
    }


@pytest.mark.parametrize("exception", [ValueError("h" * 9000 + "t"), Refused("Kind", "h" * 9000 + "t")])
def test_a_long_message_is_cut_in_an_error_too(exception: Exception) -> None:
    message = messages.error(exception)["message"]
    assert len(message) <= messages.MESSAGE_LIMIT
    assert message.endswith("t")


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 3 * messages.MESSAGE_LIMIT))
def test_a_text_keeps_its_head_and_its_tail_within_the_limit(length: int) -> None:
    text = "".join(chr(0x4E00 + number) for number in range(length))
    short = messages.shorten(text)
    assert len(short) <= messages.MESSAGE_LIMIT
    if length <= messages.MESSAGE_LIMIT:
        assert short == text
    else:
        head, tail = short.split(messages.CUT)
        assert text.startswith(head) and text.endswith(tail)
        assert min(len(head), len(tail)) >= messages.MESSAGE_LIMIT // 2 - len(messages.CUT)


# Files


def test_a_value_that_is_not_json_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    messages.write_json(str(path), {"a": 1})
    with pytest.raises(TypeError):
        messages.write_json(str(path), {"a": [1, 2, object()]})
    assert messages.read_json(str(path)) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["value.json"]


@pytest.mark.parametrize("text", ["\udc80 from a path", "ünïcode", "\x00\x1b[31m"])
def test_any_text_survives_the_file(tmp_path: Path, text: str) -> None:
    path = str(tmp_path / "value.json")
    messages.write_json(path, text)
    assert messages.read_json(path) == text


def test_threads_that_write_one_file_at_once_each_write_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have written their text before either puts it in its place."""
    path = tmp_path / "value.json"
    both = threading.Barrier(2, timeout=10)
    replace = os.replace

    def replace_together(one: str, other: str) -> None:
        both.wait()
        replace(one, other)

    monkeypatch.setattr(messages.os, "replace", replace_together)
    wrong: list[Exception] = []

    def write(size: int) -> None:
        try:
            messages.write_json(str(path), ["x" * size])
        except (OSError, threading.BrokenBarrierError) as caught:
            wrong.append(caught)

    threads = [threading.Thread(target=write, args=(size,)) for size in (10, 100000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(json.loads(path.read_text())[0]) in (10, 100000)
    assert [file.name for file in tmp_path.iterdir()] == ["value.json"]
