"""Interpreters: on PATH, in pyenv's versions folder, or uv's own.

Searched for here: of pyenv's versions python-discovery (1.9.5) finds only the selected one, and `uv python find` none.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tfparity import paths
from tfparity.environments import uv_command
from tfparity.environments.uv_command import Runner
from tfparity.errors import InterpreterError, NetworkError
from tfparity.inputs.matrix import PYTHONS

_PROBE = (
    "import json, sys; v = sys.version_info; print(json.dumps([list(v[:3]), sys.implementation.name, v.releaselevel]))"
)

#: A released CPython with a global lock: 3.10.13, cpython-3.10.13-linux-x86_64-gnu; not 3.13.0t, 3.14.0rc1, pypy.
_FOLDER = re.compile(r"^(?:cpython-)?(3)\.(\d+)\.(\d+)(?:-[a-z]+-\w+-\w+)?$")

Patch = tuple[int, int, int]


def find(version: str, *, download: bool = False, run: Runner = uv_command.run) -> Path:
    """The interpreter of that minor version, newest patch. InterpreterError says what to install.

    With `download`, uv fetches one where none is found; NetworkError where it cannot.
    """
    here = _newest(version, run)
    if here is None and download:
        done = run([uv_command.uv(), "python", "install", "--no-bin", version])
        if done.status != 0:
            reason = uv_command.masked(done.errors, {str(paths.home()): "<home>"})
            kind = NetworkError if uv_command.unreachable(done.errors) else InterpreterError
            raise kind(f"uv could not download Python {version}:\n{reason}")
        here = _newest(version, run)
    if here is None:
        raise InterpreterError(
            f"no Python {version} on PATH, in pyenv's versions or among uv's own: install it with "
            f"`pyenv install {version}` or `uv python install {version}`, or allow the download"
        )
    return here


def found(*, run: Runner = uv_command.run) -> dict[str, Path]:
    """Every minor version from 3.7 to 3.13 that is there, its newest patch."""
    newest = {version: _newest(version, run) for version in PYTHONS}
    return {version: path for version, path in newest.items() if path is not None}


def _newest(version: str, run: Runner) -> Path | None:
    candidates = [*_on_path(version, run), *_in_folders(version)]
    if not candidates:
        return None
    return max(candidates, key=lambda candidate: candidate[0])[1]


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or paths.home() / ".pyenv")


def _uv_folder() -> Path:
    named = os.environ.get("UV_PYTHON_INSTALL_DIR")
    if named:
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or paths.home() / ".local" / "share"
    return Path(data) / "uv" / "python"


def _on_path(version: str, run: Runner) -> Iterator[tuple[Patch, Path]]:
    shims = _pyenv_root() / "shims"
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        path = Path(entry) / f"python{version}"
        # pyenv's shims start whatever version is selected, or fail: its versions folder is read instead.
        if not entry or Path(entry) == shims or not os.access(path, os.X_OK):
            continue
        patch = _probed(path, run)
        if patch is not None and f"{patch[0]}.{patch[1]}" == version:
            yield patch, path


def _probed(path: Path, run: Runner) -> Patch | None:
    done = run([str(path), "-I", "-c", _PROBE])
    try:
        (major, minor, micro), implementation, level = json.loads(done.output)
    except (ValueError, TypeError):
        return None
    return (major, minor, micro) if implementation == "cpython" and level == "final" else None


def _in_folders(version: str) -> Iterator[tuple[Patch, Path]]:
    for folder in (_pyenv_root() / "versions", _uv_folder()):
        try:
            entries = sorted(folder.iterdir())
        except OSError:  # not there, or not ours to read
            continue
        for entry in entries:
            match = _FOLDER.match(entry.name)
            path = entry / "bin" / f"python{version}"
            if match and f"{match[1]}.{match[2]}" == version and os.access(path, os.X_OK):
                yield (int(match[1]), int(match[2]), int(match[3])), path
