"""A .tflite file with weights of 8 bits, by litert-quantizer; they are floats again before anything is computed."""

from tfparity.worker.targets import _litert

TARGET = _litert.target("weight_only_wi8_afp32", "weights-int8", revision=1)
