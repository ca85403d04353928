"""torch eager, SavedModel and XLA, in interleaved pairs. No duration is asserted: only ratios are reported."""

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
def test_latency(cell, subject, measured, benchmark):
    found = measured(cell)
    if found.why:
        pytest.skip(found.why)
    if subject in found.failed:
        if subject != "saved-model-xla":  # both ran when the cell was judged
            pytest.fail(found.failed[subject])
        pytest.xfail(f"XLA does not take it: {found.failed[subject]}")
    samples = iter(found.samples[subject])
    benchmark.group = f"{cell.case} ({cell.route})"
    benchmark.extra_info.update(toolchain=cell.toolchain, opset=found.opset, sizes=found.sizes, threads=1)
    benchmark.pedantic(
        lambda: clock.advance(next(samples)), rounds=len(found.samples[subject]), iterations=1, warmup_rounds=0
    )
