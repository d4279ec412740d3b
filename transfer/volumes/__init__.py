"""Bundles on media: cut into volumes for sticks, or a whole channel on one.

Volumes carry pieces of the bundle, unchanged, so any reader of pieces can use them. A fetch does.
"""
