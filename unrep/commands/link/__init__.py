"""The commands of the way between shore and ship, one a file.

Options and reports only; the work is in `transfer`.
"""
