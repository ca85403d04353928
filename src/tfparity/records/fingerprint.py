"""An error's text, freed of what differs from run to run, and a short name for it. Pure.

Two runs of one failure on two machines must give one fingerprint, and two different failures two.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping

#: Longest text that evidence keeps, in characters. The head says what failed, the tail often why.
LIMIT = 600
_CUT = " (…) "

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
#: Unicode's categories of what no person sees: controls, formats (direction, joiners, tags), surrogates, unassigned,
#: and separators of lines and paragraphs.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_SPACE = re.compile(r"\s+")

#: A frame of a traceback that an error's text holds (autograph's "in user code:", a node's "defined at"), with its line
#: of code and what underlines it: it moves with every release and pushes the reason out.
_FRAME = re.compile(
    r'^[ \t]*File "[^"\n]*", line \d+, in [^\n]*\n'
    r'(?:(?![ \t]*File ")[ \t]+\S[^\n]*\n(?:[ \t]*[~^][~^ \t]*\n)?)?',
    re.MULTILINE,
)

#: In order: what is masked, and what stands in its place. No replacement matches a pattern.
_MASKS = (
    # Log prefixes: 2026-11-22 19:46:01.123456: E … (TensorFlow), E0000 00:00:1732304761.123456 4711 a.cc:9] (Abseil).
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b[IWEF]\d{4} \d\d:\d\d:\d+\.\d+ +\d+(?= \S+:\d+\])"), "<time>"),
    (re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b0[xX][0-9a-fA-F]{4,}\b"), "<address>"),
    # Folders that nobody announced: the system's own temporary ones, on Linux and macOS.
    (re.compile(r"(?:/private)?(?:/var/folders/[^/\s'\"]+/[^/\s'\"]+/T|/var/tmp|/dev/shm|/tmp)(?=/|\b)"), "<tmp>"),
    (re.compile(r"\btmp[a-z0-9_]{8}\b"), "<name>"),
    (re.compile(r"<tmp>/[0-9a-f]{2}/[0-9a-f]{12,}(?=/|\b)"), "<tmp>/<name>"),  # a bundle, by its key
    (re.compile(r"<tmp>(?:/(?!<)[^/\s'\",;:)\]]*\d[^/\s'\",;:)\]]*)"), "<tmp>/<name>"),
    # What a request makes, in a folder of its own.
    (re.compile(r"<tmp>/<name>/[a-z-]+-(?:<id>|[0-9a-f]{12})/made(?=/|\b)"), "<tmp>"),
    # Our own lines in a framework's account of who called: they move with every edit.
    (re.compile(r"<tfparity>/[\w/]+\.py(?::\d+|\", line \d+)?"), "<tfparity>"),
    # What torch's dynamo exporter advises before it comes to the reason.
    (re.compile(r"This is step \d/3 of exporting the model to ONNX\. Next steps: .*?## Exception summary "), ""),
    # Functions and resources that TensorFlow numbers as it goes.
    (re.compile(r"(__(?:inference|forward|backward)_[A-Za-z_]\w*?)_\d+\b"), r"\1_<id>"),
    # Recurrent layers, by the random name that onnx-tf gives each.
    (re.compile(r"\b([A-Z]+)_(?=[0-9a-f]*\d)[0-9a-f]{8}\b"), r"\1_<id>"),
    (re.compile(r"\b(pid|PID|process|thread|tid)([ =:]+)\d+\b"), r"\1\2<id>"),
    (re.compile(r"\bid=\d{6,}\b"), "id=<id>"),
    (re.compile(r"\(\d{12,16}\)"), "(<id>)"),  # id() of an object
    # A digest or a random name: twelve or more hexadecimal digits with a letter and a digit among them.
    (re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{12,}\b"), "<id>"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:seconds|secs|ms|us|µs)\b"), "<seconds>"),
)


def normalise(text: str, places: Mapping[str, str]) -> str:
    """`text` on one line, at most 600 characters, with folders, addresses, ids, times and temporary names masked
    and without the frames of tracebacks.

    `places` maps a folder of this run to what stands for it: {"/home/me": "<home>", …}; longer folders go first.
    Normalising what is already normal changes nothing.
    """
    text = _FRAME.sub("", text) or text
    for folder, name in sorted(places.items(), key=lambda item: (-len(item[0]), item)):
        stem = folder.rstrip("/\\")
        if stem:
            text = re.sub(re.escape(stem) + r"(?![\w-]|\.\w)", lambda _, name=name: name, text)  # type: ignore[misc]
    before = None
    while text != before:  # a cut or a mask can leave something that is then masked
        before = text
        text = printable(text)
        for pattern, replacement in _MASKS:
            text = pattern.sub(replacement, text)
        text = _cut(text)
    return text


def printable(text: str) -> str:
    """`text` on one line without control, invisible and direction characters: safe for XML and a terminal."""
    return _SPACE.sub(" ", visible(text)).strip()


def visible(text: str) -> str:
    """`text` with a space for each character that no person sees, and without sequences for a terminal."""
    if text.isascii() and text.isprintable():
        return text
    text = _ANSI.sub("", text)
    return "".join(" " if unicodedata.category(character) in _UNSEEN else character for character in text)


def _cut(text: str) -> str:
    """At most `LIMIT` characters: two thirds from the head, the rest from the tail."""
    if len(text) <= LIMIT:
        return text
    tail = LIMIT // 3
    return text[: LIMIT - tail - len(_CUT)].rstrip() + _CUT + text[-tail:].lstrip()


def fingerprint(stage: str, type: str, message: str) -> str:
    """12 hexadecimal digits that name a failure: the same stage, type and normal message give the same."""
    return hashlib.sha256(f"{stage}\x00{type}\x00{message}".encode("utf-8", "backslashreplace")).hexdigest()[:12]
