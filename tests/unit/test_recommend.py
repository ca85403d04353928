"""Which way first."""

from pathlib import Path

import pytest

from tfparity import paths
from tfparity.evidence import recommend
from tfparity.inputs import matrix
from tfparity.planning import routes
from tfparity.records.vocabulary import Grade, Verdict

WAYS = [("a", "r"), ("b", "r"), ("c", "r")]

Stands = tuple[Verdict, Grade | None]

RIGHT = (Verdict.WORKS, Grade.FLOAT32_NOISE)
COARSER = (Verdict.WORKS, Grade.WITHIN_1E5)
BY_REMEDY = (Verdict.WORKS_WITH_REMEDY, Grade.FLOAT32_NOISE)
BROKEN = (Verdict.BROKEN, None)
PARTIAL = (Verdict.PARTIAL, Grade.FLOAT32_NOISE)
STALE = (Verdict.STALE, Grade.FLOAT32_NOISE)


def first_letters(ways: list[recommend.Way]) -> str:
    return "".join(toolchain for toolchain, _ in ways)


def standing(**found: Stands) -> recommend.Known:
    return {(name, "r"): stands for name, stands in found.items()}


def test_a_way_that_works_for_the_case_comes_before_one_by_a_remedy_and_one_that_fails_last() -> None:
    known = standing(a=BROKEN, b=BY_REMEDY, c=RIGHT)
    assert first_letters(recommend.ways(WAYS, known, {}, "a")) == "cba"


def test_a_way_of_which_the_evidence_is_stale_counts_as_not_known() -> None:
    known = standing(a=STALE, b=RIGHT, c=BROKEN)
    assert first_letters(recommend.ways(WAYS, known, {}, "a")) == "bac"


def test_of_ways_that_are_not_known_the_default_comes_first_and_then_where_most_models_like_it_get_across() -> None:
    like = {("a", "r"): 2, ("b", "r"): 5, ("c", "r"): 1}
    assert first_letters(recommend.ways(WAYS, {}, like, "c")) == "cba"


def test_a_way_that_takes_no_model_like_it_is_not_tried_early_even_on_the_default() -> None:
    like = {("a", "r"): 2, ("b", "r"): 5, ("c", "r"): 0}
    assert first_letters(recommend.ways(WAYS, {}, like, "c")) == "bac"


def test_the_better_grade_goes_before_the_default() -> None:
    known = standing(a=COARSER, b=RIGHT)
    assert first_letters(recommend.ways(WAYS, known, {}, "a")) == "bac"


def test_what_is_partly_right_is_tried_no_sooner_than_what_is_broken() -> None:
    known = standing(a=PARTIAL, b=BROKEN, c=BROKEN)
    assert first_letters(recommend.ways(WAYS, known, {}, "none")) == "cba"
    assert recommend.best(WAYS, known, "a") is None


def test_ways_differ_in_their_converter_before_they_differ_in_the_environment() -> None:
    ordered = [("a", "onnx-tf"), ("b", "onnx-tf"), ("b", "onnx-tf-dynamo"), ("c", "litert-torch"), ("a", "onnx2tf")]
    varied = recommend.varied(ordered, lambda route: route.removesuffix("-dynamo"))
    assert varied == [ordered[0], ordered[3], ordered[4], ordered[1], ordered[2]]


@pytest.mark.parametrize("project", [paths.project(Path(__file__).parents[2])])
def test_a_converter_is_the_package_that_routes_share(project: paths.Project) -> None:
    declared = matrix.load(project.matrix).toolchains.values()
    found = {route: routes.converter(route, project) for toolchain in declared for route in toolchain.routes}
    assert found["onnx-tf"] == found["onnx-tf-dynamo"] == "onnx-tf"
    others = [converter for route, converter in found.items() if route != "onnx-tf-dynamo"]
    assert len(others) == len(set(others))


def test_what_makes_the_wanted_without_a_model_between_goes_first_beyond_the_default() -> None:
    like = {("a", "r"): 2, ("b", "r"): 5, ("c", "r"): 1}
    assert first_letters(recommend.ways(WAYS, {}, like, "a", [("c", "r")])) == "acb"


@pytest.mark.parametrize("stands", [BROKEN, STALE])
def test_nothing_is_recommended_where_nothing_gets_across(stands: Stands) -> None:
    assert recommend.best(WAYS, standing(a=stands), "a") is None


def test_of_ways_that_work_the_default_is_recommended_and_then_the_newest() -> None:
    known = standing(a=RIGHT, b=RIGHT, c=RIGHT)
    assert recommend.best(WAYS, known, "b") == ("b", "r")
    assert recommend.best(WAYS, known, "other") == ("c", "r")
    assert recommend.best(WAYS, {**known, ("b", "r"): BY_REMEDY}, "b") == ("c", "r")


def test_what_is_recommended_is_what_is_tried_first() -> None:
    known = standing(a=RIGHT, b=COARSER, c=BY_REMEDY)
    for default in "abc":
        assert recommend.best(WAYS, known, default) == recommend.ways(WAYS, known, {("b", "r"): 9}, default)[0]
