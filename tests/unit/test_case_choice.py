"""What --case names: globs, single cells, a file of such lines, a sample that a seed draws again."""

from pathlib import Path

import builders
import pytest
import small_project

from tfparity.errors import UsageError
from tfparity.features.session import Session
from tfparity.planning import case_choice
from tfparity.planning.options import Choice, chosen
from tfparity.planning.selection import Selection
from tfparity.records.vocabulary import Tier

CELLS = [builders.planned(f"zoo/{name}", route=route) for name in "abcdef" for route in ("onnx-tf", "onnx2tf")]


def places(*words: str) -> list[tuple[str, str]]:
    return [(cell.case, cell.route) for cell in case_choice.read(words).of(CELLS)]


def test_a_cell_is_a_case_and_a_route() -> None:
    assert places("zoo/a onnx-tf", "zoo/b") == [("zoo/a", "onnx-tf"), ("zoo/b", "onnx-tf"), ("zoo/b", "onnx2tf")]
    assert places("zoo/* onnx2tf") == [(f"zoo/{name}", "onnx2tf") for name in "abcdef"]


def test_a_file_has_a_line_for_each(tmp_path: Path) -> None:
    listed = tmp_path / "again.txt"
    listed.write_text("# what was worse\n\n  zoo/a   onnx-tf\nzoo/c onnx2tf  \n")
    assert places(f"@{listed}") == [("zoo/a", "onnx-tf"), ("zoo/c", "onnx2tf")]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read: No such file"), (b"\xff\xfe", "no text in UTF-8"), (b"# none\n", "names no cell")],
)
def test_a_file_that_says_nothing_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    listed = tmp_path / "again.txt"
    if content is not None:
        listed.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        case_choice.read([f"@{listed}"])


def test_a_seed_draws_the_same_cases_again() -> None:
    three = places("random-3:7")
    assert len({case for case, _ in three}) == 3
    assert len(three) == 6
    assert places("random-3:7") == three
    assert {tuple(places(f"random-3:{seed}")) for seed in range(20)} > {tuple(three)}
    assert len(places("random-50:1")) == len(CELLS)
    assert {case for case, _ in places("zoo/a", "zoo/b", "random-1:3")} < {"zoo/a", "zoo/b"}


def test_a_case_that_can_run_nowhere_is_not_drawn() -> None:
    cannot = [builders.planned("zoo/none", "not-applicable", "no")]
    assert case_choice.read(["random-1:1"]).of(cannot) == []


def test_two_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="two samples"):
        case_choice.read(["random-3:1", "random-4:1"])


def test_a_sample_without_a_seed_has_one_once_it_is_asked_for() -> None:
    given = {"case": ["random-2", "zoo/*"]}
    asked = chosen(given.get)
    assert asked.case_globs[0].startswith("random-2:")
    assert asked.case_globs[1] == "zoo/*"
    sample = case_choice.read(asked.case_globs).sample
    assert sample is not None
    assert sample.told.endswith(f"--case {asked.case_globs[0]})")


def test_a_session_has_the_cells_that_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_project.make(tmp_path, monkeypatch)
    asked = Choice(toolchains=("new",), case_globs=("random-2:5",), routes=("onnx-tf",))
    assert len({cell.case for cell in Session(asked).cells}) == 2
    assert Session(asked).cells == Session(asked).cells
    assert Selection(asked).tier is Tier.FULL  # heavy cases are named or asked for
    assert not Selection(asked).everything
    session = Session(asked)
    assert session.forecast(session.cells, []).startswith("2 cases at random by seed 5 (the same ones again: --case")
