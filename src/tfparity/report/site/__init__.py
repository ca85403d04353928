"""The site: static pages over the evidence, a grid, a search, and the same data as JSON.

`facts` are what pages and `api/v1/` tell, as dataclasses, which `collect` makes; `answers` the conclusions drawn from
them; `grid` and `search` what the browser asks; `pages` and `templates/` what people read; `build` writes it all.
"""
