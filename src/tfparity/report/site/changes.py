"""What changed in the evidence, for the page, the data and the feed: a record is a commit's of a toolchain."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from tfparity.evidence.history import Change
from tfparity.report import words
from tfparity.report.site.facts import Moved, Recorded

#: How many records the feed has, and how many of their cells an entry names.
FEED, NAMED = 50, 20

_ATOM = "http://www.w3.org/2005/Atom"


def recorded(changes: Iterable[Change]) -> tuple[Recorded, ...]:
    """The changes by commit and toolchain, the newest first."""
    groups: dict[tuple[str, str, str], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.when, change.commit, change.cell.toolchain), []).append(change)
    return tuple(
        Recorded(
            when=when,
            commit=commit[:12],
            toolchain=toolchain,
            added=sum(one.was is None for one in group),
            removed=sum(one.now is None for one in group),
            moved=tuple(Moved(one.cell.case, one.cell.route, one.was, one.now) for one in group if one.was and one.now),
        )
        for (when, commit, toolchain), group in reversed(groups.items())
    )


def said(one: Recorded) -> str:
    """A record in a line."""
    parts = [
        f"{words.cells(count)} {what}"
        for count, what in ((one.added, "new"), (len(one.moved), "with another verdict"), (one.removed, "removed"))
        if count
    ]
    return f"{one.toolchain}: {', '.join(parts)}"


def moved(one: Moved) -> str:
    """A cell that has another verdict, in a line."""
    return f"{one.case} by {one.route}: {words.verdict(one.was).words}, now {words.verdict(one.now).words}"


def feed(found: Sequence[Recorded]) -> bytes:
    """The newest records as an Atom feed, whose links are relative to the site's root."""
    ElementTree.register_namespace("", _ATOM)
    root = ElementTree.Element(f"{{{_ATOM}}}feed")

    def add(to: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
        made = ElementTree.SubElement(to, f"{{{_ATOM}}}{name}", attributes)
        made.text = text or None
        return made

    add(root, "id", uuid.uuid5(uuid.NAMESPACE_OID, "tfparity changes").urn)
    add(root, "title", "tfparity: what changed")
    add(root, "updated", found[0].when if found else "1970-01-01T00:00:00Z")
    add(add(root, "author"), "name", "tfparity")
    add(root, "link", rel="self", href="feed.xml")
    add(root, "link", rel="alternate", href="changes.html")
    for one in found[:FEED]:
        entry = add(root, "entry")
        add(entry, "id", uuid.uuid5(uuid.NAMESPACE_OID, f"tfparity {one.commit} {one.toolchain}").urn)
        add(entry, "title", said(one))
        add(entry, "updated", one.when)
        add(entry, "link", rel="alternate", href=f"toolchains/{one.toolchain}.html")
        lines = [moved(cell) for cell in one.moved[:NAMED]]
        more = len(one.moved) - len(lines)
        add(entry, "summary", "\n".join([*lines, *([f"and {words.cells(more)} more"] if more else [])]))
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
