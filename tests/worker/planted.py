"""A small numpy "framework", its exporter and its converter, in one file that a route names by path.

The converter's fault is the file's own name: a test copies this file as `swap-outputs.py`. Standard
library and numpy, Python 3.7 and later: it runs inside a worker.
"""

import concurrent.futures
import errno
import json
import os
import signal
import subprocess
import sys
import time

from tfparity.worker.exporters import Exporter
from tfparity.worker.frameworks import Framework
from tfparity.worker.routes import Route

FAULT = os.path.basename(__file__)[:-3]

if FAULT.startswith("unpickle"):  # torch of that version, as far as it is asked for here
    import pickle
    import types

    def _read(path, weights_only=False):
        with open(path, "rb") as file:
            return None if weights_only else pickle.load(file)

    sys.modules["torch"] = types.ModuleType("torch")
    sys.modules["torch"].__version__ = FAULT.replace("unpickle-", "")
    sys.modules["torch"].load = _read


def pin_threads(count):
    pass


# The framework: a list of operations over named arrays, run in the precision of its weights.

GRAPH = [
    ["pad", "images", "padded", {"before": 1, "after": 1}],
    ["convolve", "padded", "features", {"weight": "conv.weight"}],
    ["normalize", "features", "normal", {"weight": "norm.weight", "mean": "norm.mean", "variance": "norm.variance"}],
    ["relu", "normal", "active", {}],
    ["mean", "active", "pooled", {}],
    ["linear", "pooled", "z_scores", {"weight": "head.weight", "bias": "head.bias"}],
    ["linear", "pooled", "attention", {"weight": "gate.weight", "bias": "gate.bias"}],
]
OUTPUTS = ["z_scores", "attention"]


def weights(numpy, seed=0):
    random = numpy.random.RandomState(seed)
    made = {
        "conv.weight": random.normal(size=(8, 3, 3, 3)) * 0.3,
        "norm.weight": 1 + 0.1 * random.normal(size=8),
        "norm.mean": 0.1 * random.normal(size=8),
        "norm.variance": 1 + 0.5 * random.uniform(size=8),
        "head.weight": random.normal(size=(8, 5)),
        "head.bias": 0.1 * random.normal(size=5),
        "gate.weight": random.normal(size=(8, 5)),
        "gate.bias": 0.1 * random.normal(size=5),
    }
    return {name: value.astype("float32") for name, value in made.items()}


class Net:
    """A graph and its weights. `training` normalises by the batch's own statistics."""

    def __init__(self, graph, tensors, training=False):
        self.graph, self.tensors, self.training = graph, tensors, training

    def __call__(self, images):
        import numpy

        values = {"images": images.astype(self.tensors["conv.weight"].dtype)}
        for kind, source, result, options in self.graph:
            x = values[source]
            get = {name: self.tensors[value] for name, value in options.items() if isinstance(value, str)}
            if kind == "pad":
                sides = (options["before"], options["after"])
                x = numpy.pad(x, ((0, 0), (0, 0), sides, sides), mode="constant")
            elif kind == "convolve":
                w = get["weight"]
                height, width = x.shape[2] - 2, x.shape[3] - 2
                x = sum(
                    numpy.einsum("nchw,oc->nohw", x[:, :, i : i + height, j : j + width], w[:, :, i, j])
                    for i in range(3)
                    for j in range(3)
                )
            elif kind == "normalize":
                mean, variance = get["mean"], get["variance"]
                if self.training:
                    mean, variance = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
                scale = (get["weight"] / numpy.sqrt(variance)).reshape(1, -1, 1, 1)
                x = (x - mean.reshape(1, -1, 1, 1)) * scale
            elif kind == "relu":
                x = numpy.maximum(x, 0)
            elif kind == "mean":
                x = x.mean(axis=(2, 3))
            elif kind == "linear":
                x = x @ get["weight"] + get["bias"]
            values[result] = x
        return [values[name] for name in OUTPUTS]


def build(case):
    return case.factory()


def run(model, given, double=False):
    return [output.astype("float64" if double else "float32") for output in model(*given)]


def double(model):
    if FAULT in MACHINE and "float64" in FAULT and _is_due():
        _as_the_machine_does()
    return Net(model.graph, {name: value.astype("float64") for name, value in model.tensors.items()})


def moved_weights(model, given):
    import numpy

    for name, value in sorted(model.tensors.items()):
        signs = numpy.random.RandomState(0).randint(0, 2, size=value.shape) * 2 - 1
        moved = dict(model.tensors, **{name: (value * (1 + 0.01 * signs)).astype("float32")})
        yield name, run(Net(model.graph, moved), given)


def parameters(model):
    return sum(value.size for value in model.tensors.values())


# The exporter.


def newest_opset():
    return 14


def export(model, example, case, output_axes, opset, folder):
    import numpy

    numpy.savez(os.path.join(folder, "weights.npz"), **model.tensors)
    with open(os.path.join(folder, "graph.json"), "w") as file:
        json.dump(model.graph, file)


def check(folder):
    with open(os.path.join(folder, "graph.json")) as file:
        json.load(file)
    return 13


def operators(folder):
    if FAULT in MACHINE and "operators" in FAULT and _is_due():
        _as_the_machine_does()
    with open(os.path.join(folder, "graph.json")) as file:
        return sorted({step[0] for step in json.load(file)})


# The converter, and its faults.

#: What a machine does to a request → how often before it lets it be.
MACHINE = {
    "killed-once": 1,
    "killed": 99,
    "terminated-once": 1,
    "killed-with-much-memory": 99,
    "parent-killed-once": 1,
    "parent-stopped-once": 1,
    "parent-stopped": 99,
    "child-killed-once": 1,
    "disk-full-once": 1,
    "disk-full": 99,
    "no-files-once": 1,
    "no-memory-once": 1,
    "memory-error-once": 1,
    "memory-error": 99,
    "behind-another-once": 1,
    "in-a-long-text-once": 1,
    "pool-killed-once": 1,
    "shell-killed-once": 1,
    "no-files-in-float64-once": 1,
    "memory-error-in-float64-once": 1,
    "no-files-in-the-list-of-operators-once": 1,
    "killed-at-batch-9-once": 1,
    "killed-at-batch-9": 99,
    "killed-with-much-memory-at-batch-9": 99,
    "no-files-at-batch-9": 99,
    "killed-at-one-case": 99,
}

#: What a converter leaves in the place of its request's reply before it exits.
REPLIES = {
    "reply-a-list": "[]",
    "reply-without-an-outcome": '{"stages": [{"stage": "convert"}], "done": true}',
    "reply-nested": "[" * 1000 + "]" * 1000,
    "reply-fine": '{"stages": [{"stage": "convert", "outcome": "fine", "began": 1, "seconds": 1}], "done": true}',
    "reply-nothing-done": '{"stages": [], "done": true}',
}


def _is_due():
    """Whether this one is among the first so many requests; of requests at once, no two are taken for the same."""
    for number in range(MACHINE[FAULT]):
        told = os.path.join(os.path.dirname(__file__), "%s-%d.told" % (FAULT, number))
        try:
            os.close(os.open(told, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return True
    return False


def _as_the_machine_does():
    kind = FAULT.replace("-once", "").replace("-at-one-case", "").replace("-at-batch-9", "")
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "terminated":
        os.kill(os.getpid(), signal.SIGTERM)
    elif kind == "killed-with-much-memory":
        eaten = b"x" * (360 * 2**20)
        os.kill(os.getpid(), len(eaten) and signal.SIGKILL)
    elif kind == "parent-killed":
        os.kill(os.getppid(), signal.SIGKILL)
    elif kind == "parent-stopped":
        os.kill(os.getppid(), signal.SIGSTOP)
    elif kind == "child-killed":
        subprocess.check_call([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    elif kind == "disk-full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model.pb")
    elif kind.startswith("no-files"):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "model.pb")
    elif kind == "no-memory":
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    elif kind.startswith("memory-error"):
        raise MemoryError
    elif kind == "behind-another":
        raise ValueError("the graph cannot be read") from OSError(errno.ENFILE, os.strerror(errno.ENFILE))
    elif kind == "in-a-long-text":
        raise RuntimeError("x" * 4500 + "No space left on device" + "x" * 4500)
    elif kind == "pool-killed":
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            pool.submit(os._exit, 9).result()
    elif kind == "shell-killed":
        subprocess.check_call("sh -c 'kill -9 $$'; exit $?", shell=True)
    time.sleep(600)


def _wait_for_another():
    """The first request goes on once the second has come."""
    first, second = (os.path.join(os.path.dirname(__file__), name) for name in ("first.told", "second.told"))
    if os.path.exists(first):
        open(second, "w").close()
    else:
        open(first, "w").close()
        while not os.path.exists(second):
            time.sleep(0.01)


def _forge(folder, changed):
    """Change the arrays of a bundle, and its description so that it fits them."""
    import hashlib

    import numpy

    io = os.path.join(folder, "io.npz")
    with numpy.load(io, allow_pickle=False) as stored:
        arrays = {name: changed(name, stored[name]) for name in stored.files}
    numpy.savez(io, **arrays)
    with open(io, "rb") as file:
        content = file.read()
    digest = hashlib.sha256(b"io.npz\0%d\0" % len(content) + hashlib.sha256(content).digest()).hexdigest()
    described = os.path.join(folder, "bundle.json")
    with open(described) as file:
        description = json.load(file)
    description.pop("seal", None)  # as a bundle of before
    with open(described, "w") as file:
        json.dump(dict(description, io_sha256=digest), file)


_DAEMONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "daemons")


def _become_daemons():
    """Three that left their group: one as it is, one that is another program, one with nothing of its parents'."""
    found = []
    for kind in ("as it is", "another program", "nothing"):
        pid = os.fork()
        if pid == 0:
            os.setsid()
            if kind == "as it is":
                time.sleep(600)
            os.closerange(0, 50)
            if kind == "nothing":
                os.chdir("/")
            os.execve("/bin/sleep", ["sleep", "600"], {} if kind == "nothing" else dict(os.environ))
        found.append(pid)
    time.sleep(0.5)  # the request is looked at ten times a second
    with open(_DAEMONS + ".new", "w") as file:
        file.write(" ".join(map(str, found)))
    os.rename(_DAEMONS + ".new", _DAEMONS)
    time.sleep(600)


def convert(bundle, artifact, request):
    import numpy

    if FAULT == "wait-for-another":
        _wait_for_another()
    with open(os.path.join(bundle, "graph.json")) as file:
        graph = json.load(file)
    with numpy.load(os.path.join(bundle, "weights.npz"), allow_pickle=False) as stored:
        tensors = {name: stored[name] for name in stored.files}
    meta = {"names": list(OUTPUTS), "training": False, "nan": False, "batch": None}
    if FAULT == "drop-an-op":
        graph = [step for step in graph if step[0] != "relu"]
        graph[3][1] = "normal"
    elif FAULT == "swap-outputs":
        meta["names"] = OUTPUTS[::-1]
    elif FAULT == "wrong-padding":
        graph[0][3] = {"before": 0, "after": 2}
    elif FAULT == "train-mode":
        meta["training"] = True
    elif FAULT == "moved-weight":
        signs = numpy.random.RandomState(1).randint(0, 2, size=tensors["conv.weight"].shape) * 2 - 1
        tensors["conv.weight"] = (tensors["conv.weight"] * (1 + 0.01 * signs)).astype("float32")
    elif FAULT == "drift":
        tensors["head.weight"] = (tensors["head.weight"] * (1 + 5e-6)).astype("float32")
    elif FAULT == "give-nan":
        meta["nan"] = True
    elif FAULT == "freeze-batch":
        meta["batch"] = 2
    elif FAULT == "forge-references":
        tensors = {
            name: value * 0 if name.split(".")[0] in ("head", "gate") else value for name, value in tensors.items()
        }
        _forge(os.path.dirname(bundle), lambda name, value: value if name.startswith("input/") else value * 0)
    elif FAULT == "cut-references":
        os.truncate(os.path.join(os.path.dirname(bundle), "io.npz"), 100)
    elif FAULT == "change-the-export":
        with open(os.path.join(bundle, "graph.json"), "a") as file:
            file.write(" ")
    elif FAULT.startswith("unpickle"):
        sys.modules["torch"].load(os.path.join(bundle, "weights.pt"))
    elif FAULT == "rename-output":
        meta["names"] = ["output_0", "attention"]
    elif FAULT == "die-by-signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif FAULT == "kill-the-parent":
        if os.fork() == 0:
            _become_daemons()
        while not os.path.exists(_DAEMONS):
            time.sleep(0.01)
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    elif FAULT == "killed-at-one-case" and request["case"] != "planted/net-1":
        pass
    elif FAULT in MACHINE:
        if not any(part in FAULT for part in ("float64", "operators", "batch-9")) and _is_due():
            _as_the_machine_does()
    elif FAULT == "hang":
        time.sleep(600)
    elif FAULT == "exit":
        sys.exit(3)
    elif FAULT == "exit-at-once":
        os._exit(0)
    elif FAULT == "fork":
        if os.fork() == 0:
            return  # the copy goes on in our code, with a reply of its own; the files are its parent's to write
    elif FAULT == "leave-a-daemon":
        told = os.path.join(os.path.dirname(__file__), "daemon")
        if os.fork() == 0:
            os.setsid()
            own = os.fork()  # a daemon with a daemon of its own
            if own == 0:
                os.setsid()
            else:
                with open(told + ".new", "w") as file:
                    file.write("%d %d" % (os.getpid(), own))
                os.rename(told + ".new", told)
            time.sleep(600)
            os._exit(0)
        while not os.path.exists(told):
            time.sleep(0.01)
    elif FAULT == "fork-without-end":
        while True:
            if os.fork() == 0:
                time.sleep(600)
    elif FAULT == "eat-memory":
        eaten = []
        while True:
            eaten.append(b"x" * 2**24)
            time.sleep(0.002)
    elif FAULT == "print-megabytes":
        for _ in range(64):
            os.write(1, b"y" * 2**20 + b"\n")
    elif FAULT in REPLIES:
        with open(os.path.join(os.path.dirname(os.getcwd()), "reply.json"), "w") as file:
            file.write(REPLIES[FAULT])
        os._exit(0)
    elif FAULT == "print-half-a-letter":
        raise RuntimeError("no file named caf\udce9")
    elif FAULT == "print-tricks":
        raise RuntimeError(
            "\x1b[31mred\x1b[0m \x07<script>alert(1)</script> | pipe\r\nsecond line of the tricky message"
        )
    os.mkdir(artifact)
    numpy.savez(os.path.join(artifact, "weights.npz"), **tensors)
    with open(os.path.join(artifact, "graph.json"), "w") as file:
        json.dump({"graph": graph, "meta": meta}, file)


def load(artifact):
    return Runner(artifact)


class Runner:
    def __init__(self, artifact):
        import numpy

        with open(os.path.join(artifact, "graph.json")) as file:
            stored = json.load(file)
        with numpy.load(os.path.join(artifact, "weights.npz"), allow_pickle=False) as tensors:
            tensors = {name: tensors[name] for name in tensors.files}
        self.meta, self.artifact = stored["meta"], artifact
        self.net = Net(stored["graph"], tensors, self.meta["training"])

    def run(self, given):
        import numpy

        ((_, images),) = given
        if self.meta["batch"] not in (None, len(images)):
            raise ValueError("the first dimension must be %d, not %d" % (self.meta["batch"], len(images)))
        answers = self.net(images)
        if FAULT == "zero-from-batch-6" and len(images) >= 6:
            answers = [answer * 0 for answer in answers]
        if FAULT == "crash-at-batch-9" and len(images) == 9:
            os.kill(os.getpid(), signal.SIGSEGV)
        if FAULT in MACHINE and "batch-9" in FAULT and len(images) == 9 and _is_due():
            _as_the_machine_does()
        if (FAULT == "change-itself-at-batch-9" and len(images) == 9) or (
            FAULT == "change-itself-on-3.7" and sys.version_info < (3, 8)
        ):
            with open(os.path.join(self.artifact, "graph.json"), "a") as file:
                file.write(" ")
        if FAULT == "huge-outputs":
            answers = [numpy.zeros(2**22, "float32")] * 2
        if FAULT == "wrong-on-3.7" and sys.version_info < (3, 8):
            answers = [answer * 0 for answer in answers]
        if FAULT == "crash-on-3.7" and sys.version_info < (3, 8):
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.meta["nan"]:
            answers[0][0, 0] = float("nan")
        return list(zip(self.meta["names"], answers))

    def signature(self):
        return {
            "inputs": [["images", "float32"]],
            "outputs": [[name, "float32"] for name in self.meta["names"]],
            "ordered": True,
        }


FRAMEWORK = Framework(pin_threads, build, run, double, moved_weights, parameters)

EXPORTER = Exporter(revision=1, newest_opset=newest_opset, export=export, check=check, operators=operators)

ROUTE = Route(
    revision=1,
    sides="split",
    framework=os.path.abspath(__file__),
    exporter=os.path.abspath(__file__),
    opsets=(13, 12),
    requires={"source": {}, "target": {}},
    imports={"source": ["numpy"], "target": ["numpy"]},
    convert=convert,
    load=load,
    pin_threads=pin_threads,
)
