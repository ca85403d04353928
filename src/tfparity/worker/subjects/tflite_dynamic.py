"""A .tflite file, weights in 8 bits."""

from tfparity.worker.subjects._tflite import subject

SUBJECT = subject("tflite-dynamic")
