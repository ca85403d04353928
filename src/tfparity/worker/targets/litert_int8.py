"""A .tflite file of 8-bit integers where litert-quantizer knows an operator of them, its inputs and outputs too."""

from tfparity.worker.targets import _litert

TARGET = _litert.target("static_wi8_ai8", "int8", revision=1, calibrated=True, int8_signature=True)
