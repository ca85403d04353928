"""A cell's probes: the smallest call that is wrong, what a refused call says, what is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import builders
import numpy
import pytest

from tfparity import paths
from tfparity.engine.probing import Probing, entries, failures
from tfparity.engine.source_side import Answered
from tfparity.engine.store import Store, StoredProbe
from tfparity.engine.target_side import TargetSide
from tfparity.engine.worker_client import Answer, Facts
from tfparity.errors import MachineFault
from tfparity.planning import probes
from tfparity.planning.probes import Call
from tfparity.records.cells import Problem, StageReply
from tfparity.records.vocabulary import Outcome
from tfparity.worker import probing
from tfparity.worker.declare import normal

CASE = builders.case(
    "y", inputs=(normal("batch", "sequence", name="x"),), axes={"batch": (2, 1, 5), "sequence": (8, 16)}
)

Fault = Callable[[Any, int], Any]


def right(x: Any, turn: int) -> Any:
    return 2 * x


@dataclass
class Sides:
    """Both sides in numpy: the model doubles its input, the artifact does what a fault makes of it."""

    folder: Path
    fault: Fault = right
    refuses: Callable[[Call], bool] = lambda call: False
    ends: Outcome = Outcome.CRASH
    dies: str = ""
    crashes: Callable[[Any], bool] = lambda x: False
    source: Problem | None = None
    harms: Callable[[Path], object] | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)
    probed: int = 0

    def answer(self, asked: Mapping[str, tuple[int, Sequence[Call]]]) -> dict[str, Answered]:
        return {name: self._answered(name, calls) for name, (_, calls) in asked.items()}

    def _answered(self, name: str, calls: Sequence[Call]) -> Answered:
        self.asked.append((name, len(calls)))
        io = self.folder / f"io-{name}.npz"
        if self.source:
            return Answered(io, frozenset(), failed=self.source)
        refused = frozenset(place for place, call in enumerate(calls) if self.refuses(call))
        stored = {}
        for place, call in enumerate(calls):
            if place not in refused:
                (x,) = probing.inputs(CASE, call.spec())
                stored[f"input/{place}/x"] = x
                with numpy.errstate(all="ignore"):
                    stored[f"float32/{place}/y"] = 2 * x
                    stored[f"float64/{place}/y"] = 2 * x.astype("float64")
        numpy.savez(io, **stored)
        return Answered(io, refused, paths.digest([io]))

    def ask(self, kind: str, request: Any, makes: Mapping[str, Path]) -> Answer:
        """The artifact's worker: it ends in a part that `dies` names, at its second turn."""
        assert kind == "probe"
        self.probed += 1
        failed: dict[str, Problem] = {}
        load = StageReply("load", Outcome.PASS)
        for number, part in enumerate(request["parts"]):
            if self.harms:
                self.harms(Path(part["io"]))
            stored = {}
            with numpy.load(part["io"]) as io:
                for turn, place in enumerate(part["turns"]):
                    dies = self.dies and turn == 1 and self.dies in part["io"]
                    if dies or self.crashes(io[f"input/{place}/x"]):
                        numpy.savez(makes[part["result"]], **stored)
                        problem = Problem("Signal", "ended by SIGSEGV")
                        stage = StageReply("probe", self.ends, error=problem)
                        return Answer((load, stage), Facts(failed=failed, part=number, turn=turn), self.folder)
                    try:
                        with numpy.errstate(all="ignore"):
                            stored[f"output/{turn}/y"] = self.fault(io[f"input/{place}/x"], turn)
                    except ValueError as wrong:
                        failed[f"{number}/{turn}"] = Problem("ValueError", str(wrong))
            numpy.savez(makes[part["result"]], **stored)
        return Answer((load, StageReply("probe", Outcome.PASS)), Facts(failed=failed), self.folder)

    def found(self, key: str = "cell", *, again: bool = False) -> dict[str, StoredProbe]:
        target = TargetSide(CASE, "mine", self.ask, {str(self.folder): "<tmp>"})
        return Probing(key, Store(self.folder / "store"), target, self.answer, lambda: self.folder, again).found()

    def message(self, name: str) -> str:
        failure = self.found()[name].failure
        return failure.message if failure else ""


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


def test_a_faithful_artifact_passes_every_probe_that_asks_something(sides: Sides) -> None:
    outcomes = {name: one.entry.outcome for name, one in sides.found().items()}
    assert outcomes == {name: Outcome.SKIPPED if name == "masks" else Outcome.PASS for name in probes.NAMES}
    assert failures(sides.found()) == ()


def forged(io: Path) -> None:
    """The answers that a wrong artifact gives, in a file of the same size."""
    size = io.stat().st_size
    with numpy.load(io) as stored:
        arrays = {
            name: stored[name] if name.startswith("input/") else numpy.zeros_like(stored[name]) for name in stored.files
        }
    numpy.savez(io, **arrays)
    assert io.stat().st_size == size


def rewritten(io: Path) -> None:
    io.write_bytes(io.read_bytes() + b" ")


@pytest.mark.parametrize("harm", [forged, rewritten])
@pytest.mark.parametrize("fault", [right, lambda x, turn: 0 * x], ids=["right", "wrong"])
def test_of_answers_of_torchs_that_were_changed_nothing_is_said(
    sides: Sides, fault: Fault, harm: Callable[[Path], object]
) -> None:
    sides.fault, sides.harms = fault, harm
    with pytest.raises(MachineFault, match="torch's answers to a probe were changed"):
        sides.found()
    sides.fault, sides.harms = right, None
    assert sides.found()["sizes"].entry.outcome is Outcome.PASS  # nothing was kept


@pytest.mark.parametrize("limit", [3, 6, 7, 9, 10])
def test_the_smallest_batch_that_is_wrong_is_found(sides: Sides, limit: int) -> None:
    sides.fault = lambda x, turn: 2 * x * (len(x) < limit)
    assert sides.message("sizes").startswith(f"at batch={limit}: output 'y' diverged")


@pytest.mark.parametrize("limit", [17, 25, 31])
def test_the_smallest_sequence_that_is_wrong_is_found(sides: Sides, limit: int) -> None:
    sides.fault = lambda x, turn: 2 * x * (x.shape[1] < limit)
    assert sides.message("sizes").startswith(f"at sequence={limit}: ")


def test_axes_that_are_wrong_together_only_are_found(sides: Sides) -> None:
    sides.fault = lambda x, turn: 2 * x * (len(x) < 3 or x.shape[1] < 9)
    assert sides.message("sizes").startswith("at batch=3, sequence=9: ")


def test_an_artifact_that_keeps_something_is_found_in_the_call_where_it_shows(sides: Sides) -> None:
    sides.fault = lambda x, turn: 2 * x + (turn == 20)
    assert sides.message("repeats").startswith("at call 21 in a row, the exported shape: ")


def test_what_is_wrong_at_other_sizes_alone_does_not_break_the_cell(sides: Sides) -> None:
    sides.fault = lambda x, turn: 2 * x * (x.shape == (2, 8))
    found = sides.found()
    assert found["sizes"].entry.outcome is Outcome.FAIL
    assert {found[name].entry.outcome for name in ("repeats", "numbers")} == {Outcome.PASS}


@pytest.mark.parametrize("size", [(5, 8), (2, 16)])
def test_a_crash_at_another_size_leaves_the_repeats_of_the_exported_shape(sides: Sides, size: tuple[int, int]) -> None:
    sides.crashes = lambda x: x.shape == size
    assert sides.found()["repeats"].entry.outcome is Outcome.PASS
    sides.fault = lambda x, turn: 2 * x + (turn == 20)
    failure = sides.found("another cell")["repeats"].failure
    assert failure
    assert "at call 21 in a row, the exported shape: " in failure.message


def test_how_far_the_right_answers_go_is_told_and_decides_nothing(sides: Sides) -> None:
    sides.fault = lambda x, turn: numpy.where(x >= 89, numpy.nan, 2 * x)
    assert sides.message("domain").startswith("right for x < 89 (at x=89: ")
    assert sides.found()["values"].entry.outcome is Outcome.PASS
    both = lambda x, turn: 2 * x.clip(-60, 70)  # noqa: E731
    other = Sides(sides.folder / "other", both)
    other.folder.mkdir()
    assert other.message("domain").startswith("right for x < 70, x > -60 (")


@pytest.mark.parametrize(
    ("fault", "name", "said"),
    [
        (lambda x, turn: 2 * x.clip(-6, 6), "values", "the whole range"),
        (lambda x, turn: numpy.where(x == 0, 1, 2 * x), "values", "exact ties"),
        (lambda x, turn: 2 * x + (len(x) > 1 and (x[:1] == x).all()), "rows", "batch=2, every row the same"),
        (lambda x, turn: 2 * numpy.nan_to_num(x), "extremes", "NaN"),
        (lambda x, turn: 2 * numpy.where(abs(x) < 1e-38, 0, x), "extremes", "denormals"),
        (lambda x, turn: 2 * x * 1.01, "numbers", "seed 0"),
    ],
)
def test_each_kind_is_found_by_its_probe(sides: Sides, fault: Fault, name: str, said: str) -> None:
    sides.fault = lambda x, turn: numpy.asarray(fault(x, turn), "float32")
    assert f"at {said}: " in sides.message(name)


def test_what_the_model_refuses_says_nothing(sides: Sides) -> None:
    sides.refuses = lambda call: call.sizes["sequence"] > 20
    sides.fault = lambda x, turn: 2 * x * (x.shape[1] <= 20)
    assert sides.found()["sizes"].entry.outcome is Outcome.PASS
    sides.refuses = lambda call: True
    other = sides.found("another cell")
    assert {one.entry.outcome for one in other.values()} == {Outcome.SKIPPED}


def test_a_call_that_fails_is_wrong_and_so_is_one_that_crashes(sides: Sides) -> None:
    def fails(x: Any, turn: int) -> Any:
        if len(x) == 9:
            raise ValueError(f"no kernel in {sides.folder}")
        return 2 * x

    sides.fault = fails
    assert sides.message("sizes").startswith("at batch=9: ValueError: no kernel in <tmp>")
    sides.dies = "io-rows"
    found = sides.found("another cell")
    crashed = found.pop("rows")
    assert crashed.entry.outcome is Outcome.FAIL
    assert crashed.failure
    assert "Signal: ended by SIGSEGV" in crashed.failure.message
    assert found["values"].entry.outcome is Outcome.PASS


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY])
def test_a_limit_decides_nothing_and_the_other_probes_go_on(sides: Sides, outcome: Outcome) -> None:
    sides.ends, sides.dies = outcome, "io-sizes"
    found = sides.found()
    assert found["sizes"].entry.outcome is outcome
    assert not probes.failing(outcome)
    assert found["rows"].entry.outcome is Outcome.PASS


@pytest.mark.parametrize("probe", ["sizes", "domain"])
@pytest.mark.parametrize("ends", [Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.UNTESTED])
def test_a_limit_after_a_wrong_call_takes_the_finding_from_no_one(sides: Sides, probe: str, ends: Outcome) -> None:
    def fault(x: Any, turn: int) -> Any:
        if sides.probed > 1:  # the second round, which looks between right and wrong
            sides.ends, sides.dies = ends, "io-"
        return numpy.where(x > 50, numpy.nan, 2 * x) if len(x) < 7 else 0 * x

    def answer(asked: Mapping[str, tuple[int, Sequence[Call]]]) -> dict[str, Answered]:
        if ends is Outcome.UNTESTED and sides.probed:
            sides.source = Problem("Timeout", "still running after 600 s")
        return sides.answer(asked)

    sides.fault = fault
    store, target = Store(sides.folder / "store"), TargetSide(CASE, "mine", sides.ask, {})
    found = Probing("cell", store, target, answer, lambda: sides.folder).found()[probe]
    assert sides.probed > 1 or sides.source
    assert found.entry.outcome is Outcome.FAIL
    assert found.failure
    assert found.failure.type == f"Probe{probe.capitalize()}"
    assert "at batch=9: " in found.failure.message or "right for x < " in found.failure.message


def test_what_was_found_is_kept_by_key_and_not_asked_again(sides: Sides) -> None:
    first = sides.found()
    asked, probed = len(sides.asked), sides.probed
    assert sides.found() == first
    assert (len(sides.asked), sides.probed) == (asked, probed)
    sides.found("another cell")
    assert len(sides.asked) == 2 * asked
    sides.found(again=True)
    assert len(sides.asked) == 3 * asked


def test_a_source_side_that_comes_to_no_end_is_untested_and_kept_nowhere(sides: Sides) -> None:
    sides.source = Problem("Timeout", "still running after 600 s")
    assert {one.entry.outcome for one in sides.found().values()} == {Outcome.UNTESTED, Outcome.SKIPPED}
    sides.source = None
    assert sides.found()["sizes"].entry.outcome is Outcome.PASS


def test_entries_name_failures_that_are_handed_on(sides: Sides) -> None:
    sides.fault = lambda x, turn: 2 * x * (len(x) < 6)
    found = sides.found()
    named = {failure.fingerprint for failure in failures(found)}
    assert {entry.error for entry in entries(found).values() if entry.error} == named
    assert {failure.type for failure in failures(found)} == {"ProbeSizes"}
