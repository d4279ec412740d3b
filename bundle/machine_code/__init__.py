"""Machine code of x86-64 as bytes: what stands before an address, and a filter for packs of code.

No file and no image is known here, so any package of `bundle` may use it.
"""
