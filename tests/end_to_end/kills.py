"""Kills at random moments: whatever is killed, evidence is as without, or a cell is untested and nothing is said of it.

`python tests/end_to_end/kills.py --requests 40 --parents 20 --runs 40 --seed 0` ends with 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from folders import CASES, LIMITATIONS, MATRIX, PLANTED, variables

from tfparity import paths
from tfparity.errors import MachineFault

#: Seconds that a conversion takes, unless said otherwise, so that there is something to kill; and after which a run
#: counts as hanging.
CONVERSION, HANGING = 0.3, 120.0

#: Seconds in which what a killed run leaves has to end by itself.
ENDING = 10.0

#: Times that a trial begins anew whose moments fell where there was nothing to kill.
AGAIN = 5

#: Name of a file that is being written (see paths.clear_unfinished).
UNFINISHED = re.compile(r".*\.\d+\.\d+")

ROUTES = ("faithful.py", "swap-outputs.py")
KINDS = ("requests", "parents", "runs")

_ANOTHER_CASE = """

@case("planted/net-1", inputs=IMAGES, outputs=["z_scores", "attention"], tags={"smoke"})
def _other():
    import numpy
    from tfparity.worker import plugins

    planted = next(module for path, module in plugins._loaded.items() if hasattr(module, "GRAPH"))
    return planted.Net(planted.GRAPH, planted.weights(numpy, 1))
"""


class Wrong(Exception):
    """What must not come of a kill."""


class Trials:
    """A small project, its evidence without any kill, and the state that each trial begins with.

    The store has the attempts at one case, results/ has every cell under a key that is no longer its own.
    """

    def __init__(self, root: Path, conversion: float = CONVERSION) -> None:
        self.root, self.conversion = root.resolve(), conversion
        self.project, self.cache, self.first = (self.root / name for name in ("project", "cache", "first"))
        self.results = self.project / "results"
        self.environment = variables(self.project, self.cache)
        self.hit = 0
        self._make_project()
        shared = paths.cache().environments
        shared.mkdir(parents=True, exist_ok=True)
        self.cache.mkdir()
        (self.cache / "environments").symlink_to(shared)
        self._done("--case", "planted/net")
        self._copy(self.cache, self.first)
        began = time.monotonic()
        self._done()
        self.seconds = time.monotonic() - began
        self.whole = self._evidence()
        before = json.loads(self.whole)
        for cell in before["cells"]:
            cell["key"] = "0" * len(cell["key"])
        self.before = json.dumps(before).encode()

    def _make_project(self) -> None:
        for folder in ("cases", "lockfiles"):
            (self.project / folder).mkdir(parents=True)
        planted, begins = (
            (PLANTED / "planted.py").read_text(encoding="utf-8"),
            "def convert(bundle, artifact, request):\n",
        )
        assert begins in planted
        for route in ROUTES:
            slow = planted.replace(begins, f"{begins}    time.sleep({self.conversion})\n")
            (self.project / route).write_text(slow, encoding="utf-8")
        named = ", ".join(f"{route}: small" for route in ROUTES)
        (self.project / "matrix.yaml").write_text(MATRIX.replace("ROUTES", named), encoding="utf-8")
        (self.project / "cases" / "planted_cases.py").write_text(CASES + _ANOTHER_CASE, encoding="utf-8")
        explained = LIMITATIONS.replace("cases: [planted/net]", 'cases: ["planted/*"]')
        (self.project / "limitations.yaml").write_text(explained, encoding="utf-8")
        shutil.copy(PLANTED / "lockfiles" / "numpy-py3.11.txt", self.project / "lockfiles" / "small.txt")

    @staticmethod
    def _copy(cache: Path, to: Path) -> None:
        """What a cache holds beside its environments."""
        to.mkdir(exist_ok=True)
        for path in cache.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, to / path.name)

    def _reset(self) -> None:
        for path in self.cache.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
        self._copy(self.first, self.cache)
        shutil.rmtree(self.results)
        self.results.mkdir()
        (self.results / "small.json").write_bytes(self.before)

    def _evidence(self) -> bytes:
        return (self.results / "small.json").read_bytes()

    # Runs

    def _begun(self, *arguments: str) -> subprocess.Popen[str]:
        with (self.root / "said.txt").open("w") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "tfparity", "run", "--record", "--jobs", "2", *arguments],
                env=self.environment,
                cwd=self.project,
                stdout=subprocess.DEVNULL,
                stderr=said,
                text=True,
            )

    def _ended(self, run: subprocess.Popen[str]) -> tuple[int, str]:
        """The exit code of a run and what it said."""
        try:
            code = run.wait(HANGING)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            raise Wrong("the run hangs") from None
        return code, (self.root / "said.txt").read_text(encoding="utf-8")

    def _done(self, *arguments: str) -> None:
        """A run to its end, undisturbed."""
        code, said = self._ended(self._begun(*arguments))
        if code:
            raise Wrong(f"an undisturbed run ended with {code}: {said}")

    # What is killed, and when

    def _targets(self, kind: str, run: psutil.Process) -> list[psutil.Process]:
        """What there is of a kind just now."""
        if kind == "runs":
            return [run]
        parents = [child for child in run.children() if str(paths.WORKER) in child.cmdline()]
        if kind == "parents":
            return parents
        return [request for parent in parents for request in parent.children()]

    def _kill(self, kind: str, run: subprocess.Popen[str], moment: float, chance: random.Random) -> bool:
        """Kill one of a kind, `moment` seconds from now or as soon as there is one; whether there was."""
        time.sleep(moment)
        while run.poll() is None:
            with suppress(psutil.Error):
                found = self._targets(kind, psutil.Process(run.pid))
                if found:
                    chance.choice(found).kill()
                    return True
            time.sleep(0.005)
        return False

    def _moments(self, kind: str, chance: random.Random) -> list[float]:
        """Seconds to wait before each kill of a trial; a run is killed once, one time in four while it records.

        Twelve kills of requests or parents end most cells twice, which leaves them untested.
        """
        if kind == "runs":
            late = chance.random() < 0.25
            return [self.seconds * chance.uniform(0.85 if late else 0.0, 1.0)]
        return [self.seconds * chance.uniform(0, 0.8 / n) for n in range(1, 1 + chance.choice((1, 2, 3, 12)))]

    # What has to hold

    def trial(self, kind: str, chance: random.Random) -> str:
        """One trial: "same" or "untested". Raises Wrong."""
        for _ in range(AGAIN):
            self._reset()
            run = self._begun()
            hits = sum([self._kill(kind, run, moment, chance) for moment in self._moments(kind, chance)])
            code, said = self._ended(run)
            self._nothing_runs(ENDING if kind == "runs" else 1.0)
            if hits:
                break
        self.hit += hits
        if kind == "runs":
            code, said = self._ended(self._begun())
            self._nothing_runs(1.0)
        self._nothing_lies_about()
        if code == 0:
            if self._evidence() != self.whole:
                raise Wrong(f"the evidence is another: {self._evidence().decode()}")
            return "same"
        if code != MachineFault.exit_code or kind == "runs":
            raise Wrong(f"ended with {code}: {said}")
        self._untested(said)
        self._done()  # and the next run finds what was left out
        if self._evidence() != self.whole:
            raise Wrong("the evidence of the next run is another")
        return "untested"

    def _untested(self, said: str) -> None:
        """Untested cells have a reason and keep what was recorded of them; all others are as without a kill."""
        named = re.findall(r"^tfparity: small/(\S+/\S+)/(\S+?) is untested: \S", said, re.MULTILINE)
        if not named:
            raise Wrong(f"no cell is named as untested: {said}")
        found, before, whole = (_cells(text) for text in (self._evidence(), self.before, self.whole))
        expected = {place: (before if place in named else whole)[place] for place in whole}
        if found != expected:
            raise Wrong(f"untested are {named}, and the evidence is {found}")

    def _running(self) -> Iterator[psutil.Process]:
        """The workers and requests of any run in this cache."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if any(str(self.cache) in argument for argument in process.cmdline()):
                    yield process

    def _nothing_runs(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while left := list(self._running()):
            if time.monotonic() > until:
                for process in left:
                    with suppress(psutil.Error):
                        process.kill()
                raise Wrong(f"still running after {seconds:.0f} s: {left}")
            time.sleep(0.02)

    def _nothing_lies_about(self) -> None:
        lying = list((self.cache / "work").iterdir())
        for folder in (self.cache, self.results):
            lying += [path for path in folder.rglob("*") if UNFINISHED.fullmatch(path.name)]
        if lying:
            raise Wrong(f"left lying: {', '.join(str(path.relative_to(self.root)) for path in lying)}")


def _cells(text: bytes) -> dict[tuple[str, str], object]:
    """The cells of an evidence file, each with its error's text, by case and route."""
    content = json.loads(text)
    return {(cell["case"], cell["route"]): (cell, content["errors"].get(cell["error"])) for cell in content["cells"]}


def counted(
    root: Path, wanted: dict[str, int], seed: int, told: Callable[[str], None]
) -> tuple[dict[str, Counter[str]], list[str]]:
    """So many trials of each kind: how often each word came of them, and what was wrong."""
    trials = Trials(root)
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in wanted}
    wrong = []
    for kind, number in wanted.items():
        for n in range(number):
            try:
                word = trials.trial(kind, random.Random(f"{seed}/{kind}/{n}"))
            except Wrong as why:
                word = "wrong"
                wrong.append(f"{kind} {n}: {why}")
                told(wrong[-1])
            counts[kind][word] += 1
    told(f"{trials.hit} kills hit in runs of {trials.seconds:.1f} s")
    return counts, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=int, default=0, metavar="N", help=f"trials that kill {kind}")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    wanted = {kind: getattr(given, kind) for kind in KINDS}
    with tempfile.TemporaryDirectory() as root:
        counts, wrong = counted(Path(root), wanted, given.seed, lambda text: print(text, file=sys.stderr, flush=True))
    words = ("same", "untested", "wrong")
    print("; ".join(f"{kind}: " + ", ".join(f"{counts[kind][word]} {word}" for word in words) for kind in KINDS))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
