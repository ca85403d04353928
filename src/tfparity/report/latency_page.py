"""docs/latency.md: whether the converted model is slower, by what was measured; how that is done; the gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tfparity.evidence import gate_rates, latency
from tfparity.evidence.gate_rates import QUIET, Rates
from tfparity.evidence.latency import BASELINE, LOADED, Latency, Recording, Series
from tfparity.evidence.query import Table
from tfparity.evidence.ratios import FEWEST, WIDEST, Ratio
from tfparity.evidence.slowdowns import ALPHA, EXIT_CODE, LEAST
from tfparity.planning.subjects import NAMES
from tfparity.report import markdown, words
from tfparity.report.latency import middle, seconds

#: What each subject is, in a few words.
WHAT = {
    "torch": "eager, without gradients",
    "torchscript": "traced, saved and loaded",
    "torch-compile": "`torch.compile` without options",
    "onnxruntime": "ONNX Runtime on the exported file",
    "saved-model": "the SavedModel's `serving_default`",
    "saved-model-xla": "the same, compiled by XLA",
    "tflite-float32": ".tflite, 32-bit floats",
    "tflite-dynamic": ".tflite, weights in 8 bits",
    "tflite-float16": ".tflite, weights in 16-bit floats",
    "keras-applications": "the same network of keras.applications, not converted",
}

#: What a conversion gives, and the column of the one that is fastest.
CONVERTED = ("saved-model", "saved-model-xla", "tflite-float32", "tflite-dynamic", "tflite-float16")
FASTEST = "fastest converted"

#: How they are called in a sentence.
CALLED = {"saved-model": "as a SavedModel", "saved-model-xla": "under XLA", "tflite-float32": "as a .tflite"}

UNTOLD = "insufficient data"

#: Cells of which the page says where the time goes: so many, the slowest; and types of operators of each.
SLOWEST, TYPES = 10, 4

#: What converters add to a graph: operators that compute nothing.
MOVING = ("Transpose", "Cast", "Reshape")

MEASURED = f"""\
A cell that works is timed at its smallest batch, on one thread of one core, with inputs that lie ready. Each subject is
a process of its own, all of them are up at once, and they take turns: an order drawn by a seed, then the same
backwards (A B B A), so that what drifts on the machine falls on all alike. The process's own clock counts; no transport
is in a number. Before a short call another is made that does not count, since the turn of the others has emptied the
caches. Then all of it again with new processes: where a process's memory happens to lie moves all its samples. Of
a model that takes long a process makes as few calls that count as {FEWEST}.

- A **ratio** is to torch in eager mode in the same run, pair by pair; the median of a process counts once. The interval
  is Student's, of the mean of the logarithms of the processes' medians, after Kalibera and Jones, *Rigorous
  Benchmarking in Reasonable Time* (ISMM 2013); of a single process it is that of a median by order statistics. One that
  is wider than {WIDEST - 1:.0%}, is made of fewer than {FEWEST} calls a process, or comes from a loaded machine, on
  which the middle call waited more than {LOADED:.0%} of its time for the core, is **insufficient data**
- **load**: from what lies on disk to what can be called; for torch that is the weights, read into the model as it was
  built. **first**: the first call, in which XLA and `torch.compile` compile. **memory**: the most beyond what the
  process had with its frameworks imported; what the model's code imports counts. **disk**: the files that are loaded
- A model of your own: `python -m nox -s latency -- --cases my_cases.py`
- ONNX Runtime is the toolchain's own where it has one, else that of tfparity
- A .tflite whose answers are wrong is not timed"""

GATE = f"""\
`python -m nox -s latency -- --compare` measures again and holds each subject against `results/latency/`, or against
`--base FILE`, beside the torch of its own run. **Slower** (exit code {EXIT_CODE}) is what

- a rank test over processes says (Mann and Whitney's, exact), at {ALPHA:.0%} after the correction of Benjamini and
  Hochberg over all comparisons of the run,
- by more than {LEAST:.0%}, and by more than the processes of one run differ among themselves (the A/A spread: twice the
  distance of their quartiles),
- and, measured once more, again.

As many processes are run as one slowdown among so many comparisons needs; a base of nine processes
(`-- --record --processes 9`) leaves room for one that something else met. On a loaded machine, beside a base of another
machine, or with too few processes it is insufficient data, which refuses nothing."""


@dataclass(frozen=True)
class Timed:
    """A cell that was timed, its toolchain, and its ratios to torch by subject."""

    toolchain: str
    cell: Latency
    ratios: Mapping[str, Ratio]


def page(table: Table) -> str:
    """The answer in a sentence; each subject over all cells; cell by cell; how it is measured; the gate."""
    project = table.project
    recordings = {id: latency.load(project, id) for id in table.selection.matrix.toolchains}
    known = {id: one for id, one in recordings.items() if one is not None and one.cells}
    found = [Timed(id, cell, cell.ratios) for id, one in known.items() for cell in one.cells if cell.subjects]
    parts = ["# Latency"]
    if found:
        parts += [
            answer(found),
            "![Time against torch, of the SavedModel without and with XLA](images/latency.svg)",
            markdown.table(
                ["run as", "what it is", "timed", "slower", "faster", "equal", UNTOLD, "times as long"],
                [_row(name, found) for name in NAMES if any(name in one.ratios for one in found)],
                align="llrrrrrr",
            ),
            "Times as long: the median over cells, the least and the most, of those with sufficient data. All on CPUs.",
            "## Cell by cell",
            *(_toolchain(id, one, [cell for cell in found if cell.toolchain == id]) for id, one in known.items()),
            where_it_goes(found),
        ]
    else:
        parts.append("**No latency is recorded.**")
    parts += ["## How it is measured", MEASURED, "## The gate", GATE, rates(gate_rates.load(project))]
    return "\n\n".join(part for part in parts if part) + "\n"


def answer(found: Sequence[Timed]) -> str:
    """Whether a converted model is slower: the page's first sentence, all of it counted."""

    def said(name: str) -> str:
        counts, known = _counted(name, found)
        parts = [f"{counts[word]} {word}" for word in ("slower", "faster", "equal") if counts[word]]
        parts += [f"{counts[UNTOLD]} not told apart"] if counts[UNTOLD] else []
        text = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
        usual = f" (in the median {median(known):.2f} times as long)" if known else ""
        return f"of {counts.total()} cells {CALLED[name]} {text}{usual}"

    sentences = [said(name) for name in CALLED if any(name in one.ratios for one in found)]
    return f"**Against torch in eager mode, on one core of a CPU: {'; '.join(sentences)}.**" if sentences else ""


def _counted(name: str, found: Sequence[Timed]) -> tuple[Counter[str], list[float]]:
    """How many cells came out how by that subject, and its ratios where they say something."""
    mine = [one.ratios[name] for one in found if name in one.ratios]
    known = [one.median for one in mine if one.median is not None and one.verdict != UNTOLD]
    return Counter(one.verdict for one in mine), known


def _row(name: str, found: Sequence[Timed]) -> list[str]:
    counts, known = _counted(name, found)
    return [
        f"**{name}**",
        WHAT[name],
        str(counts.total()),
        *(str(counts[word]) for word in ("slower", "faster", "equal", UNTOLD)),
        f"{median(known):.2f} ({min(known):.2f} to {max(known):.2f})" if known else "–",
    ]


def _toolchain(id: str, recording: Recording, found: Sequence[Timed]) -> str:
    """A toolchain's cells: the ratios in a row each; below, folded, what is told beside them, and what does not run."""
    machine = recording.machine
    where = f"{machine.get('cpu') or machine.get('machine')}, {machine.get('cores')} cores"
    series = [series for one in found for series in one.cell.subjects.values()]
    processes = sorted({len(one.processes) for one in series})
    often = " to ".join(str(count) for count in dict.fromkeys((processes[0], processes[-1])))
    told = any(process.load_seconds is not None for one in series for process in one.processes)
    how = f"{often} processes each" if told else "one process each, taking turns at random, as was done before"
    names = [name for name in NAMES if any(name in one.cell.subjects for one in found) and name != BASELINE]
    rows = [
        [
            markdown.code(one.cell.case),
            markdown.text(one.cell.route),
            seconds(median(value for process in one.cell.subjects[BASELINE].processes for value in process.samples))
            if BASELINE in one.cell.subjects
            else "–",
            *(_short(one.ratios.get(name)) for name in names),
            _fastest(one.ratios),
        ]
        for one in found
    ]
    said = "After torch's own time: how many times as long it takes, with the interval."
    parts = [
        f"### {id}",
        f"{markdown.text(where)}; {markdown.text(recording.ran_at[:10])}; {how}. {said}",
        markdown.table(["case", "route", BASELINE, *names, FASTEST], rows, align="llr" + "r" * len(names) + "l"),
    ]
    beside = [row for name in NAMES if (row := _beside(name, [one.cell for one in found]))]
    if beside:
        head = ["run as", "by", "first call", "load", "memory", "disk"]
        detail = markdown.table(head, beside, align="llrrrr")
        parts.append(markdown.folded("first call, load, memory and size: the median over cells", detail))
    failed: dict[tuple[str, str], int] = {}
    for name, reason in (pair for one in found for pair in one.cell.failed.items()):
        place = (name, words.shortened(" ".join(reason.split()), 160))
        failed[place] = failed.get(place, 0) + 1
    if failed:
        lines = [f"- {name}, {words.cells(count)}: {markdown.text(why)}" for (name, why), count in failed.items()]
        parts.append(markdown.folded(f"{sum(failed.values())} that do not run", "\n".join(lines)))
    return "\n\n".join(parts)


def where_it_goes(found: Sequence[Timed]) -> str:
    """Of the slowest SavedModels: what they have more of than the ONNX file, and in which operators a call spends its
    time. Empty where none tells."""
    name, file = "saved-model", "onnxruntime"
    told = [
        (one.ratios[name].median or 0.0, one)
        for one in found
        if name in one.ratios and one.ratios[name].verdict != UNTOLD and one.cell.subjects[name].spent
    ]
    rows = []
    for ratio, one in sorted(told, key=lambda pair: -pair[0])[:SLOWEST]:
        mine, other = one.cell.subjects[name], one.cell.subjects.get(file)
        counts = [f"{kind} {_count(mine, kind)}, {_count(other, kind)}" for kind in MOVING]
        rows.append(
            [
                markdown.code(one.cell.case),
                markdown.text(one.cell.route),
                one.toolchain,
                f"{ratio:.2f}",
                "; ".join(counts),
                _most(mine),
                _most(other),
            ]
        )
    if not rows:
        return ""
    head = [
        "case",
        "route",
        "toolchain",
        "times as long",
        "SavedModel, ONNX file",
        "TensorFlow's time",
        "ONNX Runtime's",
    ]
    return "\n\n".join(
        [
            "## Where the time goes",
            (
                f"The slowest SavedModels, against torch. {', '.join(MOVING)} compute nothing: how many the "
                "SavedModel has, and the ONNX file that it was made of. Time: the types of operators that take most of "
                "one call, traced once it was timed, as the runtime joined them."
            ),
            markdown.table(head, rows, align="lllrlll"),
        ]
    )


def _count(series: Series | None, kind: str) -> str:
    """How many operators of that type a subject has, "–" where it does not tell."""
    return str(series.operators.get(kind, 0)) if series and series.operators is not None else "–"


def _most(series: Series | None) -> str:
    """ "Conv2D 62%, Transpose 14%"."""
    spent = (series and series.spent) or {}
    whole = sum(spent.values())
    most = sorted(spent.items(), key=lambda pair: (-pair[1], pair[0]))[:TYPES]
    return ", ".join(f"{markdown.text(name)} {value / whole:.0%}" for name, value in most) if whole > 0 else "–"


def _fastest(ratios: Mapping[str, Ratio]) -> str:
    """The converted form that takes least, of those that say something."""
    known = {name: one.median for name, one in ratios.items() if name in CONVERTED and one.verdict != UNTOLD}
    return min(known, key=lambda name: known[name] or 0.0) if known else "–"


def _short(found: Ratio | None) -> str:
    """ "1.52 (1.49 to 1.55)"; an interval that is too wide says so."""
    if found is None:
        return "–"
    if found.verdict == UNTOLD or found.median is None:
        return UNTOLD
    return f"{found.median:.2f} ({found.low:.2f} to {found.high:.2f})"


def _beside(name: str, cells: Sequence[Latency]) -> list[str]:
    """A row of what a subject tells beside its samples, the median over cells; empty where nothing was told."""
    mine = [cell.subjects[name] for cell in cells if name in cell.subjects]

    def usual(field: str) -> float | None:
        known = [value for one in mine if (value := middle(one, field)) is not None]
        return median(known) if known else None

    first, load, memory = usual("first_seconds"), usual("load_seconds"), usual("memory_mib")
    if first is None and load is None:
        return []
    sizes = [one.megabytes for one in mine if one.megabytes is not None]
    return [
        name,
        markdown.text(", ".join(sorted({one.ran for one in mine if one.ran})) or "–"),
        seconds(first),
        seconds(load),
        "–" if memory is None else f"{memory:.0f} MiB",
        f"{median(sizes):.3g} MB" if sizes else "–",
    ]


def rates(found: Rates | None) -> str:
    """How often the gate was right when that was measured."""
    how = "`PYTHONPATH=src python benchmarks/latency_gate.py` plants slowdowns and counts what the gate finds"
    if found is None:
        return f"{how}. Its rates are not recorded yet."
    machine = found.machine
    cpu = markdown.text(f"{machine.get('cpu') or machine.get('machine')}, {machine.get('cores')} cores")
    rows = [
        [
            "a busy process a core" if one.load == "busy" else one.load,
            f"{one.slowdown:.0%} more work" if one.slowdown else "the same (A/A)",
            str(one.all),
            str(one.quiet),
            f"{one.slower / one.quiet:.1%}" if one.quiet else "–",
            f"{one.insufficient / one.quiet:.1%}" if one.quiet else "–",
            f"{one.untold / one.all:.1%}" if one.all else "–",
        ]
        for one in found.trials
    ]
    head = ["machine", "second run", "trials", "quiet", "called slower", "insufficient data", "of all trials"]
    said = (
        f"{how}: {cpu}, {found.ran_at[:10]}; {found.processes} processes of {found.rounds} calls, each corrected for "
        f"{found.among} comparisons. Rates are of quiet cells, whose processes differ by less than {QUIET:.0%}."
    )
    return f"{said}\n\n{markdown.table(head, rows, align='llrrrrr')}"
