"""planted_opener.py where what opens the artifact is installed and does not import."""

from tfparity.worker.artifacts import Opener


def open_artifact(folder, settings):
    raise AssertionError("nothing is opened")


OPENER = Opener(revision=1, imports=(("numpy", "no_such_module"),), open=open_artifact)
