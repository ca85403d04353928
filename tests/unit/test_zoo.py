"""The committed zoo keeps to its tiers, by what recorded runs say of its models."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from tfparity import cases, evidence, paths
from tfparity.bundles import SENSITIVE
from tfparity.plan import CORE, HEAVY, SMOKE, in_tier
from tfparity.worker.declare import Case

PROJECT = paths.project(Path(__file__).parents[2])

#: Parameters above which a case is `heavy`.
MOST_PARAMETERS = 150e6

#: Seconds and MiB that the torch side of a smoke or core case may take in all its attempts, on two busy cores.
MOST_SECONDS = 150.0
MOST_MIB = 1024


@pytest.fixture(scope="module")
def zoo() -> dict[str, Case]:
    return cases.load([PROJECT.cases])


@pytest.fixture(scope="module")
def runs() -> list[dict[str, object]]:
    return [cell for document in evidence.load_runs(PROJECT).values() for cell in document["cells"]]


def test_smoke_is_minutes_and_core_is_a_gate(zoo: dict[str, Case]) -> None:
    sizes = {tier: sum(in_tier(case, tier) for case in zoo.values()) for tier in (SMOKE, CORE)}
    assert 8 <= sizes[SMOKE] <= 12
    assert sizes[CORE] <= 90
    assert not [case.id for case in zoo.values() if HEAVY in case.tags and in_tier(case, CORE)]


def test_large_models_are_heavy(zoo: dict[str, Case], runs: list[dict[str, object]]) -> None:
    counted = {run["case"]: run["model"]["parameters"] for run in runs if run["model"]}  # type: ignore[index]
    assert counted
    large = {case for case, count in counted.items() if count is not None and count > MOST_PARAMETERS and case in zoo}
    assert not [case for case in sorted(large) if HEAVY not in zoo[case].tags]


def test_what_a_gate_runs_is_light(zoo: dict[str, Case], runs: list[dict[str, object]]) -> None:
    heavy = []
    for run in runs:
        if run["case"] in zoo and in_tier(zoo[run["case"]], CORE):  # type: ignore[index]
            sides = [run["stages"].get(stage) for stage in ("build", "export")]  # type: ignore[attr-defined]
            ran = [side for side in sides if side and side["seconds"] is not None]
            seconds, peak = sum(side["seconds"] for side in ran), max((s["peak_mib"] or 0 for s in ran), default=0)
            if seconds > MOST_SECONDS or peak > MOST_MIB:
                heavy.append((run["case"], seconds, peak))
    assert not heavy


def test_what_an_answer_does_not_depend_on_is_declared(zoo: dict[str, Case], runs: list[dict[str, object]]) -> None:
    """The weight that moves the outputs least, of every recorded run of an untrained case."""
    seen = [(run["case"], run["model"]) for run in runs if run["model"] and run["case"] in zoo]
    assert seen
    blind = {
        (case, model["least"])  # type: ignore[index]
        for case, model in seen
        if not zoo[case].trained  # type: ignore[index]
        and model["change"] is not None  # type: ignore[index]
        and model["change"] <= SENSITIVE  # type: ignore[index]
        and not any(fnmatch.fnmatch(model["least"], glob) for glob in zoo[case].insensitive)  # type: ignore[index]
    }
    assert not blind


def test_cases_name_the_operators_that_they_are_there_for(zoo: dict[str, Case]) -> None:
    assert sum(bool(case.operators) for case in zoo.values()) >= 150
