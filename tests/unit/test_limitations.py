"""A limitation is a sentence with a cause and a link, and holds only where it says."""

import fnmatch
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version
from pydantic import ValidationError

from tfparity import paths
from tfparity.errors import LimitationError
from tfparity.inputs.limitations import DEFECT, NO_LINK, Limitation, Met, Rules, UsersLimitation, json_schema, load
from tfparity.inputs.reasons import reason

RULE = """\
- id: onnx-tf-unsqueeze-13
  when: {onnx-tf: "<=1.10.0", opset: ">=13"}
  stage: convert
  matches: "Unsqueeze version 13 is not implemented"
  cause: The release on the index lacks the opset-13 handler.
  link: https://github.com/onnx/onnx-tensorflow/issues/997
  remedy: Export at opset 12.
"""

MET = {
    "packages": {"onnx-tf": "1.10.0", "torch": "2.15.0+cpu", "python": "3.11"},
    "opset": 13,
    "route": "onnx-tf",
    "toolchain": "tf2.15-torch2.15",
    "case": "operators/gelu",
    "stage": "convert",
    "message": "BackendIsNotSupposedToImplementIt: Unsqueeze version 13 is not implemented.",
}


def written(tmp_path, text):
    path = tmp_path / "limitations.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def rule(**changed):
    given = {
        "id": "a-rule",
        "stage": "convert",
        "matches": "Unsqueeze version 13 is not implemented",
        "cause": "c",
        "link": NO_LINK,
        "remedy": "r",
    }
    return Limitation.model_validate({**given, **changed})


def test_a_rule_is_read_with_all_it_says(tmp_path):
    (found,) = load(written(tmp_path, RULE))
    assert found.id == "onnx-tf-unsqueeze-13"
    assert found.when == {"onnx-tf": "<=1.10.0", "opset": ">=13"}
    assert found.cases == ("*",)
    assert found.understood
    assert found.explains(Met(**MET))


def test_an_empty_list_is_no_rules(tmp_path):
    assert list(load(written(tmp_path, "[]\n"))) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"opset": 12},
        {"opset": None},
        {"packages": {"onnx-tf": "1.11.0"}},
        {"packages": {}},
        {"packages": {"onnx-tf": "not a version"}},
        {"stage": "load"},
        {"message": "BackendIsNotSupposedToImplementIt: Squeeze version 13 is not implemented."},
    ],
)
def test_a_rule_does_not_hold_elsewhere(tmp_path, changed):
    (found,) = load(written(tmp_path, RULE))
    assert not found.explains(Met(**{**MET, **changed}))


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({}, True),
        ({"torch": ">=2.15"}, True),
        ({"torch": "<=2.15.0"}, True),
        ({"torch": "<2.15"}, False),
        ({"python": "==3.11.*"}, True),
        ({"python": ">=3.12"}, False),
        ({"route": "onnx-tf"}, True),
        ({"route": "onnx-tf-*"}, False),
        ({"toolchain": "tf2.15-*"}, True),
        ({"toolchain": "tf2.16-*"}, False),
        ({"tensorflow": ">=2"}, False),
        ({"torch": ">=2", "opset": "==13", "route": "onnx-*"}, True),
        ({"torch": ">=2", "opset": "==12"}, False),
    ],
)
def test_every_condition_must_hold(when, holds):
    assert rule(when=when).explains(Met(**MET)) == holds


@pytest.mark.parametrize(
    ("pattern", "holds"),
    [
        ("Unsqueeze version 13 is not implemented", True),
        ("Unsqueeze version * is not implemented", True),
        ("BackendIsNotSupposedToImplementIt: *version 13", True),
        ("version 13 is not implemented*Unsqueeze", False),
        ("Unsqueeze.version.13.is.not.implemented", False),
        ("unsqueeze version 13 is not", False),
        ("Unsqueeze   version\n 13 is not implemented", True),
    ],
)
def test_a_pattern_is_literal_text_with_stars(pattern, holds):
    assert rule(matches=pattern).explains(Met(**MET)) == holds


@pytest.mark.parametrize(
    ("cases", "holds"),
    [(("operators/*",), True), (("torchvision/*", "operators/gelu"), True), (("torchvision/*",), False)],
)
def test_a_rule_can_be_for_some_cases(cases, holds):
    assert rule(cases=cases).explains(Met(**MET)) == holds


@pytest.mark.parametrize(
    ("message", "holds"),
    [
        (DEFECT + "moving a weight by 1 % does not move the output: a.bias", False),
        (DEFECT + "float32 rounds output so coarsely that a wrong answer would pass for noise", False),
        ("Refused: " + DEFECT + "moving a weight", True),
        ("InsensitiveCases: moving a weight", True),
    ],
)
def test_no_rule_explains_a_case_that_cannot_tell_right_from_wrong(message, holds):
    rules = [rule(id="by-type", stage="build", matches=text) for text in ("InsensitiveCase", "float32 rounds")]
    assert any(rule.explains(Met(**{**MET, "stage": "build", "message": message})) for rule in rules) == holds


def test_a_pre_release_counts_as_a_version():
    met = {**MET, "packages": {"torch": "2.16.0.dev20261101"}}
    assert rule(when={"torch": ">=2.15"}).explains(Met(**met))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("  cause:", "  cuase:", 5, "unknown key 'cuase', did you mean 'cause'?"),
        ("  remedy: Export at opset 12.\n", "", 1, "the key 'remedy' is missing"),
        ("  link: https://github.com/onnx/onnx-tensorflow/issues/997\n", "", 1, "the key 'link' is missing"),
        ("https://github.com/onnx/onnx-tensorflow/issues/997", "see the forum", 6, "neither a link"),
        ("onnx-tensorflow/issues/997", "onnx-tensorflow/issues", 6, "a list of issues"),
        ("stage: convert", "stage: conversion", 3, "stage: Input should be"),
        ('"Unsqueeze version 13 is not implemented"', '"version*13"', 4, "12 or more characters in a row"),
        ('onnx-tf: "<=1.10.0"', 'onnx-tf: "1.10.0"', 2, "no version specifier"),
        ('onnx-tf: "<=1.10.0"', 'onnx_tf: "<=1.10.0"', 2, "write the package 'onnx_tf' as 'onnx-tf'"),
        ('opset: ">=13"', "opset: 13", 2, "valid string"),
        ("id: onnx-tf-unsqueeze-13", "id: Onnx TF", 1, "id: "),
        ("cause: The release on the index lacks the opset-13 handler.", "cause: unknown", 1, "needs investigated"),
        ("cause: The release on the index lacks the opset-13 handler.", "cause: ''", 5, "cause: says nothing"),
        ("  stage:", " stage:", 3, "expected"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(tmp_path, old, new, line, message):
    assert old in RULE
    path = written(tmp_path, RULE.replace(old, new))
    with pytest.raises(LimitationError, match=re.escape(message)) as caught:
        load(path)
    assert caught.value.line == line
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_rules_of_one_id_are_refused(tmp_path):
    with pytest.raises(LimitationError, match="a second rule") as caught:
        load(written(tmp_path, RULE + RULE))
    assert caught.value.line == 8


@pytest.mark.parametrize("text", ["", "rules: []\n", "just words\n", "- just words\n"])
def test_a_file_that_is_no_list_of_rules_is_refused(tmp_path, text):
    with pytest.raises(LimitationError):
        load(written(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(LimitationError, match="no such file"):
        load(tmp_path / "limitations.yaml")


def test_an_unknown_cause_with_what_was_tried_is_honest(tmp_path):
    text = RULE.replace("cause: The release on the index lacks the opset-13 handler.", "cause: unknown")
    (found,) = load(written(tmp_path, text + "  investigated: Read the handler; opsets 9 to 14.\n"))
    assert not found.understood


def test_the_schema_knows_every_key():
    assert set(json_schema()["items"]["properties"]) == set(Limitation.model_fields)


def test_a_rule_can_ask_for_a_remedy_that_the_attempt_took():
    asked = rule(when={"remedy": "fixed-*"})
    assert not asked.explains(Met(**MET))
    assert not asked.explains(Met(**MET, remedies=["gelu-by-parts"]))
    assert asked.explains(Met(**MET, remedies=["gelu-by-parts", "fixed-axes"]))


def test_of_a_model_that_is_not_of_the_zoo_no_rule_knows_the_cases():
    assert rule(cases=("torchvision/*",)).explains(Met(**{**MET, "case": None}))


def test_a_model_of_ones_own_is_explained_by_what_its_error_and_its_file_say_and_by_no_name_of_the_zoo():
    mine = {**MET, "own": True, "operators": ("Conv", "Pad")}
    assert rule().explains(Met(**mine))
    assert rule(cases=("blocks/lstm",)).explains(Met(**mine))
    silent = rule(cases=("operators/*",), matches="BackendIsNotSupposedToImplementItError:")
    failed = {**mine, "message": "BackendIsNotSupposedToImplementItError: Unsqueeze"}
    assert not silent.explains(Met(**failed))
    assert silent.explains(Met(**{**failed, "operators": None}))
    assert silent.model_copy(update={"operators": ("Pad",)}).explains(Met(**failed))
    for cases in (("*",), ("blocks/lstm",)):
        assert rule(cases=cases, operators=("Pad",)).explains(Met(**mine))
        assert rule(cases=cases, operators=("Pad", "Conv")).explains(Met(**mine))
        assert not rule(cases=cases, operators=("Pad", "If")).explains(Met(**mine))
        assert not rule(cases=cases, operators=("Pad",)).explains(Met(**{**mine, "operators": ()}))


def test_the_cases_of_a_rule_of_ones_own_are_ones_own_whatever_the_file_has(tmp_path):
    (mine,) = load(written(tmp_path, RULE + '  cases: ["operators/g*"]\n'), UsersLimitation)
    assert mine.explains(Met(**MET, own=True, operators=()))
    assert not mine.explains(Met(**{**MET, "case": "operators/relu"}, own=True, operators=()))


def test_a_recorded_cell_of_the_zoo_is_not_asked_for_operators():
    asked = rule(cases=("operators/gelu",), operators=("Pad",))
    assert asked.explains(Met(**MET))
    assert not asked.explains(Met(**{**MET, "case": "operators/relu"}))


@pytest.mark.parametrize("shown", ["tests/unit/test_it.py", "nothing", "tests/test_it.py::test one", "a/b/c"])
def test_what_shows_a_cause_is_a_case_or_a_test(shown):
    with pytest.raises(ValidationError, match="shown"):
        rule(shown=(shown,))


# Fast, and as the plain form says


def plainly(rule, met):
    """Whether a rule explains an error, each condition in its plain form."""
    if met.message.startswith(DEFECT) or met.stage not in rule.stage:
        return False
    if met.case is not None and not met.own and not any(fnmatch.fnmatchcase(met.case, glob) for glob in rule.cases):
        return False
    silent = not rule.operators and not all(map(reason, rule.matches))
    if met.own and met.case is not None and met.operators is not None and "*" not in rule.cases and silent:
        return False
    if met.operators is not None and any(name not in met.operators for name in rule.operators):
        return False
    for name, wanted in rule.when.items():
        if name in ("route", "toolchain"):
            if not fnmatch.fnmatchcase(getattr(met, name), wanted):
                return False
        elif name == "remedy":
            if not fnmatch.filter(met.remedies, wanted):
                return False
        else:
            version = {**met.packages, "opset": None if met.opset is None else str(met.opset)}.get(name)
            try:
                if version is None or not SpecifierSet(wanted).contains(Version(version), prereleases=True):
                    return False
            except InvalidVersion:
                return False
    anything = (".*".join(map(re.escape, pattern.split("*"))) for pattern in rule.matches)
    return re.search("|".join(anything), met.message, re.DOTALL) is not None


VERSIONS = ["1.10.0", "2.0.0rc1", "2.1.0+cpu", "13", "not a version"]
SPECIFIERS = ["<=1.10.0", ">=2", ">=1.5,<2.1", "==2.1.*", "!=13", ""]
GLOBS = ["*", "onnx-tf", "onnx-*", "tf2.1[25]-*", "a/*", "a/one", "[!a]/*", "*one", "fixed-*"]
NAMES = ["onnx-tf", "onnx-tf-dynamo", "tf2.12-torch1", "a/one", "b/one", "fixed-axes"]
PARTS = [
    "Unsqueeze version ",
    "is not implemented",
    "version 13 is not",
    ".version",
    "\n",
    "Unsqueeze version 13 is not implemented",
]

RULES = st.builds(
    rule,
    when=st.dictionaries(st.sampled_from(["torch", "onnx-tf", "opset", "python"]), st.sampled_from(SPECIFIERS))
    | st.dictionaries(st.sampled_from(["route", "toolchain", "remedy"]), st.sampled_from(GLOBS)),
    stage=st.sampled_from(["convert", "build"]),
    matches=st.lists(
        st.lists(st.sampled_from(PARTS), max_size=3).map(lambda parts: "*".join([PARTS[0], *parts])), min_size=1
    ),
    cases=st.lists(st.sampled_from(GLOBS), min_size=1, max_size=3),
    operators=st.lists(st.sampled_from(["Pad", "If"]), max_size=1),
)

PLACES = st.builds(
    Met,
    packages=st.dictionaries(st.sampled_from(["torch", "onnx-tf", "opset", "python"]), st.sampled_from(VERSIONS)),
    opset=st.sampled_from([None, 9, 13]),
    route=st.sampled_from(NAMES),
    toolchain=st.sampled_from(NAMES),
    case=st.sampled_from([None, *NAMES]),
    stage=st.sampled_from(["convert", "build"]),
    message=st.lists(st.sampled_from([*PARTS, DEFECT, "x"]), max_size=4).map("".join),
    remedies=st.lists(st.sampled_from(NAMES), max_size=2),
    own=st.booleans(),
    operators=st.none() | st.lists(st.sampled_from(["Pad", "If", "Conv"]), max_size=2),
)


@settings(deadline=None, max_examples=200)
@given(RULES, st.lists(PLACES, min_size=1, max_size=4))
def test_a_rule_explains_what_its_plain_form_explains(rule, places):
    for met in [*places, *places]:
        assert rule.explains(met) == plainly(rule, met)


@settings(deadline=None, max_examples=100)
@given(st.lists(RULES, max_size=6), PLACES)
def test_rules_explain_in_their_order(rules, met):
    assert list(Rules(rules).explaining(met)) == [rule for rule in rules if plainly(rule, met)]


def test_our_own_rules_explain_what_their_plain_form_explains():
    rules = load(paths.PACKAGE.parent.parent / "limitations.yaml")
    packages = {"onnx-tf": "1.10.0", "tensorflow": "2.15.1", "torch": "2.1.2", "python": "3.11", "onnx": "1.14.1"}
    for asked in rules:
        message = f"Error: {asked.matches[0].replace('*', ' x ')}."
        met = Met(packages, 13, "onnx-tf", "tf2.15-torch2.1", None, asked.stage, message, asked.remedies)
        assert list(rules.explaining(met)) == [rule for rule in rules if plainly(rule, met)]


def test_rules_keep_their_order_and_are_found_by_id():
    first, second, third = rule(id="a"), rule(id="b", stage="build"), rule(id="c")
    rules = Rules([first, second, third])
    assert list(rules) == [rules[0], *rules[1:]] == [first, second, third]
    assert (rules.named("b"), rules.named("d"), rules.named(None)) == (second, None, None)
    assert (len(rules), bool(Rules()), first in rules) == (3, False, True)
    assert Rules.of(rules) is rules
    assert list(Rules.of([second])) == [second]


def test_of_two_rules_of_one_id_the_first_is_found():
    mine, theirs = rule(cause="mine"), rule(cause="theirs")
    assert Rules([mine, theirs]).named("a-rule") is mine


def test_a_rule_may_be_of_several_stages(tmp_path):
    met = Met({}, 13, "onnx-tf", "t", "a/b", "parity", "ProbeDomain: right for x < 89 (the output diverged)")
    both = rule(stage=["parity", "probe"], matches="right for x < 89")
    assert both.stage == ("parity", "probe")
    for stage, holds in (("parity", True), ("probe", True), ("load", False)):
        assert both.explains(met._replace(stage=stage)) is holds
        assert list(Rules([both]).explaining(met._replace(stage=stage))) == ([both] if holds else [])
    for wrong in ([], ["parity", "probing"], "probing"):
        with pytest.raises(ValidationError):
            rule(stage=wrong)


@pytest.mark.parametrize(
    "text",
    [
        "ProbeDomain: right for * < * diverged (NaN, infinity",
        "ProbeDomain: right for logits < 8.7, logits > -87 (at ",
        "ProbeSizes: at * diverged",
    ],
)
def test_what_every_probe_says_is_no_reason(text):
    assert not reason(text)
    assert reason("ProbeExtremes: right for inputs without denormals (at denormals")


def test_the_advice_names_the_automatic_remedies():
    for rule in load(paths.project().limitations):
        assert all(name in rule.advice for name in rule.remedies), rule.id
        assert rule.advice.startswith(rule.remedy.rstrip(".")), rule.id
        assert rule.remedies or rule.advice == rule.remedy, rule.id
