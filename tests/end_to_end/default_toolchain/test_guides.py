"""The guides, typed as they stand: every block of docs/serving.md and docs/tflite.md, in their order, in a clone."""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from folders import REPOSITORY

from tfparity import paths
from tfparity.environments import install, interpreters, lock
from tfparity.inputs import matrix

#: Programs that serve a SavedModel, whose blocks are typed where one is here.
SERVERS = ("docker", "tensorflow_model_server")

#: What a page's server listens on.
PORT = "8501"

_BLOCK = re.compile(r"^```(\w+)[ ]?([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# ([\w.]+\.py)\n")

#: Seconds for one block: the longest converts on an environment that has to be made.
LIMIT = 1800


@dataclass
class Clone:
    """A clone in which a page is typed. torch: the folder of the Python that has torch; said: what its blocks
    said."""

    root: Path
    torch: Path
    said: str = ""
    server: str | None = None
    groups: list[int] = field(default_factory=list)

    def type(self, page: str, server: str | None = None) -> None:
        """Save what is a file, run what is a command; of servers that one, else what needs none."""
        text = (self.root / "docs" / page).read_text(encoding="utf-8")
        self.server = server
        port = PORT if server else free_port()  # a container's own is as it is
        for language, needs, block in _BLOCK.findall(text.replace(PORT, port)):
            if language == "python":
                (self.root / _NAME.match(block)[1]).write_text(block, encoding="utf-8")  # type: ignore[index]
            elif needs in ("", "torch", server or "no-server"):
                self._run(block, with_torch=needs == "torch")

    def _run(self, block: str, *, with_torch: bool = False) -> None:
        log = self.root / "typed.log"
        first = self.torch if with_torch else Path(sys.executable).parent
        pythons = (interpreters.find(version).parent for version in ("3.11", "3.12"))  # where uv looks, too
        folders = first, Path(sys.executable).parent, os.environ["PATH"], *pythons
        own = {"PATH": os.pathsep.join(map(str, folders))}
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TFPARITY_PROJECT")}
        with log.open("wb") as said:  # a file: what goes on in the background would hold a pipe open
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", block],
                cwd=self.root,
                env={**kept, **own, "TFPARITY_CACHE": str(paths.cache().root)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.groups.append(process.pid)
            code = process.wait(LIMIT)
        text = log.read_text(encoding="utf-8", errors="replace")
        print(block, text)
        assert code == 0, f"{block}\n{text}"
        self.said += text

    def end(self) -> None:
        """What was left in the background."""
        if self.server == "docker":
            subprocess.run(["docker", "stop", "my_net"], capture_output=True)
        for group in self.groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue


@functools.cache
def answers(program: str) -> bool:
    """Whether it is here; of docker, whether its daemon is, too."""
    if not shutil.which(program):
        return False
    return program != "docker" or subprocess.run(["docker", "info"], capture_output=True).returncode == 0


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """This working tree's files, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=REPOSITORY, capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (REPOSITORY / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, tmp_path / name)
    project = paths.project(REPOSITORY)
    declared = matrix.load(project.matrix)
    environment = declared.environments[declared.default]
    installed = install.place(environment, lock.status(project, environment), paths.cache())
    made = Clone(tmp_path, installed / "bin")
    yield made
    made.end()


def difference(said: str) -> float:
    return float(re.findall(r"largest difference from torch: (\S+)", said)[-1])


@pytest.mark.parametrize("server", [None, *SERVERS])
def test_a_prediction_over_http_is_what_torch_says(clone: Clone, server: str | None) -> None:
    """By desk.py, and by each server that is here."""
    if server and not answers(server):
        pytest.skip(f"no {server} answers here: docs/serving.md was typed up to its block, and by desk.py from there")
    clone.type("serving.md", server)
    assert difference(clone.said) < 1e-5
    assert re.search(r"run-tf2\.15\s+pass", clone.said)
    assert "c-api" in clone.said


def test_a_tflite_file_runs_where_there_is_an_interpreter_alone(clone: Clone) -> None:
    clone.type("tflite.md")
    assert "images float32 [-1  3 64 64]" in clone.said
    assert clone.said.splitlines()[-2:] == ["logits (1, 10)", "logits (4, 10)"]
