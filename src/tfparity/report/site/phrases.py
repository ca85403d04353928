"""What pages and the search say alike: sentences of facts, and the path of what they name."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from tfparity.records.cells import Entry
from tfparity.records.vocabulary import Grade
from tfparity.report import words
from tfparity.report.site import answers
from tfparity.report.site.facts import CaseFacts, LimitationFacts, WayFacts

#: Longest error text in a table of a page, in characters; the cell itself shows more.
SHOWN = 240


def slug(name: str) -> str:
    """A name as that of a file."""
    return quote(name.replace("/", "-"), safe="")


def case_path(case: str) -> str:
    return f"cases/{case}.html"


def limitation_path(id: str) -> str:
    return f"limitations/{id}.html"


def toolchain_path(id: str) -> str:
    return f"toolchains/{id}.html"


def route_path(name: str) -> str:
    return f"routes/{slug(name)}.html"


def operator_path(name: str) -> str:
    return f"operators/{slug(name)}.html"


def tensorflow_path(version: str) -> str:
    return f"tensorflow/{version}.html"


def way_words(way: WayFacts) -> str:
    """ "onnx-tf on tf2.15-torch2.15, opset 13, with gru-handler": how to go."""
    opset = f", opset {way.opset}" if way.opset else ""
    taken = beside_opset(way.remedies)
    with_ = f", with {words.remedies(taken)}" if taken else ""
    return f"{way.route} on {way.toolchain}{opset}{with_}"


def target(entry: Entry) -> str:
    """What came of a target or a runtime, in words: of one whose numbers mean nothing, that it was made."""
    if entry.deployed is None:
        return entry.outcome.value
    return "form only" if entry.deployed.grade is Grade.FORM else words.verdict(entry.deployed.verdict).words


def beside_opset(remedies: Sequence[str]) -> list[str]:
    """The remedies but for the opset, which is told by itself."""
    return [name for name in remedies if not name.startswith("opset-")]


def grade_words(grade: str | None) -> str:
    """ "to float32 noise"."""
    return next((said for known, said in words.GRADES.items() if known == grade), "")


def short(text: str | None, length: int = SHOWN) -> str:
    """A text on one line, cut."""
    return words.shortened(" ".join((text or "").split()), length)


def way_out(rule: LimitationFacts) -> str:
    """What to do, in a sentence: what is recorded to work, else what the rule advises, else that nothing is known."""
    if rule.cures:
        cure = rule.cures[0]
        cases = "1 case" if cure.cases == 1 else f"{cure.cases} cases"
        return f"Works with {words.remedies(cure.remedies)} ({cases}, such as {cure.example})."
    if rule.elsewhere:
        way = rule.elsewhere[0]
        return f"{way.cases} of its {len(rule.cases)} cases convert by {way.route} on {way.toolchain}."
    return f"Remedy: {rule.remedy.rstrip('.')}."


def answer(case: CaseFacts) -> str:
    """How a case converts, in a sentence."""
    if case.best:
        return f"Converts by {way_words(case.best)}: {grade_words(case.best.grade)}."
    ran = answers.share(case.counts)[1]
    return f"Converts by no recorded way ({ran} were run)." if ran else "Untested."


def described(picture: str) -> str:
    """The title and the description of an SVG picture, which say its figures."""
    return html.unescape(". ".join(re.findall(r'<(?:title|desc) id="[^"]*">([^<]*)<', picture)))


def coded(text: str) -> Markup:
    """A text with what stands in backticks as code, the rest escaped."""
    parts = (escape(part) for part in text.split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


#: What templates call.
FILTERS: dict[str, Callable[..., Any]] = {"coded": coded, "short": short, "number": words.number, "axes": words.axes}

GLOBALS: dict[str, Any] = {
    "VERDICTS": words.VERDICTS,
    "share": answers.share,
    "beside_opset": beside_opset,
    "described": described,
    "way_out": way_out,
    "grade_words": grade_words,
    "remedies_words": words.remedies,
    "duration": words.duration,
    "stage_words": words.stage,
    "case_path": case_path,
    "toolchain_path": toolchain_path,
    "limitation_path": limitation_path,
    "route_path": route_path,
    "operator_path": operator_path,
    "tensorflow_path": tensorflow_path,
    "way_of": WayFacts.of,
}
