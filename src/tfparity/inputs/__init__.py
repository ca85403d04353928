"""Files that a person writes, read and checked: matrix.yaml, limitations.yaml, case files, ONNX files."""
