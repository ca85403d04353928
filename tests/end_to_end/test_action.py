"""The steps of action.yml, as GitHub runs them, with another program in the place of python."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
ACTION = YAML(typ="safe").load((ROOT / "action.yml").read_text(encoding="utf-8"))


def gate_arguments(tmp_path: Path, **given: str) -> list[str]:
    """What the gate is called with for those inputs, in a repository with a space in its name."""
    inputs = {name: declared.get("default", "") for name, declared in ACTION["inputs"].items()} | given
    step = ACTION["runs"]["steps"][-1]
    environment = {
        name: re.sub(
            r"\$\{\{ (?:inputs\.(\w+)|github\.action_path) \}\}", lambda m: inputs[m[1]] if m[1] else "/action", text
        )
        for name, text in step["env"].items()
    }
    assert not any("${{" in text for text in environment.values())
    told, stand_in = tmp_path / "told.json", tmp_path / "bin" / "python"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!{sys.executable}\nimport json, sys\njson.dump(sys.argv[1:], open({str(told)!r}, "w"))\n')
    stand_in.chmod(0o755)
    here = tmp_path / "my shop"
    here.mkdir()
    subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={**environment, "PATH": f"{stand_in.parent}:{os.environ['PATH']}"},
        cwd=here,
        check=True,
    )
    found: list[str] = json.loads(told.read_text())
    return found


@pytest.mark.parametrize(
    ("options", "further"),
    [
        ("", []),
        ("--update", ["--update"]),
        ("--case\nshop/a b\n\n  \n--jobs=1\n", ["--case", "shop/a b", "--jobs=1"]),
        ("$(touch owned)\n`touch owned`; touch owned", ["$(touch owned)", "`touch owned`; touch owned"]),
    ],
)
def test_inputs_reach_the_gate_as_they_are(tmp_path: Path, options: str, further: list[str]) -> None:
    arguments = gate_arguments(tmp_path, cases="a b/models.py", results="conversions", options=options)
    here = tmp_path / "my shop"
    assert arguments == [
        *("-m", "nox", "-f", "/action/noxfile.py", "-s", "gate", "--", "--toolchain", "default"),
        *("--cases", f"{here}/a b/models.py", "--results", f"{here}/conversions"),
        *("--junit", f"{here}/reports/tfparity.xml", "--download", *further),
    ]
    assert not (here / "owned").exists()


def test_a_folder_of_code_is_named_whole(tmp_path: Path) -> None:
    arguments = gate_arguments(tmp_path, cases="models.py", results="conversions", path="my code", options="--jobs=1")
    assert arguments[-3:] == ["--jobs=1", "--path", f"{tmp_path / 'my shop'}/my code"]


def test_every_action_is_named_by_a_commit() -> None:
    files = [ROOT / "action.yml", *(ROOT / ".github" / "workflows").glob("*.yml")]
    used = [line for file in files for line in re.findall(r"uses: (.+)", file.read_text(encoding="utf-8"))]
    assert len(used) > 5
    assert [line for line in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", line)] == []
