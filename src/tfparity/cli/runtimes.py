"""The command runtimes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tfparity import paths
from tfparity.cli import commands
from tfparity.cli.commands import Commands
from tfparity.errors import UsageError


def declare(to: Commands) -> None:
    """Declare the command."""
    ran = to.add("runtimes", runtimes, only=("--input", "--download", "--sandbox"))
    ran.add_argument(
        "artifact", type=Path, help="a SavedModel's folder, a .tflite file, or a folder that convert wrote"
    )
    answers = ran.add_mutually_exclusive_group()
    answers.add_argument(
        "--golden", type=Path, metavar="FILE", help="an .npz of inputs/NAME and outputs/NAME (docs/runtimes.md)"
    )
    answers.add_argument(
        "--save-golden",
        type=Path,
        metavar="FILE",
        help="write what one runtime answers today to seeded inputs: the newest, or the one that --runtime names",
    )
    ran.add_argument(
        "--runtime",
        action="append",
        metavar="ID",
        help="only this runtime of matrix.yaml; repeatable. A compiler for an edge device (compile-vela5.2) says "
        "whether it takes a .tflite file and what it leaves on the CPU; it needs no --golden",
    )
    ran.add_argument(
        "--switches", action="store_true", help="also with oneDNN off and on, XNNPACK off and on, 1 and 4 threads"
    )
    ran.add_argument(
        "--serving",
        action="store_true",
        help="also by the C API, without TensorFlow in Python, and by tensorflow_model_server where it is on PATH",
    )


def runtimes(given: argparse.Namespace) -> int:
    """Run any SavedModel or .tflite file on other runtimes and hold what they answer against golden answers, or put it
    through a compiler for an edge device; 1 where one does not agree."""
    from tfparity.engine import artifact_runs
    from tfparity.engine.artifact_runs import Runs
    from tfparity.features.runtimes import check, golden_answers, table
    from tfparity.inputs import artifact, golden, matrix
    from tfparity.report import progress, terminal

    project = paths.project()
    declared = matrix.load(project.matrix)
    found = artifact.located(given.artifact)
    chosen = artifact_runs.chosen(declared, found.kind, given.runtime or ())
    compilers = [one.id for one in chosen if one.compiler is not None]
    _fits(given, compilers, alone=len(compilers) == len(chosen))
    if given.golden is not None and given.input:
        raise UsageError("--input says what --save-golden makes; the inputs of --golden stand in its file")
    if given.save_golden is not None and (given.switches or given.serving or len(given.runtime or ()) > 1):
        raise UsageError(
            "--save-golden writes the answers of one runtime as it is; hold others against them afterwards"
        )
    answers = golden.read(given.golden) if given.golden is not None else None
    with (
        progress.Steps(terminal.console(sys.stderr)) as steps,
        Runs(
            project, declared, paths.cache(), steps, download=given.download, sandboxing=commands.sandboxing(given)
        ) as runs,
    ):
        if given.save_golden is not None:
            runtime = max(chosen, key=lambda one: one.as_of)
            saved = golden_answers.save(runs, runtime, found, given.save_golden, given.input or ())
            print(
                f"{given.save_golden}: what {runtime.id} answers, {', '.join(saved.outputs)}, "
                f"to {', '.join(saved.inputs)}"
            )
            return 0
        came = check.check(
            runs, chosen, found, answers, with_switches=given.switches, serving=given.serving, told=steps.say
        )
    table.show(commands.console(), came)
    return 0 if all(one.right for one in came if check.counts(one)) else 1


def _fits(given: argparse.Namespace, compilers: list[str], *, alone: bool) -> None:
    """Raises UsageError where the options do not fit what was chosen. compilers: ids; alone: nothing else was."""
    named = ", ".join(compilers)
    golden = given.golden is not None or given.save_golden is not None
    if not golden and not alone:
        raise UsageError("what is it to answer? say --golden FILE, or --save-golden FILE to write it as it is today")
    if compilers and given.save_golden is not None:
        raise UsageError(f"{named} compiles and answers nothing: name another runtime for --save-golden")
    if alone and (golden or given.input or given.switches or given.serving):
        raise UsageError(f"{named} compiles and answers nothing: leave out --golden, --input, --switches and --serving")
