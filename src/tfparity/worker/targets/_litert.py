"""What the targets share that litert-quantizer makes of a .tflite file of 32-bit floats, with no TensorFlow.

https://github.com/google-ai-edge/LiteRT/tree/main/litert_quantizer, before 0.11 at
https://github.com/google-ai-edge/ai-edge-quantizer, whose recipe.py has the recipes.
"""

import os
from typing import Any, Dict

from tfparity.worker.runtimes import tflite
from tfparity.worker.targets import Examples, Target, _tflite


def make(recipe_name: str, artifact: str, folder: str, examples: Examples) -> Dict[str, Any]:
    """Quantize by a recipe of the quantizer's own, with the ranges that the examples have where the recipe asks."""
    from ai_edge_litert import schema_py_generated as schema
    from litert_quantizer import quantizer, recipe

    source = os.path.join(artifact, tflite.MODEL)
    made = quantizer.Quantizer(source, getattr(recipe, recipe_name)())
    ranges = None
    if made.need_calibration:
        taken = tflite.Signature(source)
        # A list: the quantizer counts them first, and of an iterator nothing would be left.
        ranges = made.calibrate({taken.name: [taken.feeds(list(example.items())) for example in examples()]})
    model = bytes(made.quantize(ranges).quantized_model)
    os.mkdir(folder)
    with open(os.path.join(folder, tflite.MODEL), "wb") as file:
        file.write(model)
    flex = _tflite.flex(model, schema)
    return {"select_tf_ops": bool(flex), "megabytes": _tflite.megabytes(model), "flex": flex}


def target(recipe_name: str, precision: str, **changed: Any) -> Target:
    """A target that the recipe of that name makes."""

    def by_recipe(artifact: str, folder: str, examples: Examples) -> Dict[str, Any]:
        return make(recipe_name, artifact, folder, examples)

    return Target(
        precision=precision,
        load=tflite.RUNTIME.load,
        pin_threads=tflite.RUNTIME.pin_threads,
        make=by_recipe,
        of="tflite-float32",
        maker=("ai_edge_litert.interpreter", "litert_quantizer.quantizer"),
        **changed,
    )
