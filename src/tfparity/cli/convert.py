"""The command convert."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tfparity.cli import commands
from tfparity.cli.commands import Commands


def declare(to: Commands) -> None:
    """Declare the command."""
    choosing = (
        *("--toolchain", "--route", "--input", "--output", "--axis", "--path", "--download", "--sandbox"),
        *("--target", "--calibration"),
    )
    converted = to.add("convert", convert, only=choosing)
    converted.add_argument(
        "model", help="a case of the zoo by its id, what --cases takes, or one case of a file as FILE:CASE"
    )
    converted.add_argument(
        "--evaluate",
        metavar="FUNCTION",
        help="a measure of your own, FILE.py:FUNCTION: a function that is given the model as a function and returns "
        "one number, asked of torch's model and of all that is made of it (docs/converting.md)",
    )
    converted.add_argument(
        "-o", "--output-folder", required=True, type=Path, metavar="DIR", help="a new folder for what comes of it"
    )


def convert(given: argparse.Namespace) -> int:
    """Convert one model by the way that is recorded to work best, check it, and write it into a folder."""
    from dataclasses import replace

    from tfparity.features.convert import convert, named
    from tfparity.features.session import Session
    from tfparity.inputs import evaluation
    from tfparity.records.vocabulary import Target
    from tfparity.report import markdown, progress, terminal

    asked = replace(commands.choice(given), toolchains=tuple(given.toolchain or ("all",)))
    if given.evaluate is not None:
        asked = replace(asked, evaluation=evaluation.named(given.evaluate, asked.path))
    model = named.chosen(given.model, asked)

    targets = model.choice.targets or (Target.SAVED_MODEL,)
    with progress.Steps(terminal.console(sys.stderr)) as steps:
        if model.told:
            steps.say(f"{given.model} {model.told}")
        done = convert.convert(Session(model.choice), given.output_folder, targets, steps, steps.say, model.kin)
        if done is None:
            steps.say("no way across that was tried was right")
            return 1
    print(markdown.plain((given.output_folder / "README.md").read_text(encoding="utf-8")))
    print(f"{given.output_folder}: {', '.join(sorted(path.name for path in given.output_folder.iterdir()))}")
    for target in done.missing:
        print(f"tfparity: {given.output_folder} has the SavedModel and no {target}, see above", file=sys.stderr)
    unscored = done.scores.missing if done.scores else {}
    for name, problem in unscored.items():
        print(f"tfparity: no score of {name}: {problem.type}: {problem.message}", file=sys.stderr)
    return 1 if done.missing or unscored else 0
