"""Subjects of a latency measurement: ways to run a case. A module each, which declares a SUBJECT."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from tfparity.worker import plugins

#: The names of all subjects, in the order in which they are shown; the first is what the others are held against.
NAMES = (
    "torch",
    "torchscript",
    "torch-compile",
    "onnxruntime",
    "saved-model",
    "saved-model-xla",
    "tflite-float32",
    "tflite-dynamic",
    "tflite-float16",
    "keras-applications",
)


class Prepared(NamedTuple):
    """What a subject loads."""

    #: The files and folders on disk that deploying it would take; none where it is nothing on disk.
    files: Tuple[str, ...]

    #: Whatever `load` needs beside them.
    held: Any = None


class Account(NamedTuple):
    """What a call is made of."""

    #: How many operators of each type there are.
    operators: Dict[str, int]

    #: Seconds of one call in operators of each type, as the runtime ran them: it may have joined some.
    spent: Dict[str, float]


class Subject(NamedTuple):
    """One way to run a case.

    The request has the case ("case", "case_file", "path", "own"), its inputs ("io", "sample", "inputs"), the
    "framework", the "artifact" that is run, the folder of the export ("exported") and an empty "folder" of its own.
    """

    #: Whose process runs it: "source" or "target", or "either": whichever has the first of `packages`, else our own.
    side: str

    #: load(request, what was prepared) → a call without arguments. Its seconds are the time to load.
    load: Callable[[Dict[str, Any], Prepared], Callable[[], Any]]

    #: The packages that run it: the version of the first that is imported is told.
    packages: Tuple[str, ...]

    #: prepare(request) → what is loaded; what that takes is not told. None where the artifact is there.
    prepare: Optional[Callable[[Dict[str, Any]], Prepared]] = None

    #: The target that it runs (see tfparity.worker.targets), None where it runs none.
    target: Optional[str] = None

    #: account(request, what was prepared) → where the time of a call goes. None where it cannot tell.
    account: Optional[Callable[[Dict[str, Any], Prepared], Account]] = None


def load(name: str) -> Subject:
    """The subject of that name (saved-model) or in that file. Raises what plugins.declared raises."""
    return plugins.declared(name, Subject)


def inputs(request: Dict[str, Any]) -> List[Tuple[str, Any]]:
    """Pairs of declared input name and array."""
    import numpy

    with numpy.load(request["io"], allow_pickle=False) as stored:
        return [(name, stored["input/%d/%s" % (request["sample"], name)]) for name in request["inputs"]]
