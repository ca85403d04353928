"""Pictures as SVG: the same bytes for the same shapes, light and dark, readable without colour.

A template of our own and no plotting library: three pictures of bars and dots need none of its fonts, wheels and
versions, and bytes that do not repeat could not be checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined


@dataclass(frozen=True)
class Box:
    """A filled rectangle; `kind`: a class of the style sheet; said: shown beside the pointer."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    said: str = ""


@dataclass(frozen=True)
class Line:
    """A straight line between two points."""

    x: float
    y: float
    x2: float
    y2: float
    kind: str = "grid"


@dataclass(frozen=True)
class Dot:
    """A circle; said: shown beside the pointer."""

    x: float
    y: float
    radius: float
    kind: str
    said: str = ""


@dataclass(frozen=True)
class Words:
    """A line of text; anchor: start, middle or end; turn: degrees."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    kind: str = "words"
    turn: int = 0


Shape = Box | Line | Dot | Words


@dataclass(frozen=True)
class Picture:
    """title, about: what a reader without eyes is told."""

    width: int
    height: int
    title: str
    about: str
    shapes: Sequence[Shape]


_TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ p.width }} {{ p.height }}" width="{{ p.width }}" \
height="{{ p.height }}" role="img" aria-labelledby="title about">
<!-- Made by `nox -s table` from results/. Do not edit. -->
<title id="title">{{ p.title }}</title>
<desc id="about">{{ p.about }}</desc>
<defs><pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
<rect width="6" height="6" class="remedy-ground"/><rect width="2" height="6" class="stripe"/></pattern></defs>
<style>
svg { background: #fff; font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
.words { fill: #1f2328 } .small { fill: #59636e; font-size: 11px } .title { fill: #1f2328; font-size: 15px; \
font-weight: 600 }
.grid { stroke: #d1d9e0 } .limit { stroke: #59636e; stroke-dasharray: 4 3 }
.whole, .filled { fill: #1a7f37 } .remedy { fill: url(#stripes) } .remedy-ground { fill: #8fd19e } \
.stripe { fill: #1a7f37 }
.part { fill: #d4a72c } .failed { fill: #cf222e } .unknown { fill: none; stroke: #8c959f; stroke-dasharray: 2 2 }
.hollow { fill: #fff; stroke: #1a7f37; stroke-width: 2 } .range { fill: #8fd19e }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117 } .words, .title { fill: #f0f6fc } .small { fill: #9198a1 } .grid { stroke: #3d444d }
.limit { stroke: #9198a1 } .hollow { fill: #0d1117 } .range, .remedy-ground { fill: #2f6f40 }
.whole, .filled, .stripe { fill: #3fb950 } .hollow { stroke: #3fb950 }
}
</style>
{% for s in shapes -%}
{% if s.name == "Box" -%}
<rect x="{{ s.x }}" y="{{ s.y }}" width="{{ s.width }}" height="{{ s.height }}" class="{{ s.kind }}">\
{% if s.said %}<title>{{ s.said }}</title>{% endif %}</rect>
{% elif s.name == "Line" -%}
<line x1="{{ s.x }}" y1="{{ s.y }}" x2="{{ s.x2 }}" y2="{{ s.y2 }}" class="{{ s.kind }}"/>
{% elif s.name == "Dot" -%}
<circle cx="{{ s.x }}" cy="{{ s.y }}" r="{{ s.radius }}" class="{{ s.kind }}">\
{% if s.said %}<title>{{ s.said }}</title>{% endif %}</circle>
{% else -%}
<text x="{{ s.x }}" y="{{ s.y }}" class="{{ s.kind }}" text-anchor="{{ s.anchor }}"\
{% if s.turn %} transform="rotate({{ s.turn }} {{ s.x }} {{ s.y }})"{% endif %}>{{ s.text }}</text>
{% endif -%}
{% endfor -%}
</svg>
"""


def render(picture: Picture) -> str:
    """The picture as a file's text; foreign text in it is escaped, numbers have one digit behind the point."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    shapes = [{"name": type(shape).__name__, **_rounded(shape)} for shape in picture.shapes]
    return environment.from_string(_TEMPLATE).render(p=picture, shapes=shapes)


def _rounded(shape: Shape) -> dict[str, str | int]:
    return {name: f"{value:.1f}" if isinstance(value, float) else value for name, value in vars(shape).items()}
