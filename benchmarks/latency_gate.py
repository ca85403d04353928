"""How often the latency gate finds a planted slowdown, and how often it cries wolf, on an idle machine and a busy one.

    PYTHONPATH=src python benchmarks/latency_gate.py [--same 300] [--trials 60] [--load idle busy] [--save FILE]

A trial is what `nox -s latency -- --compare` does with one subject of one cell, by the same code: a base is measured,
then a run beside it, each in real processes of its own that take turns with a torch's (here all are small computations
in numpy), and what is slower is measured again. In a planted trial the second run really does more work, by 5, 10, 20
or 50 %; in an A/A trial it does the same. Each is corrected as one of --among comparisons of which no other is slower,
which is the hardest case. Under "busy" one process a core computes without end.

Rates are told of quiet cells, those whose processes differ by less than 5 % where nothing changed, with the share of
them that came out as `insufficient data`, and that share of all. A trial takes 4 to 10 seconds on an idle machine, two
to four times as long on a busy one: the default 300 + 4 × 60 under both loads take three to five hours; the time left
is told. --save FILE writes the counts (docs/latency.md takes them from results/gate/latency.json).
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tfparity.engine.process_limits import Limits
from tfparity.engine.worker_client import Side, Worker
from tfparity.evidence import gate_rates, latency, slowdowns
from tfparity.evidence.gate_rates import QUIET, Rates, Trials
from tfparity.evidence.latency import BASELINE, Latency
from tfparity.evidence.slowdowns import Compared, Word
from tfparity.features.latency.measure import Subject, measured, off_core
from tfparity.records.keys import Json

SUBJECT = Path(__file__).parent / "planted" / "latency_subject.py"

#: What is computed, and how many turns of it a call is: about a millisecond.
TURNS = {"matrices": 160, "sorting": 120, "elementwise": 60, "interpreted": 100, "hashing": 200}

#: What stands for torch in every trial.
TORCH = "matrices"

SLOWDOWNS = (0.05, 0.10, 0.20, 0.50)

#: The only comparison of a trial.
PLANTED = "saved-model"

BUSY = "while True: pass"


class Bench:
    """Runs trials in one warm worker."""

    def __init__(self, worker: Worker, folder: Path, processes: int, rounds: int, among: int) -> None:
        self.worker, self.folder = worker, folder
        self.processes, self.rounds, self.among = processes, rounds, among
        self.core = max(os.sched_getaffinity(0))
        self.runs = 0

    def run(self, work: str, slowdown: float) -> Latency:
        """A run of the two subjects, the second of which does so much more."""
        self.runs += 1
        turns = {BASELINE: (TORCH, TURNS[TORCH]), PLANTED: (work, round(TURNS[work] * (1 + slowdown)))}
        folder = self.folder / str(self.runs)

        def subject(name: str, number: int) -> Subject:
            what, count = turns[name]
            request: dict[str, Json] = {"cpu": self.core, "subject": str(SUBJECT), "work": what, "turns": count}
            limits = Limits(3600, 2048)
            return Subject(
                name, lambda asked: self.worker.ask("latency", asked, limits), request, folder / f"{name}-{number}"
            )

        series, failed = measured(subject, list(turns), self.rounds, self.processes)
        if failed:
            sys.exit(f"a subject does not run: {failed}")
        return Latency(work, "numpy", None, {}, series, {})

    def trial(self, work: str, slowdown: float) -> Compared:
        """What the gate says of a run that does so much more than its base."""
        base = [self.run(work, 0.0)]
        found = slowdowns.compare(base, [self.run(work, slowdown)], among=self.among)
        if found[0].word is Word.SLOWER:
            again = slowdowns.compare(base, [self.run(work, slowdown)])
            found = slowdowns.seen_again(found, again)
        return found[0]


@contextmanager
def loaded(load: str) -> Iterator[None]:
    """Under "busy", a process on each core that computes without end."""
    cores = sorted(os.sched_getaffinity(0)) if load == "busy" else []
    with tempfile.TemporaryDirectory() as folder:
        busy = [
            subprocess.Popen(
                [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\n{BUSY}"], cwd=folder
            )
            for core in cores
        ]
        try:
            yield
        finally:
            for process in busy:
                process.kill()
                process.wait()


def counted(load: str, slowdown: float, found: Sequence[Compared]) -> Trials:
    """The counts of one kind of trial."""
    quiet = [one for one in found if one.spread is not None and one.spread < QUIET]
    return Trials(
        load=load,
        slowdown=slowdown,
        all=len(found),
        quiet=len(quiet),
        slower=sum(one.word is Word.SLOWER for one in quiet),
        insufficient=sum(one.word is Word.INSUFFICIENT for one in quiet),
        untold=sum(one.word is Word.INSUFFICIENT for one in found),
    )


def line(one: Trials) -> str:
    """A row of the table."""
    what = f"{one.slowdown:.0%} more" if one.slowdown else "A/A"
    rate, told = (f"{part / one.quiet:6.1%}" if one.quiet else "     –" for part in (one.slower, one.insufficient))
    return f"{one.load:6} {what:10} {one.all:7} {one.quiet:7} {rate:>10} {told:>14} {one.untold / one.all:10.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--same", type=int, default=300, help="A/A trials under each load (300)")
    parser.add_argument("--trials", type=int, default=60, help="trials of each slowdown under each load (60)")
    parser.add_argument("--load", nargs="+", choices=("idle", "busy"), default=["idle", "busy"])
    parser.add_argument("--processes", type=int, default=9, help="of each subject (9)")
    parser.add_argument("--rounds", type=int, default=20, help="calls of each process (20)")
    parser.add_argument("--among", type=int, default=96, help="comparisons that each is corrected for (96)")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the counts there")
    given = parser.parse_args()
    if not slowdowns.reaches(given.processes, given.processes, given.among):
        parser.error(
            f"{given.processes} processes cannot tell one of {given.among} comparisons: --processes or --among"
        )
    ran_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    plan = [(slowdown, number) for slowdown in SLOWDOWNS for number in range(given.trials)]
    plan += [(0.0, number) for number in range(given.same)]
    rows: list[Trials] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Worker(Side(Path(sys.executable), (), ("numpy",)), folder / "worker") as worker:
            bench = Bench(worker, folder, given.processes, given.rounds, given.among)
            for load in given.load:
                Random(0).shuffle(plan)  # what drifts falls on every kind of trial
                found: dict[float, list[Compared]] = {}
                began = time.monotonic()
                with loaded(load), off_core(bench.core):
                    for done, (slowdown, number) in enumerate(plan, 1):
                        work = list(TURNS)[number % len(TURNS)]
                        found.setdefault(slowdown, []).append(bench.trial(work, slowdown))
                        each = (time.monotonic() - began) / done
                        if done in (1, 10) or done % 50 == 0:
                            left = each * (len(plan) - done) / 60
                            print(f"{load}: {done} of {len(plan)}, {left:.0f} minutes left", file=sys.stderr)
                rows += [counted(load, slowdown, found[slowdown]) for slowdown in sorted(found)]
    print(f"quiet: the processes of a run differ by less than {QUIET:.0%}; rates are of quiet cells")
    print("load   change      trials   quiet  slower    insufficient   of all so")
    for row in rows:
        print(line(row))
    if given.save:
        gate_rates.save(given.save, Rates(ran_at, latency.machine(), given.processes, given.rounds, given.among, rows))


if __name__ == "__main__":
    main()
