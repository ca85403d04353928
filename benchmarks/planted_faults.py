"""How often level 2 is fooled, and how often it cries wolf: faults planted behind torch itself, and none.

python benchmarks/planted_faults.py [--faithful CASES…] [--jobs N] [--cache FOLDER]

Every fault of planted/torch_backed.py is run on a small case, every case that --faithful names (globs of the zoo)
through a converter that moves torch's own answer by one ulp at most. Both counts are printed, and the exit code is 1
where a fault gets `works` or the faithful converter an alarm.
"""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfparity import paths
from tfparity.engine.context import Context, Options
from tfparity.engine.engine import Engine
from tfparity.inputs import case_files, matrix
from tfparity.planning import plan, probes
from tfparity.records.cells import CellRecord
from tfparity.records.vocabulary import Outcome, Verdict

HERE = Path(__file__).parent
PROJECT = paths.project(HERE.parent)

#: How a probe ends that a limit of time or memory ends.
ENDED = (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.UNTESTED)

#: Fault → the case that it is planted in.
DECIDED = {
    "zero-for-batches-from-6": "planted/linear",
    "zero-for-batch-3": "planted/linear",
    "zero-for-batches-beyond-8": "planted/sequence",
    "zero-for-sequences-over-24": "planted/sequence",
    "zero-for-sequence-1": "planted/sequence",
    "zero-where-batch-and-sequence-move": "planted/sequence",
    "left-padding-is-none": "planted/masked",
    "mask-taken-for-its-length": "planted/masked",
    "a-single-token-is-unmasked": "planted/masked",
    "mask-of-ones-is-zero": "planted/masked",
    "odd-heights-lose-a-row": "planted/picture",
    "zero-for-large-heights": "planted/picture",
    "inputs-clipped-to-6": "planted/linear",
    "inputs-clipped-to-minus-6": "planted/picture",
    "negative-inputs-wrong-together": "planted/linear",
    "zero-inputs-are-nan": "planted/picture",
    "ties-the-other-way": "planted/threshold",
    "equal-inputs-are-less": "planted/greater",
    "through-int32": "planted/large-integers",
    "through-float32": "planted/odd-integers",
    "the-highest-integer-is-wrong": "planted/masked",
    "score-column-off": "planted/boxes",
    "small-probabilities-are-0": "planted/probabilities",
    "unmasked-logits-are-coarse": "planted/logits",
    "remembers": "planted/linear",
    "caches-by-shape": "planted/linear",
    "dropout-from-the-12th-call": "planted/linear",
    "wrong-after-other-batches": "planted/linear",
    "first-row-leaks": "planted/linear",
    "duplicates-are-dropped": "planted/sequence",
    "quantized-to-the-loudest": "planted/linear",
}

#: Faults that are right by the case's declaration, and wrong beyond it.
TOLD = {
    "sign-is-lost": "planted/unit",
    "inputs-clipped-to-50": "planted/linear",
    "tiny-inputs-are-0": "planted/linear",
    "small-integers-through-int32": "planted/small-integers",
    "nan-becomes-0": "planted/linear",
    "infinity-becomes-large": "planted/linear",
    "denormals-are-0": "planted/threshold",
}


def main() -> int:
    """Run both and print both counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faithful", nargs="*", default=["operators/*"], metavar="GLOB", help="cases of the zoo")
    parser.add_argument("--only", action="append", metavar="GLOB", help="only these faults, and no faithful run")
    parser.add_argument("--cache", type=Path, help="a folder to keep what was done in; else it is done anew")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = given.cache or Path(folder) / "cache"
        cache = _cache(root)
        routes = root / "routes"
        routes.mkdir(parents=True, exist_ok=True)
        fooled = _faults(DECIDED, "decides", given.only, routes, cache, given.jobs)
        silent = _faults(TOLD, "reports", given.only, routes, cache, given.jobs)
        alarms = 0 if given.only else _faithful(given.faithful, routes, cache, given.jobs)
    return 1 if fooled or silent or alarms else 0


def _cache(root: Path) -> paths.Cache:
    """Environments are shared with every run, the rest is this one's own."""
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "environments").exists():
        (root / "environments").symlink_to(paths.cache().environments)
    return paths.Cache(root)


def _faults(
    faults: dict[str, str], kind: str, only: Sequence[str] | None, routes: Path, cache: paths.Cache, jobs: int
) -> int:
    """Run planted faults; how many of them are taken for right."""
    chosen = [name for name in faults if only is None or any(fnmatch.fnmatch(name, glob) for glob in only)]
    zoo = case_files.load([HERE / "planted" / "planted_cases.py"])
    missed = unseen = 0
    records: dict[str, CellRecord] = {}
    for record in _run(chosen, sorted({faults[name] for name in chosen}), zoo, routes, cache, jobs):
        fault = Path(record.route).stem
        if record.case == faults[fault]:
            records[fault] = record
    for fault in chosen:
        record = records[fault]
        found = _found(record)
        right = _level_2(record).works and (kind == "decides" or not found)
        missed += right
        unseen += record.verdict.works
        print(f"{'MISSED' if right else 'caught'}  {fault:36} level 1: {record.verdict}; level 2: {_level_2(record)}")
        for line in found:
            print(f"            {line}")
    words = "get `works` at level 2" if kind == "decides" else "beyond the declaration are not told"
    print(f"{missed} of {len(chosen)} planted faults {words} ({unseen} of them work at level 1)\n", flush=True)
    return missed


def _faithful(globs: Sequence[str], routes: Path, cache: paths.Cache, jobs: int) -> int:
    """Run the faithful converter over cases of the zoo; how many alarms there are."""
    zoo = case_files.load([PROJECT.cases])
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
    print(f"{alarms} false alarms in {checked} cells of a faithful converter", flush=True)
    return alarms


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
    mine = DECIDED | TOLD
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
