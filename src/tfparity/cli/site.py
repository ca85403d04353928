"""The command site."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tfparity.cli.commands import Commands

if TYPE_CHECKING:
    from tfparity.paths import Project
    from tfparity.planning.selection import Selection
    from tfparity.report.site.facts import Latencies


def declare(to: Commands) -> None:
    """Declare the command."""
    made = to.add("site", site)
    made.add_argument(
        "-o",
        "--output-folder",
        type=Path,
        default=Path("build/site"),
        metavar="DIR",
        help="the folder to build it in (default: build/site)",
    )


def site(given: argparse.Namespace) -> int:
    """Build the site from results/ into a folder: pages, a grid, a search, the data as JSON. It opens from a file."""
    from tfparity.evidence import history
    from tfparity.evidence.query import Query, Table
    from tfparity.planning import options
    from tfparity.planning.selection import Selection
    from tfparity.report.site.build import build

    everything = Selection(options.Choice(toolchains=("all",), tier="all"))
    past = history.changes(everything.project)
    built = build(Table(Query(everything)), latencies(everything), given.output_folder, past)
    print(f"{given.output_folder}/index.html: {built.pages} pages, {built.files} files, {built.bytes / 1e6:.1f} MB")
    return 0


def latencies(selection: Selection) -> dict[str, Latencies]:
    """By toolchain, the ratios against torch of recorded samples."""
    return {id: _latencies(selection.project, id) for id in selection.matrix.toolchains}


def _latencies(project: Project, toolchain: str) -> Latencies:
    """The recorded ratios against torch, computed from the samples."""
    from tfparity.evidence import latency
    from tfparity.report.site.facts import Latency

    found: dict[tuple[str, str], Mapping[str, Latency]] = {}
    for cell in latency.cells(project, toolchain):
        found[cell.case, cell.route] = {
            name: Latency(one.median, one.low, one.high, one.verdict) for name, one in cell.ratios.items()
        }
    return found
