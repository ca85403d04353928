"""The committed zoo keeps to its tiers, by what recorded runs say of its models."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.evidence import files
from tfparity.evidence.schema import Run
from tfparity.inputs import case_files
from tfparity.judging.sensitivity import SENSITIVE
from tfparity.planning.plan import in_tier
from tfparity.records.vocabulary import HEAVY, Tier
from tfparity.worker.declare import Case
from tfparity.worker.subjects.keras_applications import BUILDERS

PROJECT = paths.project(Path(__file__).parents[2])

#: Parameters above which a case is `heavy`.
MOST_PARAMETERS = 150e6

#: Seconds and MiB that the torch side of a smoke or core case may take in all its attempts, on two busy cores.
MOST_SECONDS = 150.0
MOST_MIB = 1024


@pytest.fixture(scope="module")
def zoo() -> dict[str, Case]:
    return case_files.load([PROJECT.cases])


@pytest.fixture(scope="module")
def runs(zoo: dict[str, Case]) -> list[Run]:
    """Every recorded run of a case that is still there."""
    return [run for ran in files.load_runs(PROJECT).values() for run in ran.cells if run.case in zoo]


def test_smoke_is_minutes_and_core_is_a_gate(zoo: dict[str, Case]) -> None:
    sizes = {tier: sum(in_tier(case, tier) for case in zoo.values()) for tier in (Tier.SMOKE, Tier.CORE)}
    assert 8 <= sizes[Tier.SMOKE] <= 12
    assert sizes[Tier.CORE] <= 90
    assert not [case.id for case in zoo.values() if HEAVY in case.tags and in_tier(case, Tier.CORE)]


def test_large_models_are_heavy(zoo: dict[str, Case], runs: list[Run]) -> None:
    counted = {run.case: run.model.parameters for run in runs if run.model and run.model.parameters is not None}
    assert len(counted) > 1000
    large = {case for case, count in counted.items() if count > MOST_PARAMETERS}
    assert not [case for case in sorted(large) if HEAVY not in zoo[case].tags]


def test_what_has_a_native_counterpart_is_there_and_takes_images_of_its_size(zoo: dict[str, Case]) -> None:
    for case in BUILDERS:
        (images,) = zoo[case].inputs
        assert images.shape == ("batch", 3, 224, 224)


def test_what_a_gate_runs_is_light(zoo: dict[str, Case], runs: list[Run]) -> None:
    looked_at, heavy = 0, []
    for run in runs:
        if in_tier(zoo[run.case], Tier.CORE):
            sides = [run.stages.get(stage) for stage in ("build", "export")]
            ran = [side for side in sides if side and side.seconds is not None]
            seconds, peak = sum(side.seconds or 0 for side in ran), max((s.peak_mib or 0 for s in ran), default=0)
            looked_at += bool(ran)
            if seconds > MOST_SECONDS or peak > MOST_MIB:
                heavy.append((run.case, seconds, peak))
    assert looked_at > 1000
    assert not heavy


def test_what_an_answer_does_not_depend_on_is_declared(zoo: dict[str, Case], runs: list[Run]) -> None:
    """The weight that moves the outputs least, of every recorded run of an untrained case."""
    seen = [(run.case, run.model) for run in runs if run.model and not zoo[run.case].trained]
    assert len(seen) > 1000
    blind = {
        (case, model.least)
        for case, model in seen
        if model.least is not None
        and model.change is not None
        and model.change <= SENSITIVE
        and not any(fnmatch.fnmatch(model.least, glob) for glob in zoo[case].insensitive)
    }
    assert not blind


def test_cases_name_the_operators_that_they_are_there_for(zoo: dict[str, Case]) -> None:
    assert sum(bool(case.operators) for case in zoo.values()) >= 150
