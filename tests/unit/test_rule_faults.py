"""Rules are honest: each kind of fault is planted, told, and gone once it is mended; our own rules have none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import attempt, broken, document, record, rule

from tfparity import paths
from tfparity.evidence import files, rule_faults
from tfparity.evidence.rule_faults import faults
from tfparity.evidence.schema import Evidence
from tfparity.inputs import limitations
from tfparity.inputs.limitations import Limitation
from tfparity.inputs.reasons import reason
from tfparity.records.blame import SENTENCES

CITED = {"link": "https://example.org/issues/1"}
HERE = Path(__file__).parents[2]

PARITY = "ConverterDiverged: ONNX Runtime gives the right answer for the exported file, the converted model does not"


def wrong(detail: str = "output 'output' diverged", **changed: Any) -> Any:
    kind, _, blame = PARITY.partition(": ")
    return attempt(13, "parity", "fail", f"{blame}: {detail}", kind, **changed)


def told(*rules: Limitation, evidence: Sequence[Evidence] = (), root: Path = HERE) -> list[str]:
    """What is told, without the file and the rule's id."""
    return [fault.partition(" ")[2].partition(" ")[2] for fault in faults(rules, evidence, root)]


def test_our_own_rules_have_no_fault() -> None:
    repository = paths.project(HERE)
    assert faults(limitations.load(repository.limitations), files.load_all(repository).values(), HERE) == []


# Words against its own remedies


@pytest.mark.parametrize("words", ["none known", "None tried here; a thread spells it out.", "With pads none known."])
def test_words_that_deny_a_remedy_stand_beside_none(words: str) -> None:
    denying = rule(remedy=words, **CITED)
    assert told(denying) == []
    assert told(denying.model_copy(update={"remedies": ("auto-cast",)})) == [
        f"says {words!r} beside its remedies auto-cast"
    ]
    assert told(rule(remedy="Cast (the remedy does).", remedies=["auto-cast"], **CITED)) == []


# What will not come


@pytest.mark.parametrize(
    ("words", "bound", "open_end"),
    [
        ("A later transformers.", "<4.41", ">=4.30"),
        ("transformers 4.31 or later, or another route.", "<4.31", "<4.40"),
        ("A newer release of transformers.", "<=4.57.6", ">=4"),
    ],
)
def test_a_later_version_is_an_advice_below_a_bound_alone(words: str, bound: str, open_end: str) -> None:
    assert told(rule(remedy=words, when={"transformers": bound}, **CITED)) == []
    for when in ({"transformers": open_end}, {}, {"torch": "<2"}):
        (fault,) = told(rule(remedy=words, when=when, **CITED))
        assert "bound transformers in `when`" in fault


def test_what_does_not_exist_yet_is_said_of_old_versions_alone() -> None:
    waiting = {
        "cause": "This version of transformers does not have the class yet.",
        "remedy": "Another route.",
        **CITED,
    }
    assert told(rule(**waiting, when={"transformers": "<4.41"})) == []
    (fault,) = told(rule(**waiting, when={"route": "hf-from-pt", "opset": "<18"}))
    assert fault.startswith("tells people to wait")


def test_a_version_of_a_part_of_the_model_is_no_package() -> None:
    assert told(rule(remedy="Put the later layers first, or take level 3 or later.", **CITED)) == []


# Patterns without a reason


@pytest.mark.parametrize(
    "text",
    [
        "' is lost: at ",
        "AxisLost: axis 'batch' is lost: at batch=1",
        f"{PARITY}: output 'logits' diverged",
        "ExporterDrifted: ONNX Runtime gives a wrong answer for the exported file already: output 'a' is off by up to",
        "Diverged: the converted model's answer is wrong, and no referee can say since when: output 'a' diverged",
        "SignatureLost: inputs are ",
        "Timeout: still running after",
        "in user code: KeyError: ''",
        "AssertionError:",
        "InvalidArgumentError: Graph execution error: Detected at node model/encoder/layer.0 defined at",
    ],
)
def test_what_came_of_it_is_no_reason(text: str) -> None:
    assert reason(text) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "AxisLost: axis '*Input to reshape is a tensor with",
        "GRU with linear_before_reset is not supported",
        "SignatureLost: inputs are *int32* instead of *int64",
        "got shape (-9223372036854775808,",
        "KeyError: 'onnx::Clip'",
    ],
)
def test_words_of_the_error_itself_are_a_reason(text: str) -> None:
    assert reason(text)


def test_a_pattern_without_a_reason_needs_the_cause_elsewhere() -> None:
    lost: dict[str, Any] = {"matches": "' is lost: at ", "stage": "dynamic-shape", **CITED}
    (fault,) = told(rule(**lost))
    assert fault.startswith('matches "\' is lost: at", which says no reason')
    assert len(told(rule(**lost, cases=["pitfalls/frozen-*"]))) == 1
    assert len(told(rule(**lost, when={"route": "nobuco"}))) == 1
    for narrowed in ({"cases": ["pitfalls/a", "pitfalls/b"]}, {"operators": ["Pad"]}, {"when": {"remedy": "fixed-*"}}):
        assert told(rule(**lost, **narrowed)) == []


# Two errors in one rule


def test_cases_that_fail_for_different_reasons_are_not_one_cause() -> None:
    kinds = [wrong("output 'output' diverged"), wrong("output 'output' has Incompatible shapes")]
    content = document(*(record(f"a/{name}", made) for name, made in zip("bc", kinds, strict=True)))
    both = rule("both", PARITY, stage="parity", cases=["a/b", "a/c"], **CITED)
    assert told(both, evidence=[content]) == ["explains different errors by onnx-tf: Incompatible shapes and nothing"]
    apart = [rule(f"of-{name}", PARITY, stage="parity", cases=[f"a/{name}"], **CITED) for name in "bc"]
    assert told(*apart, evidence=[content]) == []
    alike = document(*(record(f"a/{name}", wrong(f"output '{name}' diverged")) for name in "bc"))
    assert told(both, evidence=[alike]) == []


def test_cases_that_different_remedies_cure_are_not_one_cause() -> None:
    def cured(case: str, remedy: str) -> Any:
        return record(case, wrong(), attempt(13, remedies=[remedy]))

    both = rule(
        "both", PARITY, stage="parity", cases=["a/b", "a/c"], remedies=["reduce-l2-handler", "resize-handler"], **CITED
    )
    two = document(cured("a/b", "reduce-l2-handler"), cured("a/c", "resize-handler"))
    assert told(both, evidence=[two]) == ["explains cases that different remedies cure: a/b, a/c"]
    assert told(both, evidence=[document(cured("a/b", "resize-handler"), cured("a/c", "resize-handler"))]) == []


# Causes that nothing shows


def test_a_cause_without_a_link_is_shown_or_is_a_guess() -> None:
    guess = rule()
    failing = document(record("a/b", broken()), record("a/fine", attempt(13)))
    assert told(guess, evidence=[failing])[0].startswith("claims a cause without a link")
    assert told(rule(cause="unknown", investigated="read the handler"), evidence=[failing]) == []
    assert told(rule(**CITED), evidence=[failing]) == []
    assert told(rule(when={"remedy": "fixed-axes"})) == []


def test_a_remedy_that_cures_a_recorded_cell_shows_the_cause() -> None:
    cured = document(record("a/b", broken(), attempt(13, remedies=["squeeze-handlers"])))
    assert told(rule(remedies=["squeeze-handlers"]), evidence=[cured]) == []
    assert len(told(rule(remedies=["auto-cast"]), evidence=[cured])) == 1


def test_a_case_that_lacks_the_cause_shows_it_where_it_works_beside_a_failing_one() -> None:
    shown = rule(shown=["a/fine"])
    assert told(shown, evidence=[document(record("a/b", broken()), record("a/fine", attempt(13)))]) == []
    failing, works, fails = record("a/b", broken()), record("a/fine", attempt(13)), record("a/fine", broken())
    for without in ([failing], [works], [failing, fails]):
        (fault,) = told(shown, evidence=[document(*without)])
        assert fault.startswith("is not shown by a/fine")


def test_a_test_shows_a_cause_where_there_is_such_a_test(tmp_path: Path) -> None:
    shown = rule(shown=["tests/test_it.py::test_the_cause"])
    assert told(shown, root=tmp_path)[0].startswith("is not shown by tests/test_it.py::test_the_cause")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(
        "def test_another():\n    pass\n\n\ndef test_the_cause():\n    pass\n"
    )
    assert told(shown, root=tmp_path) == []


def test_faults_name_the_file_and_the_rule() -> None:
    (fault,) = rule_faults.faults([rule("mine", remedy="none known", remedies=["auto-cast"], **CITED)], [], HERE)
    assert fault.startswith("limitations.yaml: mine says ")


@pytest.mark.parametrize("sentence", SENTENCES)
def test_whose_fault_it_is_says_no_reason(sentence: str) -> None:
    assert reason(f"ConverterDiverged: {sentence}: output 'y' diverged") == frozenset()
