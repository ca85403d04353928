"""A .tflite file with weights of 4 bits, by litert-quantizer; what flows through it is quantized while it runs."""

from tfparity.worker.targets import _litert

TARGET = _litert.target("dynamic_wi4_afp32", "dynamic-int4", revision=1)
