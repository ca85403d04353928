"""Cells on a Dask cluster: a real scheduler and two workers on loopback; one is killed in the middle, a share too."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from folders import LIMITATIONS, Folder, several

from tfparity.errors import SchedulerError

NAMES = ("net", "net_two", "net_three", "net_four")
ENDED = re.compile(r"\[ *\d+/")


@dataclass
class Machines:
    """A scheduler, and workers as if each were a machine of its own: a cache each, one file system."""

    folder: Path
    small: Folder
    stack: ExitStack
    address: str = ""
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def process(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """A process of Dask's, with what it says in a file."""
        log = self.stack.enter_context((self.folder / f"{name}.log").open("w+"))
        made = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
            env={**self.small.environment, **environment},
            cwd=self.small.root,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.stack.callback(made.wait, 30)
        self.stack.callback(made.terminate)
        return made

    def said(self, name: str, pattern: str) -> str:
        """What a process says, once it does."""
        for _ in range(600):
            found = re.search(pattern, (self.folder / f"{name}.log").read_text())
            if found:
                return found[1]
            time.sleep(0.1)
        raise AssertionError((self.folder / f"{name}.log").read_text())

    def begin(self) -> None:
        self.process("scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = self.said("scheduler", r"(tcp://127\.0\.0\.1:\d+)")

    def worker(self, root: Path | None = None) -> subprocess.Popen[str]:
        """One more worker, of another project than the small one if named."""
        name = f"worker-{len(self.workers)}"
        cache = self.folder / f"{name}-cache"
        cache.mkdir()
        environments = Path(self.small.environment["TFPARITY_CACHE"]) / "environments"
        (cache / "environments").symlink_to(environments.resolve())
        made = self.process(
            name,
            "dask_worker",
            self.address,
            *("--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name),
            *("--local-directory", str(self.folder / f"{name}-dask")),
            TFPARITY_PROJECT=str(root or self.small.root),
            TFPARITY_CACHE=str(cache),
        )
        self.workers.append(made)
        self.said(name, r"(Registered to)")
        return made


@pytest.fixture
def machines(small: Folder, tmp_path: Path) -> Iterator[Machines]:
    (small.root / "cases" / "planted_cases.py").write_text(several(NAMES), encoding="utf-8")
    (small.root / "limitations.yaml").write_text(LIMITATIONS.replace("[planted/net]", '["planted/*"]'))
    folder = tmp_path / "machines"
    folder.mkdir()
    with ExitStack() as stack:
        made = Machines(folder, small, stack)
        made.begin()
        yield made


def first_of(stderr: Iterable[str]) -> str:
    """The line of the first cell that ended."""
    said = []
    for line in stderr:
        if ENDED.match(line):
            return line
        said.append(line)
    raise AssertionError("".join(said))


def share_of(worker: subprocess.Popen[str]) -> psutil.Process:
    """The process of the share that a worker has."""
    for _ in range(100):
        for child in psutil.Process(worker.pid).children():
            if "tfparity.features.cluster.process" in child.cmdline():
                return child
        time.sleep(0.1)
    raise AssertionError("no share runs")


def test_a_cluster_of_which_a_worker_and_a_share_die_is_one_machine(machines: Machines) -> None:
    small = machines.small
    whole = small.run("run", "--record")
    assert whole.returncode == 0, whole.stderr
    evidence = small.root / "results" / "small.json"
    alone = evidence.read_bytes()
    shutil.rmtree(small.root / "results")
    first, second = machines.worker(), machines.worker()
    with subprocess.Popen(
        [sys.executable, "-m", "tfparity", "run", "--record", "--scheduler", machines.address],
        env=small.environment,
        cwd=small.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stderr is not None
        ended = [first_of(run.stderr)]
        children = psutil.Process(first.pid).children(recursive=True)
        share_of(second).kill()  # as the kernel does where memory runs out
        first.send_signal(signal.SIGKILL)
        said = list(run.stderr)
        assert run.wait(240) == 0, "".join(said)
    assert "SIGKILL from outside on tcp://127.0.0.1:" in "".join(said)
    assert "run again" in "".join(said)
    ended += [line for line in said if ENDED.match(line)]
    assert len(ended) == len(NAMES) * 3  # each cell once
    assert evidence.read_bytes() == alone
    _, left = psutil.wait_procs(children, timeout=60)
    assert not left


def test_what_is_no_cluster_is_told(machines: Machines, tmp_path: Path) -> None:
    small = machines.small
    cases = {
        "tcp://127.0.0.1:9": "no Dask scheduler answers",
        "nonsense://x": "no Dask scheduler answers",
        machines.address: "has no workers",
    }
    for address, said in cases.items():
        done = small.run("run", "--record", "--scheduler", address)
        assert done.returncode == SchedulerError.exit_code, done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
        assert ("to run" in done.stderr) == (address == machines.address)  # who is not there is told first of all
    other = tmp_path / "other"
    shutil.copytree(small.root, other)
    (other / "cases" / "planted_cases.py").write_text((other / "cases" / "planted_cases.py").read_text() + "\nX = 1\n")
    (other / "lockfiles" / "small.txt").write_text("# changed\n" + (other / "lockfiles" / "small.txt").read_text())
    machines.worker(other)
    done = small.run("run", "--record", "--scheduler", machines.address)
    assert done.returncode == SchedulerError.exit_code, done.stderr
    assert "other: its project, cases or packages are others" in done.stderr
    for option in (("--with", "numpy=2.3.4"), ("--budget", "1m"), ("--keep",)):
        done = small.run("run", *option, "--scheduler", machines.address)
        assert done.returncode == 2
        assert option[0] in done.stderr
    for file in (small.root / "results").glob("*.json"):
        assert not json.loads(file.read_text())["cells"]


def test_a_run_that_is_stopped_stops_the_cluster(machines: Machines) -> None:
    small = machines.small
    worker = machines.worker()
    with subprocess.Popen(
        [sys.executable, "-m", "tfparity", "run", "--record", "--jobs", "1", "--scheduler", machines.address],
        env=small.environment,
        cwd=small.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stderr is not None
        first_of(run.stderr)
        os.kill(run.pid, signal.SIGKILL)
    store = machines.folder / "worker-0-cache" / "store"
    for _ in range(600):
        if not psutil.Process(worker.pid).children(recursive=True):
            break
        time.sleep(0.1)
    assert not psutil.Process(worker.pid).children(recursive=True)
    assert len(list(store.rglob("attempts.json"))) < len(NAMES) * 3
