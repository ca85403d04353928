"""Every stage has a revision; test_crossing holds the keys to them."""

from tfparity.engine import worker_client as workers
from tfparity.planning import revisions


def test_every_stage_of_a_cell_that_a_worker_runs_has_a_revision() -> None:
    asked = {stage for kind in ("source", "convert", "execute") for stage in workers.STAGES[kind]}
    assert asked - set(revisions.STAGES) == set()


def test_what_our_side_makes_of_a_run_has_a_revision() -> None:
    assert {"referee", "compare", "judge"} <= set(revisions.STAGES)


def test_revisions_count_from_one() -> None:
    assert all(isinstance(number, int) and number >= 1 for number in revisions.STAGES.values())
