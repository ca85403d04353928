"""A .tflite file, 32-bit floats."""

from tfparity.worker.subjects._tflite import subject

SUBJECT = subject("tflite-float32")
