"""docs/routes.md: every route on the same cases, side by side, and which to take for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfparity import plan, recommend
from tfparity.report import markdown, words
from tfparity.report.standing import Standing, Standings

#: The verdicts of a cell that was run as it now is.
_RUN = ("works", "works-with-remedy", "partial", "broken")


def page(standings: Standings) -> str:
    """What each route needs and gives; per core case the best cell of each route; every cell behind a click."""
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
        "## Every cell",
        *(_block(standings, case, cells) for case, cells in by_case.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _route(standings: Standings, name: str, by_case: Mapping[str, Sequence[Standing]]) -> list[str]:
    module = plan.route(name, standings.project)
    gives: Mapping[str, Any] = getattr(module, "GIVES", {})
    needed = {**module.REQUIRES["source"], **module.REQUIRES["target"]}
    mine = [[cell for cell in cells if cell.planned.route == name] for cells in by_case.values()]
    ran = [cells for cells in mine if any(cell.verdict in _RUN for cell in cells)]
    across = sum(any(cell.verdict in recommend.ACROSS for cell in cells) for cells in ran)
    said = {True: "yes", False: "no", None: "–"}
    return [
        f"**{name}**",
        markdown.text(", ".join(f"{package} {specifier}" for package, specifier in needed.items())),
        markdown.text(", ".join(gives.get("targets", ())) or "–"),
        said[gives.get("dynamic")],
        markdown.text(gives.get("layout", "–")),
        markdown.text(gives.get("integers", "–")),
        said[gives.get("trainable")],
        f"{across} of {len(ran)}" if ran else words.verdict("untested").words,
    ]


def _best(cells: Sequence[Standing], route: str) -> str:
    """The best cell of a route in a few characters; what all cells are where none was run."""
    mine = [cell for cell in cells if cell.planned.route == route]
    ran = [cell for cell in mine if cell.verdict in _RUN]
    if not ran:
        found = {cell.verdict for cell in mine}
        name = next((name for name in ("stale", "untested", "unresolvable") if name in found), "not-applicable")
        return words.verdict(name).words
    chosen = min(ran, key=lambda cell: (_RUN.index(cell.verdict), (cell.cell or {}).get("max_abs") or 0.0))
    shown = words.verdict(chosen.verdict)
    if chosen.verdict in recommend.ACROSS:
        return f"{shown.sign} {words.number((chosen.cell or {}).get('max_abs'))}"
    return f"{shown.sign} {shown.words}"


def _recommended(standings: Standings, cells: Sequence[Standing]) -> str:
    chosen = _chosen(standings, cells)
    if chosen is None:
        return "none gets across"
    toolchain, route = chosen
    return f"{route} on [{toolchain}](toolchains/{toolchain}.md)"


def _chosen(standings: Standings, cells: Sequence[Standing]) -> recommend.Way | None:
    standing = {(c.planned.toolchain, c.planned.route): (c.verdict, (c.cell or {}).get("grade")) for c in cells}
    return recommend.best(standings.oldest_first(standing), standing, standings.default)


def _block(standings: Standings, case: str, cells: Sequence[Standing]) -> str:
    """Every cell of a case that was run; in its head the recommended way with its pins."""
    rows = []
    for cell in (cell for cell in cells if cell.verdict in _RUN):
        recorded = cell.cell or {}
        layout = plan.layout(plan.route(cell.planned.route, standings.project))
        made = cell.artifact or {}
        shown = words.verdict(cell.verdict)
        rows.append(
            [
                cell.planned.toolchain,
                cell.planned.route,
                f"{shown.sign} {shown.words}",
                markdown.text(recorded.get("grade") or "–"),
                words.number(recorded.get("max_abs")),
                words.axes(recorded.get("dynamic")),
                "–" if cell.verdict == "broken" else layout,
                f"{made['megabytes']}" if made else "–",
                f"{made['seconds']:.0f}" if made else "–",
            ]
        )
    head = ["toolchain", "route", "verdict", "grade", "max error", "axes kept", "layout", "MB", "seconds to convert"]
    table = markdown.table(head, rows, align="lllllllrr") if rows else "No cell of it was run."
    chosen = _chosen(standings, cells)
    summary = f"{markdown.code(case)}: "
    if chosen:
        pins = standings.pins(*chosen)
        named = (
            "torch",
            "onnx",
            "onnx-tf",
            "onnx2tf",
            "torchax",
            "nobuco",
            "litert-torch",
            "transformers",
            "tensorflow",
        )
        summary += f"{chosen[1]} on {chosen[0]}: " + ", ".join(f"{name} {pins[name]}" for name in named if name in pins)
    else:
        summary += "none gets across"
    return markdown.folded(summary, table)
