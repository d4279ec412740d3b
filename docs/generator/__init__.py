"""Makes the reference pages of the documentation from the code, and brings the repository's own pages into the site.

`make docs` runs `hook`, which MkDocs calls. The other modules need nothing of MkDocs, so the tests read them directly.
"""
