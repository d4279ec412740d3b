"""`unrep collect`: from a source tree and pinned requirements to a release directory.

Runs ashore. What it leaves out it names.
"""
