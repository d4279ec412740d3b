"""Tries a reader of bundle format 1, in any language, with the vectors of the specification (spec/conformance.md).

The rooms: `cases` reads the vectors, `process` speaks with the reader, `judging` compares, `report` tells, `cli` is the
command. It needs the standard library alone, and nothing of unrep.
"""
