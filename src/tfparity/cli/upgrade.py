"""The command upgrade."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from tfparity.cli import commands
from tfparity.cli.commands import Commands
from tfparity.errors import UsageError
from tfparity.planning import options

#: Options that choose cells and mean nothing here: it has its own toolchains, its own way to run what is missing, and
#: compares verdicts, not targets.
WITHOUT = (
    "--toolchain",
    "--recorded",
    "--need",
    "--record",
    "--all-opsets",
    "--level",
    "--target",
    "--calibration",
    "--runtime",
    "--again",
    "--all-names",
    "--shard",
    "--with",
)

FILES = {
    "markdown": "write the report as Markdown",
    "json": "write it as JSON (docs/upgrade.schema.json)",
    "html": "write it as one HTML file",
    "junit": "write JUnit XML",
    "retry": "write the cells that are worse, for --case @FILE",
    "flaky": "add the flaky cells to this flaky.yaml (docs/gate.md)",
}


def declare(to: Commands) -> None:
    """Declare the command."""
    made = to.add("upgrade", upgrade, without=WITHOUT)
    made.add_argument("base", metavar="BASE", help="a toolchain of matrix.yaml: what works today")
    made.add_argument(
        "head",
        metavar="HEAD",
        nargs="+",
        help="what comes next: a toolchain; changes such as tensorflow==2.16.2 'torch>=2.4' over BASE, or over a "
        "toolchain that is named before them; or a requirements.txt, pyproject.toml or lock of your own",
    )
    made.add_argument(
        "--run",
        action=argparse.BooleanOptionalAction,
        help="run what is not recorded, and both sides of each difference again (the default where HEAD is no "
        "toolchain of matrix.yaml)",
    )
    made.add_argument(
        "--repeat",
        type=int,
        metavar="N",
        help="with HEAD the same as BASE: run it so often; what comes out otherwise among these runs is flaky",
    )
    made.add_argument("--python", metavar="VERSION", help="of a HEAD that is a file (the Python of BASE)")
    made.add_argument(
        "--artifact",
        type=Path,
        metavar="WHAT",
        help="a SavedModel's folder, a .tflite file, or a folder that convert wrote: run that on both sides instead; "
        "they may be runtimes of matrix.yaml, and no torch is needed",
    )
    made.add_argument("--golden", type=Path, metavar="FILE", help="with --artifact: what it is to answer, an .npz file")
    made.add_argument(
        "--switches", action="store_true", help="with --artifact: also with oneDNN, XNNPACK and threads set both ways"
    )
    for name, about in FILES.items():
        made.add_argument(f"--{name}", type=Path, metavar="FILE", help=about)


def upgrade(given: argparse.Namespace) -> int:
    """Say what becomes of each model on the way from one toolchain to another, why, and what gets it across."""
    if given.artifact is not None:
        return _artifact(given)
    for flag in ("--golden", "--switches"):
        if getattr(given, flag.removeprefix("--")):
            raise UsageError(f"{flag} goes with --artifact")
    from tfparity.features import unnamed
    from tfparity.features.upgrade import outputs, sides, terminal
    from tfparity.features.upgrade.upgrade import upgrade
    from tfparity.planning.options import Choice

    files = {name: path for name in FILES if (path := getattr(given, name)) is not None}
    for name, path in files.items():
        commands.make_room(f"--{name}", path)
    asked: Choice = commands.choice(given)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    session, both = sides.read(given.base, given.head, asked, python=given.python, progress=say)
    both = replace(both, command=" ".join([both.command, *map(shlex.quote, _typed(given))]))
    if given.repeat is not None:
        _check_repeat(given, both.base == both.head)
    runs = (both.head_label != both.head or given.repeat is not None) if given.run is None else given.run
    if given.flaky is not None:
        _check_flaky(given.flaky, runs)
    carried = commands.Carried()
    session.read()
    if runs and session.selection.has_own_results:
        session.recorder.check()
    if session.selection.named_cases.sample and not runs:  # a run tells it itself
        say(session.selection.named_cases.sample.told)
    commands.tell_notes(session)
    with unnamed.removed(session):
        tier = sides.tier_to_run(asked)
        report = upgrade(session, both, carried.over(session) if runs else None, tier, repeat=given.repeat or 1)
    outputs.write(report, files)
    terminal.show(commands.console(), report)
    if not report.exit_code:  # else something is worse, whatever the other cells would have come to
        carried.raise_for_machine()
    return report.exit_code


def _typed(given: argparse.Namespace) -> list[str]:
    """The options that make the same report again."""
    ran = {None: [], True: ["--run"], False: ["--no-run"]}[given.run]
    return [*options.typed(given), *ran, *(["--repeat", str(given.repeat)] if given.repeat is not None else [])]


def _check_repeat(given: argparse.Namespace, same: bool) -> None:
    """Raises UsageError for a --repeat that means nothing."""
    if given.repeat < 1:
        raise UsageError(f"--repeat {given.repeat}: 1 or more")
    if not same:
        raise UsageError("--repeat finds what is flaky on one toolchain: name it twice, as BASE and as HEAD")
    if given.run is False:
        raise UsageError("--repeat runs: leave out --no-run")


def _check_flaky(file: Path, runs: bool) -> None:
    """Raises UsageError where nothing could be found to be flaky, QuarantineError for a file of something else."""
    from tfparity.inputs import quarantine

    if not runs:
        raise UsageError(f"--flaky {file}: nothing runs, so nothing is found to be flaky; add --repeat 5, or --run")
    if file.exists():
        quarantine.load(file)


def _artifact(given: argparse.Namespace) -> int:
    """What becomes of an artifact that is served today."""
    from tfparity import paths
    from tfparity.engine.artifact_runs import Runs
    from tfparity.environments import changed
    from tfparity.environments.changed import Resolver
    from tfparity.features import unnamed
    from tfparity.features.upgrade import artifact as served
    from tfparity.features.upgrade import artifact_outputs as outputs
    from tfparity.features.upgrade import artifact_sides as sides
    from tfparity.features.upgrade import artifact_terminal
    from tfparity.inputs import artifact, golden, matrix
    from tfparity.report import progress, terminal

    _refuse_what_chooses_cells(given)
    if given.golden is None:
        raise UsageError(
            f"--artifact needs --golden FILE, what it is to answer: `tfparity runtimes {given.artifact} --save-golden "
            "FILE --runtime RUNTIME` writes what a runtime answers today"
        )
    files = {name: path for name in outputs.FORMATS if (path := getattr(given, name)) is not None}
    for name, path in files.items():
        commands.make_room(f"--{name}", path)
    found, answers = artifact.located(given.artifact), golden.read(given.golden)
    project, cache = paths.project(), paths.cache()
    declared = matrix.load(project.matrix)
    more = [*(["--python", given.python] if given.python else []), *(["--switches"] if given.switches else [])]
    command = sides.command(given.base, given.head, given.artifact, given.golden, more)
    with progress.Steps(terminal.console(sys.stderr)) as steps:
        resolver = Resolver(project, cache, changed.yesterday(), given.download, progress=steps.say)
        both = sides.read(declared, found.kind, given.base, given.head, resolver, given.python)
        environments = [side.environment for side in both]
        with (
            unnamed.gone(environments, project, cache, keep=given.keep_environments),
            Runs(
                project, declared, cache, steps, download=given.download, sandboxing=commands.sandboxing(given)
            ) as runs,
        ):
            report = served.compare(runs, both, found, answers, command, with_switches=given.switches, told=steps.say)
    outputs.write(report, files)
    artifact_terminal.show(commands.console(), report)
    return report.exit_code


def _refuse_what_chooses_cells(given: argparse.Namespace) -> None:
    """Raises UsageError for an option that says which models are converted, or how: an artifact is there already."""
    for option in options.OPTIONS:
        value = getattr(given, option.name, None)
        if (
            option.flag not in (*WITHOUT, "--download", "--keep-environments", "--sandbox")
            and value is not None
            and value is not False
        ):
            raise UsageError(
                f"{option.flag} is of models that are converted, and --artifact runs what is there already"
            )
    if given.run is not None:
        raise UsageError("--artifact always runs: leave out --run and --no-run")
    for flag, asked in (("--retry", given.retry), ("--flaky", given.flaky), ("--repeat", given.repeat)):
        if asked is not None:
            raise UsageError(f"{flag} is of models that are converted: there is none with --artifact")
