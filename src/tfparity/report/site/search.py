"""What the search asks: a line per page, with the answer that it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tfparity.report import words
from tfparity.report.site import answers, phrases
from tfparity.report.site.collect import Facts
from tfparity.report.site.facts import CaseFacts


@dataclass(frozen=True)
class Entry:
    """kind: of page, as people call it. words: what it is found by beside its title and its answer. weight: of
    entries that are found alike, the larger first. failing: of a known issue, the models and operators that fail by it:
    who asks why one of them fails has it before everything else."""

    kind: str
    title: str
    url: str
    answer: str
    words: str = ""
    weight: float = 1.0
    failing: str = ""


def entries(found: Facts) -> list[Entry]:
    """All of them."""
    kinds = (_guides, _claims, _versions, _toolchains, _routes, _rules, _cases, _operators)
    return [entry for kind in kinds for entry in kind(found)]


def _guides(found: Facts) -> Iterator[Entry]:
    timed = [cell for content in found.cells.values() for cell in content.cells if cell.latency]
    slower = [
        cell for cell in timed if "saved-model" in cell.latency and cell.latency["saved-model"].verdict == "slower"
    ]
    measured = (
        f"As a SavedModel on one CPU core, {len(slower)} of {len(timed)} timed models are slower than in torch, the "
        "rest are not; other models are untested."
        if timed
        else "Untested: no latency is recorded."
    )
    yield Entry(
        "guide", "Is it slower? Latency against torch", "latency.html", measured,
        "slow slower fast faster speed performance benchmark latency time inference", 3.0,
    )  # fmt: skip
    yield Entry(
        "guide",
        "PyTorch to TFLite: a .tflite file",
        "tflite.html",
        "python -m nox -s convert -- torchvision/resnet50 --target saved-model --target tflite-float32 -o resnet50",
        "tflite lite litert mobile android edge microcontroller type command convert",
        3.0,
    )
    yield Entry(
        "guide",
        "How much works, in pictures",
        "trends.html",
        "By TensorFlow, by date, and how exactly.",
        "trend plot chart share history",
    )
    yield Entry("guide", "Remedies", "remedies.html", "Named changes that get a model across.", "workaround fix patch")
    yield Entry(
        "guide",
        "Data: JSON, CSV, badges",
        "data.html",
        "The same evidence under api/v1/.",
        "api json csv badge download",
    )


def _claims(found: Facts) -> Iterator[Entry]:
    for claim in found.claims:
        agree, against = sum(one.agree for one in claim.asks), sum(one.against for one in claim.asks)
        said = f"{str(claim.answer).capitalize()}: {agree} of {agree + against} cells that can tell are so."
        url = f"claims.html#{claim.id}"
        untested = f"Untested. {claim.note or ''}".strip()
        answer = said if agree + against else untested
        yield Entry("folklore", claim.says.replace("`", ""), url, answer, "claim true false myth guide", 0.9)


def _versions(found: Facts) -> Iterator[Entry]:
    for version in found.versions:
        chains = [chain for chain in found.toolchains if chain.tensorflow == version]
        chosen = max(chains, key=lambda chain: answers.share(chain.counts)[0])
        works, ran = answers.share(chosen.counts)
        shims = f", with shims ({', '.join(chosen.shims)})" if chosen.shims else ""
        if works:
            said = f"Yes, on {chosen.id}{shims}: {works} of {ran} cells that were run work."
        else:
            said = f"No toolchain with it is recorded to work ({ran} cells were run)."
        yield Entry(
            "TensorFlow", f"TensorFlow {version}", phrases.tensorflow_path(version), said,
            f"tf{version} upgrade migrate update install pin versions compatible together", 2.0,
        )  # fmt: skip


def _toolchains(found: Facts) -> Iterator[Entry]:
    for chain in found.toolchains:
        works, ran = answers.share(chain.counts)
        pins = ", ".join(f"{name} {version}" for name, version in chain.packages.items())
        said = f"{works} of {ran} cells that were run work. Python {chain.python}, {pins}."
        yield Entry("toolchain", chain.id, phrases.toolchain_path(chain.id), said, "versions install lockfile pin", 0.9)


def _routes(found: Facts) -> Iterator[Entry]:
    for route in found.routes:
        reached = answers.reach(found.table, route.name)
        parts = []
        if reached.plain:
            version, chain, works, ran = reached.plain
            parts.append(f"Newest TensorFlow without shims: {version} ({chain}, {works} of {ran} cells work)")
        if reached.shimmed and reached.shimmed != reached.plain:
            version, chain, works, ran = reached.shimmed
            parts.append(f"with shims: {version} ({chain}, {works} of {ran})")
        said = "; ".join(parts) + "." if parts else "No cell by it is recorded to work on a TensorFlow."
        yield Entry(
            "route",
            route.name,
            phrases.route_path(route.name),
            said,
            "newest latest tensorflow route converter tool",
            1.5,
        )


def _rules(found: Facts) -> Iterator[Entry]:
    declared = found.table.selection.cases
    for rule in found.limitations:
        # Where every cell took the remedy none fails by the rule any more; people who did not are met by it.
        met = rule.cases or [cure.example for cure in rule.cures]
        named = dict.fromkeys(case.partition("/")[2] for case in met)
        operators = (name for case in rule.cases if case in declared for name in declared[case].operators)
        failing = " ".join({**named, **dict.fromkeys([*rule.operators, *operators])})
        yield Entry(
            "known issue",
            rule.id,
            phrases.limitation_path(rule.id),
            f"{words.shortened(rule.cause, 160)} {phrases.way_out(rule)}",
            f"fail fails error broken why {' '.join(rule.matches)} {rule.remedy}",
            1.0 + min(rule.cells or sum(cure.cases for cure in rule.cures), 50) / 100,
            failing,
        )


def _cases(found: Facts) -> Iterator[Entry]:
    for case in found.cases:
        weight = 1.2 if case.family in ("torchvision", "huggingface") else 1.0
        yield Entry("model", case.id, phrases.case_path(case.id), phrases.answer(case), case.about, weight)


def _operators(found: Facts) -> Iterator[Entry]:
    using: dict[str, list[CaseFacts]] = {}
    for case in found.cases:
        for name in case.operators:
            using.setdefault(name, []).append(case)
    for name, cases in using.items():
        across = sum(case.best is not None for case in cases)
        said = f"{across} of {len(cases)} cases with this ONNX operator in their file convert by some way."
        yield Entry("operator", name, phrases.operator_path(name), said, "onnx operator op", 0.8)
