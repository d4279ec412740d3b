"""Commands of the repository ashore: its releases, its contents, its channels.

Options and reports only; the work is in `repository`.
"""
