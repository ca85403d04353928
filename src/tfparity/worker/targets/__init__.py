"""Targets: what is deployed, made from a SavedModel. A module each.

A target is a module with
    REVISION                              raised by hand when its results can change
    REMEDIES                              names of what is tried where the SavedModel is right and the target is not
    pin_threads(n)
    make(SavedModel folder, folder) -> what is to be told of how it was made, JSON values
    load(folder) -> runner, as a route's (see routes)
"""
