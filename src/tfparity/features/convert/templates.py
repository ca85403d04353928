"""What the scripts say, route by route: the calls of worker/routes and worker/exporters, as a person types them.

What stands in «…» is filled in. A with statement over remedies stands where a route is under those of its cell; where
there are none, what is below it moves out to the left.
"""

from __future__ import annotations

from typing import NamedTuple

from tfparity.records.vocabulary import Target

#: Where scripts write, so that what was checked stays as it is.
MADE = "made"

MODEL = """
«model»
model.eval().requires_grad_(False)
os.makedirs("made", exist_ok=True)
"""

_EXPORT_ONNX = """
import os

import torch

«module»
«around_export»
    with torch.no_grad():
        torch.onnx.export(
            model,
            tuple(«example»),
            "made/model.onnx",
            opset_version=«opset»,
            input_names=«names»,
            output_names=«outputs»,
            dynamic_axes=«axes»,
            «dynamo»
        )
«rewritten»
"""

_EXPORT_DYNAMO = """
import os

import torch

«module»
axes = {name: torch.export.Dim(name) for name in «open»}
«around_export»
    program = torch.onnx.export(
        model,
        tuple(«example»),
        dynamo=True,
        opset_version=«opset»,
        input_names=«names»,
        output_names=«outputs»,
        dynamic_shapes=tuple({d: axes[name] for d, name in one.items()} for one in «open_dimensions»),
    )
    program.save("made/model.onnx")
«rewritten»
"""

EXPORT_FILE = """
import os

import onnx
from onnx import version_converter

exported = onnx.load("yours.onnx")
os.makedirs("made", exist_ok=True)
«around_export»
    «file_opset»
    onnx.save(exported, "made/model.onnx")
«rewritten»
"""

REWRITTEN = """
import onnx

exported = onnx.load("made/model.onnx")
«calls»
onnx.save(exported, "made/model.onnx")
"""

_EXPORT_CHECKPOINT = """
import os

from transformers import PreTrainedModel

«module»
inside = next(module for module in model.modules() if isinstance(module, PreTrainedModel))
inside.save_pretrained("made/checkpoint")
with open("made/class.txt", "w") as file:
    file.write("TF" + type(inside).__name__)
"""

_ONNX_TF = """
import onnx
import onnx_tf.backend

«around_convert»
    onnx_tf.backend.prepare(onnx.load("made/model.onnx")).export_graph("made/saved_model")
"""

_ONNX2TF = """
import os
import sys

os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]  # it calls onnxsim
from onnx2tf import onnx2tf

«around_convert»
    onnx2tf.convert(
        input_onnx_file_path="made/model.onnx",
        output_folder_path="made/saved_model",
        output_signaturedefs=True,
        «direct»
        «images»
    )
"""

_HF_FROM_PT = """
import contextlib

import torch

with contextlib.suppress(ImportError):  # torch before TensorFlow: what comes second may crash
    import torch._dynamo
import tensorflow as tf
import transformers

with open("made/class.txt") as file:
    network_class = getattr(transformers, file.read())

«around_convert»
    network = network_class.from_pretrained("made/checkpoint", from_pt=True)

    @tf.function(input_signature=«specs»)
    def serve(*given):
        answer = network(dict(zip(«names», given)), training=False, return_dict=True)
        return {name: answer[name] for name in «outputs»}

    tf.saved_model.save(network, "made/saved_model", signatures={"serving_default": serve.get_concrete_function()})
"""

_NOBUCO = """
import os

import torch
import torch._dynamo  # before TensorFlow: what comes second may crash
import tensorflow as tf
import nobuco

«module»
example = «example»
«around_convert»
    network = nobuco.pytorch_to_keras(
        model,
        args=example,
        input_shapes=dict(zip(example, «shapes»)),
        inputs_channel_order=nobuco.ChannelOrder.PYTORCH,
        outputs_channel_order=nobuco.ChannelOrder.PYTORCH,
        trace_shape=False,
    )

    @tf.function(input_signature=«specs»)
    def serve(*given):
        answer = network(list(given) if len(given) > 1 else given[0])
        return dict(zip(«outputs», answer if isinstance(answer, (tuple, list)) else [answer]))

    tf.saved_model.save(network, "made/saved_model", signatures={"serving_default": serve.get_concrete_function()})
"""

_TORCHAX = """
import os

import torch
import torch._dynamo  # before TensorFlow: what comes second may crash
import numpy
import tensorflow as tf
import torchax.export
from jax.experimental import jax2tf

«module»
example = tuple(«example»)
open_dimensions = «open_dimensions»  # of each input
«around_convert»
    with torch.no_grad():
        shapes = tuple(dict.fromkeys(one, torch.export.Dim.AUTO) for one in open_dimensions)
        program = torch.export.export(model, example, dynamic_shapes=shapes)
    weights, function = torchax.export.exported_program_to_jax(program)

    # the largest size that torch found for an axis, such as "sequence <= 32"
    limits = {}
    inputs = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    for named, node in zip(open_dimensions, inputs):
        for d, name in named.items():
            size = getattr(node.meta["val"].shape[d], "node", None)
            allowed = program.range_constraints.get(getattr(size, "expr", None))
            if allowed is not None and allowed.upper.is_Integer:
                limits[name] = "%s <= %d" % (name, int(allowed.upper))

    served = tf.Module()
    served.weights = [tf.Variable(numpy.asarray(weight), trainable=False) for weight in weights]
    converted = jax2tf.convert(
        function,
        polymorphic_shapes=[None, «polymorphic»],
        polymorphic_constraints=sorted(limits.values()),
        with_gradient=False,
        native_serialization_platforms=("cpu",),
    )

    @tf.function(input_signature=«specs», autograph=False)
    def serve(*given):
        return dict(zip(«outputs», converted(served.weights, list(given))))

    served.serve = serve
    tf.saved_model.save(served, "made/saved_model", signatures={"serving_default": serve.get_concrete_function()})
"""

_LITERT_TORCH = """
import os

import torch
import litert_torch

«module»


class Named(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model

    def forward(self, «parameters»):  # their names become those of the file
        answer = self.model(«parameters»)
        return dict(zip(«outputs», answer if isinstance(answer, (tuple, list)) else [answer]))


shapes = [dict.fromkeys(one, torch.export.Dim.AUTO) for one in «open_dimensions»]
«around_convert»
    converted = litert_torch.convert(
        Named().eval(),
        sample_kwargs=dict(zip(«names», «example»)),
        dynamic_shapes=dict(zip(«names», shapes)),
    )
    converted.export("made/model.tflite")
"""

TFLITE_HEAD = """
import tensorflow as tf

«examples»
"""

EXAMPLES = """
import numpy

stored = numpy.load("examples.npz")


def examples():
    for number in range(«count»):
        yield «answer»
"""

TFLITE = """
converter = tf.lite.TFLiteConverter.from_saved_model("made/saved_model", signature_keys=["serving_default"])
«options»
with open("made/«file»", "wb") as file:
    file.write(converter.convert())
"""

QUANTIZE_HEAD = """
from litert_quantizer import quantizer, recipe

«examples»
"""

QUANTIZE_EXAMPLES = """
import numpy
from ai_edge_litert.interpreter import Interpreter

stored = numpy.load("examples.npz")
interpreter = Interpreter("made/model.tflite")
signature, *_ = interpreter.get_signature_list()
inputs = interpreter.get_signature_runner(signature).get_input_details()


def examples():
    for number in range(«count»):
        yield {name: stored[f"{name}/{number}"].astype(one["dtype"]) for name, one in inputs.items()}
"""

QUANTIZE = """
quantizing = quantizer.Quantizer("made/model.tflite", recipe.«recipe»())
quantizing.quantize(«ranges»).export_model("made/«file»")
"""

#: The recipe of each target that litert-quantizer makes (worker/targets), and the ranges that it asks for.
RECIPES = {
    Target.LITERT_DYNAMIC_INT8: ("dynamic_wi8_afp32", ""),
    Target.LITERT_WEIGHT_ONLY_INT8: ("weight_only_wi8_afp32", ""),
    Target.LITERT_DYNAMIC_INT4: ("dynamic_wi4_afp32", ""),
    Target.LITERT_INT8: ("static_wi8_ai8", "quantizing.calibrate({signature: list(examples())})"),
}

#: What the files are called.
TFLITE_FILES = {
    Target.TFLITE_FLOAT32: "model.tflite",
    Target.TFLITE_DYNAMIC: "model-dynamic.tflite",
    Target.TFLITE_FLOAT16: "model-float16.tflite",
    Target.TFLITE_INT8: "model-int8.tflite",
    Target.TFLITE_INT8_IO: "model-int8-io.tflite",
    Target.LITERT_DYNAMIC_INT8: "model-litert-dynamic-int8.tflite",
    Target.LITERT_WEIGHT_ONLY_INT8: "model-litert-weight-only-int8.tflite",
    Target.LITERT_DYNAMIC_INT4: "model-litert-dynamic-int4.tflite",
    Target.LITERT_INT8: "model-litert-int8.tflite",
}

_QUANTIZED = ("converter.optimizations = [tf.lite.Optimize.DEFAULT]",)
_CALIBRATED = (*_QUANTIZED, "converter.representative_dataset = examples")

#: What is said of each to TensorFlow's converter (worker/targets).
TFLITE_OPTIONS: dict[Target, tuple[str, ...]] = {
    Target.TFLITE_FLOAT32: (),
    Target.TFLITE_DYNAMIC: _QUANTIZED,
    Target.TFLITE_FLOAT16: (*_QUANTIZED, "converter.target_spec.supported_types = [tf.float16]"),
    Target.TFLITE_INT8: _CALIBRATED,
    Target.TFLITE_INT8_IO: (
        *_CALIBRATED,
        "converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]",
        "converter.inference_input_type = converter.inference_output_type = tf.int8",
    ),
}


class Scripts(NamedTuple):
    """The script of the torch side, empty where one process does both, and that of the other."""

    export: str
    convert: str


#: By route.
ROUTES = {
    "onnx-tf": Scripts(_EXPORT_ONNX, _ONNX_TF),
    "onnx-tf-dynamo": Scripts(_EXPORT_DYNAMO, _ONNX_TF),
    "onnx2tf": Scripts(_EXPORT_ONNX, _ONNX2TF),
    "hf-from-pt": Scripts(_EXPORT_CHECKPOINT, _HF_FROM_PT),
    "nobuco": Scripts("", _NOBUCO),
    "torchax": Scripts("", _TORCHAX),
    "litert-torch": Scripts("", _LITERT_TORCH),
}

#: Why the others have none.
UNSAID = {
    "keras-rebuild": "the network is written again layer by layer by tfparity's own code "
    "(src/tfparity/worker/routes/_rebuild)",
    "mmdnn": "MMdnn writes code that has to run inside the conversion (src/tfparity/worker/routes/mmdnn.py does it)",
    "bridge": "torch itself runs inside TensorFlow, and what is saved of that does not travel (docs/bridge.md)",
}
