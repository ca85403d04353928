"""Interpreters: where they are looked for, which one is taken, what is said where there is none."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tfparity.environments import interpreters
from tfparity.environments.uv_command import Completed
from tfparity.errors import InterpreterError, NetworkError


class Machine:
    """A made-up machine: folders with interpreters, and what each says of itself."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.says: dict[str, object] = {}
        self.commands: list[list[str]] = []
        self.download = Completed(2, "", "error: Failed to download")
        self.path, self.pyenv, self.uv = root / "bin", root / "pyenv", root / "uv"
        monkeypatch.setenv("PATH", f"{self.pyenv / 'shims'}:{self.path}")
        monkeypatch.setenv("PYENV_ROOT", str(self.pyenv))
        monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(self.uv))

    def put(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        path.chmod(0o755)
        return path

    def on_path(self, version: str, *, implementation: str = "cpython", level: str = "final") -> Path:
        path = self.put(self.path / f"python{version.rpartition('.')[0]}")
        self.says[str(path)] = [[int(part) for part in version.split(".")], implementation, level]
        return path

    def in_pyenv(self, name: str, minor: str) -> Path:
        return self.put(self.pyenv / "versions" / name / "bin" / f"python{minor}")

    def of_uv(self, name: str, minor: str) -> Path:
        return self.put(self.uv / name / "bin" / f"python{minor}")

    def run(self, command: Sequence[str], **_: object) -> Completed:
        self.commands.append(list(command))
        if "install" in command:
            if self.download.status == 0:
                self.of_uv("cpython-3.9.25-linux-x86_64-gnu", "3.9")
            return self.download
        return Completed(0, json.dumps(self.says[command[0]]), "")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_the_newest_patch_is_taken_wherever_it_is(machine: Machine) -> None:
    machine.on_path("3.10.2")
    machine.in_pyenv("3.10.9", "3.10")
    newest = machine.of_uv("cpython-3.10.13-linux-x86_64-gnu", "3.10")
    assert interpreters.find("3.10", run=machine.run) == newest


@pytest.mark.parametrize("there", ["nothing", "a file", "not to be read"])
def test_folders_that_cannot_be_looked_into_do_not_hide_what_is_on_path(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    on_path = machine.on_path("3.11.7")
    if there == "a file":
        for file in (machine.pyenv / "versions", machine.uv):
            file.parent.mkdir(exist_ok=True)
            file.write_text("")
    elif there == "not to be read":
        machine.in_pyenv("3.11.9", "3.11")
        machine.of_uv("cpython-3.11.9-linux-x86_64-gnu", "3.11")

        def refused(folder: Path) -> None:
            raise PermissionError(13, "Permission denied", str(folder))

        for look in ("iterdir", "is_dir"):
            monkeypatch.setattr(Path, look, refused)
    assert interpreters.find("3.11", run=machine.run) == on_path


def test_path_comes_first_among_equals(machine: Machine) -> None:
    machine.in_pyenv("3.11.7", "3.11")
    on_path = machine.on_path("3.11.7")
    assert interpreters.find("3.11", run=machine.run) == on_path


def test_pyenvs_shims_are_not_interpreters(machine: Machine) -> None:
    machine.put(machine.pyenv / "shims" / "python3.10")
    with pytest.raises(InterpreterError):
        interpreters.find("3.10", run=machine.run)
    assert machine.commands == []


@pytest.mark.parametrize("name", ["3.13.0t", "3.13.0rc1", "pypy3.13-7.3.20", "miniconda3-3.13.0", "3.130.1"])
def test_a_prerelease_a_free_threaded_build_and_another_implementation_do_not_count(
    machine: Machine, name: str
) -> None:
    machine.in_pyenv(name, "3.13")
    with pytest.raises(InterpreterError):
        interpreters.find("3.13", run=machine.run)


@pytest.mark.parametrize(("implementation", "level"), [("pypy", "final"), ("cpython", "candidate")])
def test_an_interpreter_on_path_is_asked_what_it_is(machine: Machine, implementation: str, level: str) -> None:
    machine.on_path("3.12.1", implementation=implementation, level=level)
    with pytest.raises(InterpreterError):
        interpreters.find("3.12", run=machine.run)


def test_an_interpreter_on_path_that_does_not_start_does_not_count(machine: Machine) -> None:
    machine.on_path("3.12.1")
    machine.says[str(machine.path / "python3.12")] = "Segmentation fault"
    assert interpreters.found(run=machine.run) == {}


def test_a_missing_interpreter_says_what_to_install(machine: Machine) -> None:
    with pytest.raises(InterpreterError, match=r"no Python 3\.9 .*`pyenv install 3\.9` or `uv python install 3\.9`"):
        interpreters.find("3.9", run=machine.run)
    assert machine.commands == []


def test_a_download_happens_only_when_asked(machine: Machine) -> None:
    machine.download = Completed(0, "", "")
    path = interpreters.find("3.9", download=True, run=machine.run)
    assert path.parent.parent.name == "cpython-3.9.25-linux-x86_64-gnu"
    assert machine.commands[0][1:] == ["python", "install", "--no-bin", "3.9"]


def test_no_download_happens_where_one_is_there(machine: Machine) -> None:
    there = machine.in_pyenv("3.9.18", "3.9")
    assert interpreters.find("3.9", download=True, run=machine.run) == there
    assert machine.commands == []


def test_a_download_that_cannot_reach_its_host_is_a_network_error_without_the_host(machine: Machine) -> None:
    machine.download = Completed(
        1, "", "error: Failed to download https://releases.example/cpython\n  cause: error sending request for url"
    )
    with pytest.raises(NetworkError) as caught:
        interpreters.find("3.9", download=True, run=machine.run)
    assert "example" not in str(caught.value)


def test_all_that_are_found_are_listed_oldest_first(machine: Machine) -> None:
    machine.in_pyenv("3.7.16", "3.7")
    machine.in_pyenv("2.7.18", "2.7")
    machine.in_pyenv("3.6.15", "3.6")
    machine.on_path("3.13.0")
    assert list(interpreters.found(run=machine.run)) == ["3.7", "3.13"]
