"""The referee's process, as planned: what it is given, what is made of how it ends, and what it answers."""

import errno
import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import builders
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfparity.engine import process_limits as processes
from tfparity.engine import referee, referee_process, second_referee
from tfparity.engine.bundles import BundleFacts, Exported, ExportFacts
from tfparity.engine.process_limits import Limits, Watched
from tfparity.engine.referee import Referee, RefereeReply
from tfparity.errors import MachineFault
from tfparity.judging.judge import SecondReferee

RESULT = Path("result.npz")


class Process:
    """A referee that prints these lines and ends with that status."""

    pid = 4242

    def __init__(self, *lines: str, status: int = 0) -> None:
        self.stdout, self.status = io.StringIO("".join(lines)), status
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
        return Watched(self.stopped, [(1.0, 300.0)])


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(processes, "watch", watch)
    monkeypatch.setattr(processes, "kill", watch.killed.append)
    return watch


@pytest.fixture
def ask(watch: Watch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., RefereeReply]:
    def ask(process: Process, *, aborted: bool = False, outputs: tuple[str, ...] = ("a", "b")) -> RefereeReply:
        monkeypatch.setattr(referee.subprocess, "Popen", process)
        asked = Referee(tmp_path, 512.0, lambda: aborted)
        return asked.ask(tmp_path / "model.onnx", tmp_path / "io.npz", RESULT, outputs)

    return ask


Ask = Callable[..., RefereeReply]


def test_the_referee_is_told_the_files_and_the_declared_outputs(ask: Ask, watch: Watch) -> None:
    process = Process('{"failed": {}}')
    assert ask(process, outputs=("scores", "x, y")) == RefereeReply(RESULT, None)
    python, isolated, script, *files, outputs, runtime = process.command
    assert (python, isolated, Path(script).name) == (sys.executable, "-I", "referee_process.py")
    assert Path(script).is_file()
    assert [Path(file).name for file in files] == ["model.onnx", "io.npz", "result.npz"]
    assert json.loads(outputs) == ["scores", "x, y"]
    assert runtime == "onnxruntime"
    assert process.options["start_new_session"]
    assert watch.limits == Limits(referee.SECONDS, 512.0)


def test_samples_that_it_could_not_run_are_told(ask: Ask) -> None:
    assert ask(Process('{"failed": {"3": "bad size"}}')).failed == {"3": "bad size"}


def test_what_is_printed_before_the_last_line_does_not_count(ask: Ask) -> None:
    assert ask(Process("a warning\n", "{\n", '{"failed": {}}\n')) == RefereeReply(RESULT, None)


def test_an_error_is_its_reason(ask: Ask) -> None:
    found = ask(Process('{"error": {"type": "Fail", "message": "no kernel"}}'))
    assert found == RefereeReply(None, "Fail: no kernel")
    assert not referee.limited(found.error)


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
    assert referee.limited(found.error)


@pytest.mark.parametrize(
    ("lines", "status"), [((), -9), ((), -15), (('{"machine": "the disk is full or failing"}',), 0)]
)
def test_what_this_machine_ended_is_no_answer(ask: Ask, lines: tuple[str, ...], status: int) -> None:
    with pytest.raises(MachineFault, match="the referee") as fault:
        ask(Process(*lines, status=status))
    assert (fault.value.stage, fault.value.memory_mib, fault.value.no_memory) == (referee.STAGE, 300.0, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[Errno 5] Input/output error", "disk"),
        ("[Errno 28] No space left on device", "disk"),
        ("[Errno 24] Too many open files", "files"),
        ("std::bad_alloc", "memory"),
    ],
)
@pytest.mark.parametrize("sample", [None, "3"])
def test_a_machine_that_fails_it_is_no_answer(ask: Ask, text: str, reason: str, sample: str | None) -> None:
    said = {"failed": {sample: text}} if sample else {"error": {"type": "OSError", "message": text}}
    with pytest.raises(MachineFault, match=reason) as fault:
        ask(Process(json.dumps(said)))
    assert fault.value.no_memory == (reason == "memory")


@pytest.mark.parametrize(
    "lines",
    [
        *((), ("",), ("no json",), ("[]",), ("null",), ("[" * 100_000,), ("x" * (2**20 + 7),)),
        *(('{"failed": 3}',), ('{"failed": {"0": [1]}}',), ('{"error": "x"}',), ('{"error": {"type": 1}}',)),
        *(('{"machine": {}}',), ('{"failed": null}',)),
    ],
)
def test_a_referee_that_says_nothing_of_use_has_its_status_told(ask: Ask, lines: tuple[str, ...]) -> None:
    found = ask(Process(*lines, status=-11))
    assert found == RefereeReply(None, "Exit: ended with status -11")
    assert not referee.limited(found.error)


@pytest.mark.parametrize("aborted", [False, True])
def test_an_aborted_run_ends_its_referee(ask: Ask, watch: Watch, aborted: bool) -> None:
    ask(Process('{"failed": {}}'), aborted=aborted)
    assert watch.killed == ([Process.pid] if aborted else [])


# What it answers


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


@pytest.fixture(params=sorted(referee_process.RUNTIMES))
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def answered(tmp_path: Path, capsys: pytest.CaptureFixture[str], runtime: str) -> Answered:
    """What the referee prints of a model, and the arrays that it writes, over samples of x."""

    def answered(model: bytes, samples: Mapping[int, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        (tmp_path / "model.onnx").write_bytes(model)
        given = {f"input/{index}/x": numpy.asarray(value, "float32") for index, value in samples.items()}
        numpy.savez(tmp_path / "io.npz", **given, **{"float32/0/y": numpy.zeros(2), "input/0/unused": numpy.zeros(2)})
        files = (str(tmp_path / name) for name in ("model.onnx", "io.npz", "result.npz"))
        referee_process._main(*files, json.dumps(["z"]), runtime)
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


@pytest.mark.parametrize("runtime", ["onnxruntime"], indirect=True)  # the other heeds no declared size
def test_a_sample_of_another_size_that_the_referee_cannot_run_is_named(answered: Answered) -> None:
    said, results = answered(onnx("Neg", 2), {0: [1.0, 2.0], 3: [5.0]})
    assert list(said["failed"]) == ["3"]
    assert list(results) == ["output/0/z"]


@pytest.mark.parametrize("samples", [{0: [1.0, 2.0]}, {0: [1.0, 2.0], 3: [5.0]}])
@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "files"),
        (MemoryError(), "memory"),
        (RuntimeError("x" * 700 + ": [Errno 28] No space left on device"), "disk"),
    ],
)
def test_what_this_machine_does_to_a_run_is_told_before_its_text_is_cut(
    answered: Answered,
    monkeypatch: pytest.MonkeyPatch,
    runtime: str,
    samples: Mapping[int, Any],
    raised: Exception,
    reason: str,
) -> None:
    kind = {"onnxruntime": referee_process._OnnxRuntime, "onnx": referee_process._Evaluator}[runtime]
    run, turns = kind.run, []

    def ended(self: Any, feed: Any) -> Any:
        turns.append(feed)
        if len(turns) == len(samples):
            raise raised
        return run(self, feed)

    monkeypatch.setattr(kind, "run", ended)
    said, results = answered(onnx("Neg", "n"), samples)
    assert list(said) == ["machine"]
    assert reason in said["machine"]
    assert results == {}


@pytest.mark.parametrize("model", [onnx("NoSuchOperator", 2), b"no model"])
def test_a_model_that_cannot_be_run_has_a_reason_and_no_arrays(answered: Answered, model: bytes) -> None:
    said, results = answered(model, {0: [1.0, 2.0]})
    assert said["error"]["message"]
    assert results == {}


@pytest.mark.parametrize("runtime", ["onnxruntime"], indirect=True)
@pytest.mark.parametrize("model", [onnx("Neg", 3), b""])
def test_a_file_that_the_first_one_cannot_load_has_a_reason_and_no_arrays(answered: Answered, model: bytes) -> None:
    said, results = answered(model, {0: [1.0, 2.0]})
    assert said["error"]["message"]
    assert results == {}


# The second one


@pytest.fixture
def doubted(tmp_path: Path) -> Callable[[bytes], Exported]:
    """An export of that file, with one sample of x."""

    def doubted(model: bytes) -> Exported:
        (tmp_path / "model.onnx").write_bytes(model)
        numpy.savez(tmp_path / "io.npz", **{"input/0/x": numpy.ones(2, "float32")})
        return Exported((), BundleFacts(), ExportFacts(), tmp_path, tmp_path / "io.npz")

    return doubted


def second(exported: Exported, **changed: Any) -> SecondReferee:
    asked = builders.case("y", **changed)
    return second_referee.ask(exported, asked, Referee(exported.folder, 4096, lambda: False))


def test_the_second_referee_is_onnxs_own_evaluator_in_a_process_of_its_own(
    doubted: Callable[[bytes], Exported], monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    process = Process('{"failed": {}}')
    monkeypatch.setattr(referee.subprocess, "Popen", process)
    assert second(doubted(onnx("Neg", "n"))) == SecondReferee(None)  # the planned process writes nothing
    assert process.command[-1] == "onnx"
    assert watch.limits == Limits(referee.SECONDS, 4096)


def test_why_the_second_referee_has_no_answer_is_told(
    doubted: Callable[[bytes], Exported], monkeypatch: pytest.MonkeyPatch, watch: Watch
) -> None:
    said = '{"error": {"type": "NotImplementedError", "message": "no operator"}}'
    monkeypatch.setattr(referee.subprocess, "Popen", Process(said))
    assert second(doubted(onnx("Neg", "n"))) == SecondReferee(None, "NotImplementedError: no operator")


def test_an_onnx_file_that_is_the_case_itself_has_no_second_referee(
    doubted: Callable[[bytes], Exported], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referee.subprocess, "Popen", lambda *_, **__: pytest.fail("it was asked"))
    found = second(doubted(onnx("Neg", "n")), onnx_opset=13)
    assert found.answers is None
    assert found.error


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
