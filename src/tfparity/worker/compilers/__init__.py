"""Compilers for edge devices: what each places on its accelerator of a .tflite file, and what it leaves on the CPU. A
module each, which declares a COMPILER."""

from typing import Any, Callable, Dict, NamedTuple, Tuple

from tfparity.worker import plugins


class Compiler(NamedTuple):
    """One compiler for edge devices."""

    #: Raised by hand when a change can move its results.
    revision: int

    #: What a warm worker imports before it forks.
    imports: Tuple[str, ...]

    #: compile(.tflite file, folder to write to) → {"accelerator": its name, "operators": how many the file has,
    #: "parts": how many pieces run on the accelerator, "left": {operator: how many of it stay on the CPU}}. Raises what
    #: says why the file is refused.
    compile: Callable[[str, str], Dict[str, Any]]


def load(name: str) -> Compiler:
    """The compiler of that name (vela) or in that file. Raises what plugins.declared raises."""
    return plugins.declared(name, Compiler)
