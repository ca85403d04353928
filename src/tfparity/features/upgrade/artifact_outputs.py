"""The report on an artifact: its sentences, and as Markdown, JSON, HTML and JUnit XML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from pydantic import TypeAdapter

from tfparity import paths
from tfparity.features.upgrade import html, lines
from tfparity.features.upgrade.artifact_report import MEANINGS, ArtifactUpgrade, Result
from tfparity.features.upgrade.kinds import NO_ANSWER, Kind
from tfparity.records.keys import Json
from tfparity.report import markdown, words
from tfparity.report.junit import Failed, Test, suite

_REPORT = TypeAdapter(ArtifactUpgrade)

HEAD = ("", "runtime", "outcome", "max error", "grade", "note")


def rows(report: ArtifactUpgrade) -> list[tuple[str, ...]]:
    """A row a side, as HEAD names its columns."""
    sides = (("BASE", report.base, report.on_base), ("HEAD", report.head, report.on_head))
    return [(name, side.label, found.state, *_figures(found), found.note) for name, side, found in sides]


def _figures(found: Result) -> tuple[str, str]:
    error = "–" if found.max_abs is None else f"{found.max_abs:.1e}"
    return error, "–" if found.grade is None else words.GRADES[found.grade]


def rests(report: ArtifactUpgrade) -> str:
    """What the report rests on."""
    what = {"saved-model": "SavedModel", "tflite": ".tflite file"}[report.kind]
    return f"The {what} {report.artifact} ({report.megabytes} MB), run on both sides, held against {report.golden}."


def more(report: ArtifactUpgrade) -> str:
    """What is to be said beside the notes of both sides; empty where they say it all."""
    told_by_notes = (Kind.ENVIRONMENT_BROKEN, Kind.REGRESSED, Kind.FIXED, Kind.CHANGED_FAILURE)
    return f"{report.change}: {report.message}" if report.message and report.change not in told_by_notes else ""


def ending(report: ArtifactUpgrade) -> str:
    """The exit code in words."""
    if report.exit_code == NO_ANSWER:
        return f"upgrade: exit code {NO_ANSWER}, no answer: there is no environment for BASE, and HEAD is not right"
    return f"upgrade: exit code {report.exit_code}, {report.change}: {MEANINGS[report.change]}"


def page(report: ArtifactUpgrade) -> str:
    """Markdown. Ends with a line feed."""
    text = markdown.text
    moved = lines.packages(report)
    parts = [
        f"# {text(report.artifact)}: {text(report.base.label)} → {text(report.head.label)}",
        f"Made by {markdown.code(report.command)}.",
        f"**{text(report.verdict)}**",
        text(rests(report)),
        f"Changes: {text(moved)}." if moved else "",
        markdown.table(HEAD, [[text(value) for value in row] for row in rows(report)]),
        text(more(report)),
        text(ending(report).removeprefix("upgrade: ").capitalize()) + ".",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_json(report: ArtifactUpgrade) -> str:
    """The document that docs/upgrade-artifact.schema.json describes. Ends with a line feed."""
    return _REPORT.dump_json(report, indent=1).decode() + "\n"


def json_schema() -> dict[str, Json]:
    """JSON schema of that document, derived from the dataclasses."""
    schema = _REPORT.json_schema(mode="serialization")
    title = "tfparity upgrade --artifact --json"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def junit(report: ArtifactUpgrade) -> str:
    """JUnit XML: one test case, failed where HEAD is worse, or where there is no answer."""
    if report.exit_code == NO_ANSWER:
        said = Failed("no-answer", report.verdict, ending(report))
    else:
        said = Failed(report.change, report.message or report.verdict, MEANINGS[report.change])
    test = Test(report.head.label, f"{report.artifact}[{report.kind}]", said if report.exit_code else None)
    return suite("tfparity upgrade", [test])


_BODY = """\
<h1>{{ report.artifact }}: {{ report.base.label }} → {{ report.head.label }}</h1>
<p class="verdict{% if report.exit_code %} worse{% endif %}">{{ report.verdict }}</p>
<p>{{ rests }}</p>
{% if moved %}<p>Changes: {{ moved }}.</p>{% endif %}
<p><code>{{ report.command }}</code></p>
<table>
<tr>{% for name in head %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in rows %}
<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>
{% endfor %}
</table>
{% if more %}<p>{{ more }}</p>{% endif %}
<p>{{ ending }}</p>
"""


def html_page(report: ArtifactUpgrade) -> str:
    """One HTML file that needs no other: everything that comes from outside is escaped."""
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(html.TOP + _BODY + html.BOTTOM).render(
        report=report,
        title=f"{report.artifact}: {report.base.label} → {report.head.label}",
        rests=rests(report),
        moved=lines.packages(report),
        head=HEAD,
        rows=rows(report),
        more=more(report),
        ending=ending(report),
    )


#: Option → what writes its file.
FORMATS: dict[str, Callable[[ArtifactUpgrade], str]] = {
    "markdown": page,
    "json": as_json,
    "html": html_page,
    "junit": junit,
}


def write(report: ArtifactUpgrade, files: dict[str, Path]) -> None:
    """Write the files that were asked for, by option."""
    for option, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        paths.write_text(path, FORMATS[option](report))
