"""The commands that begin a site, and those for the mate who keeps it, one a file.

Options and reports only; the work is in `unrep.beginning`, `unrep.mate` and `apply`.
"""
