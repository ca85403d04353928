"""docs/routes.md: every route on the same cases, side by side, and which to take for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfparity.evidence import recommend
from tfparity.evidence.query import Standing, Table
from tfparity.planning.routes import route
from tfparity.records.vocabulary import Target, Verdict
from tfparity.report import markdown, words


def page(standings: Table) -> str:
    """What each route needs and gives; per core case the best cell of each route."""
    routes = list(dict.fromkeys(name for toolchain in standings.toolchains for name in toolchain.routes))
    by_case = standings.core
    parts = [
        "# Routes",
        (
            "Which tool takes a PyTorch model to TensorFlow? Here every known way across stands beside the others, on "
            "the same models under the same check. [Adopting](adopting.md) tells how to use one; "
            "[converting](converting.md) does it for you."
        ),
        markdown.table(
            ["route", "needs", "gives", "open axes", "layout", "integers", "trainable variables", "core cases"],
            [_route(standings, name, by_case) for name in routes],
        ),
        (
            "Open axes, layout, integers: by the route's design; what a model keeps of it stands in its cells. Core "
            "cases: how many get across on some toolchain, of those that were run by the route."
        ),
        "## By case",
        (
            "The best cell of each route over all toolchains: largest difference from torch in float64. The "
            "recommended way needs no remedy if there is such a one, then has the best grade; of equals the default "
            "toolchain comes first, then the newest."
        ),
        markdown.table(
            ["case", *routes, "recommended"],
            [
                [markdown.code(case), *(_best(cells, name) for name in routes), _recommended(standings, cells)]
                for case, cells in by_case.items()
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _route(standings: Table, name: str, by_case: Mapping[str, Sequence[Standing]]) -> list[str]:
    declared = route(name, standings.project)
    gives = declared.gives
    needed = {**declared.requires["source"], **declared.requires["target"]}
    mine = [[cell for cell in cells if cell.planned.route == name] for cells in by_case.values()]
    ran = [cells for cells in mine if any(cell.verdict.ran for cell in cells)]
    across = sum(any(cell.verdict.works for cell in cells) for cells in ran)
    said = {True: "yes", False: "no", None: "–"}
    return [
        f"**{name}**",
        markdown.text(", ".join(f"{package} {specifier}" for package, specifier in needed.items())),
        "[every target](targets.md)" if len(gives.targets) == len(Target) else markdown.text(", ".join(gives.targets)),
        said[gives.dynamic],
        markdown.text(gives.layout or "–"),
        markdown.text(gives.integers or "–"),
        said[gives.trainable],
        f"{across} of {len(ran)}" if ran else words.verdict(Verdict.UNTESTED).words,
    ]


def _best(cells: Sequence[Standing], route: str) -> str:
    """The best cell of a route in a few characters; what all cells are where none was run."""
    mine = [cell for cell in cells if cell.planned.route == route]
    ran = [cell for cell in mine if cell.verdict.ran]
    if not ran:
        found = {cell.verdict for cell in mine}
        others = (Verdict.STALE, Verdict.UNTESTED, Verdict.UNRESOLVABLE)
        name = next((name for name in others if name in found), Verdict.NOT_APPLICABLE)
        return words.verdict(name).words
    chosen = min(ran, key=lambda cell: (cell.verdict.position, cell.max_abs or 0.0))
    shown = words.verdict(chosen.verdict)
    if chosen.verdict.works:
        return f"{shown.sign} {words.number(chosen.max_abs)}"
    return f"{shown.sign} {shown.words}"


def _recommended(standings: Table, cells: Sequence[Standing]) -> str:
    chosen = _chosen(standings, cells)
    if chosen is None:
        return "none gets across"
    toolchain, route = chosen
    return f"{route} on {toolchain}"


def _chosen(standings: Table, cells: Sequence[Standing]) -> recommend.Way | None:
    known = {(c.planned.toolchain, c.planned.route): (c.verdict, c.cell.grade if c.cell else None) for c in cells}
    return recommend.best(standings.oldest_first(known), known, standings.default)
