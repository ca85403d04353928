"""Arm's compiler for its Ethos-U accelerators, as `vela FILE` runs it: for an Ethos-U55 of 256 multipliers.

What it can place becomes operators "ethos-u", what it cannot stays as it is:
https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela
"""

import glob
import os
from typing import Any, Dict

from tfparity.worker.compilers import Compiler
from tfparity.worker.messages import Refused

#: What --accelerator-config is unless it is given.
ACCELERATOR = "ethos-u55-256"

#: The custom operator that holds what runs on the accelerator.
PLACED = "ethos-u"


def compile_file(path: str, folder: str) -> Dict[str, Any]:
    from ethosu.vela import vela

    before = operators(path)
    if PLACED in before:
        raise Refused("AlreadyCompiled", "the file has operators %s: it was compiled before" % PLACED)
    status = vela.main([path, "--accelerator-config", ACCELERATOR, "--output-dir", folder])
    written = glob.glob(os.path.join(glob.escape(folder), "*_vela.tflite"))
    if status or len(written) != 1:
        raise Refused("NotCompiled", "vela ended with %s and wrote %d files" % (status, len(written)))
    left = operators(written[0])
    parts = left.pop(PLACED, 0)
    return {"accelerator": ACCELERATOR, "operators": sum(before.values()), "parts": parts, "left": left}


def operators(path: str) -> Dict[str, int]:
    """How many of each operator a file has, over all its graphs: by the schema's names, custom ones by their own."""
    from ethosu.vela.tflite.BuiltinOperator import BuiltinOperator
    from ethosu.vela.tflite.Model import Model

    names = {value: name for name, value in vars(BuiltinOperator).items() if isinstance(value, int)}
    with open(path, "rb") as file:
        model = Model.GetRootAsModel(bytearray(file.read()), 0)
    found: Dict[str, int] = {}
    for place in range(model.SubgraphsLength()):
        graph = model.Subgraphs(place)
        for index in range(graph.OperatorsLength()):
            code = model.OperatorCodes(graph.Operators(index).OpcodeIndex())
            custom = code.CustomCode()
            # Codes up to 127 stand in the older field, which is of one byte; a file of before 2020 has that alone.
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            name = custom.decode("utf-8", "replace") if custom else names.get(number, "operator %d" % number)
            found[name] = found.get(name, 0) + 1
    return found


COMPILER = Compiler(revision=1, imports=("ethosu.vela.vela",), compile=compile_file)
