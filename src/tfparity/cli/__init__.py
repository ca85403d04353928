"""The command line: arguments → one function each. Errors end with one line and their own exit code."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence

from tfparity import signals
from tfparity.cli import (
    bisect,
    bundles,
    convert,
    environments,
    gate,
    recommend,
    run,
    runtimes,
    scout,
    site,
    table,
    upgrade,
)
from tfparity.cli.commands import Commands
from tfparity.errors import MachineFault, TfparityError
from tfparity.report import plain


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0, 1 (something is not as it should be), that of an error, or of the signal that
    ended it: 130, 143, 129."""
    # A plan is a hundred thousand objects that live to the end: looking for cycles among them took a fifth of the time.
    gc.set_threshold(100_000, 50, 100)
    with plain.screens():
        return _ended(arguments)


def _ended(arguments: Sequence[str] | None) -> int:
    try:
        given = _given(arguments)
        code = int(given.command(given))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as interrupt:
        return signals.told(interrupt)
    except BrokenPipeError:  # the reader went away, as `| head` does
        plain.give_up(sys.stdout)
        return 0
    except (MemoryError, ImportError, RuntimeError) as wrong:
        from tfparity.report.ending import no_room

        said = no_room(wrong)
        if said is None:
            raise
        print(f"tfparity: {said}", file=sys.stderr)
        return MachineFault.exit_code
    except (TfparityError, OSError) as wrong:
        from tfparity.report.ending import in_a_line

        ended = in_a_line(wrong)
        print(f"tfparity: {ended}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:  # a full disk: Python would say so again, with a code of its own
            plain.give_up(sys.stdout)
        return ended.exit_code


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    try:
        return parser().parse_args(arguments)
    except SystemExit:  # help is printed
        sys.stdout.flush()
        raise


def parser() -> argparse.ArgumentParser:
    """Of all commands."""
    made = argparse.ArgumentParser(
        prog="python -m tfparity", description="PyTorch to TensorFlow conversions, judged.", allow_abbrev=False
    )
    commands = Commands(made.add_subparsers(metavar="COMMAND", required=True))
    for module in (run, convert, recommend, runtimes, gate, upgrade, bisect, scout, table, environments, bundles, site):
        module.declare(commands)
    return made
