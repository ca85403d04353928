"""Every subject of a cell, in interleaved pairs. No duration is asserted: only ratios are reported."""

import itertools

import pytest


class WorkerClock:
    """Time as the worker counted it: it advances by the duration of the call that is being replayed, in seconds."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def advance(self, seconds):
        self.now += seconds


clock = WorkerClock()


@pytest.mark.benchmark(timer=clock)
def test_latency(cell, subject, measured, owed, benchmark):
    found = measured(cell)
    if found.why:
        pytest.skip(found.why)
    if subject in found.failed:
        if subject in owed(cell):
            pytest.fail(found.failed[subject])
        pytest.xfail(f"does not run: {found.failed[subject]}")
    series = found.subjects[subject]
    samples = list(itertools.chain.from_iterable(one.samples for one in series.processes))
    left = iter(samples)
    benchmark.group = f"{cell.case} ({cell.route})"
    benchmark.extra_info.update(
        toolchain=cell.toolchain,
        opset=found.opset,
        sizes=found.sizes,
        threads=1,
        processes=len(series.processes),
        ran=series.ran,
    )
    benchmark.pedantic(lambda: clock.advance(next(left)), rounds=len(samples), iterations=1, warmup_rounds=0)
