"""In which words the error of a wrong answer says whose it is."""

NO_REFEREE = "the converted model's answer is wrong, and no referee can say since when"
CONVERTER = "ONNX Runtime gives the right answer for the exported file, the converted model does not"
CONVERTER_SHAPES = "ONNX Runtime gives the exported file's outputs as declared, the converted model does not"
EXPORTER = "ONNX Runtime gives a wrong answer for the exported file already"
NO_SECOND = "ONNX Runtime gives a wrong answer for the exported file too, and no other referee has one"
SECOND = "onnx's own evaluator comes closer to the exported file's right answer than ONNX Runtime"

SENTENCES = (NO_REFEREE, CONVERTER, CONVERTER_SHAPES, EXPORTER, NO_SECOND, SECOND)
