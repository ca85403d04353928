"""A .tflite file with weights of 8 bits, by litert-quantizer; what flows through it is quantized while it runs."""

from tfparity.worker.targets import _litert

TARGET = _litert.target("dynamic_wi8_afp32", "dynamic", revision=1)
