"""The bundle: its format, how it is built, and how it is read. spec/format.md.

Imports no other package of the project. Its rooms are layers: import-linter checks them, by pyproject.toml.
"""
