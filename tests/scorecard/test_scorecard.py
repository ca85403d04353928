"""The scorecard can fail: a hole of each kind that is planted in tfparity itself is counted as missed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "end_to_end")]

import catalogue  # noqa: E402
import files  # noqa: E402
import ground as grounds  # noqa: E402
from ground import Ground  # noqa: E402
from plants import Job, Missed, NotHere, Plant, Point, Score, Tally, jobs, plant  # noqa: E402

from tfparity.engine import store  # noqa: E402
from tfparity.evidence import recorder  # noqa: E402
from tfparity.inputs import matrix  # noqa: E402


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("ground"))


def named(name: str) -> Plant:
    return next(one for one in catalogue.PLANTS if one.name == name)


def done(one: Plant, ground: Ground) -> Tally:
    return Job(one, 1, "0").done(ground)


# Holes of tfparity's


def raises_a_traceback(patched: pytest.MonkeyPatch) -> None:
    """A reader lets the error of its library through."""

    def load(path: Path, *_: object) -> object:
        return json.loads(path.read_text())

    patched.setattr(matrix, "load", load)


def recurses(patched: pytest.MonkeyPatch) -> None:
    """A reader of the store lets an error through that is no ValueError."""

    def attempts(self: store.Store, cell: str) -> dict[str, object]:
        raise RecursionError("maximum recursion depth exceeded")

    patched.setattr(store.Store, "attempts", attempts)


def changes_a_verdict(patched: pytest.MonkeyPatch) -> None:
    """A recorder that writes something else where it is in doubt."""
    kept = recorder.Recorder.record

    def record(self: recorder.Recorder, records: object, **given: object) -> object:
        found = kept(self, records, **given)  # type: ignore[arg-type]
        path = self.selection.project.results / "small.json"
        path.write_text(path.read_text().replace('"works"', '"partial"'))
        return found

    patched.setattr(recorder.Recorder, "record", record)


def hangs(patched: pytest.MonkeyPatch) -> None:
    """A reader that waits for ever."""
    patched.setattr(grounds, "HANGING", 2.0)
    patched.setattr(matrix, "load", lambda *_: __import__("time").sleep(600))


def prints_escapes(patched: pytest.MonkeyPatch) -> None:
    """What a terminal obeys, past the printer that strips it of every message."""

    def load(path: Path, *_: object) -> object:
        os.write(2, b"\x1b[2J\n")
        raise matrix.MatrixError("is wrong", file=path)

    patched.setattr(matrix, "load", load)


def ends_without_a_word(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(matrix, "load", lambda *_: sys.exit(11))


def ends_with_a_code_of_its_own(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(matrix, "load", lambda *_: sys.exit(77))


@pytest.mark.parametrize(
    ("hole", "name", "said"),
    [
        (raises_a_traceback, "matrix.yaml: empty", "a traceback"),
        (recurses, "a store record: empty", "a traceback"),
        (changes_a_verdict, "a store record: gone", "the evidence is another"),
        (hangs, "matrix.yaml: gone", "hangs for more than"),
        (prints_escapes, "matrix.yaml: gone", "'\\x1b' in"),
        (ends_without_a_word, "matrix.yaml: gone", "no message"),
        (ends_with_a_code_of_its_own, "matrix.yaml: gone", "ended with 77"),
    ],
)
def test_a_hole_is_missed(
    ground: Ground,
    monkeypatch: pytest.MonkeyPatch,
    hole: Callable[[pytest.MonkeyPatch], None],
    name: str,
    said: str,
) -> None:
    """A command runs in a fork, which has the hole of this process."""
    ground.reset()
    hole(monkeypatch)
    tally = done(named(name), ground)
    assert (tally.contained, tally.not_run) == (0, [])
    assert said in tally.missed[0]


def test_without_a_hole_nothing_is_missed(ground: Ground) -> None:
    tally = done(named("matrix.yaml: empty"), ground)
    assert (tally.contained, tally.missed, tally.not_run) == (1, [], [])


# How it counts


def of(function: Callable[[], None], name: str = "one") -> Plant:
    return plant(name, "kind", Point.FILES, lambda ground, chance: function())


def missed() -> None:
    raise Missed("it got away")


def not_here() -> None:
    raise NotHere("no such thing on this system")


def broken() -> None:
    raise KeyError("a fault of the plant")


def test_each_outcome_has_its_own_figure(ground: Ground) -> None:
    score = Score()
    for function in (lambda: None, missed, not_here, broken):
        one = of(function)
        score.add(one, done(one, ground))
    total = score.total
    assert (total.planted, total.contained, len(total.missed), len(total.not_run)) == (4, 1, 2, 1)
    assert "it got away" in total.missed[0]
    assert "the plant itself broke: KeyError" in total.missed[1]
    assert next(line.split()[-5:-1] for line in score.lines() if line.startswith("kind")) == ["4", "1", "2", "1"]


def test_a_plant_that_sets_nothing_is_missed(ground: Ground) -> None:
    nothing = Plant("nothing", "kind", Point.FILES, lambda *_: None)
    assert len(done(nothing, ground).missed) == 1


def test_a_share_has_some_of_every_kind() -> None:
    tenth = jobs(catalogue.PLANTS, part=0.1, seed=0, only="*")
    assert {job.plant.kind for job in tenth} == {one.kind for one in catalogue.PLANTS if not one.whole}
    everything = jobs(catalogue.PLANTS, part=1, seed=0, only="*")
    assert sum(job.times for job in everything) == sum(one.times for one in catalogue.PLANTS)
    assert [(job.plant.name, job.seed) for job in tenth] == [
        (job.plant.name, job.seed) for job in jobs(catalogue.PLANTS, part=0.1, seed=0, only="*")
    ]


def test_every_point_and_kind_of_file_has_plants() -> None:
    assert {one.point for one in catalogue.PLANTS} == set(Point)
    assert len({one.name for one in catalogue.PLANTS}) == len(catalogue.PLANTS)
    assert sum(one.times for one in catalogue.PLANTS if one.kind == "fuzzed inputs") >= 3000
    kinds = {one.where for one in (*files.WRITTEN, *files.MADE)}
    assert all(sum(one.name.startswith(f"{where}: ") for one in catalogue.PLANTS) >= 10 for where in kinds)


def test_a_missed_plant_ends_the_program_with_1(tmp_path: Path) -> None:
    script = tmp_path / "holed.py"
    script.write_text(
        f"""
import sys
sys.path[:0] = {[str(HERE), str(HERE.parent / "end_to_end")]!r}
import catalogue, plants
def missed(ground, chance): raise plants.Missed("it got away")
catalogue.PLANTS = (plants.plant("a hole", "holes", plants.Point.FILES, missed),)
import __main__ as program
sys.argv = ["scorecard", "--jobs", "1"]
exec(compile(open({str(HERE / "__main__.py")!r}).read(), {str(HERE / "__main__.py")!r}, "exec"))
"""
    )
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert ended.returncode == 1, ended.stderr
    assert "missed: a hole: it got away" in ended.stderr
    assert "1 planted, 0 contained, 1 missed, 0 not run" in ended.stdout


def test_a_tenth_of_the_catalogue_is_contained() -> None:
    """What CI has time for."""
    ended = subprocess.run([sys.executable, str(HERE), "--part", "0.1"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " 0 missed" in ended.stdout


def test_signals_come_to_runs_where_a_background_shell_ignores_them() -> None:
    ended = subprocess.run(
        [sys.executable, str(HERE), "--only", "Ctrl-C to a run that waits for another"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 planted, 1 contained, 0 missed, 0 not run" in ended.stdout
