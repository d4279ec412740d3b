"""The bytes of a bundle: header, root, manifest, index, pieces, codecs. spec/format.md.

One file owns each structure. Nothing here trusts, matches or decides; every bound is checked here.
"""
