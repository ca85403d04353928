"""The command line: arguments → one function each. Errors end with one line and their own exit code."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tfparity import paths
from tfparity.errors import EvidenceError, LockError, MachineFault, TfparityError, UsageError
from tfparity.planning import options

# What a command needs is imported there: --help answers in less time than pydantic takes to import, `table --check` in
# less than the engine does.
if TYPE_CHECKING:
    from rich.console import Console

    from tfparity.features.session import Session
    from tfparity.records.cells import CellRecord, PlannedCell

Command = Callable[[argparse.Namespace], int]

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, 1 (something is not as it should be), that of an error, or 130."""
    # A plan is a hundred thousand objects that live to the end: looking for cycles among them took a fifth of the time.
    gc.set_threshold(100_000, 50, 100)
    try:
        given = _parser().parse_args(arguments)
        return int(given.command(given))
    except KeyboardInterrupt:
        print("tfparity: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TfparityError, OSError) as wrong:
        from tfparity.report.ending import in_a_line

        ended = in_a_line(wrong)
        print(f"tfparity: {ended}", file=sys.stderr)
        return ended.exit_code


def command() -> None:
    """The program `tfparity`."""
    sys.exit(main())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tfparity", description="PyTorch to TensorFlow conversions, judged.", allow_abbrev=False
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str, function: Command, *, cells: bool = False, without: Collection[str] = ()
    ) -> argparse.ArgumentParser:
        about = (function.__doc__ or "").splitlines()[0]
        made = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        made.set_defaults(command=function)
        if cells:
            group = made.add_argument_group("cells to run")
            for option in options.OPTIONS:
                if option.flag not in without:
                    group.add_argument(option.flag, help=option.help, **option.settings)
        return made

    command("run", _run, cells=True)
    converted = command("convert", _convert)
    converted.add_argument(
        "model", help="a case of the zoo by its id, what --cases takes, or one case of a file as FILE:CASE"
    )
    converted.add_argument("-o", "--output-folder", required=True, type=Path, metavar="DIR", help="a new folder")
    converted.add_argument(
        "--target", action="append", choices=("saved-model", "tflite-float32"), help="repeatable (saved-model)"
    )
    for option in options.OPTIONS:
        if option.flag in ("--toolchain", "--route", "--input", "--output", "--axis", "--path", "--download"):
            converted.add_argument(option.flag, help=option.help, **option.settings)
    only_run = (
        *("--try-remedies", "--all-opsets", "--level", "--again", "--fresh-process", "--keep", "--download"),
        "--all-names",
        "--record",
    )
    command("plan", _plan, cells=True, without=only_run)
    shown = command("cases", _cases, cells=True, without=(*only_run, "--jobs", "--budget"))
    shown.add_argument("--json", action="store_true", help="as JSON, with all that is declared")
    swept = command("sweep", _sweep, cells=True, without=("--record", "--recorded"))
    swept.set_defaults(toolchain=None, tier="all")
    swept.add_argument("--list", action="store_true", help="only say which pieces there are and how long they take")
    gated = command("gate", _gate, cells=True, without=("--record", "--all-names"))
    gated.add_argument(
        "--update",
        action="store_true",
        help="instead of comparing, write what came out into results/, without the cells that are no longer planned",
    )
    gated.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    gated.add_argument("--summary", type=Path, metavar="FILE", help="append Markdown (default: $GITHUB_STEP_SUMMARY)")
    tables = command("table", _table)
    tables.add_argument("--check", action="store_true", help="write nothing; fail where a table is not up to date")
    locks = command("lock", _lock)
    locks.add_argument("environment", nargs="*", help="only these environments, or those of these toolchains")
    locks.add_argument(
        "--again", action="store_true", help="resolve what fits its pins too; what then comes out may be other packages"
    )
    locks.add_argument("--check", action="store_true", help="compare digests, offline; write nothing")
    locks.add_argument("--resolve", action="store_true", help="with --check: resolve again and compare")
    locks.add_argument("--jobs", type=int, default=2, metavar="N", help="resolutions side by side")
    locks.add_argument("--download", action="store_true", help="let uv fetch Python interpreters that are not here")
    installs = command("install", _install)
    installs.add_argument("toolchain", nargs="*", help="ids, 'default' (the default) or 'all'")
    installs.add_argument("--download", action="store_true", help="let uv fetch Python interpreters that are not here")
    found = command("interpreters", _interpreters)
    found.add_argument("--plain", action="store_true", help="version and path, no words")
    _bundles_parser(commands)
    schema = command("schema", _schema)
    schema.add_argument("--check", action="store_true", help="write nothing; fail where the file is not up to date")
    return parser


def _bundles_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`bundles export` and `bundles run`."""
    about = "Hand on what the torch side made, and run it by a converter without torch."
    kinds = commands.add_parser("bundles", help=about, description=about, allow_abbrev=False).add_subparsers(
        metavar="KIND", required=True
    )
    made = kinds.add_parser("export", help="write bundles of the chosen cases into a folder", allow_abbrev=False)
    made.set_defaults(command=_bundles_export)
    made.add_argument("folder", type=Path)
    for option in options.OPTIONS:
        if option.flag not in (
            *("--try-remedies", "--all-opsets", "--level", "--all-names", "--record", "--results", "--limitations"),
            *("--budget", "--keep"),
        ):
            made.add_argument(option.flag, help=option.help, **option.settings)
    ran = kinds.add_parser("run", help="take a folder's bundles through a route's target side", allow_abbrev=False)
    ran.set_defaults(command=_bundles_run)
    ran.add_argument("folder", type=Path)
    ran.add_argument("--route", default="onnx-tf", help="a route's name, or the file of one's own (onnx-tf)")
    where = ran.add_mutually_exclusive_group()
    where.add_argument("--toolchain", default=options.DEFAULT, metavar="ID", help="its target environment")
    where.add_argument("--python", type=Path, metavar="FILE", help="an interpreter that has the converter instead")
    ran.add_argument("--case", action="append", metavar="GLOB", help="only these cases; repeatable")
    ran.add_argument("--download", action="store_true", help="let uv fetch Python interpreters that are not here")


def _bundles_export(given: argparse.Namespace) -> int:
    """Write bundles; 1 where a case gave none."""
    from tfparity.features import bundle_exchange
    from tfparity.records.fingerprint import printable

    asked = _session(given)
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


def _bundles_run(given: argparse.Namespace) -> int:
    """Run bundles and end with a table; 1 where one does not work."""
    from tfparity.engine.worker_client import Side
    from tfparity.features import bundle_exchange
    from tfparity.features.session import Session
    from tfparity.planning import options, routes
    from tfparity.records.vocabulary import Verdict
    from tfparity.report import terminal, words

    asked = Session(options.Choice(toolchains=(given.toolchain,), download=given.download))
    shared = bundle_exchange.read(given.folder, given.case or ())
    wanted = str(Path(given.route).absolute()) if given.route.endswith(".py") else given.route
    route = routes.route(wanted, asked.selection.project)
    if given.python:
        name, side = given.python.name, Side(given.python.absolute(), (), tuple(route.imports["target"]))
    else:
        name, side = bundle_exchange.target(asked, wanted, lambda text: print(text, file=sys.stderr))
    records: list[CellRecord] = []
    for record in bundle_exchange.run(asked, shared, name, wanted, side):
        records.append(record)
        shown = words.verdict(record.verdict)
        print(f"[{len(records)}/{len(shared)}] {shown.sign} {record.case}  {shown.words}", file=sys.stderr, flush=True)
    terminal.show(_console(), records, lambda _: None)
    _raise_for_machine(records)
    ran = [record for record in records if record.verdict is not Verdict.NOT_APPLICABLE]
    return 0 if ran and all(record.verdict.works for record in ran) else 1


def _console() -> Console:
    from tfparity.report import terminal

    return terminal.console(sys.stdout)


def _session(given: argparse.Namespace) -> Session:
    from tfparity.features.session import Session

    return Session(_choice(given))


def _choice(given: argparse.Namespace) -> options.Choice:
    return options.chosen(lambda name: getattr(given, name, None))


def _carried_out(asked: Session, keep: Callable[[Sequence[CellRecord]], object] | None = None) -> list[CellRecord]:
    """Run the session's cells with progress on the error stream; records in the plan's order. `keep`: what becomes of
    the cells that ended where something ends the run before its end; where it fails too, the first reason is told."""
    from tfparity.report import progress, terminal

    console = terminal.console(sys.stderr)
    asked.read()
    cells = asked.cells
    runs = asked.to_run(cells)
    if any(cell.applicable for cell in cells):
        console.print(asked.forecast(cells, runs))
    seconds = asked.query.seconds if runs else {}  # read for a forecast alone
    records: dict[str, CellRecord] = {}
    try:
        with progress.progress(console, cells, seconds) as display, asked.engine(display) as engine:
            for record in engine.run(cells):
                records[record.id] = record
    except BaseException:
        if keep and records:
            with suppress(TfparityError, OSError):
                keep(list(records.values()))
        raise
    return [records[cell.id] for cell in cells]


def _run(given: argparse.Namespace) -> int:
    """Run cells and end with a table; 1 if one fails that no limitation explains, that results/ has working, or that
    a probe finds wrong without one. Of models of your own: 0 if each is converted by some route, else 1 and what to
    do."""
    from tfparity.features import own_models
    from tfparity.report import terminal

    asked = _session(given)
    keep = asked.recorder.record if asked.choice.record else None
    records = _carried_out(asked, keep)
    if keep:
        keep(records)
    terminal.show(_console(), records, asked.explain, all_names=asked.choice.all_names)
    stuck = own_models.stuck(asked, records)
    own_models.show(_console(), asked, stuck)
    failing = [record for record in records if record.verdict.failing]
    regressed = [record for record in failing if asked.regressed(record)]
    for record in regressed:
        print(f"tfparity: {record.id} is {record.verdict}; results/ has it working", file=sys.stderr)
    _raise_for_machine(records)
    of_zoo = [record for record in failing if not asked.selection.is_own(record.case)]
    fallen = any(asked.falls(record) for record in records)
    return 1 if regressed or stuck or fallen or not all(map(asked.explain, of_zoo)) else 0


def _sweep(given: argparse.Namespace) -> int:
    """Run and record every cell that needs it, on every toolchain, in pieces under two hours; run again, it goes on."""
    from dataclasses import replace

    from tfparity.features import sweep
    from tfparity.features.session import Session
    from tfparity.planning.needs import Need
    from tfparity.report import progress, terminal, words

    asked = _choice(given)
    needs = asked.needs or (Need.UNTRIED, Need.STALE)
    asked = replace(asked, toolchains=tuple(given.toolchain or ("all",)), needs=needs, record=True)
    session, console = Session(asked), terminal.console(sys.stderr)
    session.read()
    todo = sweep.pieces(session)

    def say(text: str) -> None:
        console.print(text, markup=False)

    for number, piece in enumerate(todo, 1):
        which = "smoke and core" if piece.early else "the rest"
        length = f"{words.cells(len(piece.cells))}, at most about {words.duration(piece.seconds)}"
        say(f"{number}. {piece.toolchain}, {which}: {length}")
    total = sum(piece.seconds for piece in todo)
    say(f"{words.cells(sum(len(piece.cells) for piece in todo))} that need it: at most about {words.duration(total)}")
    if given.list or not todo:
        return 0
    done = sweep.sweep(session, todo, lambda cells: progress.progress(console, cells, session.query.seconds), say)
    for (was, now), count in done.turned.most_common():
        say(f"{words.cells(count)}: {was} → {now}")
    if done.left:
        say(f"{words.cells(done.left)} left: the same command goes on with them")
    _raise_for_machine(done.interrupted)
    return 0


def _raise_for_machine(records: Sequence[CellRecord]) -> None:
    """Raises MachineFault where this machine ended cells: nothing is known of them."""
    interrupted = [record for record in records if record.interrupted]
    for record in interrupted:
        print(f"tfparity: {record.id} is untested: {record.reason}", file=sys.stderr)
    if interrupted:
        raise MachineFault(
            f"this machine ended {len(interrupted)} of {len(records)} cells, and nothing is recorded of them: "
            "look at its memory and disk, then run them again"
        )


def _convert(given: argparse.Namespace) -> int:
    """Convert one model by the way that is recorded to work best, check it, and write it into a folder."""
    from dataclasses import replace

    from tfparity.features.convert import convert, named
    from tfparity.features.session import Session
    from tfparity.records.vocabulary import Target
    from tfparity.report import progress, terminal

    asked = replace(_choice(given), toolchains=tuple(given.toolchain or ("all",)))
    model = named.chosen(given.model, asked)

    targets = [Target(name) for name in given.target or (Target.SAVED_MODEL,)]
    with progress.Steps(terminal.console(sys.stderr)) as steps:
        if model.told:
            steps.say(f"{given.model} {model.told}")
        done = convert.convert(Session(model.choice), given.output_folder, targets, steps, steps.say, model.kin)
        if done is None:
            steps.say("no way across that was tried was right")
            return 1
    print((given.output_folder / "README.md").read_text(encoding="utf-8"))
    print(f"{given.output_folder}: {', '.join(sorted(path.name for path in given.output_folder.iterdir()))}")
    for target in done.missing:
        print(f"tfparity: {given.output_folder} has the SavedModel and no {target}, see above", file=sys.stderr)
    return 1 if done.missing else 0


def _plan(given: argparse.Namespace) -> int:
    """Say which cells there are, which of them can be, and how long they take; run nothing."""
    asked = _session(given)
    for cell in asked.cells:
        print(cell.id if cell.applicable else f"{cell.id}  {cell.verdict}: {' '.join((cell.reason or '').split())}")
    print(f"{len(asked.cells)} cells: {asked.forecast(asked.cells, asked.to_run(asked.cells))}")
    return 0


def _cases(given: argparse.Namespace) -> int:
    """List the zoo: family, tier, parameters, inputs, operators, and how far the least sensitive weight shows."""
    from tfparity.report import terminal, zoo

    given.tier = given.tier or "all"
    entries = zoo.listed(_session(given).query)
    if given.json:
        print(json.dumps([entry.document() for entry in entries], indent=1, ensure_ascii=False))
    else:
        terminal.put(_console(), zoo.table(entries))
        print(f"{len(entries)} cases; a least weight is what the answer changes by when 1 % is put on it")
    return 0


def _gate(given: argparse.Namespace) -> int:
    """Compare a run with the committed evidence; an exit code for each kind of change."""
    from tfparity.features.gate import compare, report

    asked = _session(given)
    if given.update:
        asked.selection.refuse_to_mix()
    asked_for = os.environ.get("GITHUB_STEP_SUMMARY")
    summary = given.summary or (Path(asked_for) if asked_for else None)
    for option, path in (("--junit", given.junit), ("--summary", summary)):
        if path is not None:
            _make_room(option, path)
    asked.as_recorded = True
    records = _carried_out(asked, asked.recorder.record if given.update else None)
    if given.update:
        asked.recorder.record(records, drop_unplanned=True)
        print(f"{asked.selection.project.results} has what came out of {len(records)} cells")
        _raise_for_machine(records)
        return 0
    code = report.report(asked, records, _console(), junit=given.junit, summary_file=summary)
    if code != compare.EXIT_CODES["regressed"]:  # that is sure whatever the other cells would have come to
        _raise_for_machine(records)
    return code


def _make_room(option: str, path: Path) -> None:
    """Make the folder of a file that is written once the run is over. Raises UsageError where it could not be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise UsageError(f"{option} {path}: its folder cannot be made: {wrong.strerror}") from None
    if path.is_dir():
        raise UsageError(f"{option} {path}: is a folder; name a file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"{option} {path}: may not be written")


def _table(given: argparse.Namespace) -> int:
    """Write the generated tables of README.md and docs/ from results/, and into results/ which rule explains what."""
    from tfparity.evidence import explain, rule_faults
    from tfparity.evidence.query import Query, Table
    from tfparity.evidence.recorder import Recorder
    from tfparity.planning import options
    from tfparity.planning.selection import Selection
    from tfparity.report import pages, words

    everything = Selection(options.Choice(toolchains=("all",), tier="all"))
    query = Query(everything)
    unplanned = query.unplanned()
    if not given.check:
        for place in unplanned:
            print(f"{place}: is planned no more: taken out of results/")
        written = [*Recorder(everything).drop(unplanned), *Recorder(everything).explain_recorded()]
        for path in [*written, *pages.write(Query(everything))]:
            print(f"{path}: written")
        return 0
    table = Table(query)
    for id in (toolchain.id for toolchain in table.toolchains):
        waiting = words.untried(table.untried(id))
        if waiting:
            print(f"{id}: {waiting}")
    for place in unplanned:
        print(f"{place}: is recorded, and planned no more: run `nox -s table`")
    stale = pages.write(query, check=True)
    for path in stale:
        print(f"{path}: is not what results/ says: run `nox -s table`")
    recorded = list(query.recorded.values())
    faults = explain.dishonest(recorded, everything.limitations)
    faults += rule_faults.faults(everything.limitations, recorded, everything.project.root)
    for fault in faults:
        print(fault)
    return 1 if faults or stale or unplanned else 0


def _lock(given: argparse.Namespace) -> int:
    """Resolve the environments that have no lockfile that fits their pins, or check the lockfiles."""
    from tfparity.environments import lock
    from tfparity.inputs import matrix

    project = paths.project()
    declared = matrix.load(project.matrix)
    ids = given.environment or None
    if given.resolve and not given.check:
        raise UsageError("--resolve goes with --check; to resolve and write, use --again")
    if given.again and given.check:
        raise UsageError("--again writes and --check does not; to resolve and compare, use --check --resolve")
    if given.check:
        findings = lock.check(project, declared, ids, resolve_again=given.resolve, jobs=given.jobs)
        for finding in findings:
            print(f"{finding.environment}: {finding.text}")
        return LockError.exit_code if findings else 0
    lock.lock(project, declared, ids, again=given.again, jobs=given.jobs, download=given.download, progress=print)
    return 0


def _install(given: argparse.Namespace) -> int:
    """Make the environments of toolchains; those that are there already are left alone."""
    from tfparity.environments import estimate, install
    from tfparity.planning.selection import Selection

    asked = Selection(options.Choice(toolchains=tuple(given.toolchain) or (options.DEFAULT,)))
    for environment in asked.environments:
        locked = asked.keys.locked(environment)
        if locked.unresolvable:
            print(f"{environment.id}: cannot be resolved, which is a result too: {locked.path.name}")
            continue
        known = asked.installed(environment)
        if not known:
            print(f"{environment.id}: {estimate.told(locked.packages)} on disk", flush=True)
        say = lambda text, id=environment.id: print(f"{id}: {text}", flush=True)  # noqa: E731
        install.ensure(asked.project, environment, asked.cache, progress=say, download=given.download)
        if known:
            print(f"{environment.id}: there already")
    return 0


def _interpreters(given: argparse.Namespace) -> int:
    """List the Python interpreters that are found, 3.7 to 3.13."""
    from tfparity.environments import interpreters
    from tfparity.inputs import matrix

    there = interpreters.found()
    for version in matrix.PYTHONS:
        if version in there:
            print(f"{version} {there[version]}")
        elif not given.plain:
            print(f"{version} not found: `uv python install {version}` or `pyenv install {version}` gets it")
    return 0


def _schema(given: argparse.Namespace) -> int:
    """Write docs/matrix.schema.json and docs/limitations.schema.json, which editors read, from the models."""
    from tfparity.inputs import limitations, matrix

    for name, content in (("matrix", matrix.json_schema()), ("limitations", limitations.json_schema())):
        path = paths.project().docs / f"{name}.schema.json"
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        if not given.check:
            paths.write_text(path, text)
        elif not path.is_file() or path.read_bytes() != text.encode():
            raise EvidenceError("is not what the models say: run `nox -s tfparity -- schema`", file=path)
    return 0
