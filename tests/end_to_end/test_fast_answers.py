"""Commands that answer at once import nothing that they have no use for: in a process of their own, by what it holds at
the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from folders import REPOSITORY, variables

#: Prints the modules of a process that has run a command, after all that the command printed.
RUN = """
import json, sys
from tfparity import cli
try:
    code = cli.main(sys.argv[1:])
except SystemExit as ended:  # argparse ends --help itself
    code = ended.code
print()
print(json.dumps([code, sorted(sys.modules)]))
"""

#: What takes a tenth of a second or more to import.
LARGE = {"numpy", "onnx", "onnxruntime", "pydantic", "rich", "ruamel", "scipy"}


def held(cache: Path, *command: str) -> set[str]:
    """The modules that a process holds once it has answered."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *command],
        cwd=REPOSITORY,
        env=variables(REPOSITORY, cache),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stdout[-2000:] + done.stderr
    return set(modules)


def of_engine(modules: set[str]) -> set[str]:
    return {name for name in modules if name.split(".")[:2] == ["tfparity", "engine"]}


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["run", "--help"],
        ["gate", "--help"],
        ["convert", "--help"],
        ["recommend", "--help"],
        ["upgrade", "--help"],
        ["bundles", "run", "--help"],
    ],
)
def test_help_imports_no_library_that_takes_long(tmp_path: Path, command: list[str]) -> None:
    modules = held(tmp_path, *command)
    assert modules & (LARGE | {"packaging", "filelock", "psutil"}) == set()
    assert of_engine(modules) == set()


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (["plan"], {"pydantic"}),
        (["plan", "--toolchain", "all", "--tier", "all"], {"pydantic"}),
        (["cases"], {"pydantic", "rich"}),
        (["cases", "--json"], {"pydantic", "rich"}),
        (["recommend", "--case", "torchvision/resnet18", "--case", "huggingface/bert"], {"pydantic", "rich"}),
        (["table", "--check"], {"pydantic"}),
        (["upgrade", "tf2.6-torch1.9", "tf2.6-torch1.9"], {"pydantic", "rich"}),
        (["lock", "--check"], {"pydantic"}),
        (["schema", "--check"], {"pydantic"}),
    ],
)
def test_what_runs_nothing_imports_no_engine(tmp_path: Path, command: list[str], needed: set[str]) -> None:
    modules = held(tmp_path, *command)
    assert of_engine(modules) == set()
    assert modules & LARGE <= needed
