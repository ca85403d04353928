"""Source frameworks: how a case's model is built, calibrated, run and disturbed.

A framework is a module with
    pin_threads(n)
    build(case) -> model                  calibrated, ready to export; raises Refused for a model in train mode
    run(model, arrays, double=False) -> list of arrays
    double(model) -> model in float64
    moved_weights(model, arrays) -> iterable of (weight name, outputs with that weight moved by 1 %)
    timed(model, arrays) -> a call without arguments, to be timed
    count(model) -> number of parameters
"""
