"""The same network as keras.applications has it, never torch: with random weights, its own layout (channels last), and
served as a SavedModel. What it answers is not compared; what it costs is what converting is held against."""

import os
from typing import Any, Callable, Dict

from tfparity.worker.messages import Refused
from tfparity.worker.runtimes.saved_model import ServingDefault, pin_threads
from tfparity.worker.subjects import Prepared, Subject, inputs

#: The builder of the network that a case is, by the case.
BUILDERS = {
    "deployment/resnet50": "ResNet50",
    "deployment/mobilenet-v2": "MobileNetV2",
    "deployment/efficientnet-b0": "EfficientNetB0",
}

#: As the cases have them.
CLASSES = 1000


def prepare(request: Dict[str, Any]) -> Prepared:
    if request["case"] not in BUILDERS:
        raise Refused("NoNativeModel", "keras.applications has no builder of this very network")
    pin_threads(1)
    import tensorflow as tf

    builder = getattr(tf.keras.applications, BUILDERS[request["case"]])
    (name, images) = inputs(request)[0]
    shape = images.shape[2:] + images.shape[1:2]
    network = builder(weights=None, input_shape=shape, classes=CLASSES, classifier_activation=None)
    spec = tf.TensorSpec((None,) + shape, tf.float32, name=name)
    served = tf.function(lambda batch: {"logits": network(batch, training=False)}, input_signature=[spec])
    folder = os.path.join(request["folder"], "native")
    tf.saved_model.save(network, folder, signatures=served)
    return Prepared((folder,))


def load(request: Dict[str, Any], prepared: Prepared) -> Callable[[], Any]:
    channels_last = [(name, images.transpose(0, 2, 3, 1)) for name, images in inputs(request)]
    return ServingDefault(prepared.files[0]).timed(channels_last, xla=False)


SUBJECT = Subject(side="target", load=load, packages=("tensorflow",), prepare=prepare)
