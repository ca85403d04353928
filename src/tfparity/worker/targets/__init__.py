"""Targets: what is deployed, made of what a route converted. A module each, which declares a TARGET."""

from typing import Any, Callable, Dict, Iterable, NamedTuple, Optional, Tuple

from tfparity.worker import plugins

#: Arrays by the names of the model's inputs, example by example: what a converter finds the ranges of numbers with.
Examples = Callable[[], Iterable[Dict[str, Any]]]

#: The names of those that are made of a .tflite file of 32-bit floats.
OF_TFLITE = ("litert-dynamic-int8", "litert-weight-only-int8", "litert-dynamic-int4", "litert-int8")

#: The names of all targets, in the order in which they are shown.
NAMES = (
    "saved-model",
    "saved-model-xla",
    "tflite-float32",
    "tflite-dynamic",
    "tflite-float16",
    "tflite-int8",
    "tflite-int8-io",
    *OF_TFLITE,
)


class Target(NamedTuple):
    """One kind of artifact that is made of what a route converted."""

    #: Raised by hand when a change can move its results.
    revision: int

    #: How its numbers are kept: "float32", "float16" (the weights), "dynamic" (weights in 8 bits, what flows through
    #: the model when it runs), "dynamic-int4" (likewise, weights in 4), "weights-int8" (they alone) or "int8" (both).
    #: Parity is held by it (see tfparity.judging.precision).
    precision: str

    #: load(folder) → a runner, as a Runtime's (see tfparity.worker.runtimes).
    load: Callable[[str], Any]

    #: pin_threads(number), before anything else in the process.
    pin_threads: Callable[[int], None]

    #: make(folder of what it is made of, folder, examples) → facts about how it was made, as JSON values. None where
    #: the SavedModel itself is what is deployed.
    make: Optional[Callable[[str, str, Examples], Dict[str, Any]]] = None

    #: Whether it is made with examples.
    calibrated: bool = False

    #: Whether floating inputs and outputs are 8-bit integers in its signature.
    int8_signature: bool = False

    #: Names of the remedies that are tried where the SavedModel is right and the target is not.
    remedies: Tuple[str, ...] = ()

    #: The target that it is made of.
    of: str = "saved-model"

    #: What a process imports that makes it, where the target side's environment cannot: one of `makers:` of matrix.yaml
    #: does. It is loaded and run by the target side all the same, as every target is.
    maker: Tuple[str, ...] = ()


def load(name: str) -> Target:
    """The target of that name (tflite-float32). Raises what plugins.declared raises."""
    return plugins.declared(name, Target)
