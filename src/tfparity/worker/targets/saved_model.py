"""A SavedModel as it was converted, called through `serving_default`."""

from tfparity.worker.runtimes.saved_model import RUNTIME
from tfparity.worker.targets import Target

TARGET = Target(revision=1, precision="float32", load=RUNTIME.load, pin_threads=RUNTIME.pin_threads)
