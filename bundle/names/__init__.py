"""Names and foreign text: the paths a release may hold, and what of foreign text may be shown.

Pure rules without I/O. A rule that changes here changes which bundles are legal, so spec/format.md changes with it.
"""
