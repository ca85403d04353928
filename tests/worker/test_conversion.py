"""One model taken across by a planted converter, through real workers: what is delivered, and what is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.engine.engine import Converted
from tfparity.errors import UsageError
from tfparity.features.convert import convert
from tfparity.features.convert import script as conversion_script
from tfparity.features.session import Session
from tfparity.planning.options import Choice
from tfparity.records.observer import Silent
from tfparity.records.vocabulary import Target
from tfparity.worker import declare, plugins

HERE = Path(__file__).parent

MATRIX = """\
schema: 1
default: small
environments: []
toolchains:
  - id: small
    python: "3.11"
    as-of: 2026-11-20
    pins: {numpy: 2.3.5}
    routes: {ROUTES}
"""


class Folder:
    """A project with planted routes, and a conversion in it; `told` are the lines of the last one."""

    def __init__(self, root: Path, cache: paths.Cache, patch: pytest.MonkeyPatch) -> None:
        self.root, self.cache, self.patch = root, cache, patch
        self.output = root / "out"
        self.told: list[str] = []
        (root / "lockfiles").mkdir()
        shutil.copytree(HERE / "cases", root / "cases", ignore=shutil.ignore_patterns("__pycache__"))
        (root / "limitations.yaml").write_text("[]\n")
        shutil.copy(HERE / "lockfiles" / "numpy-py3.11.txt", root / "lockfiles" / "small.txt")

    def convert(self, *faults: str, targets: tuple[Target, ...] = (Target.SAVED_MODEL,)) -> Converted | None:
        """By routes of these faults, in their order."""
        for fault in faults:
            shutil.copy(HERE / "planted.py", self.root / f"{fault}.py")
        named = ", ".join(f"{fault}.py: small" for fault in faults)
        (self.root / "matrix.yaml").write_text(MATRIX.replace("ROUTES", named))
        self.patch.setattr(declare, "_registry", {})
        self.patch.setattr(plugins, "_loaded", {})
        order = [f"{fault}.py" for fault in faults]
        self.patch.setattr(
            convert,
            "ways",
            lambda asked, *_: [[cell for cell in asked.cells if cell.route == route] for route in order],
        )
        asked = Session(Choice(tier="all", case_globs=("planted/net",)), paths.Project(self.root), self.cache)
        self.told.clear()
        done = convert.convert(asked, self.output, targets, Silent(), self.told.append)
        return done.made if done else None

    def left(self) -> list[str]:
        """What a conversion left in the project, by name."""
        return [name for name in names(self.root) if name.startswith((".", "out"))]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path, cache: paths.Cache, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, cache, monkeypatch)


def test_what_is_right_is_delivered_with_its_verdict_and_environment(folder: Folder) -> None:
    done = folder.convert("faithful")
    assert done is not None
    assert folder.left() == ["out"]
    assert names(folder.output) == ["README.md", "requirements-small.txt", "saved_model", "verdict.json"]
    assert (folder.output / "saved_model" / "weights.npz").is_file()
    verdict = json.loads((folder.output / "verdict.json").read_text())
    assert (verdict["case"], verdict["route"], verdict["dynamic"]) == ("planted/net", "faithful.py", {"batch": True})


def test_the_environment_is_told_also_where_no_script_can_be(folder: Folder) -> None:
    folder.convert("faithful")
    readme = (folder.output / "README.md").read_text()
    assert "uv venv --python 3.11 small\nuv pip sync --python small --require-hashes requirements-small.txt" in readme
    assert "no script that makes it again without tfparity: the route is none of tfparity's own." in readme


def test_random_weights_are_told(folder: Folder) -> None:
    folder.convert("faithful")
    (line,) = [line for line in (folder.output / "README.md").read_text().splitlines() if "random weights" in line]
    assert "for your own weights" in line


def test_sizes_are_told(folder: Folder) -> None:
    folder.convert("faithful")
    readme = (folder.output / "README.md").read_text()
    assert "- takes `images` float32 (batch, 3, 8, 8); gives `z_scores` (batch, " in readme


def test_a_folder_that_is_there_is_refused_and_stays(folder: Folder) -> None:
    folder.output.mkdir()
    (folder.output / "mine").write_text("")
    with pytest.raises(UsageError, match="is there already"):
        folder.convert("faithful")
    assert names(folder.output) == ["mine"]
    assert folder.told == []


def test_a_way_that_is_wrong_gives_way_to_the_next(folder: Folder) -> None:
    done = folder.convert("swap-outputs", "faithful")
    assert done is not None
    assert done.crossing.planned.route == "faithful.py"
    assert [line.partition(":")[0].split()[0] for line in folder.told] == ["planted/net", "broken", "planted/net"]


@pytest.mark.parametrize(
    ("raised", "ways"), [("FileNotFoundError('weights.pt')", 1), ("ValueError('no')", 1), ("ImportError('no name')", 2)]
)
def test_a_model_that_nothing_builds_is_tried_once(folder: Folder, raised: str, ways: int) -> None:
    file = folder.root / "cases" / "planted_cases.py"
    file.write_text(file.read_text().replace("    return _net(0)\n", f"    raise {raised}\n", 1))
    assert folder.convert("faithful", "swap-outputs") is None
    assert sum(line.startswith("planted/net by ") for line in folder.told) == ways
    assert (folder.told[-1] == "the model itself is not built: no other way is tried") == (ways == 1)
    assert folder.left() == []


def test_where_no_way_is_right_nothing_is_left(folder: Folder) -> None:
    assert folder.convert("swap-outputs", "freeze-batch") is None
    assert folder.left() == []
    assert [line.strip().partition(":")[0] for line in folder.told[1:4:2]] == ["broken", "partial"]


def test_a_right_saved_model_is_delivered_without_the_tflite_file_that_is_not(folder: Folder) -> None:
    both = (Target.SAVED_MODEL, Target.TFLITE_FLOAT32)
    done = folder.convert("faithful", targets=both)  # no TensorFlow makes one here
    assert done is not None
    assert names(folder.output) == ["README.md", "requirements-small.txt", "saved_model", "verdict.json"]
    assert f"the SavedModel is right, {Target.TFLITE_FLOAT32} is not: " in folder.told[1]
    assert f"- **no {Target.TFLITE_FLOAT32}**: " in (folder.output / "README.md").read_text()
    verdict = json.loads((folder.output / "verdict.json").read_text())
    assert list(verdict["missing"]) == [Target.TFLITE_FLOAT32]
    assert Target.TFLITE_FLOAT32 not in verdict


@pytest.mark.parametrize("wrong", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_a_folder_that_was_not_finished(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, wrong: type[BaseException]
) -> None:
    def fail(route: str, case: declare.Case) -> None:
        assert [name for name in folder.left() if name.startswith(".out-")]
        raise wrong

    monkeypatch.setattr(conversion_script, "unsaid", fail)
    with pytest.raises(wrong):
        folder.convert("faithful")
    assert folder.left() == []
