"""A package under test over a locked toolchain, from the command line: a wheel, a folder of sources, a version; scored
against what is recorded, also from bundles; and what is asked wrongly. `six` stands in for a converter."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from folders import CASES, LIMITATIONS, PLANTED, REPOSITORY, Folder, variables

from tfparity import paths
from tfparity.environments import lock, uv_command
from tfparity.inputs import matrix

MATRIX = """\
schema: 1
default: small
toolchains:
  - {id: small, python: "3.11", as-of: 2026-11-20, pins: {numpy: 2.3.5, six: 1.17.0}, routes: {ROUTES}}
"""

#: Of the release on the index.
SIX = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"

#: A route whose converter freezes the batch where the package says that it is broken, and one that never does.
TURNS = """\
def _fault():
    try:
        import six
    except ImportError:  # where the route is only looked at
        return "faithful"
    return "freeze-batch" if "broken" in six.__version__ and not __file__.endswith("faithful.py") else "faithful"


FAULT = _fault()
"""

ROUTES = ("by-six.py", "faithful.py")

#: Builds a wheel of what lies beside it, without anything of an index.
BACKEND = """\
import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    version = open("version").read().strip()
    name = f"six-{version}-py3-none-any.whl"
    os.makedirs("build", exist_ok=True)
    with zipfile.ZipFile(os.path.join(folder, name), "w") as made:
        made.writestr("six.py", f"__version__ = {version!r}\\n")
        head = f"six-{version}.dist-info"
        made.writestr(f"{head}/METADATA", f"Metadata-Version: 2.1\\nName: six\\nVersion: {version}\\n")
        made.writestr(f"{head}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        made.writestr(f"{head}/RECORD", "")
    return name
"""

PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def wheel(folder: Path, version: str = "1.17.0+broken", tag: str = "py3-none-any") -> Path:
    """A wheel of one module, which says its version."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "six"
    head = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"__version__ = {version!r}\n",
        f"{head}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{head}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}\n")
    made = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(made, "w") as archive:
        files[f"{head}/RECORD"] = "".join(lines) + f"{head}/RECORD,,\n"
        for path, text in files.items():  # at no time of day: the same wheel is installed once
            archive.writestr(zipfile.ZipInfo(path), text)
    return made


@pytest.fixture
def small(tmp_path: Path, cache: Path) -> Folder:
    """A recorded project of one numpy toolchain that holds six, with two routes: one that turns faulty with six."""
    root = tmp_path / "project"
    for folder in ("cases", "lockfiles"):
        (root / folder).mkdir(parents=True)
    planted = (PLANTED / "planted.py").read_text(encoding="utf-8")
    always = "FAULT = os.path.basename(__file__)[:-3]\n"
    assert always in planted
    for name in ROUTES:
        (root / name).write_text(planted.replace(always, TURNS), encoding="utf-8")
    named = ", ".join(f"{name}: small" for name in ROUTES)
    (root / "matrix.yaml").write_text(MATRIX.replace("ROUTES", named), encoding="utf-8")
    (root / "cases" / "planted_cases.py").write_text(CASES, encoding="utf-8")
    (root / "limitations.yaml").write_text(LIMITATIONS, encoding="utf-8")
    project = paths.project(root)
    numpy = (PLANTED / "lockfiles" / "numpy-py3.11.txt").read_text(encoding="utf-8")
    lines = numpy[numpy.index("numpy==") :].rstrip() + "\n" + SIX
    environment = matrix.load(project.matrix).environments["small"]
    lock.write(project.lockfiles, environment, lock.Resolved(lines, None))
    made = Folder(root, variables(root, cache))
    done = made.run("run", "--record")
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def snapshot(folder: Folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.root.rglob("*")) if path.is_file()}


def counts(folder: Folder) -> dict[str, int]:
    said = json.loads((folder.root / "score.json").read_text())
    return {kind: count for kind, count in said["counts"].items() if count}


def test_a_broken_wheel_is_scored_from_the_toolchain_and_from_bundles(small: Folder, tmp_path: Path) -> None:
    broken = wheel(tmp_path / "wheels")
    before = snapshot(small)
    asked = ("--with", f"six={broken}", "--score", "--score-json", "score.json")
    done = small.run("run", *asked)
    assert done.returncode == 1, done.stdout + done.stderr
    assert counts(small) == {"newly-failing": 1, "passing": 1}
    (worst, _) = json.loads((small.root / "score.json").read_text())["cells"]
    assert (worst["route"], worst["was"], worst["now"]) == ("by-six.py", "works", "partial")
    assert worst["elsewhere"] == "faithful.py on small"
    assert done.stdout.splitlines()[-1] == "score: exit code 1, something newly fails"
    assert "with six 1.17.0+broken (wheel " in done.stderr
    assert small.run("run", *asked).stderr.count("2 cells done before") == 1
    # From bundles alone.
    assert small.run("bundles", "export", "shared", "--route", "by-six.py").returncode == 0
    route = str(small.root / "by-six.py")
    done = small.run("bundles", "run", "shared", "--route", route, *asked)
    assert done.returncode == 1, done.stdout + done.stderr
    assert counts(small) == {"newly-failing": 1}
    assert "1 cell compared, without remedies: 1 newly-failing" in done.stdout
    (small.root / "score.json").unlink()
    shutil.rmtree(small.root / "shared")
    assert snapshot(small) == before


def test_an_installed_wheel_of_ours_scores_bundles_without_a_clone(small: Folder, tmp_path: Path) -> None:
    asked = ("bundles", "export", "shared", "--route", "by-six.py")
    assert small.run(*asked).returncode == 0
    dist, site = tmp_path / "dist", tmp_path / "site"
    quiet = ("--quiet", "--no-config")
    build = ("build", "--wheel", *quiet, "--out-dir", str(dist), str(REPOSITORY))
    (ours,) = dist.glob("*.whl") if not uv(*build) else ()
    assert uv("pip", "install", *quiet, "--no-deps", "--python", sys.executable, "--target", str(site), str(ours)) == 0
    where = {"PYTHONPATH": str(site)}
    done = small.run(
        *("bundles", "run", "shared", "--route", str(small.root / "by-six.py"), "--score"),
        *("--with", f"six={wheel(tmp_path / 'wheels')}"),
        **where,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 cell compared, without remedies: 1 newly-failing" in done.stdout
    # It brings matrix, zoo and evidence of its own, and writes nothing beside them.
    elsewhere = {name: text for name, text in small.environment.items() if name != "TFPARITY_PROJECT"} | where
    before = {path for path in site.rglob("*") if "__pycache__" not in path.parts}
    for words, code, said in (
        (
            ("upgrade", "tf2.15-torch2.15", "tf2.15-torch2.15", "--tier", "smoke"),
            0,
            "Nothing changes on tf2.15-torch2.",
        ),
        (("run", "--record"), 2, "--results my_results"),
    ):
        command = [sys.executable, "-m", "tfparity", *words]
        done = subprocess.run(command, env=elsewhere, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        assert said in done.stdout + done.stderr
    assert {path for path in site.rglob("*") if "__pycache__" not in path.parts} == before


def uv(*words: str) -> int:
    """The code of a command of uv."""
    return subprocess.run([uv_command.uv(), *words], check=False).returncode


def test_a_package_under_test_is_gated_against_the_evidence_beneath_and_its_environment_goes(
    small: Folder, tmp_path: Path, cache: Path
) -> None:
    before, there = snapshot(small), set((cache / "environments").glob("adhoc_*"))
    asked = ("gate", "--with", f"six={wheel(tmp_path / 'wheels')}", "--junit", str(tmp_path / "gate.xml"))
    done = small.run(*asked, "--keep-environments")
    assert done.returncode == 30, done.stdout + done.stderr
    assert "small/planted/net/by-six.py: partial instead of works" in done.stdout
    assert "faithful" not in done.stdout
    assert "with 1 environment to install" in done.stderr
    assert 'classname="small"' in (tmp_path / "gate.xml").read_text()
    kept = set((cache / "environments").glob("adhoc_*")) - there
    done = small.run("gate", "--with", "six=1.16.0", "--recorded")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "gate: nothing moved in 2 cells\n"
    assert set((cache / "environments").glob("adhoc_*")) - there == kept
    (environment,) = kept
    shutil.rmtree(environment)
    assert snapshot(small) == before


def test_an_edited_folder_is_another_package_and_an_equal_one_is_not(small: Folder, tmp_path: Path) -> None:
    sources = tmp_path / "six-sources"
    sources.mkdir()
    for name, text in (("backend.py", BACKEND), ("pyproject.toml", PYPROJECT), ("version", "1.17.1")):
        (sources / name).write_text(text)
    asked = ("run", "--with", f"six={sources}", "--score", "--route", "by-six.py")
    first = small.run(*asked)
    assert first.returncode == 0, first.stdout + first.stderr
    assert not (sources / "build").exists()
    (sources / "build").mkdir()
    (sources / "build" / "left.o").touch()
    assert "1 cell done before" in small.run(*asked).stderr
    (sources / "version").write_text("1.17.1+broken")
    edited = small.run(*asked)
    assert edited.returncode == 1, edited.stdout + edited.stderr
    assert "1 cell to run" in edited.stderr
    (sources / "version").write_text("1.17.1")
    again = small.run(*asked)
    assert (again.returncode, "1 cell done before" in again.stderr) == (0, True)


def test_evidence_is_unlocked_and_goes_into_a_folder_of_ones_own_alone(small: Folder, tmp_path: Path) -> None:
    asked = ("run", "--with", f"six={wheel(tmp_path / 'wheels')}", "--record")
    before = snapshot(small)
    done = small.run(*asked)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing of it goes into results/" in done.stderr
    assert snapshot(small) == before
    done = small.run(*asked, "--results", "mine")
    assert done.returncode in (0, 1), done.stderr
    (kept,) = (small.root / "mine").glob("*.json")
    content = json.loads(kept.read_text())
    assert [cell["unlocked"] for cell in content["cells"]] == [True, True]
    assert content["environments"][next(iter(content["environments"]))]["packages"]["six"] == "1.17.0+broken"
    again = small.run(*asked, "--results", "mine", "--score")  # against results/: mine has nothing of the toolchain
    assert (again.returncode, "1 newly-failing, 1 passing" in again.stdout) == (1, True), again.stdout + again.stderr
    locked = json.loads((small.root / "results" / "small.json").read_text())
    assert [cell["unlocked"] for cell in locked["cells"]] == [False, False]


def test_what_is_asked_wrongly_is_told_in_a_line_and_nothing_is_written(small: Folder, tmp_path: Path) -> None:
    other_python = wheel(tmp_path / "wheels", "1.17.0", "cp37-cp37m-manylinux1_x86_64")
    before = snapshot(small)
    for words, code, said in (
        (("run", "--with", f"six={other_python}"), 27, "and small is Python 3.11 on this machine: build it for that"),
        (("run", "--with", f"six={small.root / 'cases'}"), 27, "is no Python project"),
        (("run", "--with", "six=0.0.77"), 27, "six==0.0.77: the index has no such version of six"),
        (("run", "--score"), 2, "--score is of a package under test"),
        (("bundles", "run", "x", "--with", "six=1.16.0", "--python", "python3"), 2, "leave out --python"),
        (("gate", "--with", "six=1.16.0", "--update"), 2, "nothing of it goes into results/: leave out --update"),
    ):
        done = small.run(*words)
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (code, "", False), done.stderr
        assert said in done.stderr
    assert snapshot(small) == before


def test_another_version_is_resolved_and_what_pytest_runs_has_it(small: Folder) -> None:
    done = small.run("run", "--with", "six=1.16.0", "--score", "--route", "by-six.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "with six 1.16.0 (version) instead of 1.17.0: unlocked" in done.stderr
    done = small.pytest("--with", "six=1.16.0", "--route", "by-six.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 cell done before" in done.stdout
    done = small.pytest("--with", "six=nonsense")
    assert done.returncode == 27, done.stdout + done.stderr
