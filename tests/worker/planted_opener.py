"""A small numpy "runtime" for artifacts.

A SavedModel's folder with weights.npz and `faults`, a file of words: of gated units y = a · sigmoid(b), where a and b
are halves of x @ w. Standard library and numpy, Python 3.7 and later: it runs inside a worker.
"""

import os
import signal
import sys
import time

from tfparity.worker.artifacts import Opener
from tfparity.worker.artifacts._fitting import fitted


class Gated:
    def __init__(self, folder, settings):
        import numpy

        self.folder = folder
        with open(os.path.join(folder, "faults")) as file:
            self.faults = file.read().split()
        with numpy.load(os.path.join(folder, "weights.npz"), allow_pickle=False) as stored:
            self.weights = stored["w"]
        self.settings = settings

    def described(self):
        batch = 2 if "fixed-batch" in self.faults else -1
        rows, columns = self.weights.shape
        return {"inputs": [["x", "float32", [batch, rows]]], "outputs": [["y", "float32", [batch, columns // 2]]]}

    def run(self, given):
        import numpy

        new = sys.version_info >= (3, 12)
        if ("fails-from-3.12" in self.faults and new) or ("fails-before-3.12" in self.faults and not new):
            raise RuntimeError("no kernel for it")
        once = os.path.join(self.folder, "ran")
        if "fails-once" in self.faults and not os.path.exists(once):
            open(once, "w").close()
            raise RuntimeError("only once")
        x = fitted(given, self.described()["inputs"])["x"]
        if "hang" in self.faults:
            time.sleep(600)
        if "eat-memory" in self.faults:
            eaten = []
            while True:
                eaten.append(b"x" * 2**24)
                time.sleep(0.002)
        a, b = numpy.split(x @ self.weights, 2, axis=-1)
        gate = b
        if "swish-fusion" in self.faults and os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1":
            gate = a  # what TensorFlow 2.9 to 2.13 compute: https://github.com/tensorflow/tensorflow/issues/60941
        if "crash-on-threads" in self.faults and self.settings["threads"] == 4:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "off-by-noise" in self.faults and self.settings["threads"] == 4:
            a = a * numpy.float32(1 + 1e-7)
        y = a / (1 + numpy.exp(-gate))
        if "less-exact-from-3.12" in self.faults and new:
            y = y + numpy.float32(2e-6) * abs(y).max()
        if "nan" in self.faults:
            y = y * float("nan")
        if "text" in self.faults:
            y = numpy.array(["text"])
            return [("y", y)]
        if "first-row-only" in self.faults:
            y = y * (numpy.arange(len(y)) < 2)[:, None]
        return [("output_0" if "rename" in self.faults else "y", y.astype("float32"))]


def open_artifact(folder, settings):
    made = Gated(folder, settings)
    if "crash-at-load" in made.faults:
        os.kill(os.getpid(), signal.SIGSEGV)
    return made


OPENER = Opener(revision=1, imports=(("numpy", "numpy"),), open=open_artifact)
