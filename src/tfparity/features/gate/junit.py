"""What the gate found as JUnit XML, for a CI server."""

from __future__ import annotations

from xml.etree import ElementTree

from tfparity.features.gate.compare import MEANINGS, Finding, GateReport, key_moved
from tfparity.records.fingerprint import printable


def junit(report: GateReport) -> str:
    """JUnit XML: a test case per cell that was looked at (class name: toolchain), skipped where it cannot be run, and
    per rule that was found idle."""
    by_cell = {finding.cell: finding for finding in report.moved if finding.cell}
    rules = [finding for finding in report.moved if finding.cell is None]
    skipped = {cell: why for cell, why in report.not_run.items() if cell not in by_cell}
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        suites,
        "testsuite",
        name="tfparity gate",
        tests=str(len(report.checked) + len(rules)),
        failures=str(len(report.moved)),
        errors="0",
        skipped=str(len(skipped)),
    )
    for cell in report.checked:
        toolchain, case, route = (printable(part) for part in cell)
        element = ElementTree.SubElement(suite, "testcase", classname=toolchain, name=f"{case}[{route}]")
        _failed(element, by_cell.get(cell))
        if cell in skipped:
            ElementTree.SubElement(element, "skipped", message=printable(skipped[cell]))
    for finding in rules:
        element = ElementTree.SubElement(suite, "testcase", classname="limitations", name=printable(finding.subject))
        _failed(element, finding)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _failed(element: ElementTree.Element, finding: Finding | None) -> None:
    if finding:
        failure = ElementTree.SubElement(element, "failure", type=finding.kind, message=printable(finding.message))
        failure.text = f"{finding.kind}: {MEANINGS[finding.kind]}{key_moved(finding)}"
