"""Revisions of the stages: raise one by hand when a change can move that stage's results.

They are part of every cell's key, so evidence of an older revision shows as `stale` and nothing else does.
tests/unit/test_revisions_raised.py lists the code behind each and fails where it changes without a look at the number.
Routes, exporters, remedies, shims, targets, runtimes and compilers carry a `revision` of their own.
"""

#: Of what routes say of models that they do not take: in no cell's key, for the zoo's cases never come to it; a user's
#: own that failed under an older one is run again.
REFUSALS = 1

STAGES = {
    "build": 2,
    "export": 1,
    "check": 1,
    "convert": 1,
    "load": 1,
    "parity": 2,
    "dynamic-shape": 1,
    "signature": 1,
    "referee": 2,
    "compare": 1,
    "judge": 1,
    "probe": 2,
    "target": 1,
    "compile": 1,
}

#: What a user's own model gets in place of what the zoo's cases get: how it is enlivened, and what is refused. In the
#: keys of such models alone.
OWN = 1

#: How a case's sensitivity is measured (worker/sensitivity.py). In no key: whether a case is refused is a verdict, and
#: one way of measuring takes another's place only where benchmarks/sensitivity.py shows that every case of the zoo gets
#: the same one.
SENSITIVITY = 2

#: Of how artifacts run on runtimes, what comes back included (worker.artifacts, judging.answers): in the keys of
#: entries of runtimes alone.
RUNTIMES = 1
