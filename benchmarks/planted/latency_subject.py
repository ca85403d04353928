"""A subject of a latency measurement whose work a request says: so many turns of a small computation in numpy.

Standard library and numpy: it runs inside a worker.
"""

import zlib

from tfparity.worker.subjects import Prepared, Subject


def prepare(request):
    return Prepared(())


def load(request, prepared):
    import numpy

    turns, work = request["turns"], WORK[request["work"]](numpy)

    def call():
        for _ in range(turns):
            work()

    return call


def matrices(numpy):
    left, right = (numpy.random.RandomState(seed).rand(48, 48).astype("float32") for seed in (0, 1))
    return lambda: left @ right


def sorting(numpy):
    values = numpy.random.RandomState(0).rand(400)
    return lambda: numpy.sort(values)


def elementwise(numpy):
    values = numpy.random.RandomState(0).rand(4000).astype("float32")
    return lambda: numpy.tanh(values)


def interpreted(numpy):
    return lambda: sum(number & 3 for number in range(150))


def hashing(numpy):
    data = numpy.random.RandomState(0).bytes(20000)
    return lambda: zlib.crc32(data)


WORK = {
    "matrices": matrices,
    "sorting": sorting,
    "elementwise": elementwise,
    "interpreted": interpreted,
    "hashing": hashing,
}

SUBJECT = Subject(side="source", load=load, packages=("numpy",), prepare=prepare)
