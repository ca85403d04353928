"""What a choice selects, and what it may not mix."""

from pathlib import Path
from typing import Any

import pytest
import small_project
from small_project import NAMES, RULE

from tfparity import paths
from tfparity.environments import install
from tfparity.errors import UsageError
from tfparity.inputs import matrix
from tfparity.paths import Cache, Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.vocabulary import Tier

REPOSITORY = paths.project(Path(__file__).parents[2])
REAL = matrix.load(REPOSITORY.matrix)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


# Evidence of one's own


@pytest.mark.parametrize(
    ("choice", "mixes"),
    [
        ({}, False),
        ({"sources": ("mine.py",)}, True),
        ({"path": (Path("vendor"),)}, True),
        ({"limitations": Path("mine.yaml")}, True),
        ({"sources": ("mine.py",), "results": Path("results")}, True),
        ({"sources": ("mine.py",), "results": Path("mine")}, False),
    ],
)
def test_evidence_with_something_of_ones_own_needs_a_place_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: dict[str, Any], mixes: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = Selection(Choice(**choice), Project(tmp_path), Cache(tmp_path / "cache"))
    if not mixes:
        asked.refuse_to_mix()
        return
    with pytest.raises(UsageError, match="a place of its own"):
        asked.refuse_to_mix()


def test_evidence_does_not_go_into_an_installed_package(tmp_path: Path) -> None:
    asked = Selection(Choice(), Project(paths.INSTALLED), Cache(tmp_path / "cache"))
    with pytest.raises(UsageError, match="a place of its own"):
        asked.refuse_to_mix()


def test_recording_ones_own_models_needs_a_folder_of_ones_own(project: Project) -> None:
    asked = Selection(Choice(toolchains=("old",), sources=(str(project.cases),), record=True))
    with pytest.raises(UsageError, match="--results my_results"):
        asked.read()


def test_rules_of_ones_own_go_first(project: Project, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULE.replace("id: unsqueeze", "id: mine"))
    asked = Selection(Choice(results=tmp_path / "mine", limitations=rules))
    assert [rule.id for rule in asked.limitations] == ["mine", "unsqueeze"]


def test_a_folder_of_code_that_is_none_is_a_usage_error(project: Project) -> None:
    with pytest.raises(UsageError, match="--path none: is no folder"):
        Selection(Choice(path=(Path("none"),))).read()


# Which cells


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [(("all",), ["old", "new", "never"]), (("default",), ["old"]), (("new", "default"), ["old", "new"])],
)
def test_toolchains_are_chosen_by_id_in_the_order_of_the_matrix(
    project: Project, asked: tuple[str, ...], chosen: list[str]
) -> None:
    selection = Selection(Choice(toolchains=asked))
    assert selection.toolchains == chosen
    assert [environment.id for environment in selection.environments] == chosen


def test_an_unknown_toolchain_is_a_usage_error_with_a_guess(project: Project) -> None:
    with pytest.raises(UsageError, match=r"no toolchain 'neu' in matrix\.yaml, did you mean 'new'"):
        _ = Selection(Choice(toolchains=("neu",))).toolchains


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("tf2.15", "tf2.15-torch2.15"),  # the default
        ("tf2.11", "tf2.11-torch1.13"),  # the other cannot be resolved
        ("tf2.16", "tf2.16-torch2.2-shims"),
        ("tf2.12", "tf2.12-torch1.13"),
        ("tf2.12-torch1.31", "tf2.12-torch1.13"),
        ("litert", "litert2.3-torch2.13"),
    ],
)
def test_a_name_that_several_toolchains_begin_with_means_one_that_models_can_be_tried_on(word: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"did you mean '{meant}'\?"):
        _ = Selection(Choice(toolchains=(word,)), REPOSITORY).toolchains


@pytest.mark.parametrize("toolchain", [id for id in REAL.toolchains if id.startswith("tf")])
def test_whatever_tensorflow_is_named_the_guess_has_smoke_cases_wherever_one_of_it_has(toolchain: str) -> None:
    word = toolchain.partition("-")[0]

    def smoke(*ids: str) -> bool:
        planned = Selection(Choice(toolchains=ids), REPOSITORY).planned
        return any(cell.applicable for cell in planned)

    with pytest.raises(UsageError) as refused:
        _ = Selection(Choice(toolchains=(word,)), REPOSITORY).toolchains
    meant = str(refused.value).split("'")[-2]
    assert meant.startswith(word)
    assert smoke(meant) == smoke(*(id for id in REAL.toolchains if id.startswith(word)))


@pytest.mark.parametrize(
    ("choice", "tier"),
    [
        ({}, Tier.SMOKE),
        ({"tier": "core"}, Tier.CORE),
        ({"case_globs": ("zoo/*",)}, Tier.ALL),
        ({"sources": ("mine.py",)}, Tier.ALL),
        ({"case_globs": ("zoo/*",), "tier": "smoke"}, Tier.SMOKE),
    ],
)
def test_where_cases_are_named_every_tier_is_meant(choice: dict[str, Any], tier: Tier) -> None:
    assert Selection(Choice(**choice)).tier is tier


def test_an_unknown_tier_is_a_usage_error(project: Project) -> None:
    with pytest.raises(UsageError, match="no tier 'some'; there are smoke, core, full, all"):
        _ = Selection(Choice(tier="some")).planned


@pytest.mark.parametrize(
    ("choice", "everything"),
    [
        ({}, True),
        ({"toolchains": ("old", "new", "never")}, True),
        ({"toolchains": ("old",)}, False),
        ({"tier": "full"}, False),
        ({"case_globs": ("*",)}, False),
        ({"routes": ("onnx-tf",)}, False),
        ({"budget": 60.0}, False),
    ],
)
def test_everything_is_what_leaves_out_nothing(project: Project, choice: dict[str, Any], everything: bool) -> None:
    selection = Selection(Choice(**{"toolchains": ("all",), "tier": "all", **choice}))
    assert selection.everything == everything


def test_what_is_declared_is_every_recorded_cell_of_the_chosen_toolchains(project: Project, tmp_path: Path) -> None:
    every = {("old", f"zoo/{name}", route) for name in NAMES for route in ("onnx-tf", "onnx-tf-dynamo")}
    chosen = Selection(Choice(toolchains=("old",), case_globs=("zoo/gru",), routes=("onnx-tf",)))
    assert [cell.place for cell in chosen.planned] == [("old", "zoo/gru", "onnx-tf")]
    recorded = {*every, ("old", "zoo/gone", "onnx-tf"), ("new", "zoo/gru", "onnx-tf")}
    assert chosen.declared(recorded) == every
    assert chosen.declared({("old", "zoo/gru", "onnx-tf")}) == {("old", "zoo/gru", "onnx-tf")}
    own = {"toolchains": ("old",), "sources": (str(project.cases),)}
    assert Selection(Choice(**own)).declared(recorded) is None
    assert Selection(Choice(**own, results=tmp_path / "mine")).declared(recorded) == every


def test_an_environment_is_installed_once_it_is_complete(project: Project) -> None:
    selection = Selection(Choice())
    (environment,) = selection.environments
    place = install.place(environment, selection.keys.locked(environment), selection.cache)
    place.mkdir(parents=True)
    assert not selection.installed(environment)
    (place / install.COMPLETE).touch()
    assert selection.installed(environment)
