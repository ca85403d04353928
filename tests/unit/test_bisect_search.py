"""Delta debugging finds planted culprits: one, several together, ones that only move together; and first releases."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfparity.features.bisect.search import First, Outcome, first_bad, smallest

PACKAGES = ["keras", "ml-dtypes", "numpy", "onnx", "tensorflow", "tfp", "torch", "torchvision", "transformers"]


class World:
    """Where all of `culprits` make it fail, and packages of a group resolve only together; keeps what was asked."""

    def __init__(self, culprits: Iterable[str], groups: Iterable[Collection[str]] = ()) -> None:
        self.culprits, self.groups = set(culprits), [set(group) for group in groups]
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, changes: tuple[str, ...]) -> Outcome:
        self.asked.append(changes)
        mixed = set(changes)
        if any(group & mixed and not group <= mixed for group in self.groups):
            return Outcome.UNKNOWN
        return Outcome.BAD if self.culprits <= mixed else Outcome.GOOD


@pytest.mark.parametrize("culprit", PACKAGES)
def test_a_sole_culprit_is_found_in_few_tests(culprit: str) -> None:
    world = World([culprit])
    found = smallest(PACKAGES, world)
    assert (found.changes, found.together, found.good) == ((culprit,), False, ())
    assert found.tests == len(world.asked) <= 8
    assert len(set(world.asked)) == len(world.asked)


def test_a_suspect_is_tried_alone_first() -> None:
    world = World(["tensorflow"])
    assert smallest(PACKAGES, world, ["tensorflow", "torch"]).tests == 1
    assert smallest(PACKAGES, World(["onnx"]), ["tensorflow"]).changes == ("onnx",)


def test_packages_that_only_move_together_are_blamed_together() -> None:
    for culprit in ("torch", "torchvision"):
        found = smallest(PACKAGES, World([culprit], [["torch", "torchvision"]]))
        assert (found.changes, found.together) == (("torch", "torchvision"), True)


def test_two_that_fail_only_together_are_both_named_and_one_is_known_to_work() -> None:
    found = smallest(PACKAGES, World(["numpy", "transformers"]))
    assert (found.changes, found.together) == (("numpy", "transformers"), False)
    assert found.good in (("numpy",), ("transformers",))


def test_where_nothing_can_be_told_all_are_blamed() -> None:
    found = smallest(PACKAGES, World(["onnx"], [PACKAGES]))
    assert (found.changes, found.together) == (tuple(PACKAGES), True)


def test_a_sole_change_is_to_blame_without_a_test() -> None:
    assert smallest(["torch"], World(["torch"])).tests == 0


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_found_fails_and_no_member_can_be_left_out(data: st.DataObject) -> None:
    culprits = data.draw(st.sets(st.sampled_from(PACKAGES), min_size=1, max_size=4))
    group = data.draw(st.sets(st.sampled_from(PACKAGES), max_size=3))
    world = World(culprits, [group] if len(group) > 1 else [])
    found = smallest(PACKAGES, world, data.draw(st.lists(st.sampled_from(PACKAGES), max_size=2)))
    assert world(found.changes) is Outcome.BAD
    assert culprits <= set(found.changes)
    assert all(
        world(tuple(other for other in found.changes if other != one)) is not Outcome.BAD for one in found.changes
    )
    if not world.groups:
        assert set(found.changes) == culprits


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(2, 40), st.data())
def test_the_first_bad_release_is_found_with_few_tests(count: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, count - 1))
    unknown = data.draw(st.sets(st.integers(1, count - 2), max_size=5)) if count > 2 else set()
    asked = []

    def test(release: int) -> Outcome:
        asked.append(release)
        return Outcome.UNKNOWN if release in unknown else Outcome.BAD if release >= first else Outcome.GOOD

    found = first_bad(range(count), test)
    assert found.good < first <= found.bad
    assert set(found.between) == set(range(found.good + 1, found.bad)) <= unknown
    assert len(asked) <= 6 + len(unknown)


def test_neighbours_need_no_test() -> None:
    def never(_: str) -> Outcome:
        raise AssertionError

    assert first_bad(["2.15.1", "2.16.1"], never) == First("2.15.1", "2.16.1", ())
