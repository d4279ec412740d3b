"""The commands about the command itself, one a file: how a shell completes it, and its manual pages.

What they print is made from the commands as they are. Nothing is listed here a second time.
"""
