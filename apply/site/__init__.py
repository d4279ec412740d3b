"""A site as it lies on disk: layout, configuration, locks, trust, its keys and who may touch them.

Paths and checks only. Nothing here decides what becomes of a version.
"""
