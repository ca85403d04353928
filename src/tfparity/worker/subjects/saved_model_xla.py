"""The SavedModel's serving_default compiled by XLA as one cluster; the first call compiles."""

from tfparity.worker.subjects._saved_model import subject

SUBJECT = subject("saved-model-xla", xla=True)
