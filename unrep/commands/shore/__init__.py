"""The commands of shore, one a file.

Options and reports only; the work is in `bundle` and `unrep.collect`.
"""
