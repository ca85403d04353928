"""`python -m tfparity COMMAND`."""

import sys

from tfparity.cli import main

if __name__ == "__main__":
    sys.exit(main())
