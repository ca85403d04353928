"""`python -m tfparity COMMAND`."""

from tfparity.cli import command

if __name__ == "__main__":
    command()
