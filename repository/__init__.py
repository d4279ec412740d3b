"""The repository ashore: every release, the bundles between them, and the channels that name them.

`release.py` is the story. Nothing here runs aboard. spec/repository.md.
"""
