"""An artifact's upgrade: the words for what both sides came to, the sides that are asked for, what is wrong with a
request, and the outputs."""

from __future__ import annotations

import datetime
import io
import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy
import pytest
from rich.console import Console

from tfparity import cli
from tfparity.environments import changed, interpreters, lock
from tfparity.environments.changed import Resolver
from tfparity.environments.uv_command import Completed
from tfparity.errors import UsageError
from tfparity.features.upgrade import artifact_outputs as outputs
from tfparity.features.upgrade import artifact_sides as sides
from tfparity.features.upgrade import artifact_terminal
from tfparity.features.upgrade.artifact import changed as became
from tfparity.features.upgrade.artifact import exit_code
from tfparity.features.upgrade.artifact_report import MEANINGS, NO_ENVIRONMENT, ArtifactUpgrade, Result
from tfparity.features.upgrade.kinds import NO_ANSWER, Kind
from tfparity.features.upgrade.report import Package, Side
from tfparity.inputs import matrix
from tfparity.inputs.matrix import Matrix
from tfparity.paths import Cache, Project
from tfparity.records.vocabulary import Grade

ROOT = Path(__file__).parents[2]

RIGHT = Result("pass", True, 1e-7, Grade.FLOAT32_NOISE)
BROKEN = Result(NO_ENVIRONMENT, False, note="tensorflow does not import")
CRASH = Result("crash", False, note="Signal: ended by SIGSEGV")
WRONG = Result("fail", False, 3.0, Grade.DIVERGED, "output 'y' diverged by 3.0e+00")
TURNS = Result("turns with oneDNN", False, 0.0, Grade.FLOAT32_NOISE, "oneDNN off: right; on: wrong by 12")


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (RIGHT, RIGHT, Kind.SAME),
        (RIGHT, Result("pass", True, 1e-5, Grade.WITHIN_1E5), Kind.LESS_EXACT),
        (RIGHT, Result("pass", True, 2e-7, Grade.WITHIN_1E5), Kind.SAME),  # another processor's rounding
        (RIGHT, WRONG, Kind.REGRESSED),
        (RIGHT, TURNS, Kind.REGRESSED),
        (RIGHT, BROKEN, Kind.ENVIRONMENT_BROKEN),
        (CRASH, BROKEN, Kind.ENVIRONMENT_BROKEN),
        (BROKEN, BROKEN, Kind.SAME),
        (BROKEN, RIGHT, Kind.FIXED),
        (BROKEN, CRASH, Kind.CHANGED_FAILURE),
        (WRONG, RIGHT, Kind.FIXED),
        (WRONG, CRASH, Kind.CHANGED_FAILURE),
        (CRASH, Result("crash", False, note="Signal: ended by SIGABRT"), Kind.CHANGED_FAILURE),
        (CRASH, CRASH, Kind.SAME),
        (WRONG, Result("fail", False, 3.1, Grade.DIVERGED, "output 'y' diverged by 3.1e+00"), Kind.SAME),
    ],
)
def test_each_pair_of_results_has_its_word(was: Result, now: Result, kind: Kind) -> None:
    assert became(was, now) is kind
    assert kind in MEANINGS


@pytest.mark.parametrize(
    ("was", "now", "code"),
    [
        (RIGHT, RIGHT, 0),
        (RIGHT, WRONG, 30),
        (RIGHT, BROKEN, 37),
        (CRASH, BROKEN, 0),  # nothing to lose
        (WRONG, CRASH, 0),
        (BROKEN, RIGHT, 0),
        (BROKEN, BROKEN, 41),
        (BROKEN, WRONG, 41),
        (BROKEN, CRASH, 41),
        (BROKEN, TURNS, 41),
    ],
)
def test_without_an_answer_of_base_only_a_right_head_is_a_green_light(was: Result, now: Result, code: int) -> None:
    assert exit_code(became(was, now), was, now) == code


# The sides

MATRIX = """\
schema: 1
default: one
environments:
  - {id: torch-side, python: "3.11", as-of: 2024-05-20, pins: {torch: 2.2.2}}
  - {id: tf-side, python: "3.10", as-of: 2024-05-20, pins: {tensorflow: 2.15.1}}
  - {id: lite-side, python: "3.11", as-of: 2024-05-20, pins: {ai-edge-litert: 1.2.0}}
runtimes:
  - {id: run, python: "3.11", as-of: 2024-05-20, runs: [saved-model], pins: {tensorflow-cpu: 2.15.1}}
  - {id: run-lite, python: "3.11", as-of: 2024-05-20, runs: [tflite], pins: {tflite-runtime: 2.14.0}}
toolchains:
  - {id: one, python: "3.11", as-of: 2024-05-20, pins: {torch: 2.2.2, tensorflow: 2.15.1}}
  - {id: two, source: torch-side, routes: {onnx-tf: tf-side, litert-torch: lite-side}}
  - {id: three, source: torch-side, routes: {onnx-tf: tf-side, keras-rebuild: one}}
"""


class Uv:
    """Resolves what it is asked; keeps it."""

    asked: tuple[str, ...] = ()

    def __call__(self, command: list[str], *, stdin: str = "", cwd: Path | None = None) -> Completed:
        self.asked = tuple(stdin.splitlines())
        lines = [line if "==" in line else f"{line.partition('>')[0]}==9.9" for line in self.asked]
        Path(command[command.index("--output-file") + 1]).write_text(
            "".join(f"{line} --hash=sha256:aa\n" for line in lines)
        )
        return Completed(0, "", "")


@pytest.fixture
def declared(tmp_path: Path) -> Matrix:
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    return matrix.load(tmp_path / "matrix.yaml")


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> Uv:
    monkeypatch.setattr(interpreters, "find", lambda version, **_: Path(f"/opt/python{version}"))
    return Uv()


@pytest.fixture
def resolver(tmp_path: Path, declared: Matrix, uv: Uv) -> Resolver:
    project = Project(tmp_path)
    project.lockfiles.mkdir()
    for environment in declared.locked.values():
        lines = "".join(f"{name}=={version} --hash=sha256:aa\n" for name, version in environment.pins.items())
        lock.write(project.lockfiles, environment, lock.Resolved(lines, None))
    return Resolver(project, Cache(tmp_path / "cache"), datetime.date(2026, 11, 1), run=uv)


def test_a_side_is_a_runtime_a_toolchains_tensorflow_side_or_an_environment(
    declared: Matrix, resolver: Resolver
) -> None:
    for asked, found in (("run", "run"), ("default", "one"), ("two", "tf-side"), ("tf-side", "tf-side")):
        base, head = sides.read(declared, "saved-model", asked, ["run"], resolver)
        assert (base.label, base.environment.id, head.environment.id) == (asked, found, "run")


@pytest.mark.parametrize(
    ("kind", "base", "head", "said"),
    [
        ("saved-model", "runn", ["run"], "no runtime or toolchain 'runn' in matrix.yaml, did you mean 'run'?"),
        ("saved-model", "run", ["torch>"], "'torch>' is no requirement"),
        ("saved-model", "run", ["tensorflow"], "no runtime or toolchain 'tensorflow'.*'tensorflow>=2.16'"),
        ("saved-model", "run-lite", ["run"], "run-lite runs no saved-model artifact: it holds none of tensorflow, "),
        ("saved-model", "run", ["torch-side"], "torch-side runs no saved-model artifact"),
        ("saved-model", "three", ["run"], "three has several TensorFlow sides: name one, tf-side or one"),
        ("saved-model", "run", ["requirements.txt", "numpy==1"], "requirements.txt and numpy==1: write the changes"),
    ],
)
def test_a_side_that_runs_no_such_artifact_is_told(
    declared: Matrix, resolver: Resolver, kind: str, base: str, head: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        sides.read(declared, kind, base, head, resolver)  # type: ignore[arg-type]


def test_a_change_goes_over_base_or_over_what_is_named_before_it(declared: Matrix, resolver: Resolver, uv: Uv) -> None:
    _, head = sides.read(declared, "saved-model", "run", ["tensorflow-cpu==2.16.2"], resolver)
    assert (head.label, uv.asked) == ("run with tensorflow-cpu==2.16.2", ("tensorflow-cpu==2.16.2",))
    _, head = sides.read(declared, "saved-model", "run", ["two", "numpy==1.26.4"], resolver)
    assert (head.label, head.environment.python) == ("two with numpy==1.26.4", "3.10")
    assert set(uv.asked) == {"tensorflow==2.15.1", "numpy==1.26.4"}


def test_a_package_takes_the_place_of_another_with_the_same_modules(
    declared: Matrix, resolver: Resolver, uv: Uv
) -> None:
    for base, change in (("run", "tensorflow==2.16.2"), ("tf-side", "tensorflow-cpu>=2.16")):
        changed.environment_over(declared.locked[base], [change], resolver)
        assert uv.asked == (change,)


def test_a_file_of_requirements_is_a_side(declared: Matrix, resolver: Resolver, uv: Uv, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("tensorflow>=2.16\n")
    _, head = sides.read(declared, "saved-model", "tf-side", [str(file)], resolver)
    assert (head.label, head.environment.python, uv.asked) == ("requirements.txt", "3.10", ("tensorflow>=2.16",))
    file.write_text("numpy>=2\n")
    with pytest.raises(UsageError, match=r"requirements\.txt runs no saved-model artifact"):
        sides.read(declared, "saved-model", "run", [str(file)], resolver)


# The command


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFPARITY_PROJECT", str(ROOT))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"\x08\x01\x12\x05hello")
    (tmp_path / "empty").mkdir()
    numpy.savez(tmp_path / "io.npz", **{"inputs/x": numpy.ones(3), "outputs/y": numpy.ones(3)})
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("--artifact model", 2, "--artifact needs --golden FILE"),
        ("--golden io.npz", 2, "--golden goes with --artifact"),
        ("--switches", 2, "--switches goes with --artifact"),
        ("--artifact model --golden io.npz --case x", 2, "--case is of models that are converted"),
        ("--artifact model --golden io.npz --budget 0", 2, "--budget is of models that are converted"),
        ("--artifact model --golden io.npz --tier core", 2, "--tier is of models that are converted"),
        ("--artifact model --golden io.npz --results mine", 2, "--results is of models that are converted"),
        ("--artifact model --golden io.npz --keep", 2, "--keep is of models that are converted"),
        ("--artifact model --golden io.npz --no-run", 2, "--artifact always runs"),
        ("--artifact model --golden io.npz --retry r.txt", 2, "--retry is of models that are converted"),
        ("--artifact model --golden io.npz --python 3.11", 2, "--python is for a HEAD that is a file"),
        ("--artifact empty --golden io.npz", 24, "empty: is empty"),
        ("--artifact model --golden no.npz", 26, "no.npz: is not there"),
    ],
)
def test_what_means_nothing_is_told_in_a_line(
    model: Path, capsys: pytest.CaptureFixture[str], arguments: str, code: int, said: str
) -> None:
    assert cli.main(["upgrade", "run-tf2.15", "run-tf2.18", *arguments.split()]) == code
    told = capsys.readouterr()
    assert told.err.startswith(f"tfparity: {said}")
    assert told.out == ""
    assert sorted(path.name for path in model.parent.iterdir()) == ["empty", "io.npz", "model"]


# The outputs


def report(**given: object) -> ArtifactUpgrade:
    side = Side("run", "run <b>2.15</b>", "3.11", (), None)
    facts: Mapping[str, object] = {
        "schema": 1,
        "command": "nox -s upgrade -- run run-new --artifact model --golden io.npz",
        "artifact": "model",
        "kind": "saved-model",
        "megabytes": 1.5,
        "golden": "io.npz",
        "base": side,
        "head": Side("run-new", "run-new", "3.12", (), None),
        "on_base": RIGHT,
        "on_head": Result("fail", False, 3.0, Grade.DIVERGED, "output '<script>' diverged"),
        "packages": (Package("tensorflow", "2.15.1", "2.18.1"),),
        "change": Kind.REGRESSED,
        "message": "fail (output '<script>' diverged)",
        "verdict": "run-new is worse: model is right on BASE and not there.",
        "exit_code": 30,
    }
    return ArtifactUpgrade(**{**facts, **given})  # type: ignore[arg-type]


def test_every_output_says_the_same_and_escapes_what_comes_from_outside() -> None:
    said = report()
    out = io.StringIO()
    artifact_terminal.show(Console(file=out, width=200), said)
    assert "regressed: right on BASE, and not on HEAD" in out.getvalue()
    assert json.loads(outputs.as_json(said))["on_head"]["max_abs"] == 3.0
    html = outputs.html_page(said)
    assert "<script>" not in html
    assert "<b>2.15</b>" not in html
    assert "output &#39;&lt;script&gt;&#39; diverged" in html
    assert "<script>" not in outputs.page(said)
    (test,) = ElementTree.fromstring(outputs.junit(said)).iter("testcase")
    assert test.find("failure") is not None
    same = report(on_head=RIGHT, change=Kind.SAME, message="", exit_code=0)
    (test,) = ElementTree.fromstring(outputs.junit(same)).iter("testcase")
    assert test.find("failure") is None


def test_every_output_says_that_there_is_no_answer() -> None:
    said = report(
        on_base=BROKEN, on_head=WRONG, change=Kind.CHANGED_FAILURE, verdict="No answer: <b>", exit_code=NO_ANSWER
    )
    assert outputs.ending(said).startswith("upgrade: exit code 41, no answer: there is no environment for BASE")
    (test,) = ElementTree.fromstring(outputs.junit(said)).iter("testcase")
    failure = test.find("failure")
    assert failure is not None
    assert failure.get("type") == "no-answer"
    assert "Exit code 41, no answer" in outputs.page(said)


def test_the_committed_schema_is_that_of_the_report() -> None:
    committed = json.loads((ROOT / "docs" / "upgrade-artifact.schema.json").read_text())
    assert committed == outputs.json_schema()
