"""Pictures as SVG: treemaps, bars and lines. Pure: data in, text out.

Colours are classes of the page's stylesheet, so that light, dark and print have their own. spec/fleet.md, section 5.
"""
