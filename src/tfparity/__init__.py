"""Reproducible PyTorch to TensorFlow toolchain matrix and regression tests.

This file is also executed inside environments under test (Python 3.7 and later, nothing but
the standard library), so it imports nothing beyond the case declarations.
"""

from tfparity.worker.declare import (
    Case,
    boolean,
    case,
    floating,
    given,
    integer,
    integers,
    mask,
    normal,
    ranking,
    set_of_boxes,
    uniform,
)

__version__ = "0.1.0"

__all__ = [
    "Case",
    "__version__",
    "boolean",
    "case",
    "floating",
    "given",
    "integer",
    "integers",
    "mask",
    "normal",
    "ranking",
    "set_of_boxes",
    "uniform",
]
