"""JUnit XML, as CI servers read it: one suite of test cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from tfparity.records.fingerprint import printable


@dataclass(frozen=True)
class Failed:
    """A failure: its kind in one word, what happened, and what the kind means."""

    kind: str
    message: str
    meaning: str


@dataclass(frozen=True)
class Test:
    """One test case. failed, skipped: why it did not pass, why it did not run; None where it did."""

    group: str
    name: str
    failed: Failed | None = None
    skipped: str | None = None


def suite(name: str, tests: Sequence[Test], properties: Mapping[str, str] | None = None) -> str:
    """The document. Ends with a line feed; text of converters is made printable and escaped. properties: what is said
    of the whole."""
    suites = ElementTree.Element("testsuites")
    made = ElementTree.SubElement(
        suites,
        "testsuite",
        name=name,
        tests=str(len(tests)),
        failures=str(sum(test.failed is not None for test in tests)),
        errors="0",
        skipped=str(sum(test.skipped is not None for test in tests)),
    )
    if properties:
        said = ElementTree.SubElement(made, "properties")
        for key, value in properties.items():
            ElementTree.SubElement(said, "property", name=key, value=printable(value))
    for test in tests:
        element = ElementTree.SubElement(made, "testcase", classname=printable(test.group), name=printable(test.name))
        if test.failed:
            message = printable(test.failed.message)
            failure = ElementTree.SubElement(element, "failure", type=test.failed.kind, message=message)
            failure.text = f"{test.failed.kind}: {test.failed.meaning}"
        if test.skipped is not None:
            ElementTree.SubElement(element, "skipped", message=printable(test.skipped))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"
