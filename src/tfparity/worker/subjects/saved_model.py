"""The SavedModel's serving_default as it is; the answer is fetched."""

from tfparity.worker.subjects._saved_model import subject

SUBJECT = subject("saved-model", xla=False)
