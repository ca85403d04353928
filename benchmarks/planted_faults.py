"""How often level 2 is fooled, and how often it cries wolf: faults planted behind torch itself, and none.

python benchmarks/planted_faults.py [--faithful CASES…] [--jobs N] [--cache FOLDER]

Every fault of planted/torch_backed.py is run on a small case; those cases, and every case that --faithful names (globs
of the zoo), through a converter that moves torch's own answer by one ulp at most. The counts are printed, and the exit
code is 1 where a fault gets `works` or its own probe does not find it, or the faithful converter gets an alarm.
"""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tfparity import paths
from tfparity.engine.context import Context, Options
from tfparity.engine.engine import Engine
from tfparity.inputs import case_files, matrix
from tfparity.planning import plan, probes
from tfparity.records.cells import CellRecord
from tfparity.records.vocabulary import Outcome, Verdict

HERE = Path(__file__).parent
PLANTED = HERE / "planted" / "planted_cases.py"
PROJECT = paths.project(HERE.parent)

#: How a probe ends that a limit of time or memory ends.
ENDED = (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.UNTESTED)

#: Fault → the case that it is planted in, and the probe that is there to find it.
DECIDED = {
    "zero-for-batches-from-6": ("planted/linear", "sizes"),
    "zero-for-batch-3": ("planted/linear", "sizes"),
    "zero-for-batches-beyond-8": ("planted/sequence", "sizes"),
    "zero-for-sequences-over-24": ("planted/sequence", "sizes"),
    "zero-for-sequence-1": ("planted/sequence", "sizes"),
    "zero-where-batch-and-sequence-move": ("planted/sequence", "sizes"),
    "left-padding-is-none": ("planted/masked", "masks"),
    "mask-taken-for-its-length": ("planted/masked", "masks"),
    "a-single-token-is-unmasked": ("planted/masked", "masks"),
    "mask-of-ones-is-zero": ("planted/masked", "masks"),
    "odd-heights-lose-a-row": ("planted/picture", "sizes"),
    "zero-for-large-heights": ("planted/picture", "sizes"),
    "inputs-clipped-to-6": ("planted/linear", "values"),
    "inputs-clipped-to-minus-6": ("planted/picture", "values"),
    "negative-inputs-wrong-together": ("planted/linear", "values"),
    "zero-inputs-are-nan": ("planted/picture", "values"),
    "ties-the-other-way": ("planted/threshold", "values"),
    "equal-inputs-are-less": ("planted/greater", "values"),
    "through-int32": ("planted/large-integers", "values"),
    "through-float32": ("planted/odd-integers", "values"),
    "the-highest-integer-is-wrong": ("planted/masked", "values"),
    "score-column-off": ("planted/boxes", "numbers"),
    "small-probabilities-are-0": ("planted/probabilities", "numbers"),
    "unmasked-logits-are-coarse": ("planted/logits", "numbers"),
    "remembers": ("planted/linear", "repeats"),
    "caches-by-shape": ("planted/linear", "repeats"),
    "dropout-from-the-12th-call": ("planted/linear", "repeats"),
    "wrong-after-other-batches": ("planted/linear", "repeats"),
    "first-row-leaks": ("planted/linear", "rows"),
    "duplicates-are-dropped": ("planted/sequence", "rows"),
    "quantized-to-the-loudest": ("planted/linear", "rows"),
}

#: Faults that are right by the case's declaration, and wrong beyond it.
TOLD = {
    "sign-is-lost": ("planted/unit", "domain"),
    "inputs-clipped-to-50": ("planted/linear", "domain"),
    "tiny-inputs-are-0": ("planted/linear", "domain"),
    "small-integers-through-int32": ("planted/small-integers", "domain"),
    "nan-becomes-0": ("planted/linear", "extremes"),
    "infinity-becomes-large": ("planted/linear", "extremes"),
    "denormals-are-0": ("planted/threshold", "extremes"),
}


def main() -> int:
    """Run both and print both counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faithful", nargs="*", default=["operators/*"], metavar="GLOB", help="cases of the zoo")
    parser.add_argument("--only", action="append", metavar="GLOB", help="only these faults, and none of the zoo")
    parser.add_argument("--cache", type=Path, help="a folder to keep what was done in; else it is done anew")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = given.cache or Path(folder) / "cache"
        cache = _cache(root)
        routes = root / "routes"
        routes.mkdir(parents=True, exist_ok=True)
        if _faithful(case_files.load([PLANTED]), _cases(given.only), routes, cache, given.jobs, every=True):
            print("so that no fault would be found for what it is")
            return 1
        fooled = _faults(DECIDED, "decides", given.only, routes, cache, given.jobs)
        silent = _faults(TOLD, "reports", given.only, routes, cache, given.jobs)
        alarms = 0
        if not given.only:
            alarms = _faithful(case_files.load([PROJECT.cases]), given.faithful, routes, cache, given.jobs)
    return 1 if fooled or silent or alarms else 0


def _cache(root: Path) -> paths.Cache:
    """Environments are shared with every run, the rest is this one's own."""
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "environments").exists():
        (root / "environments").symlink_to(paths.cache().environments)
    return paths.Cache(root)


def _chosen(faults: Mapping[str, tuple[str, str]], only: Sequence[str] | None) -> list[str]:
    return [name for name in faults if only is None or any(fnmatch.fnmatch(name, glob) for glob in only)]


def _cases(only: Sequence[str] | None) -> list[str]:
    """The cases of the chosen faults."""
    every = DECIDED | TOLD
    return sorted({every[name][0] for name in _chosen(every, only)})


def missed(record: CellRecord, probe: str, kind: str) -> bool:
    """Whether that probe did not find the planted fault, or found it and the verdict at level 2 is `works` all the
    same where the fault decides: what another probe or level 1 says may have another cause."""
    entry = record.cell.probes.get(probe) if record.cell else None
    return entry is None or not probes.failing(entry.outcome) or (kind == "decides" and _level_2(record).works)


def _faults(
    faults: Mapping[str, tuple[str, str]],
    kind: str,
    only: Sequence[str] | None,
    routes: Path,
    cache: paths.Cache,
    jobs: int,
) -> int:
    """Run planted faults; how many of them are taken for right."""
    chosen = _chosen(faults, only)
    zoo = case_files.load([PLANTED])
    fooled = unseen = 0
    records: dict[str, CellRecord] = {}
    for record in _run(chosen, sorted({faults[name][0] for name in chosen}), zoo, routes, cache, jobs):
        fault = Path(record.route).stem
        if record.case == faults[fault][0]:
            records[fault] = record
    for fault in chosen:
        record = records[fault]
        probe = faults[fault][1]
        passed = missed(record, probe, kind)
        fooled += passed
        unseen += record.verdict.works
        said = f"level 1: {record.verdict}; level 2: {_level_2(record)}"
        print(f"{'MISSED' if passed else 'caught'}  {fault:36} by {probe}; {said}")
        for line in _found(record):
            print(f"            {line}")
    words = "are not decided" if kind == "decides" else "beyond the declaration are not told"
    print(
        f"{fooled} of {len(chosen)} planted faults {words} by the probe for them ({unseen} of them work at level 1)\n",
        flush=True,
    )
    return fooled


def _faithful(
    zoo: dict[str, case_files.Case],
    globs: Sequence[str],
    routes: Path,
    cache: paths.Cache,
    jobs: int,
    *,
    every: bool = False,
) -> int:
    """Run the faithful converter over those cases; how many alarms there are. every: one that isn't run is counted."""
    names = [id for id in zoo if any(fnmatch.fnmatch(id, glob) for glob in globs)]
    alarms = checked = 0
    began = time.monotonic()
    for record in _run(["faithful"], names, zoo, routes, cache, jobs):
        if record.verdict.ran and record.deciding and record.deciding.stage.before_export:
            print(
                f"not run {record.case}: {record.deciding.error.text[:120] if record.deciding.error else ''}",
                flush=True,
            )
            continue
        if not record.verdict.ran:
            print(f"not run {record.case}: {record.reason}", flush=True)
            continue
        checked += 1
        ended = [name for name, entry in record.cell.probes.items() if entry.outcome in ENDED] if record.cell else []
        if ended:
            print(f"a limit ended {', '.join(ended)} of {record.case}", flush=True)
        found = _found(record)
        wrong = bool(found) or not _level_2(record).works
        alarms += wrong
        if wrong:
            error = record.deciding.error if record.deciding else None
            print(f"ALARM   {record.case}: {_level_2(record)}: {'; '.join(found) or (error.text if error else '')}")
        if checked % 25 == 0:
            print(f"        {checked} cells, {alarms} alarms, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{alarms} false alarms in {checked} cells of a faithful converter\n", flush=True)
    return alarms + (len(names) - checked if every else 0)


def _run(
    faults: Sequence[str],
    globs: Sequence[str],
    zoo: dict[str, case_files.Case],
    routes: Path,
    cache: paths.Cache,
    jobs: int,
) -> Iterator[CellRecord]:
    """The records of those faults on those cases, in the default toolchain's source environment."""
    whole = matrix.load(PROJECT.matrix)
    source = whole.toolchains[whole.default].source
    for fault in faults:
        shutil.copy(HERE / "planted" / "torch_backed.py", routes / f"{fault}.py")
    own = whole.toolchains[whole.default].model_copy(
        update={"routes": {str(routes / f"{fault}.py"): source for fault in faults}, "source": source, "remedies": ()}
    )
    changed = whole.model_copy(update={"toolchains": {own.id: own}})
    cells = plan.plan(changed, zoo, PROJECT, toolchains=[own.id], case_globs=globs)
    mine = {fault: case for fault, (case, _) in (DECIDED | TOLD).items()}
    cells = [cell for cell in cells if mine.get(Path(cell.route).stem, cell.case) == cell.case]
    with Engine(Context(PROJECT, changed, zoo, cache, Options(jobs=jobs, level=2))) as engine:
        yield from engine.run(cells)


def _level_2(record: CellRecord) -> Verdict:
    return probes.verdict(record.cell) if record.cell else record.verdict


def _found(record: CellRecord) -> list[str]:
    """What the probes found, or what level 1 did."""
    error = record.deciding.error if record.deciding else None
    entries = record.cell.probes.values() if record.cell else ()
    failing = {entry.error for entry in entries if probes.failing(entry.outcome)}
    found = [error] if error else [failure for failure in record.beside if failure.fingerprint in failing]
    return [f"{failure.type}: {failure.message[:200]}" for failure in found]


if __name__ == "__main__":
    sys.exit(main())
