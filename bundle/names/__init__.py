"""Names and foreign text: the paths a release may hold, and what of foreign text may be shown.

Pure rules without I/O. A rule changed here changes what bundles are legal: spec/format.md moves with it.
"""
