"""The steps of action.yml, as GitHub runs them, with another program in the place of python."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tfparity.cli import parser

ROOT = Path(__file__).parents[2]
ACTION = YAML(typ="safe").load((ROOT / "action.yml").read_text(encoding="utf-8"))


def workflow(name: str) -> dict[str, Any]:
    """A workflow of this repository."""
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = YAML(typ="safe").load(text)
    return loaded


def environment_of(step: dict[str, Any], action: Path | str, inputs: dict[str, str]) -> dict[str, str]:
    """The variables that a step of the action has, those that GitHub fills in included."""
    every = {name: declared.get("default", "") for name, declared in ACTION["inputs"].items()} | inputs
    found = {
        name: re.sub(
            r"\$\{\{ (?:inputs\.(\w+)|github\.action_path) \}\}", lambda m: every[m[1]] if m[1] else str(action), text
        )
        for name, text in step.get("env", {}).items()
    }
    assert not any("${{" in text for text in found.values())
    return found


def gate_arguments(tmp_path: Path, **given: str) -> list[str]:
    """What the gate is called with for those inputs, in a repository with a space in its name."""
    step = ACTION["runs"]["steps"][-1]
    environment = environment_of(step, "/action", given)
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


@pytest.mark.parametrize(
    ("cases", "named"),
    [
        ("models.py", ["models.py"]),
        ("a b/models.py\n\n  \ntagger.onnx\n", ["a b/models.py", "tagger.onnx"]),
        ("$(touch owned)\n`touch owned`&;", ["$(touch owned)", "`touch owned`&;"]),
    ],
)
def test_several_models_are_named_a_line_each(tmp_path: Path, cases: str, named: list[str]) -> None:
    arguments = gate_arguments(tmp_path, cases=cases, results="conversions")
    here = tmp_path / "my shop"
    given = [value for option, value in itertools.pairwise(arguments) if option == "--cases"]
    assert given == [f"{here}/{one}" for one in named]
    assert not (here / "owned").exists()


@pytest.mark.parametrize("cases", ["", "\n  \n"])
def test_no_model_is_an_error_and_never_the_zoo(tmp_path: Path, cases: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as ended:
        gate_arguments(tmp_path, cases=cases, results="conversions")
    assert ended.value.returncode == 2
    assert not (tmp_path / "told.json").exists()


def test_a_list_of_flaky_cells_is_named_as_the_docs_have_it(tmp_path: Path) -> None:
    """GitHub fills in its own folder, which is that of the checkout."""
    page = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"options: (--quarantine=\S*\$\{\{ github\.workspace \}\}\S*)", page)
    here = tmp_path / "my shop"
    filled = said.replace("${{ github.workspace }}", str(here))
    arguments = gate_arguments(tmp_path, cases="models.py", results="conversions", options=filled)
    given = parser().parse_args(["gate", *arguments[arguments.index("--") + 1 :]])
    assert given.quarantine == f"{here}/flaky.yaml"


def test_a_folder_of_code_is_named_whole(tmp_path: Path) -> None:
    arguments = gate_arguments(tmp_path, cases="models.py", results="conversions", path="my code", options="--jobs=1")
    assert arguments[-3:] == ["--jobs=1", "--path", f"{tmp_path / 'my shop'}/my code"]


def test_every_action_is_named_by_a_commit() -> None:
    files = [ROOT / "action.yml", *(ROOT / ".github" / "workflows").glob("*.yml")]
    used = [line for file in files for line in re.findall(r"uses: (.+)", file.read_text(encoding="utf-8"))]
    assert len(used) > 5
    used.remove("./.tfparity # zizmor: ignore[self-repository]")  # checked out at the commit that the caller names
    assert [line for line in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", line)] == []


def test_the_reusable_workflow_hands_what_it_takes_to_the_action() -> None:
    called = workflow("models")
    declared = called["on"]["workflow_call"]["inputs"]
    (step,) = [step for step in called["jobs"]["gate"]["steps"] if step["uses"] == "./.tfparity"]
    handed = {name: text for name, text in step["with"].items() if "${{" in text}
    assert handed == {name: f"${{{{ inputs.{name} }}}}" for name in declared if name not in ("tfparity", "commit")}
    assert set(ACTION["inputs"]) - set(handed) == {"junit", "cache"}
    for name in handed:
        assert declared[name]["description"] == ACTION["inputs"][name]["description"]
        assert declared[name].get("default") == ACTION["inputs"][name].get("default")


#: In the place of python: a scout that ends so, having put something into matrix.yaml or not.
SCOUT = """\
#!/bin/sh
case "$*" in *"-s scout"*) ;; *) echo page > docs/page.md; exit 0 ;; esac
mkdir -p reports && echo said > reports/scout.md
{change}
exit {code}
"""


@pytest.mark.parametrize(
    ("change", "code", "ends", "found"),
    [("echo new >> matrix.yaml; echo lock > lockfiles/new.txt", 1, 0, True), (":", 0, 0, False), (":", 1, 1, False)],
)
def test_the_scheduled_scout_tells_what_was_found_from_an_error(
    tmp_path: Path, change: str, code: int, ends: int, found: bool
) -> None:
    for folder in ("docs", "lockfiles", "bin"):
        (tmp_path / folder).mkdir()
    (tmp_path / "README.md").touch()
    (tmp_path / "matrix.yaml").write_text("schema: 1\n")
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (("init", "-q"), ("add", "README.md", "matrix.yaml"), ("commit", "-qm", "first")):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    stand_in = tmp_path / "bin" / "python"
    stand_in.write_text(SCOUT.format(change=change, code=code))
    stand_in.chmod(0o755)
    (step,) = [step for step in workflow("scout")["jobs"]["try"]["steps"] if step.get("id") == "scout"]
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={"PATH": f"{stand_in.parent}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(tmp_path / "output")},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == ends
    told = (tmp_path / "output").read_text() if (tmp_path / "output").exists() else ""
    assert told == ("found=true\n" if found else "")
    if found:
        subprocess.run([*git, "reset", "-q", "--hard"], cwd=tmp_path, check=True)
        subprocess.run([*git, "apply", "--index", "reports/scout.patch"], cwd=tmp_path, check=True)
        assert (tmp_path / "lockfiles" / "new.txt").read_text() == "lock\n"
        assert (tmp_path / "docs" / "page.md").read_text() == "page\n"


def workflows() -> dict[str, dict[str, Any]]:
    return {path.stem: workflow(path.stem) for path in (ROOT / ".github" / "workflows").glob("*.yml")}


def test_ci_runs_every_session_that_ci_run_does() -> None:
    said = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    sessions = set(re.findall(r"nox -s ([\w-]+)", said))
    steps = [step.get("run", "") for job in workflow("ci")["jobs"].values() for step in job["steps"]]
    assert sessions == {"lint", "audit", "tests", "end-to-end"}
    assert sessions - {name for step in steps for name in re.findall(r"nox -s ([\w-]+)", step)} == set()


def test_no_job_runs_for_six_hours_unseen_and_no_cache_grows() -> None:
    jobs = {(name, job): made for name, one in workflows().items() for job, made in one["jobs"].items()}
    assert [place for place, job in jobs.items() if "timeout-minutes" not in job] == []
    steps = [*ACTION["runs"]["steps"], *(step for job in jobs.values() for step in job["steps"])]
    caches = [step["with"] for step in steps if step.get("uses", "").startswith("actions/cache@")]
    assert len(caches) >= 5
    assert all("restore-keys" not in cache for cache in caches)  # a cache begun with an older one grows with every lock
    assert all("requirements.txt" in cache["key"] or "locks.outputs.digest" in cache["key"] for cache in caches)


#: In the place of python: tells what it is called with; merging the second toolchain fails.
MERGING = """\
#!/bin/sh
printf '%s\\n' "$*" >> "$TOLD"
case "$*" in *parts/tf2.16/1*) exit 1 ;; esac
"""


def stepped(tmp_path: Path, job: str, name: str, **environment: str) -> tuple[int, list[str]]:
    """The code of a step of evidence.yml and what python was called with, a line each."""
    (step,) = [step for step in workflow("evidence")["jobs"][job]["steps"] if step.get("name") == name]
    assert set(step["env"]) <= {*environment, "SHARES"}
    stand_in = tmp_path / "bin" / "python"
    stand_in.parent.mkdir(exist_ok=True)
    stand_in.write_text(MERGING)
    stand_in.chmod(0o755)
    told = tmp_path / "told"
    told.unlink(missing_ok=True)
    given = {"PATH": f"{stand_in.parent}:{os.environ['PATH']}", "TOLD": str(told), **environment}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(shell, env=given, cwd=tmp_path, check=False)
    return done.returncode, told.read_text().splitlines()


def test_the_shares_of_every_toolchain_are_merged_alone_and_one_that_is_not_whole_is_told(tmp_path: Path) -> None:
    """Ids that begin alike, as tf2.16 and tf2.16-shims do, are not taken for each other."""
    whole = workflow("evidence")
    shares = whole["jobs"]["share"]["strategy"]["matrix"]["share"]
    assert shares == list(range(1, int(whole["env"]["SHARES"]) + 1))
    ids = ["tf2.15", "tf2.16", "tf2.16-shims"]
    for id in ids:
        for share in shares:
            given = {"TOOLCHAIN": id, "SHARE": str(share), "SHARES": whole["env"]["SHARES"]}
            code, told = stepped(tmp_path, "share", "Run", **given)
            asked = f"--toolchain {id} --tier core --shard {share}/2 --record --results parts/{id}/{share} --download"
            assert told == [f"-m nox -s tfparity -- run {asked}"]
            (tmp_path / "parts" / id / str(share)).mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "compatibility.md").write_text("the table\n")
    summary = tmp_path / "summary"
    code, told = stepped(tmp_path, "merge", "Merge", IDS=json.dumps(ids), GITHUB_STEP_SUMMARY=str(summary))
    merging = "-m nox -s tfparity -- merge"
    assert told == [*(f"{merging} parts/{id}/1 parts/{id}/2" for id in ids), "-m nox -s table"]
    assert code == 1
    assert summary.read_text() == "- tf2.16: not merged\nthe table\n"
