"""A target over the numpy "framework" of planted.py, in a file that a test names by its path.

What it does is the file's own name: a test copies this file as `aborts.py`, or as `apart-aborts.py` for a target that
an environment of its own makes of tflite-float32. The converter of the cell lies beside it as `faithful.py`. Standard
library and numpy, Python 3.7 and later: it runs inside a worker.
"""

import glob
import json
import os
import shutil
import signal
import sys

from tfparity.worker import plugins
from tfparity.worker.targets import Target

_NAME = os.path.basename(__file__)[:-3]
APART = _NAME.startswith("apart-")
DOES = _NAME[len("apart-") :] if APART else _NAME


def make(artifact, folder, examples):
    import numpy

    if DOES == "forges-making":
        _forge(artifact)
    if DOES == "changes-what-it-is-made-of":
        open(os.path.join(artifact, "more"), "w").close()
    if DOES == "aborts":
        os.abort()
    if DOES.startswith("killed"):
        eaten = b"x" * (360 * 2**20) if "memory" in DOES else b"x"
        told = __file__ + ".told"
        if "once" not in DOES or not os.path.exists(told):
            open(told, "w").close()
            os.kill(os.getpid(), len(eaten) and signal.SIGKILL)
    if DOES == "raises":
        raise ValueError("this operator has no 8-bit form")
    shutil.copytree(artifact, folder)
    seen = [example["images"] for example in examples()]
    with numpy.load(os.path.join(artifact, "weights.npz"), allow_pickle=False) as stored:
        tensors = {name: stored[name] for name in stored.files}
    for name, value in tensors.items():
        step = abs(value).max() / 127
        tensors[name] = (numpy.round(value / step) * step).astype("float32")
    if DOES == "forgets":
        tensors["conv.weight"] *= 0
    numpy.savez(os.path.join(folder, "weights.npz"), **tensors)
    with open(os.path.join(folder, "examples.json"), "w") as file:
        json.dump({"count": len(seen), "rows": len(seen[0]), "mean": float(numpy.mean(seen))}, file)
    open(os.path.join(folder, "model.tflite"), "w").close()  # what a compiler is given
    with open(os.path.join(folder, "made.json"), "w") as file:
        json.dump({"of": os.path.basename(artifact), "python": "%d.%d" % sys.version_info[:2]}, file)
    try:
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "makings"), "a") as file:
            file.write(os.path.basename(folder) + "\n")
    except OSError:  # a sandbox denies it
        pass
    if DOES == "leaves-a-pipe":
        os.mkfifo(os.path.join(folder, "pipe"))
    return {"megabytes": 1.5, "flex": []}


def _forge(artifact):
    """Write to what torch answered, of every bundle of the cache that the run's folder lies in."""
    for name in glob.glob(os.path.join(artifact, "..", "..", "..", "..", "bundles", "*", "*", "io.npz")):
        with open(name, "r+b") as file:
            content = file.read()
            file.seek(len(content) // 2)
            file.write(bytes([content[len(content) // 2] ^ 1]))


def load(folder):
    runner = plugins.load(os.path.join(os.path.dirname(__file__), "faithful.py"), "").Runner(folder)
    if DOES == "forges-loading":
        _forge(folder)
    if DOES == "changes-itself":
        os.remove(os.path.join(folder, "examples.json"))
    if DOES == "does-not-load":
        os.abort()
    if DOES == "freezes-batch":
        runner.meta["batch"] = 2
    return runner


TARGET = Target(
    revision=1,
    precision="dynamic",
    load=load,
    pin_threads=lambda count: None,
    make=make,
    calibrated=True,
    of="tflite-float32" if APART else "saved-model",
    maker=("no_such_module" if DOES == "does-not-import" else "numpy",) if APART else (),
)
