"""A compiler for an edge device, in a file that a test names by its path.

What it does is the file's own name: a test copies this file as `refuses.py`. Standard library, Python 3.7 and later: it
runs inside a worker.
"""

import json
import os
import time

from tfparity.worker.compilers import Compiler
from tfparity.worker.messages import Refused

DOES = os.path.basename(__file__)[:-3]


def compile_file(path, folder):
    with open(path, "rb") as file:
        size = len(file.read())
    if DOES == "refuses":
        raise Refused("NotCompiled", "no room in %s for %s" % (folder, path))
    if DOES == "aborts":
        os.abort()
    if DOES == "hangs":
        time.sleep(600)
    if DOES == "changes-it":
        with open(path, "ab") as file:
            file.write(b"more")
    with open(os.path.join(folder, "written"), "w") as file:
        json.dump(size, file)
    left = {"SOFTMAX": 1, "RE\x1bSHAPE" if DOES == "paints" else "RESHAPE": 2}
    if DOES == "takes-all":
        left = {}
    if DOES == "lies":
        left = {"SOFTMAX": -1}
    parts = 0 if DOES == "places-nothing" else 2
    return {"accelerator": "planted-1", "operators": 3 if DOES == "places-nothing" else 9, "parts": parts, "left": left}


COMPILER = Compiler(revision=1, imports=("json",), compile=compile_file)
