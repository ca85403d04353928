"""How long sensitivity takes by gradients, beside a forward pass a weight, and whether the verdict is the same.

    PYTHONPATH=src <environment>/bin/python benchmarks/sensitivity.py [--case GLOB …] [--out FILE] [--skip FILE]

Runs where models are built: in a toolchain's source environment of Python 3.11 or later, case by case in one process.
Every case that builds there is measured both ways at its exported shape, the order drawn by its name; printed are both
times (processor seconds), whether judging.sensitivity says the same of both, and the totals. Ends with 1 where a
verdict differs. `--out` appends a line of JSON a case, and what stands in `--skip` is not run again.
"""

from __future__ import annotations

import argparse
import fnmatch
import gc
import hashlib
import json
import os
import sys
import time
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

from tfparity.judging.sensitivity import insensitive
from tfparity.worker import arrays, frameworks, plugins, sensitivity
from tfparity.worker.declare import Case, registered
from tfparity.worker.frameworks import Framework

ROOT = Path(__file__).resolve().parents[1]


def references(case: Case, framework: Framework, model: Any, inputs: list[list[Any]]) -> dict[str, Any]:
    """The arrays that verdicts rest on: float32, and float64 or, where that can't run, inputs moved by one ulp."""
    import numpy

    def ran(kind: str, model: Any, given: list[list[Any]], *, double: bool = False) -> dict[str, Any]:
        return {
            f"{kind}/{sample.index}/{output.name}": numpy.asarray(value)
            for sample, one in zip(case.samples(), given, strict=True)
            for output, value in zip(case.outputs, framework.run(model, one, double=double), strict=True)
        }

    found = ran("float32", model, inputs)
    try:
        return found | ran("float64", framework.double(model), inputs, double=True)
    except Exception:  # noqa: BLE001 - whatever keeps it from float64
        seeds = [sample.seed for sample in case.samples()]
        moved = [[arrays.moved_one_ulp(a, seed) for a in one] for one, seed in zip(inputs, seeds, strict=True)]
        return found | ran("ulp", model, moved)


def digest(model: Any) -> str:
    """sha256 of all that the model's state holds."""
    found = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def measured(case: Case, framework: Framework) -> dict[str, Any]:
    """Both ways at one case."""
    model = framework.build(case)
    case = case._replace(axes={axis: sizes[:1] for axis, sizes in case.axes.items()})
    inputs = [arrays.inputs(case, sample) for sample in case.samples()]
    stored = references(case, framework, model, inputs)
    found: dict[str, Any] = {"case": case.id}
    ways = {"forward": framework._replace(slopes=None), "gradients": framework}
    verdicts, changes = {}, {}
    for way in sorted(ways, reverse=zlib.crc32(case.id.encode()) % 2 == 0):
        began = time.process_time()
        changes[way], bounded, _ = sensitivity.measured(case, ways[way], model, inputs, stored)
        found[way] = time.process_time() - began
        verdicts[way] = insensitive(case, changes[way], stored)
        found[f"{way}-bounded"] = len(bounded)
        found[f"{way}-least"] = least(changes[way], bounded)
        found[f"{way}-change"] = max(changes[way].get(found[f"{way}-least"], [0.0]))
    exact, by = changes["forward"], changes["gradients"]
    found["weights"] = sum(not name.startswith(("input:", "output:")) for name in exact)
    found["same"] = verdicts["forward"] == verdicts["gradients"] and list(exact) == list(by)
    found["true"] = all(sensitivity.reached(exact[name], by[name]) for name in exact)
    found["verdict"] = verdicts["forward"]
    return found


def least(changes: dict[str, list[float]], bounded: list[str]) -> str | None:
    """The weight that moves the outputs least, of those that were moved."""
    weights = [name for name in changes if not name.startswith(("input:", "output:")) and name not in bounded]
    return min(weights, key=lambda name: max(changes[name]), default=None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", metavar="GLOB")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--skip", type=Path)
    parser.add_argument("--digests", action="store_true", help="instead: print a digest of each built model")
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    framework = frameworks.load("pytorch")
    framework.pin_threads(1)
    for file in sorted((ROOT / "cases").glob("*.py")):
        plugins.load(str(file), "")
    before = given.skip.read_text().splitlines() if given.skip and given.skip.exists() else []
    done = {json.loads(line)["case"] for line in before}
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: {"forward": 0.0, "gradients": 0.0})
    unlike, ratios, unbuilt, ran = [], [], 0, 0
    chosen = [id for glob in given.case or ["*"] for id in registered() if fnmatch.fnmatchcase(id, glob)]
    for case in map(registered().__getitem__, dict.fromkeys(chosen)):
        if case.id in done or case.onnx_opset:
            continue
        try:
            found = (
                {"case": case.id, "digest": digest(framework.build(case))}
                if given.digests
                else measured(case, framework)
            )
        except Exception as wrong:  # noqa: BLE001 - many need what this environment has not
            unbuilt += 1
            found = {"case": case.id, "unbuilt": f"{type(wrong).__name__}: {wrong}"[:200]}
        if given.out:
            with given.out.open("a") as out:
                out.write(json.dumps(found) + "\n")
        gc.collect()
        if given.digests or "unbuilt" in found:
            print(found["case"], found.get("digest") or found["unbuilt"], flush=True)
            continue
        ran += 1
        family = case.id.partition("/")[0]
        for way in ("forward", "gradients"):
            seconds[family][way] += found[way]
        if found["forward-change"]:
            ratios.append(found["gradients-change"] / found["forward-change"])
        if not found["same"]:
            unlike.append(case.id)
        print(
            f"{case.id}: {found['weights']} weights, {found['forward']:.2f} s, by gradients {found['gradients']:.2f} s "
            f"({found['gradients-bounded']} bounded), {'same' if found['same'] else 'ANOTHER VERDICT'}"
            f"{'' if found['true'] else ', a bound is not reached'}",
            flush=True,
        )
    for family, by in seconds.items():
        print(
            f"{family}: {by['forward']:.0f} s, by gradients {by['gradients']:.0f} s, "
            f"{by['gradients'] / by['forward']:.1%}"
        )
    if ratios:
        right = sum(ratio == 1.0 for ratio in ratios)
        print(
            f"the weight of least change is the same in {right} of {len(ratios)}, else {max(ratios):.1f} times at most"
        )
    print(f"{ran} cases, {unbuilt} that do not build here; another verdict: {', '.join(unlike) or 'none'}")
    return 1 if unlike else 0


if __name__ == "__main__":
    sys.exit(main())
