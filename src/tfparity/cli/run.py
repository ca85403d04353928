"""The commands that run cells, or only say which: run, sweep, plan, cases."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfparity import paths
from tfparity.cli import commands
from tfparity.cli.commands import Commands
from tfparity.errors import UsageError

if TYPE_CHECKING:
    from tfparity.features.session import Session
    from tfparity.records.cells import CellRecord


def declare(to: Commands) -> None:
    """Declare the commands."""
    only_run = (
        *(
            "--try-remedies",
            "--all-opsets",
            "--level",
            "--again",
            "--fresh-process",
            "--sandbox",
            "--keep",
            "--keep-environments",
            "--download",
        ),
        *("--target", "--calibration", "--runtime"),
        "--all-names",
        "--record",
        "--quarantine",
    )
    ran = to.add("run", run, without=())
    declare_score(ran)
    ran.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run the cells on the workers of this Dask scheduler, such as tcp://10.0.0.1:8786 (docs/running.md)",
    )
    to.add("plan", plan, without=only_run)
    shown = to.add("cases", cases, without=(*only_run, "--jobs", "--budget", "--shard", "--with"))
    shown.add_argument("--json", action="store_true", help="as JSON, with all that is declared")
    merged = to.add("merge", merge, only=("--results", "--cases", "--limitations"))
    merged.add_argument("folder", type=Path, nargs="+", help="what `run --shard I/N --record --results FOLDER` wrote")
    swept = to.add(
        "sweep",
        sweep,
        without=("--record", "--recorded", "--runtime", "--shard", "--with", "--keep-environments"),
    )
    swept.set_defaults(toolchain=None, tier="all")
    swept.add_argument("--list", action="store_true", help="only say which pieces there are and how long they take")


def declare_score(to: argparse.ArgumentParser) -> None:
    """Declare what a run of a package under test is scored by."""
    to.add_argument(
        "--score",
        action="store_true",
        help="with --with: hold what came out against what is recorded of the toolchain; 1 where something newly fails",
    )
    to.add_argument("--score-json", type=Path, metavar="FILE", help="write the score as JSON (docs/score.schema.json)")


def score(given: argparse.Namespace, asked: Session, records: Sequence[CellRecord], *, plain: bool = False) -> int:
    """Tell and write the score of those records; its exit code."""
    from tfparity.features import score as scores
    from tfparity.features import score_terminal

    found = scores.score(asked, records, plain=plain)
    if given.score_json is not None:
        paths.write_text(given.score_json, scores.as_json(found))
    score_terminal.show(commands.console(), found)
    if not found.exit_code:  # else something newly fails, whatever the other cells would have come to
        commands.raise_for_machine(records)
    return found.exit_code


def check_score(given: argparse.Namespace) -> bool:
    """Whether a score is asked for. Raises UsageError where there is nothing to score, for what a score does not tell
    of, or for no room for its file."""
    asked = bool(given.score or given.score_json)
    if asked and not getattr(given, "with"):
        raise UsageError("--score is of a package under test: name it with --with PACKAGE=WHAT")
    beyond = ("--target", getattr(given, "target", None)), ("--level 2", (getattr(given, "level", None) or 1) > 1)
    for words, chosen in beyond:
        if asked and chosen:
            raise UsageError(f"--score is of what the stages come to: leave out {words}, or --score")
    if given.score_json is not None:
        commands.make_room("--score-json", given.score_json)
    return asked


def run(given: argparse.Namespace) -> int:
    """Run cells and end with a table; 1 if one fails that no limitation explains, that results/ has working, or if a
    probe or a target fails without one. Of models of your own: 0 if each is converted by some route, else 1 and what to
    do. Cells that flaky.yaml excuses are told of and count for nothing."""
    from tfparity.features import flaky, own_models
    from tfparity.report import terminal

    scored = check_score(given)
    if given.scheduler:
        from tfparity.features.cluster import client

        client.refuse(commands.choice(given))
    asked = commands.session(given)
    keep = asked.keep if asked.choice.record else None
    records = commands.carried_out(asked, keep, given.scheduler)
    if keep:
        keep(records)
    all_names = asked.choice.all_names
    terminal.show(commands.console(), records, asked.explain, asked.explain_probes, all_names=all_names)
    commands.tell_notes(asked)
    if scored:
        return score(given, asked, records)
    excused = flaky.excused(asked, records)
    flaky.show(commands.console(), excused)
    counted = [record for record in records if record.place not in excused]
    stuck = own_models.stuck(asked, records)
    own_models.show(commands.console(), asked, {**stuck, **own_models.fallen(asked, records)})
    failing = [record for record in counted if record.verdict.failing]
    regressed = [record for record in failing if asked.regressed(record)]
    for record in regressed:
        print(f"tfparity: {record.id} is {record.verdict}; results/ has it working", file=sys.stderr)
    commands.raise_for_machine(records)
    of_zoo = [record for record in failing if not asked.selection.is_own(record.case)]
    fallen = any(asked.falls(record) for record in counted)
    return 1 if regressed or stuck or fallen or not all(map(asked.explain, of_zoo)) else 0


def sweep(given: argparse.Namespace) -> int:
    """Run and record every cell that needs it, on every toolchain, in pieces under two hours; run again, it goes on."""
    from dataclasses import replace

    from tfparity.features import sweep as sweeping
    from tfparity.features.session import Session
    from tfparity.planning.needs import Need
    from tfparity.report import probing, progress, terminal, words

    asked = commands.choice(given)
    needs = asked.needs or (Need.UNTRIED, Need.STALE)
    asked = replace(asked, toolchains=tuple(given.toolchain or ("all",)), needs=needs, record=True)
    session, console = Session(asked), terminal.console(sys.stderr)
    session.read()
    todo = sweeping.pieces(session)

    def say(text: str) -> None:
        console.print(text, markup=False)

    for number, piece in enumerate(todo, 1):
        which = "smoke and core" if piece.early else "the rest"
        length = f"{words.cells(len(piece.cells))}, at most about {words.duration(piece.seconds)}"
        say(f"{number}. {piece.toolchain}, {which}: {length}")
    aside = sweeping.aside(session)
    if aside:
        named = f"{words.shortened(', '.join(cell.id for cell in aside), 400)}"
        say(f"{words.cells(len(aside))} in quarantine by flaky.yaml: left as recorded: {named}")
    commands.tell_notes(session)
    total = sum(piece.seconds for piece in todo)
    say(f"{words.cells(sum(len(piece.cells) for piece in todo))} that need it: at most about {words.duration(total)}")
    if given.list or not todo:
        return 0
    done = sweeping.sweep(session, todo, lambda cells: progress.progress(console, cells, session.costs(cells)), say)
    for (was, now), count in done.turned.most_common():
        say(f"{words.cells(count)}: {was} → {now}")
    probed = probing.totals(done.probed)
    if probed:
        say(probed)
    if done.left:
        say(f"{words.cells(done.left)} left: the same command goes on with them")
    commands.raise_for_machine(done.interrupted)
    return 0


def merge(given: argparse.Namespace) -> int:
    """Make one of what shards recorded, each into a folder of its own: the same files as one run would have written."""
    from tfparity.features import shards
    from tfparity.planning.selection import Selection

    asked = Selection(commands.choice(given))
    asked.refuse_to_mix()
    for path in shards.merge(given.folder, asked):
        print(f"{path}: written")
    return 0


def plan(given: argparse.Namespace) -> int:
    """Say which cells there are, which of them can be, and how long they take; run nothing."""
    from tfparity.report import words

    asked = commands.session(given)
    asked.read()
    for cell in asked.cells:
        print(cell.id if cell.applicable else f"{cell.id}  {cell.verdict}: {' '.join((cell.reason or '').split())}")
    print(f"{words.cells(len(asked.cells))}: {asked.forecast(asked.cells, asked.to_run(asked.cells))}")
    return 0


def cases(given: argparse.Namespace) -> int:
    """List the zoo: family, tier, parameters, inputs, operators, and how far the least sensitive weight shows."""
    from tfparity.report import terminal, words, zoo

    given.tier = given.tier or "all"
    entries = zoo.listed(commands.session(given).query)
    if given.json:
        print(json.dumps([entry.document() for entry in entries], indent=1, ensure_ascii=False))
    else:
        terminal.put(commands.console(), zoo.table(entries))
        told = words.counted(len(entries), "case")
        print(f"{told}; a least weight is what the answer changes by when 1 % is put on it")
    return 0
