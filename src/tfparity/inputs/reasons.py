"""Which words of an error say why. Pure."""

from __future__ import annotations

import re

from tfparity.records.blame import SENTENCES

#: What judging.judge, autograph and TensorFlow write around a reason, in every error of a kind.
_AROUND = re.compile(
    "|".join(map(re.escape, SENTENCES))
    + r"""
    | ONNX[ ]Runtime[ ]gives[ ](?:the[ ]right|a[ ]wrong)[ ]answer[ ]for[ ]the[ ]exported[ ]file
    | (?:output|axis)[ ]'[\w-]*'?
    | is[ ]lost:(?:[ ]at)? | is[ ]off[ ]by[ ]up[ ]to | diverged | \(NaN,[ ]infinity[^)]*\)?
    | (?:inputs|outputs)[ ]are | instead[ ]of | still[ ]running[ ]after | in[ ]user[ ]code
    | Graph[ ]execution[ ]error | Detected[ ]at[ ]node | defined[ ]at(?:[ ]\(most[ ]recent[ ]call[ ]last\))?
    | <stack[ ]traces[ ]unavailable>
    | \bProbe[A-Z]\w* | right[ ]for | wrong[ ]too[ ]at | inputs[ ]without | [\w.-]+[ ][<>][ ]-?[\d.e+-]+
    | KeyError:[ ]'[\w.@-]*(?::\d+)?'
    | \b(?:[A-Z]\w*)?(?:Error|Exception|Diverged|Drifted|AxisLost|SignatureLost|Timeout)\b
    | \b\w+=[\w-]* | \S*/\S* | \{\{[^}]*\}\} | \[Op:[^\]]*\]
    """,
    re.VERBOSE,
)
#: Words, types and numbers that are nobody's size.
_WORD = re.compile(r"[A-Za-z_]{4,}|\b(?:int|float)\d+\b|\d{8,}")


def reason(text: str) -> frozenset[str]:
    """The words of an error, or of a part of one, that say why; empty where it only says what came of it."""
    return frozenset(_WORD.findall(_AROUND.sub(" ", text.replace("*", " "))))
