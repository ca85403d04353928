"""The TensorFlow class of transformers, filled from the checkpoint that the torch class saved → SavedModel.

transformers 5 has no TensorFlow classes any more: https://github.com/huggingface/transformers/releases/tag/v5.0.0
"""

import json
import os
from typing import Any, Dict, List, Optional

from tfparity.worker.exporters.hf_checkpoint import CHECKPOINT, DESCRIPTION
from tfparity.worker.messages import Refused
from tfparity.worker.saved_model import load, pin_threads

__all__ = [
    "EXPORTER",
    "FRAMEWORK",
    "GIVES",
    "IMPORTS",
    "OPSETS",
    "REQUIRES",
    "REVISION",
    "SIDES",
    "convert",
    "load",
    "pin_threads",
    "refusal",
]

REVISION = 2
SIDES = "split"
FRAMEWORK = "pytorch"
EXPORTER = "hf-checkpoint"

#: A checkpoint has none; one attempt.
OPSETS = (0,)

REQUIRES: Dict[str, Dict[str, str]] = {
    "source": {"torch": ">=1.7", "transformers": ">=4.5"},
    "target": {"torch": ">=1.7", "transformers": ">=4.5,<5", "tensorflow": ">=2.3"},
}
IMPORTS: Dict[str, List[str]] = {
    "source": ["torch", "onnx"],
    "target": ["tfparity.worker.torch_ahead", "tensorflow", "transformers"],
}
GIVES: Dict[str, Any] = {
    "targets": ("saved-model", "tflite-float32"),
    "dynamic": True,
    "layout": "kept",
    "integers": "kept",
    "trainable": True,
}

#: Families with TensorFlow classes in transformers 4.57 (modeling_tf_auto), as their cases are named.
_NAMED = """
albert bart bert blenderbot blenderbot-small blip camembert clip convbert convnext convnextv2 ctrl cvt
data2vec-vision deberta deberta-v2 deit distilbert dpr efficientformer electra encoder-decoder esm flaubert
funnel gpt-sw3 gpt2 gptj groupvit hubert idefics layoutlm layoutlmv3 led longformer lxmert marian mbart
mistral mobilebert mobilevit mpnet mt5 openai-gpt opt pegasus regnet rembert resnet roberta
roberta-prelayernorm roformer sam sam-vision-model segformer speech-to-text swiftformer swin t5 tapas
transfo-xl vision-encoder-decoder vision-text-dual-encoder vit vit-mae wav2vec2 whisper xglm xlm xlm-roberta
xlnet
"""
FAMILIES = frozenset(_NAMED.split())


def refusal(case_id: str) -> Optional[str]:
    """Why a case cannot go this way, by its name; None where it may."""
    family, _, name = case_id.partition("/")
    if family in ("blocks", "operators", "pitfalls", "torchvision", "trained"):
        return "takes models of transformers alone"
    if family == "huggingface" and not any(name == one or name.startswith(one + "-") for one in FAMILIES):
        return "transformers has no TensorFlow classes for it"
    return None


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    """Load the checkpoint into the class of the same name with TF before it, and save it with a signature whose named
    axes stay open."""
    import tensorflow as tf
    import transformers

    with open(os.path.join(bundle, DESCRIPTION)) as file:
        described = json.load(file)
    wanted = "TF" + described["class"]
    made = getattr(transformers, wanted, None)
    if made is None or not hasattr(made, "from_pretrained"):
        raise Refused("NoTensorFlowClass", "transformers has no class %s" % wanted)
    network = made.from_pretrained(os.path.join(bundle, CHECKPOINT), from_pt=True)
    names = [one["name"] for one in described["inputs"]]
    specs = [tf.TensorSpec(one["shape"], one["dtype"], one["name"]) for one in described["inputs"]]

    @tf.function(input_signature=specs)  # type: ignore[untyped-decorator]
    def serve(*given: Any) -> Any:
        answer = network(dict(zip(names, given)), training=False, return_dict=True)
        missing = [name for name in described["outputs"] if answer.get(name) is None]
        if missing:
            raise Refused("NoSuchOutput", "%s gives %s, not %s" % (wanted, ", ".join(answer), ", ".join(missing)))
        return {name: answer[name] for name in described["outputs"]}

    tf.saved_model.save(network, artifact, signatures={"serving_default": serve.get_concrete_function()})
