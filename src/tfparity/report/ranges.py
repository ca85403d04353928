"""Since when and until when a model works by a route, in words; docs/since.md, which has them of the core models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tfparity.evidence import ranges
from tfparity.evidence.query import Standing, Table
from tfparity.evidence.ranges import Range, Reach, Release
from tfparity.records.vocabulary import Verdict
from tfparity.report import markdown, words
from tfparity.report.why import lost

MEANING = {
    Reach.WIDELY: f"works on every TensorFlow that toolchains of the last {ranges.MONTHS} months end in, and without a "
    "gap for as long",
    Reach.NEWLY: "works on the newest TensorFlow, for less long than that, or with a gap that was not run or fails",
    Reach.LIMITED: "works on some TensorFlow, and not, as far as is known, on the newest",
    Reach.NEVER: "was run, and works on none",
    Reach.UNTESTED: "nothing was run",
    Reach.NOT_APPLICABLE: "cannot be on any toolchain",
}


def takes(remedies: Iterable[str]) -> str:
    """What it takes, in a few words: "opset 12, shims". Shims are those of the toolchain, whose page names them."""
    names = list(remedies)
    shims = ["shims"] if any(name.startswith("shim:") for name in names) else []
    return words.remedies([*(name for name in names if not name.startswith("shim:")), *shims])


def between(first: Release, last: Release) -> str:
    """ "2.6 to 2.15" or "2.21"."""
    return first.id.version if first.id == last.id else f"{first.id.version} to {last.id.version}"


def where(found: Range) -> str:
    """The versions with which it works, by what it takes: "2.6 to 2.15; 2.16 to 2.21 with shims"."""
    by_taken: dict[str, list[str]] = {}
    for first, last in found.stretches(takes):
        by_taken.setdefault(takes(first.remedies), []).append(between(first, last))
    return "; ".join(", ".join(runs) + (f" with {by}" if by else "") for by, runs in by_taken.items())


def days(found: Range) -> str:
    """ "2021-10-15 to today": the day of the oldest toolchain, and that of the newest where it works no more."""
    return f"{found.since} to {found.until or 'today'}" if found.since else ""


def notes(found: Range) -> list[str]:
    """What else there is to know: where it is partly right, and what is lost; where it fails; where nothing was run."""
    said: dict[str, list[Release]] = {}
    for one in found.partly:
        said.setdefault(f"partly ({partial(one.best)})", []).append(one)
    rest = ((Verdict.BROKEN, found.broken), (Verdict.UNTESTED, found.unknown))
    said |= {words.verdict(verdict).words: some for verdict, some in rest if some}
    return [f"{what} with {_listed(some)}" for what, some in said.items()]


def partial(standing: Standing | None) -> str:
    """What a cell that is partly right lost: never empty."""
    parts = lost(standing.cell) if standing and standing.cell else []
    return "; ".join(parts) or words.verdict(Verdict.PARTIAL).meaning


def _listed(some: Sequence[Release]) -> str:
    return ", ".join(one.id.version for one in some)


def sentence(found: Range) -> str:
    """All of it in a line: "widely: TensorFlow 2.6 to 2.15 (2021-10-15 to today), torch 1.9.1 to 2.15.0; …"."""
    parts = []
    if found.working:
        parts.append(f"{found.working[0].id.name} {where(found)} ({days(found)})")
        parts += [f"torch {_torch(found)}"] if found.torch else []
    return f"{found.reach}: {'; '.join([*parts, *notes(found)]) or MEANING[found.reach]}"


def _torch(found: Range) -> str:
    first, last = found.torch or ("", "")
    return first if first == last else f"{first} to {last}"


def page(table: Table) -> str:
    """docs/since.md: of each core model the routes by which it works somewhere."""
    rows = []
    for case, cells in table.core.items():
        routes = dict.fromkeys(cell.planned.route for cell in cells)
        by_route = {
            route: ranges.of([cell for cell in cells if cell.planned.route == route], table.selection.matrix)
            for route in routes
        }
        there = {route: found for route, found in by_route.items() if found.reach.works}
        order = list(Reach)
        for route, found in sorted(there.items(), key=lambda item: order.index(item[1].reach)):
            rows.append([markdown.code(case), route, *_row(found)])
        if not there:
            rows.append([markdown.code(case), "–", f"**{Reach.NEVER}**", "–", "–", "–"])
    meaning = [f"- **{word}**: {MEANING[word]}." for word in Reach if word.works]
    parts = [
        "# Since when, until when",
        (
            "The TensorFlow with which a model works by a route, as recorded. Toolchains that end in the same "
            "TensorFlow stand together, and the best of them counts: a shim or a remedy counts, and is named. What was "
            "never run counts as a gap. Routes that work for a model nowhere are left out."
        ),
        "\n".join(meaning),
        markdown.table(["model", "route", "word", "TensorFlow", "torch", "toolchains of"], rows),
    ]
    return "\n\n".join(parts) + "\n"


def _row(found: Range) -> list[str]:
    kind = found.working[0].id.name
    name = "" if kind == "TensorFlow" else f"{kind} "
    beside = [note for note in notes(found) if note.startswith("partly")]
    text = "; ".join([name + where(found), *beside])
    return [f"**{found.reach}**", markdown.text(text), _torch(found), days(found)]
