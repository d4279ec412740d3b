"""The commands of a ship's site, one a file.

Options and reports only; the work is in `apply`.
"""
