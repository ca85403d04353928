"""A subject of a latency measurement: one way to run a case, timed call by call by this process's own clock.

The request names a pipe to read from and one to write to. Each line read, a number of calls, is answered
by as many lines of seconds; the line "end" ends the request. Set-up and warm-up are the stages.
"""

import os
import time
from typing import Any, Callable, Dict, List

from tfparity.worker import frameworks
from tfparity.worker.messages import Refused, Reply
from tfparity.worker.requests.source import find_case


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {request["cpu"]})
    make = {"torch": _torch, "saved-model": _saved_model, "saved-model-xla": _saved_model}[request["subject"]]
    call = reply.stage("load", lambda: make(request))
    reply.stage("warm-up", lambda: [call() for _ in range(request["warm_up"])])
    reply.stage("measure", lambda: _answer(call, request))


def _answer(call: Callable[[], Any], request: Dict[str, Any]) -> None:
    with open(request["commands"]) as commands, open(request["durations"], "w", buffering=1) as durations:
        durations.write("ready\n")
        for line in commands:
            if line == "end\n":
                return
            for _ in range(int(line)):
                began = time.perf_counter()
                call()
                durations.write("%.9f\n" % (time.perf_counter() - began))


def _inputs(request: Dict[str, Any]) -> List[Any]:
    import numpy

    with numpy.load(request["io"], allow_pickle=False) as stored:
        return [(name, stored["input/%d/%s" % (request["sample"], name)]) for name in request["inputs"]]


def _torch(request: Dict[str, Any]) -> Callable[[], Any]:
    """The model in eager mode, without gradients; inputs are tensors already."""
    framework = frameworks.load(request["framework"])
    case = find_case(request["case_file"], request["case"])
    framework.pin_threads(1)
    if framework.timed is None:
        raise Refused("NotTimed", "the framework %s times no calls" % request["framework"])
    return framework.timed(framework.build(case), [array for _, array in _inputs(request)])


def _saved_model(request: Dict[str, Any]) -> Callable[[], Any]:
    """The SavedModel's serving_default, as it is or compiled by XLA; the answer is fetched."""
    from tfparity.worker.runtimes.saved_model import ServingDefault, pin_threads

    pin_threads(1)
    model = ServingDefault(request["artifact"])
    return model.timed(_inputs(request), xla=request["subject"] == "saved-model-xla")
