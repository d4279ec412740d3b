"""Options that several commands share, and what their values mean.

An option is written once, here; a command lists the ones it takes.
"""
