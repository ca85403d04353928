"""The TensorFlow class of transformers, loaded from the checkpoint that the torch class saved → SavedModel.

transformers 5 has no TensorFlow classes any more: https://github.com/huggingface/transformers/releases/tag/v5.0.0
"""

import json
import os
from typing import Any, Dict, Optional

from tfparity.worker.declare import Case
from tfparity.worker.exporters.hf_checkpoint import CHECKPOINT, DESCRIPTION
from tfparity.worker.messages import Refused
from tfparity.worker.routes import Gives, Route, _code
from tfparity.worker.runtimes.saved_model import RUNTIME

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


def refusal(case: Case) -> Optional[str]:
    """Why the route cannot take a case, if its file tells: one that cannot reach transformers has no model of it."""
    return "takes models of transformers alone" if _code.cannot_reach(case.file, "transformers") else None


def of_zoo(case_id: str) -> Optional[str]:
    """Why a case of the zoo is not run; None if it is."""
    family, _, name = case_id.partition("/")
    if family in ("blocks", "operators", "pitfalls", "torchvision", "trained") or (
        family == "deployment" and name != "bert-base"
    ):
        return "takes models of transformers alone"
    if family == "huggingface" and not any(name == one or name.startswith(one + "-") for one in FAMILIES):
        return "transformers has no TensorFlow classes for it"
    return None


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    """Load the checkpoint into the class named TF + the torch class, and save it with a signature whose named axes are
    dynamic."""
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


ROUTE = Route(
    revision=2,
    sides="split",
    framework="pytorch",
    exporter="hf-checkpoint",
    # A checkpoint has none; one attempt.
    opsets=(0,),
    requires={
        "source": {"torch": ">=1.7", "transformers": ">=4.5"},
        "target": {"torch": ">=1.7", "transformers": ">=4.5,<5", "tensorflow": ">=2.3"},
    },
    imports={
        "source": ["torch", "onnx"],
        "target": ["tfparity.worker.torch_ahead", "tensorflow", "transformers"],
    },
    convert=convert,
    load=RUNTIME.load,
    pin_threads=RUNTIME.pin_threads,
    gives=Gives(dynamic=True, layout="kept", integers="kept", trainable=True),
    refusal=refusal,
    of_zoo=of_zoo,
)
