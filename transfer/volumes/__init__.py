"""Bundles on media: cut into volumes for sticks, and joined again.

Volumes carry pieces of the bundle, unchanged, so any reader of pieces can use them.
"""
