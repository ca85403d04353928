"""Any SavedModel or .tflite file on the runtimes of matrix.yaml, held against golden answers. No torch."""
