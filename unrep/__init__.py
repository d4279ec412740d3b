"""The command `unrep`, its agent, and what only commands need.

Imports all packages; none imports it.
"""
