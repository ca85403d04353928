"""README's generated parts: which versions, which tool, and a narrow table. All from the matrix and the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

from tfparity.environments.lock import end_of_day
from tfparity.evidence import ranges
from tfparity.evidence.query import Standing, Table
from tfparity.inputs.matrix import Environment, Toolchain
from tfparity.paths import Project
from tfparity.planning.routes import BY_HAND
from tfparity.records.vocabulary import Verdict
from tfparity.report import markdown, words

#: Kinds of models as a person calls them, by globs of the files of cases that hold them.
KINDS: Mapping[str, tuple[str, ...]] = {
    "CNN: classification (ResNet, …)": ("torchvision_models", "torchvision_builders"),
    "detection, segmentation, video": ("torchvision_tasks",),
    "text encoder (BERT, …)": ("huggingface", "huggingface_encoders"),
    "text decoder (GPT-2, …)": ("huggingface_decoders",),
    "text to text (T5, …)": ("huggingface_seq2seq",),
    "vision transformer (ViT, …)": ("huggingface_vision",),
    "audio (Wav2Vec2, …)": ("huggingface_audio",),
    "text and images (CLIP, …)": ("huggingface_multimodal",),
    "blocks of newer models": ("blocks",),
    "single operators": ("operators*",),
}

#: The route whose versions people ask for.
ROUTE = "onnx-tf"


def parts(table: Table) -> dict[str, str]:
    """Name of the markers → what stands between them."""
    return {
        "versions": versions(table),
        "tools": tools(table),
        "counts": headline(table),
        "compatibility": compatibility(table),
    }


# Which versions


def sets(table: Table) -> dict[str, Toolchain]:
    """What is offered to paste, by what it is: the default; the oldest toolchain on which every smoke case that can be
    there works by onnx-tf; of the newest TensorFlow the one on which most do."""
    rows = [one for one in table.toolchains if ROUTE in one.routes and _smoke(table, one)[1]]
    oldest = [table.selection.matrix.toolchains[id] for id, _ in table.oldest_first((one.id, ROUTE) for one in rows)]
    whole = [one for one in oldest if _smoke(table, one)[0] == _smoke(table, one)[1]]
    ids = {one.id: ranges.release_of(table.selection.matrix, (one.id, ROUTE)) for one in rows}
    orders = [id.order for id in ids.values() if id]
    newest = [one for one in rows if (id := ids[one.id]) and id.order == max(orders)]
    found = {"The default": table.selection.matrix.toolchains[table.default]}
    if whole:
        found["The oldest on which every smoke case works"] = whole[0]
    if newest:
        found["The newest TensorFlow"] = max(newest, key=lambda one: _smoke(table, one)[0])
    return found


def _smoke(table: Table, toolchain: Toolchain) -> tuple[int, int]:
    """How many of the smoke cases work by onnx-tf, and how many were run."""
    counts = table.counts(toolchain.id, lambda cell: table.smoke(cell) and cell.route == ROUTE)
    ran = sum(count for verdict, count in counts.items() if verdict.ran)
    return sum(count for verdict, count in counts.items() if verdict.works), ran


def versions(table: Table) -> str:
    """A block to paste for each of the sets: its pins, as the index stood on its day."""
    blocks = []
    for title, toolchain in sets(table).items():
        environments = [table.selection.matrix.environments[id] for id in toolchain.environments()]
        works, ran = _smoke(table, toolchain)
        locks = ", ".join(f"[its lockfile](lockfiles/{one.id}.txt)" for one in environments)
        pins = environments[-1].pins
        named = [f"{name} {pins[name]}" for name in ("torch", "onnx", "onnx-tf", "tensorflow") if name in pins]
        shims = table.shims(toolchain)
        needs = f"; needs [shims](docs/adopting.md#shims): {', '.join(map(markdown.text, shims))}" if shims else ""
        lines = "\n".join(line for one in environments for line in paste(one))
        blocks.append(
            f"**{title}** ({toolchain.id}): {', '.join(named)}. {works} of {ran} "
            f"smoke cases work by {ROUTE}{needs}; all packages with hashes: {locks}.\n\n```sh\n{lines}\n```"
        )
    return "\n\n".join(blocks)


def paste(environment: Environment) -> list[str]:
    """The lines that install an environment's pins as the index stood on its day."""
    folder = f"./{environment.id}"
    lines = [f"uv venv --python {environment.python} {folder}"]
    override = ""
    if environment.overrides:
        quoted = " ".join(f'"{line}"' for line in environment.overrides)
        lines.append(f"printf '%s\\n' {quoted} > overrides.txt")
        override = " --override overrides.txt"
    pins = " ".join(f"{name}=={version}" for name, version in environment.pins.items())
    until = f"--exclude-newer {end_of_day(environment.as_of)}"
    lines.append(f"uv pip install --python {folder}/bin/python {until}{override} {pins}")
    return lines


# Which tool


@dataclass(frozen=True)
class Share:
    """Of the models that ran by a route how many convert on some toolchain, and how many of those without a remedy."""

    route: str
    ran: int
    works: int
    plain: int

    def __str__(self) -> str:
        """ "onnx-tf (6 of 6, 2 with a remedy)"."""
        remedied = f", {self.works - self.plain} with a remedy" if self.works > self.plain else ""
        return f"{self.route} ({self.works} of {self.ran}{remedied})"


def shares(cases: Mapping[str, Sequence[Standing]]) -> list[Share]:
    """The routes that convert any of the cases, but those by hand: first where most convert without a remedy, then
    where most do."""
    found = []
    for route in dict.fromkeys(cell.planned.route for cells in cases.values() for cell in cells):
        mine = [[cell.verdict for cell in cells if cell.planned.route == route] for cells in cases.values()]
        ran = [verdicts for verdicts in mine if any(one.ran for one in verdicts)]
        works = sum(any(one.works for one in verdicts) for verdicts in ran)
        plain = sum(Verdict.WORKS in verdicts for verdicts in ran)
        if works and route not in BY_HAND:
            found.append(Share(route, len(ran), works, plain))
    return sorted(found, key=lambda one: (-one.plain, -one.works))


def tools(table: Table) -> str:
    """A row for each kind of model: how many convert by some route, which route to try first, and then."""
    rows = []
    for kind, files in KINDS.items():
        cases = {
            case: cells
            for file, mine in table.case_files.items()
            if any(fnmatch(file, glob) for glob in files)
            for case, cells in mine.items()
        }
        ran = {case: cells for case, cells in cases.items() if any(cell.verdict.ran for cell in cells)}
        works = sum(any(cell.verdict.works for cell in cells) for cells in ran.values())
        best = shares(ran)
        if ran:
            first = markdown.text(best[0]) if best else "–"
            rows.append([kind, f"{works} of {len(ran)}", first, markdown.text(_then(ran, best[0])) if best else "–"])
    return markdown.table(["kind of model", "convert", "try first", "for the rest"], rows)


def _then(cases: Mapping[str, Sequence[Standing]], first: Share) -> str:
    """The route that converts most of the models that the first one does not: "onnx-tf (12 more)"."""

    def converts(cells: Sequence[Standing]) -> bool:
        return any(cell.verdict.works and cell.planned.route == first.route for cell in cells)

    rest = shares({case: cells for case, cells in cases.items() if not converts(cells)})
    best = max(rest, key=lambda one: one.works, default=None)
    return f"{best.route} ({best.works} more)" if best else "–"


# What works


def headline(table: Table) -> str:
    """A sentence on the cells that ran."""
    counts = table.counts()
    ran = sum(count for verdict, count in counts.items() if verdict.ran)
    said = ", ".join(f"{count:,} {words.verdict(one).words}" for one, count in counts.items() if one.ran)
    toolchains = sum(any(cell.verdict.ran for cell in cells) for cells in table.cells.values())
    stale = f" {counts[Verdict.STALE]:,} more are stale." if counts[Verdict.STALE] else ""
    return f"{ran:,} cells were run, on {toolchains} toolchains: {said}.{stale}"


def locked(project: Project, toolchain: Toolchain, root: str) -> str:
    """A toolchain's id, as a link to the lockfile of its target side where it has one. root: the path to the clone."""
    lockfile = f"lockfiles/{toolchain.environments()[-1]}.txt"
    return f"[{toolchain.id}]({root}{lockfile})" if (project.root / lockfile).is_file() else toolchain.id


def compatibility(table: Table) -> str:
    """A row for each toolchain, the newest last, in six columns."""
    rows = []
    for toolchain in table.toolchains:
        pins = table.packages(toolchain)
        smoke = table.counts(toolchain.id, table.smoke)
        ran = sum(count for verdict, count in smoke.items() if verdict.ran)
        works = sum(count for verdict, count in smoke.items() if verdict.works)
        shims = " (shims)" if table.shims(toolchain) else ""
        other = next((one for one in (Verdict.STALE, Verdict.UNRESOLVABLE, Verdict.UNTESTED) if smoke[one]), None)
        name = locked(table.project, toolchain, "")
        rows.append(
            [
                f"**{name}**" if toolchain.id == table.default else name,
                table.pythons(toolchain),
                markdown.text(pins.get("torch", "–")),
                markdown.text(pins.get("onnx-tf", "–")),
                markdown.text(pins.get("tensorflow") or pins.get("tensorflow-cpu") or "–"),
                f"{works} of {ran}{shims}" if ran else words.verdict(other or Verdict.NOT_APPLICABLE).words,
            ]
        )
    return markdown.table(["toolchain", "Python", "torch", "onnx-tf", "TensorFlow", "smoke cases that work"], rows)
