"""Exporters: from a built model to an artifact folder.

An exporter is a module with
    REVISION                     raised by hand when its results can change
    newest_opset() -> int        the newest it offers here
    export(model, example, case, output_axes, opset, folder)
    check(folder) -> int         validates the artifact and returns the opset it really has
"""
