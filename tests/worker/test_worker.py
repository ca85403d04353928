"""The worker process itself, on every Python that is here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy
import psutil
import pytest

from tfparity import paths
from tfparity.engine import context
from tfparity.engine.context import Context
from tfparity.engine.engine import Engine
from tfparity.engine.process_limits import Limits
from tfparity.engine.worker_client import Answer, Side, Worker
from tfparity.errors import MachineFault, WorkerError
from tfparity.records.cells import CellRecord, PlannedCell, Problem
from tfparity.records.observer import Silent
from tfparity.records.vocabulary import Outcome

LIMITS = Limits(30, 1024)


def side(python: Path, *imports: str, preload: tuple[str, ...] = (), shims: tuple[str, ...] = ()) -> Side:
    return Side(python, shims, imports, preload)


@pytest.mark.parametrize("fresh", [False, True], ids=["warm", "bare"])
def test_a_worker_imports_and_computes_on_every_python(
    interpreter: Callable[[str], Path], tmp_path: Path, python: str, fresh: bool
) -> None:
    with Worker(side(interpreter(python), "numpy"), tmp_path / "worker", fresh=fresh) as worker:
        assert worker.failed_import is None
        assert [step.module for step in worker.imports] == ["numpy"]
        assert worker.ask("selftest", {}, LIMITS).passed


def test_a_planted_converter_works_on_every_python(convert: Callable[..., CellRecord], python: str) -> None:
    assert convert("faithful", python=python).verdict == "works"
    assert convert("drop-an-op", python=python).verdict == "broken"


def test_a_forked_request_starts_within_a_fifth_of_a_second(interpreter: Callable[[str], Path], tmp_path: Path) -> None:
    with Worker(side(interpreter("3.11"), "numpy"), tmp_path / "worker") as worker:
        took = [worker.ask("selftest", {}, LIMITS).facts.fork_seconds for _ in range(5)]
    assert min(seconds for seconds in took if seconds is not None) < 0.2


def test_a_missing_module_is_a_failed_import(interpreter: Callable[[str], Path], tmp_path: Path) -> None:
    with Worker(side(interpreter("3.11"), "numpy", "no_such_framework"), tmp_path / "worker") as worker:
        assert worker.failed_import is not None
        assert worker.failed_import.module == "no_such_framework"
        assert worker.failed_import.error is not None
        assert worker.failed_import.error.type == "ModuleNotFoundError"


def test_a_missing_preload_is_no_failure(interpreter: Callable[[str], Path], tmp_path: Path) -> None:
    with Worker(side(interpreter("3.11"), "numpy", preload=("no_such_zoo",)), tmp_path / "worker") as worker:
        assert worker.failed_import is None
        assert worker.imports[-1].outcome == "fail"


@pytest.mark.parametrize("fresh", [False, True], ids=["warm", "bare"])
def test_a_module_that_crashes_at_import_is_named(
    interpreter: Callable[[str], Path], tmp_path: Path, fresh: bool
) -> None:
    python = interpreter("3.11")
    packages = next(python.parent.parent.glob("lib/python*/site-packages"))
    name = f"tfparity_test_crasher_{os.getpid()}"  # both kinds may run at once, on one environment
    crasher = packages / f"{name}.py"
    crasher.write_text("import ctypes\nctypes.string_at(0)\n")
    try:
        with Worker(side(python, "numpy", name), tmp_path / "worker", fresh=fresh) as worker:
            failed = worker.failed_import
    finally:
        crasher.unlink()
    assert failed is not None
    assert (failed.module, failed.outcome) == (name, "crash")
    assert failed.error is not None
    assert "SIGSEGV" in failed.error.message


def test_a_shim_acts_before_the_imports(interpreter: Callable[[str], Path], tmp_path: Path) -> None:
    with Worker(
        side(interpreter("3.11"), "tensorflow_addons.seq2seq", shims=("tensorflow-addons-stub",)), tmp_path / "w"
    ) as worker:
        assert [step.module for step in worker.imports] == [
            "shim:tensorflow-addons-stub",
            "tensorflow_addons.seq2seq",
        ]
        assert worker.failed_import is None


def test_an_interpreter_that_is_gone_is_a_worker_error(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="cannot start"), Worker(side(tmp_path / "nowhere", "numpy"), tmp_path / "w"):
        pass


def test_an_interrupted_run_ends_its_workers_and_keeps_nothing(
    convert: Callable[..., CellRecord], monkeypatch: pytest.MonkeyPatch, cache: paths.Cache
) -> None:
    class Interrupted(Silent):
        def cell_stage(self, cell: PlannedCell, stage: str) -> None:
            if stage == "convert":
                raise KeyboardInterrupt

    monkeypatch.setattr(context, "Silent", Interrupted)
    before = {path: path.read_bytes() for path in cache.store.rglob("attempts.json")}
    with pytest.raises(KeyboardInterrupt):
        convert("hang", seconds=60)
    assert {path: path.read_bytes() for path in cache.store.rglob("attempts.json")} == before
    assert list(cache.work.iterdir()) == []
    children = psutil.Process().children(recursive=True)
    assert not [process for process in children if process.status() != psutil.STATUS_ZOMBIE]


def test_a_run_with_keep_leaves_its_artifacts_requests_and_logs(
    convert: Callable[..., CellRecord], cache: paths.Cache
) -> None:
    convert("faithful", keep=True)
    (kept,) = cache.work.iterdir()
    try:
        assert kept.name.startswith("kept-")
        assert {"graph.json", "outputs.npz", "log.txt", "request.json"} <= {path.name for path in kept.rglob("*")}
    finally:
        shutil.rmtree(kept)


def test_a_daemon_is_ended_with_its_request_while_another_one_runs(
    interpreter: Callable[[str], Path], tmp_path: Path
) -> None:
    def converted(fault: str, limits: Limits) -> Answer:
        route = tmp_path / f"{fault}.py"
        shutil.copy(Path(__file__).with_name("planted.py"), route)
        return worker.ask("convert", {"route": str(route), "bundle": str(tmp_path), "artifact": "none"}, limits)

    (tmp_path / "graph.json").write_text("[]")
    numpy.savez(tmp_path / "weights.npz")
    with Worker(side(interpreter("3.11"), "numpy"), tmp_path / "worker") as worker, ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(converted, "hang", Limits(8, 1024))
        converted("leave-a-daemon", LIMITS)
        for daemon in (tmp_path / "daemon").read_text().split():
            with suppress(psutil.NoSuchProcess):
                psutil.Process(int(daemon)).wait(3)
            assert not psutil.pid_exists(int(daemon))
        assert not hanging.done()
        assert hanging.result().stages[-1].outcome == "timeout"


def test_a_failed_self_test_falls_back_to_a_bare_parent(
    interpreter: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Worker.ask

    def asked(self: Worker, kind: str, *rest: object, **options: object) -> Answer:
        answer = ask(self, kind, *rest, **options)
        if kind != "selftest" or self.fresh:
            return answer
        failed = replace(answer.stages[0], outcome=Outcome.FAIL, error=Problem("Planted", "planted"))
        return replace(answer, stages=(failed,))

    monkeypatch.setattr(Worker, "ask", asked)
    with Worker(side(interpreter("3.11"), "numpy"), tmp_path / "worker") as worker:
        assert worker.fresh
        assert worker.ask("selftest", {}, LIMITS).passed
        assert worker.ask("selftest", {}, LIMITS).passed


#: A route whose artifact finds no room at another size than the exported one.
NO_ROOM = """
import errno, os
from tfparity.worker.routes import Route

class Artifact:
    def run(self, pairs):
        answer = dict(pairs)["x"]
        if len(answer) != 2:
            raise OSError({code}, os.strerror({code}))
        return [("y", answer)]

    def signature(self):
        return {{"inputs": [["x", "float32"]], "outputs": [["y", "float32"]], "ordered": False}}

ROUTE = Route(1, "split", "pytorch", "onnx-legacy", (13,), {{}}, {{}}, print, lambda path: Artifact(), print)
"""


@pytest.mark.parametrize("code", ["errno.ENOSPC", "errno.EDQUOT", "errno.EINVAL"])
def test_a_full_disk_at_another_size_is_the_machines(
    interpreter: Callable[[str], Path], tmp_path: Path, code: str
) -> None:
    """Any other error there is the artifact's own: the axis is lost."""
    route, io = tmp_path / "no_room.py", tmp_path / "io.npz"
    route.write_text(NO_ROOM.format(code=code))
    numpy.savez(io, **{f"input/{size}/x": numpy.ones((size, 1), "float32") for size in (2, 3)})
    samples = [
        {"index": 2, "axis": None, "sizes": {}, "seed": 0},
        {"index": 3, "axis": "n", "sizes": {"n": 3}, "seed": 0},
    ]
    request = {"route": str(route), "artifact": "a", "io": str(io), "result": str(tmp_path / "out.npz")}
    request |= {"inputs": ["x"], "outputs": ["y"], "samples": samples}
    with Worker(side(interpreter("3.11"), "numpy"), tmp_path / "worker") as worker:
        if code == "errno.EINVAL":
            assert set(worker.ask("execute", request, LIMITS).facts.failed) == {"3"}
        else:
            with pytest.raises(MachineFault, match="disk"):
                worker.ask("execute", request, LIMITS)


def test_a_cache_in_which_files_are_folders_and_folders_files_heals(
    planned: Callable[..., tuple[Context, list[PlannedCell]]], cache: paths.Cache, tmp_path: Path
) -> None:
    own = paths.Cache(tmp_path / "cache")
    own.root.mkdir()
    (own.root / "environments").symlink_to(cache.environments)

    def ran(*, again: bool = True) -> CellRecord:
        given, cells = planned("faithful", "planted/net", again=again)
        mine = Context(given.project, given.matrix, given.cases, own, given.options)
        with Engine(mine) as engine:
            (record,) = engine.run(cells)
        return record

    first = ran().cell
    assert first is not None
    whole = {path: path.is_dir() for path in own.root.rglob("*") if "environments" not in path.parts}
    assert len(whole) > 12
    for path, is_folder in whole.items():
        paths.discard(path)
        if is_folder:
            path.write_text("")
        else:
            path.mkdir()
            (path / "file").write_text("")
        for again in (False, True):
            assert ran(again=again).cell == first, path
        assert path.is_dir() == is_folder
        assert {path: path.is_dir() for path in whole} == whole
