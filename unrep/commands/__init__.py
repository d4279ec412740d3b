"""The commands, by where they are used.

A module for each, loaded when it is called for.
"""
