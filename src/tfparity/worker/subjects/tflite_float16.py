"""A .tflite file, weights in 16-bit floats."""

from tfparity.worker.subjects._tflite import subject

SUBJECT = subject("tflite-float16")
