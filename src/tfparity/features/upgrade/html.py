"""An upgrade as one HTML file that needs no other: everything that comes from outside is escaped."""

from __future__ import annotations

from jinja2 import Environment, StrictUndefined

from tfparity.features.upgrade import lines
from tfparity.features.upgrade.kinds import MEANINGS, Kind
from tfparity.features.upgrade.report import Upgrade
from tfparity.report import words

#: What a page of this kind begins and ends with.
TOP = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
.verdict { font-size: 1.25rem; font-weight: 600; border-left: .4rem solid #2a7; padding-left: .8rem; }
.verdict.worse { border-color: #b22; }
dt { float: left; clear: left; min-width: 7rem; color: #666; }
dd { margin-left: 7rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .15rem .8rem .15rem 0; vertical-align: top; }
code { overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } a { color: #8bf; } }
</style>
</head>
<body>
"""

BOTTOM = """\
</body>
</html>
"""

_BODY = """\
<h1>{{ report.base.label }} → {{ report.head.label }}</h1>
<p class="verdict{% if report.exit_code %} worse{% endif %}">{{ report.verdict }}</p>
<p>{{ lines.rests(report) }}</p>
{% with moved = lines.packages(report) %}{% if moved %}<p>Changes: {{ moved }}.</p>{% endif %}{% endwith %}
<p><code>{{ report.command }}</code></p>
{% for kind, groups in sections %}
<h2>{{ kind }} ({{ report.counts[kind] }})</h2>
<p>{{ meanings[kind] }}.</p>
{% for group in groups %}
<section>
<h3>{{ lines.models(group) }}{% if group.limitation %}: <code>{{ group.limitation }}</code>{% endif %}</h3>
<p>{{ group.title }}</p>
<dl>
{% if group.limitation and group.error %}<dt>error</dt><dd>{{ group.error }}</dd>{% endif %}
{% if group.link %}<dt>link</dt><dd><a href="{{ group.link }}" rel="noreferrer">{{ group.link }}</a></dd>{% endif %}
{% if group.remedy %}<dt>remedy</dt><dd>{{ group.remedy }}</dd>{% endif %}
{% for way in group.across %}<dt>gets across</dt><dd>{{ lines.across(way) }}</dd>{% endfor %}
</dl>
<details><summary>{{ words.cells(group.cells | length) }}</summary>
<table>
<tr><th>model</th><th>route</th><th>BASE</th><th>HEAD</th><th>what</th></tr>
{% for cell in group.cells %}
<tr>
<td><code>{{ cell.case }}</code></td><td>{{ cell.route }}</td>
<td>{{ cell.base }}</td><td>{{ cell.head }}</td><td>{{ cell.message }}</td>
</tr>
{% endfor %}
</table></details>
</section>
{% endfor %}
{% endfor %}
<p>{{ lines.ending(report) }}</p>
"""


def page(report: Upgrade) -> str:
    """The document. A link is one of a limitation's, which is https."""
    sections = [(kind, [group for group in report.groups if group.kind is kind]) for kind in Kind]
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(TOP + _BODY + BOTTOM).render(
        report=report,
        title=f"{report.base.label} → {report.head.label}",
        lines=lines,
        words=words,
        meanings=MEANINGS,
        sections=[one for one in sections if one[1]],
    )
