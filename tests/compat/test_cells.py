"""What `nox -s compat` runs, under `-p tfparity.pytest_plugin`: a test per planned cell."""

from tfparity.pytest_cells import test_cell

__all__ = ["test_cell"]
