"""A subject of a latency measurement over the numpy "framework" of planted.py, in a file that a test names by its path.

What it does is the file's own name: a test copies this file as `steady.py`. Standard library and numpy, Python 3.7 and
later: it runs inside a worker.
"""

import os

from tfparity.worker.messages import Refused
from tfparity.worker.subjects import Account, Prepared, Subject, inputs

DOES = os.path.basename(__file__)[:-3]

#: Calls of the warm-up, and some that count.
MANY = 13


def prepare(request):
    if DOES == "refuses":
        raise Refused("NotHere", "this version cannot do it")
    path = os.path.join(request["folder"], "pid")
    with open(path, "w") as file:
        file.write("%d" % os.getpid() + "." * 1000)
    return Prepared((path,))


def load(request, prepared):
    import numpy

    (given,) = [array for _, array in inputs(request)]
    held = numpy.ones(4 * 2**20 if DOES == "fills-memory" else 1)  # 32 MiB
    calls = []

    def call():
        calls.append(None)
        if DOES == "stops-midway" and len(calls) > MANY:
            os.abort()
        if DOES == "fills-the-pipe" and len(calls) > MANY:
            fill(request["commands"])
            os._exit(1)
        return numpy.sort(numpy.tile(given.ravel(), 50)) + held[0]

    return call


def fill(pipe):
    opened = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    for piece in (b"1\n" * 2048, b"1"):
        try:
            while True:
                os.write(opened, piece)
        except BlockingIOError:
            pass


def account(request, prepared):
    if DOES == "cannot-tell":
        raise ValueError("no trace")
    if DOES == "tells-too-much":
        names = ["\x1b[2J<b>" + "x" * 1000 + str(number) for number in range(1000)]
        return Account(dict.fromkeys(names, 1), dict.fromkeys(names, 1e-3))
    if DOES == "tells-nonsense":
        return Account({"Sort": -1, "Tile": 10**4000}, {"Sort": -2e-3, "Tile": 1.7e308})
    return Account({"Sort": 1, "Tile": 2}, {"Sort": 2e-3, "Tile": 1e-3})


SUBJECT = Subject(side="source", load=load, packages=("numpy",), prepare=prepare, account=account)
