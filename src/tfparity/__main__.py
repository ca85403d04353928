"""`python -m tfparity COMMAND`."""

import sys

HOW = (
    "in a clone, `python -m nox -s tfparity -- COMMAND` runs it where all it needs is; "
    "elsewhere, `python -m pip install path/to/the/clone`"
)


def main() -> None:
    """The program `tfparity`, which a signal ends as one should from its first line on."""
    if sys.version_info < (3, 11):
        sys.exit("tfparity: needs Python 3.11 or later, this is {}.{}: {}".format(*sys.version_info[:2], HOW))
    from tfparity import signals

    signals.take()
    try:
        from tfparity import cli

        sys.exit(cli.main())
    except KeyboardInterrupt as interrupt:
        sys.exit(signals.told(interrupt))
    except ModuleNotFoundError as missing:
        if (missing.name or "tfparity").partition(".")[0] == "tfparity":
            raise
        print(f"tfparity: {sys.executable} has no {missing.name}: {HOW}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
