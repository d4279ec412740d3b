"""The bundle: its format, how it is built, and how it is read. spec/format.md.

Imports no other package of the project. Rooms stand in floors; pyproject.toml holds them.
"""
