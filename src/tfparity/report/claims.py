"""docs/claims.md: folklore against measurement, each claim with what the matrix shows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tfparity.evidence.claims import Answer, Found, Word, answers
from tfparity.evidence.query import Standing, Table
from tfparity.inputs.claims import Ask, Claim
from tfparity.report import markdown, words

#: So many cases are named on each side of a claim, the rest is counted.
NAMED = 8

SIGNS = {Word.TRUE: "✓", Word.FALSE: "✗", Word.DEPENDS: "◐", Word.UNTESTED: "?"}


def page(claims: Sequence[Claim], table: Table) -> str:
    """The whole page."""
    found = answers(claims, table)
    rows = [
        [f"[{one.claim.says}](#{one.claim.id})", one.claim.source, f"{SIGNS[one.word]} **{one.word}**"] for one in found
    ]
    counts = [f"{sum(one.word is word for one in found)} {word}" for word in Word]
    parts = [
        "# Folklore against measurement",
        (
            "What guides and pages say of these tools, and what the matrix shows. An answer follows from recorded "
            "cells: **true** and **false** where they all say so (or one is enough), **depends** where they differ, "
            "**untested** where nothing was run that could show it. The claims, and which cells answer each, stand in "
            "[claims.yaml](../claims.yaml)."
        ),
        f"{len(found)} claims: {', '.join(counts)}.",
        markdown.table(["claim", "said by", "answer"], rows),
        *(_claim(one) for one in found),
    ]
    return "\n\n".join(parts) + "\n"


def _claim(answer: Answer) -> str:
    claim = answer.claim
    lines = [
        f'## <a id="{claim.id}"></a>{claim.says}',
        f"{SIGNS[answer.word]} **{answer.word}**; said by: {claim.source}.",
    ]
    if claim.nothing:
        lines.append(markdown.text(claim.nothing))
    for one in answer.found:
        lines.append(f"Of {asked(one.ask, markdown.code)}, {how(one.ask, markdown.code)}: {counted(one)}.")
        lines += [
            markdown.folded(f"{title}: {words.cells(len(cells))}", "\n".join(_by_case(cells)))
            for title, cells in (("as the claim says", one.agree), ("otherwise", one.against))
            if cells
        ]
    return "\n\n".join(lines)


def counted(found: Found) -> str:
    """How many cells are as an ask says."""
    ran = len(found.agree) + len(found.against)
    if not ran:
        return f"none of {found.planned:,} that could show it was run so far"
    return f"{len(found.agree):,} of {ran:,} that were run and can tell"


def asked(ask: Ask, code: Callable[[object], str]) -> str:
    """Which cells, in words; `code` marks an identifier."""
    named = [
        f"{what} {', '.join(map(code, globs))}"
        for what, globs in (("cases", ask.cases), ("by", ask.routes), ("on", ask.toolchains))
        if globs != ("*",)
    ]
    named += [code(f"{name} {specifier}") for name, specifier in ask.where.items()]
    among = {"run": "", "imported": ", where the environment imports", "working": ", of those that work"}[ask.among]
    return f"cells ({', '.join(named) or 'all'}){among}"


def how(ask: Ask, code: Callable[[object], str]) -> str:
    """What the claim says of each, in words; `code` marks an identifier."""
    amount = {"each": "it says of each that", "all": "it says of all, so that one refutes it, that"}
    said = {
        "converts": "it works",
        "converts-unaided": "it works without a remedy or shim",
        "fails": "it is broken or only partly right",
        "breaks": "it is broken",
        "loses-an-axis": f"the axis {ask.axis} is lost" if ask.axis else "an axis is lost",
        "most-exact": "no other route is nearer to torch on the same TensorFlow",
        "faster": f"{ask.timed} is faster than {ask.than}",
        "slower": f"{ask.timed} is slower than {ask.than}",
    }[ask.says]
    if ask.attempt:
        some = "an attempt" if ask.says.startswith("converts") else "no attempt"
        said = f"{some} at opset {code(ask.attempt)} passes"
    more = [
        f"at opset {code(ask.opset)}" if ask.opset else "",
        f"with a largest difference below {ask.max_error:g}" if ask.max_error else "",
        f"by the rule {code(ask.limitation)}" if ask.limitation else "",
        f"as the target {code(ask.target)}" if ask.target else "",
        f"on the runtime {code(ask.runtime)}" if ask.runtime else "",
    ]
    return " ".join([amount.get(ask.of, "it says of some that"), said, *filter(None, more)])


def _by_case(cells: Sequence[Standing]) -> Iterator[str]:
    """A line for each case and route: the toolchains, of the first NAMED cases; then how many more."""
    found: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        found.setdefault((cell.planned.case, cell.planned.route), []).append(cell.planned.toolchain)
    for (case, route), toolchains in list(found.items())[:NAMED]:
        yield f"- {markdown.code(case)} ({markdown.text(route)}): {', '.join(toolchains)}"
    if len(found) > NAMED:
        yield f"- and {len(found) - NAMED} more cases"
