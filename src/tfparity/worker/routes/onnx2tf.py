"""torch.onnx.export (tracing) → ONNX → onnx2tf → SavedModel, called through `serving_default`.

Inputs keep torch's layout (-k); by default onnx2tf transposes images to channels last. It may do so with outputs:
https://github.com/PINTO0309/onnx2tf#cli-parameter
"""

import inspect
import os
import shutil
import sys
from typing import Any, Dict

from tfparity.worker.routes import Gives, Route
from tfparity.worker.runtimes.saved_model import RUNTIME

#: What a SavedModel is made of; beside it onnx2tf leaves .tflite files, their schema and reports.
_SAVED_MODEL = ("saved_model.pb", "fingerprint.pb", "variables", "assets")

#: Ranks of which onnx2tf holds an input as channels first.
_IMAGES = (3, 4, 5)


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    import onnx
    from onnx2tf import onnx2tf

    # It calls onnxsim as a command: where that is not found it goes on without, and leaves custom operators.
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")
    # It writes the file anew where it simplifies it: https://github.com/PINTO0309/onnx2tf#cli-parameter
    copy = artifact + ".onnx"
    shutil.copytree(bundle, copy)
    path = os.path.join(copy, "model.onnx")
    graph = onnx.load(path, load_external_data=False).graph
    given = [one.name for one in graph.input if len(one.type.tensor_type.shape.dim) in _IMAGES]
    options: Dict[str, Any] = {"output_signaturedefs": True, "verbosity": "error"}
    if given:
        options["keep_ncw_or_nchw_or_ncdhw_input_names"] = given
    # From 2.0 on it writes TFLite by itself, and a SavedModel where asked.
    if "flatbuffer_direct_output_saved_model" in inspect.signature(onnx2tf.convert).parameters:
        options["flatbuffer_direct_output_saved_model"] = True
    made = artifact + ".made"
    try:
        onnx2tf.convert(input_onnx_file_path=path, output_folder_path=made, **options)
    except RuntimeError as wrapped:  # it hides its reason behind "fast path failed"
        raise wrapped.__cause__ or wrapped from None
    os.makedirs(artifact, exist_ok=True)
    for name in _SAVED_MODEL:
        if os.path.exists(os.path.join(made, name)):
            shutil.move(os.path.join(made, name), artifact)
    shutil.rmtree(made)
    shutil.rmtree(copy)


ROUTE = Route(
    revision=2,
    sides="split",
    framework="pytorch",
    exporter="onnx-legacy",
    # 17 is the newest that torch 2.0 to 2.4 export by default; 13 keeps LayerNormalization and other later operators
    # out.
    opsets=(17, 13),
    requires={
        "source": {"torch": ">=1.11", "onnx": ">=1.7"},
        "target": {"onnx2tf": ">=1.29", "tensorflow": ">=2.19", "tf-keras": ">=2.19"},
    },
    imports={"source": ["torch", "onnx"], "target": ["tensorflow", "onnx", "onnx2tf.onnx2tf"]},
    convert=convert,
    load=RUNTIME.load,
    pin_threads=RUNTIME.pin_threads,
    gives=Gives(dynamic=True, layout="inputs kept", integers="kept", trainable=False),
    onnx_files=True,
)
