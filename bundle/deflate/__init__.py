"""Deflate streams to the bit: a shape gives back what any encoder wrote. spec/format.md, section 9.

Both sides read the base's streams. So the shape of a stream is part of the format: it must be the same everywhere.
"""
