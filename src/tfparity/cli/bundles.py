"""The commands bundles export and bundles run."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tfparity.cli import commands
from tfparity.cli.commands import Commands
from tfparity.cli.run import check_score, declare_score, score
from tfparity.errors import UsageError
from tfparity.planning import options

if TYPE_CHECKING:
    from tfparity.records.cells import CellRecord, PlannedCell


def declare(to: Commands) -> None:
    """Declare the commands."""
    about = "Hand on what the torch side made, and run it by a converter without torch."
    kinds = to.subparsers.add_parser("bundles", help=about, description=about, allow_abbrev=False).add_subparsers(
        metavar="KIND", required=True
    )
    kind = Commands(kinds)
    beyond = (
        "--try-remedies",
        "--all-opsets",
        "--level",
        "--runtime",
        "--with",
        "--keep-environments",
        "--all-names",
        "--record",
        "--results",
        "--limitations",
        "--shard",
        "--quarantine",
    )
    made = kind.add("export", export, without=(*beyond, "--budget", "--keep"))
    made.add_argument("folder", type=Path, help="where the bundles are written")
    ran = kind.add("run", run)
    ran.add_argument("folder", type=Path, help="what `bundles export` wrote")
    ran.add_argument("--route", default="onnx-tf", help="a route's name, or the file of one's own (onnx-tf)")
    where = ran.add_mutually_exclusive_group()
    where.add_argument("--toolchain", default=options.DEFAULT, metavar="ID", help="its target environment")
    where.add_argument("--python", type=Path, metavar="FILE", help="an interpreter that has the converter instead")
    for option in (options.named("--with"), options.named("--keep-environments"), options.named("--quarantine")):
        ran.add_argument(option.flag, help=option.help, **option.settings)
    declare_score(ran)
    ran.add_argument("--case", action="append", metavar="GLOB", help="only these cases; repeatable")
    for option in (options.named("--sandbox"), options.named("--download")):
        ran.add_argument(option.flag, help=option.help, **option.settings)


def export(given: argparse.Namespace) -> int:
    """Write bundles of the chosen cases into a folder; 1 where a case gave none."""
    from tfparity.features import bundle_exchange
    from tfparity.records.fingerprint import printable

    asked = commands.session(given)
    without = {cell.case: None for cell in asked.cells if cell.applicable}
    if not without:
        raise UsageError(f"no chosen case can be exported: {asked.cells[0].reason}")

    def told(cell: PlannedCell, opset: int, error: str | None) -> None:
        if error is None:
            without.pop(cell.case, None)
        said = printable(error or "exported")
        print(f"{cell.case}  {cell.route}  opset {opset}  {said[:200]}", flush=True)

    written = bundle_exchange.export(asked, given.folder, told)
    print(f"{written} exports in {given.folder}; without any: {', '.join(without) or 'none'}")
    return 1 if without else 0


def run(given: argparse.Namespace) -> int:
    """Take a folder's bundles through a route's target side, and end with a table; 1 where one does not work."""
    from tfparity.engine import bundles, context
    from tfparity.engine.worker_client import Side
    from tfparity.features import bundle_exchange, under_test, unnamed
    from tfparity.planning import routes
    from tfparity.planning.selection import Selection
    from tfparity.records.vocabulary import Verdict
    from tfparity.report import terminal, words

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    packages = tuple(getattr(given, "with") or ())
    scored = check_score(given)
    if packages and given.python:
        raise UsageError("--with lies over a toolchain: name that with --toolchain, and leave out --python")
    choice = options.Choice(
        toolchains=(given.toolchain,),
        download=given.download,
        packages=packages,
        keep_environments=given.keep_environments,
        quarantine=Path(given.quarantine) if given.quarantine else None,
        sandbox=commands.sandboxing(given),
    )
    if given.quarantine and not scored:
        raise UsageError("--quarantine goes with --score")
    limits = context.limits(Selection(replace(choice, packages=())).matrix)
    shared = bundle_exchange.read(given.folder, given.case or (), bundles.bounds(limits.memory_mib))
    asked = under_test.session(choice, say)
    if scored:
        _ = asked.selection.quarantine  # what is wrong with it is said before anything runs
    wanted = str(Path(given.route).absolute()) if given.route.endswith(".py") else given.route
    route = routes.route(wanted, asked.selection.project)
    records: list[CellRecord] = []
    with unnamed.removed(asked):
        if given.python:
            name, side = given.python.name, Side(given.python.absolute(), (), tuple(route.imports["target"]))
        else:
            name, side = bundle_exchange.target(asked, wanted, say)
        for record in bundle_exchange.run(asked, shared, name, wanted, side):
            records.append(record)
            shown = words.verdict(record.verdict)
            say(f"[{len(records)}/{len(shared)}] {shown.sign} {record.case}  {shown.words}")
    terminal.show(commands.console(), records, lambda _: None)
    if scored:
        return score(given, asked, records, plain=True)
    commands.raise_for_machine(records)
    ran = [record for record in records if record.verdict is not Verdict.NOT_APPLICABLE]
    return 0 if ran and all(record.verdict.works for record in ran) else 1
