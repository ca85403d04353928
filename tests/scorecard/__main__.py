"""Plant everything that may befall tfparity, and count what is contained.

nox -s scorecard                              everything: 7 to 25 minutes on two cores, by how fast these are
nox -s scorecard -- --part 0.1                a tenth of each kind
nox -s scorecard -- --only "damaged files"    a kind, or plants whose names match

Exit code 1 where a plant was missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "end_to_end"), str(HERE.parents[1] / "src")]

import rights  # noqa: E402
from catalogue import PLANTS  # noqa: E402
from ground import Ground  # noqa: E402
from plants import Job, Plant, Score, Tally, jobs  # noqa: E402

_ground: Ground | None = None
_work: Sequence[Job] = ()


def scored(plants: Sequence[Plant], work: Sequence[Job], workers: int, told: Callable[[str], None]) -> Score:
    """Set all of them, several side by side, each on a ground of its own."""
    score = Score()
    for plant, tally in _tallies(work, workers):
        score.add(plant, tally)
        for what in tally.missed:
            told(f"missed: {what}")
        for what in tally.not_run:
            told(f"not run: {what}")
    return score


def _tallies(work: Sequence[Job], workers: int) -> Iterator[tuple[Plant, Tally]]:
    root = Path(tempfile.mkdtemp(prefix="tfparity-scorecard-"))
    try:
        fork = multiprocessing.get_context("fork")  # the workers have the jobs, which cannot be pickled
        with ProcessPoolExecutor(workers, fork, _begin, (root, work)) as pool:
            plants = {pool.submit(_done, number): job.plant for number, job in enumerate(work)}
            for ended in as_completed(plants):
                yield plants[ended], ended.result()
    finally:
        subprocess.run(["rm", "-rf", str(root)], check=True)  # Python's own goes no deeper than it can recurse


def _begin(root: Path, work: Sequence[Job]) -> None:
    global _ground, _work
    _ground, _work = Ground(root / str(os.getpid())), work


def _done(number: int) -> Tally:
    assert _ground is not None
    return _work[number].done(_ground)


def hear_signals() -> None:
    """Whoever runs this may have signals ignored, as nohup and a shell's background do; so would every run, and no
    signal that is planted would come to one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scorecard", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--part", type=float, default=1.0, metavar="SHARE", help="that share of each kind (1)")
    parser.add_argument("--only", default="*", metavar="GLOB", help="plants or kinds of that name")
    parser.add_argument("--seed", type=int, default=0, help="of what is random (0)")
    parser.add_argument("--jobs", type=int, default=3, metavar="N", help="plants side by side (3: some wait)")
    parser.add_argument("--list", action="store_true", help="only the names of the plants")
    given = parser.parse_args()
    work = jobs(PLANTS, part=given.part, seed=given.seed, only=given.only)
    if not work:
        parser.error(f"no plant or kind matches {given.only!r}; --list has them")
    if given.list:
        for job in sorted(work, key=lambda job: (job.plant.kind, job.plant.name)):
            print(f"{job.plant.kind}  {job.plant.name}  × {job.times}")
        return 0
    hear_signals()
    rights.give_up()
    began = time.monotonic()
    score = scored(PLANTS, work, given.jobs, lambda text: print(text, file=sys.stderr, flush=True))
    print("\n".join(score.lines()))
    total = score.total
    print(
        f"{total.planted} planted, {total.contained} contained, {len(total.missed)} missed, "
        f"{len(total.not_run)} not run, in {time.monotonic() - began:.0f} s"
    )
    return 1 if total.missed else 0


if __name__ == "__main__":
    sys.exit(main())
