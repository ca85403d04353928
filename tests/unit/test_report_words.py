"""What the pages say in words."""

import pytest
from builders import attempt, broken, cell, lost_axis

from tfparity.records.cells import Attempt
from tfparity.records.vocabulary import Grade, Stage, Verdict
from tfparity.report import words


@pytest.mark.parametrize(
    ("asked", "written", "shown"), [(13, 13, "13"), (13, 18, "13 (file: 18)"), (13, None, "13"), (None, None, "–")]
)
def test_the_files_own_opset_is_told_where_it_is_another(asked: int | None, written: int | None, shown: str) -> None:
    made = attempt(opset=asked, file_opset=written)  # type: ignore[arg-type]
    assert words.opset(cell("f/one", broken(opset=9, file_opset=11), made)) == shown


def test_a_cell_that_never_ran_has_no_opset() -> None:
    assert words.opset(None) == "–"


def test_a_broken_cell_tells_all_opsets_that_were_tried() -> None:
    def tried(*opsets: int, last: Attempt | None = None) -> str:
        return words.opset(cell("f/one", *(broken(opset=opset) for opset in opsets), *([last] if last else [])))

    assert tried(13, 12, 11) == "13, 12, 11"
    assert tried(13, 13, 12) == "13, 12"
    assert tried(13, 12, 14, 11, 9, 10, 15) == "9 to 15"
    assert tried(13, last=lost_axis("batch", 12, file_opset=12)) == "12"


def test_every_word_of_the_vocabulary_can_be_shown() -> None:
    """A word that has none here cannot be in a record either."""
    assert set(words.VERDICTS) == set(Verdict)
    assert set(words.GRADES) == set(Grade)
    assert set(words.STAGES) == set(Stage)
    assert all(words.verdict(verdict) is words.VERDICTS[verdict] for verdict in Verdict)
    signs = [shown.sign for shown in words.VERDICTS.values()]
    assert len(set(signs)) == len(signs)


def test_what_a_worker_does_beside_the_stages_is_shown_not_hidden() -> None:
    assert words.stage("convert") == "converting to TensorFlow"
    assert words.stage("referee") == "referee"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("opset-12", "opset 12"),
        ("shim:onnx-mapping", "shim onnx-mapping"),
        ("explicit-attention", "explicit-attention"),
    ],
)
def test_a_remedy_in_words(name: str, said: str) -> None:
    assert words.remedy(name) == said


@pytest.mark.parametrize(("value", "said"), [(None, "–"), (0.0, "0"), (1.74e-6, "1.7e-06"), (1e-5, "1.0e-05")])
def test_a_number_has_two_digits(value: float | None, said: str) -> None:
    assert words.number(value) == said
