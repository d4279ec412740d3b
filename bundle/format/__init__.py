"""The bytes of a bundle: header, root, manifest, index, pieces, codecs. spec/format.md.

Each structure has one file, which checks all its bounds. Nothing here decides whom to trust or what to build.
"""
