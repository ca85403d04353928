"""What a process that was really killed leaves, and workers that are killed while they start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tfparity import paths
from tfparity.engine.context import Context
from tfparity.engine.work_folder import WorkFolder, place
from tfparity.engine.worker_pool import WorkerPool
from tfparity.environments import uv_command
from tfparity.errors import MachineFault
from tfparity.inputs import matrix
from tfparity.paths import Cache, Project
from tfparity.planning.keys import Where

HERE = Path(__file__).parent

HOLDER = """
import subprocess, sys, time
from pathlib import Path
from tfparity.engine.work_folder import WorkFolder, place
with WorkFolder(place(Path(sys.argv[1]), keep=sys.argv[2] == "keep")) as folder:
    (folder / "model.onnx").write_text("large")
    child = subprocess.Popen(["sleep", "60"], start_new_session=True, stdout=subprocess.DEVNULL)
    print(folder.name, child.pid, flush=True)
    time.sleep(60)
"""

WRITER = """
import os, sys, threading
from pathlib import Path
from tfparity import paths
from tfparity.worker import messages
def stop(*_): print("writing", flush=True); threading.Event().wait()
os.replace = Path.replace = stop
if sys.argv[1] == "ours": paths.write_text(Path(sys.argv[2]), "half")
else: messages.write_json(sys.argv[2], "half")
"""


@pytest.fixture
def sleeper(interpreter: Callable[[str], Path]) -> Iterator[str]:
    """A module that never comes to the end of its import."""
    packages = next(interpreter("3.11").parent.parent.glob("lib/python*/site-packages"))
    module = packages / "tfparity_test_sleeper.py"
    module.write_text("import time\ntime.sleep(600)\n")
    yield module.stem
    module.unlink()


def test_two_sides_that_still_import_are_ended_at_once(tmp_path: Path, cache: Cache, sleeper: str) -> None:
    declared = matrix.load(HERE / "matrix.yaml")
    context = Context(Project(HERE), declared, {}, Cache(tmp_path / "cache"))
    context.cache.root.mkdir()
    (context.cache.root / "environments").symlink_to(cache.environments)
    environment = declared.environments["numpy-py3.11"]
    locked = context.keys.locked(environment)
    sides = [Where("source", environment, locked, names, ()) for names in (("numpy", sleeper), (sleeper,))]

    def importing() -> int:
        """How many workers are in the module."""
        seen = (path.read_text() for path in context.folder.glob("*/import-*/imports.json"))
        return sum(f'"importing": "{sleeper}"' in text for text in seen)

    began = time.monotonic()
    with WorkFolder(context.folder), ExitStack() as stack, ThreadPoolExecutor(1) as thread:
        pool = WorkerPool(context, stack)
        warm = thread.submit(pool.warm, *sides)
        while importing() < 2:
            assert time.monotonic() - began < 30
            time.sleep(0.05)
        workers = psutil.Process().children(recursive=True)
        assert len(workers) >= 2
        pool.kill()
        assert [type(side.exception()) for side in warm.result(10)] == [MachineFault] * 2
    assert not [process for process in workers if process.is_running()]
    assert list(context.cache.work.iterdir()) == []


def started(script: str, *arguments: str) -> tuple[subprocess.Popen[str], list[str]]:
    """A process of that script and the words of its first line."""
    environment = {**os.environ, "PYTHONPATH": str(paths.PACKAGE.parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    return process, process.stdout.readline().split()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("keep", ["", "keep"])
def test_the_kernel_lets_go_of_a_killed_runs_folder_while_its_child_lives(tmp_path: Path, keep: str) -> None:
    process, (name, child) = started(HOLDER, str(tmp_path / "work"), keep)
    try:
        with WorkFolder(place(tmp_path / "work")):
            assert (tmp_path / "work" / name / "model.onnx").is_file()
        end(process)
        assert psutil.pid_exists(int(child))
        with WorkFolder(place(tmp_path / "work")):
            assert (tmp_path / "work" / name).exists() == bool(keep)
    finally:
        end(process)
        os.kill(int(child), signal.SIGKILL)


@pytest.mark.parametrize("writer", ["ours", "worker's"])
def test_the_next_write_removes_what_a_killed_writer_left(tmp_path: Path, writer: str) -> None:
    path = tmp_path / "small.json"
    process, _ = started(WRITER, writer, str(path))
    try:
        paths.write_text(path, "whole")
        assert len(list(tmp_path.iterdir())) == 2
    finally:
        end(process)
    paths.write_text(path, "whole again")
    assert [file.name for file in tmp_path.iterdir()] == ["small.json"]
    assert path.read_text() == "whole again"


def test_the_next_run_ends_what_a_killed_one_left_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "work" / "killed"
    (folder / "convert-1").mkdir(parents=True)
    (folder / ".lock").touch()
    inside, outside = (
        subprocess.Popen(["sleep", "600"], cwd=cwd, start_new_session=True) for cwd in (folder / "convert-1", tmp_path)
    )
    try:
        os.kill(inside.pid, signal.SIGSTOP)
        with WorkFolder(place(tmp_path / "work")):
            assert inside.wait(10) == -signal.SIGKILL
            assert not folder.exists()
        assert outside.poll() is None
    finally:
        outside.kill()
        outside.wait()


def test_uv_and_what_it_builds_end_at_once() -> None:
    """A thread that waits for uv would hold who is to end."""
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(uv_command.run, ["sh", "-c", "sleep 600 & echo $! >&2; wait"])
        while not uv_command._running:
            time.sleep(0.01)
        time.sleep(0.2)
        uv_command.end()
        done = waiting.result(10)
    assert done.status == -signal.SIGKILL
    _, left = psutil.wait_procs([psutil.Process(int(done.errors))] if psutil.pid_exists(int(done.errors)) else [], 5)
    assert not left


def test_an_interrupt_ends_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def interrupted(process: subprocess.Popen[str], _: str) -> None:
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        uv_command.run(["sleep", "600"])
    assert started[0].poll() == -signal.SIGKILL


def test_what_a_killed_run_left_installing_ends_before_the_next_installs_there(tmp_path: Path) -> None:
    sleep = "import time; time.sleep(600)"
    there, beside = (
        subprocess.Popen(["uv", "-c", sleep, f"{tmp_path}/{name}/bin/python"], executable=sys.executable)
        for name in ("environment", "environment-2")
    )
    try:
        uv_command.end_left(tmp_path / "environment")
        there.wait(10)
        assert beside.poll() is None
    finally:
        for process in (there, beside):
            process.kill()
            process.wait()
