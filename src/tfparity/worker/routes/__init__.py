"""Routes: how a case crosses. A module each; our side reads its declarations, the worker runs it.

A route is a module with
    REVISION                     raised by hand when its results can change
    SIDES                        "split" (two environments may do it) or "together"
    FRAMEWORK, EXPORTER          names of modules in frameworks/ and exporters/, or paths
    ONNX_FILES                   True where it takes a case that is an .onnx file, too (may be left out)
    refusal(case id) -> str      why a case cannot go this way, or None (may be left out)
    OPSETS                       the order in which a cell tries them, until one converts and is right
    REQUIRES                     {"source": {package: specifier}, "target": {...}}: else not applicable
    IMPORTS                      {"source": [...], "target": [...]}: what a warm parent imports
    GIVES                        what a person gets (may be left out): "targets" (see targets), whether axes stay
                                 "dynamic" by its design, the "layout" ("kept", "inputs kept", "channels-last"),
                                 "integers" ("kept", or what they become), whether the artifact has "trainable"
                                 variables
    pin_threads(n)
    convert(bundle folder, artifact folder, request)
    load(artifact folder) -> runner: run([(input name, array)]) -> [(output name, array)],
        signature() -> {"inputs": [[name, dtype]], "outputs": [[name, dtype]], "ordered": bool}
"""
