"""Contents by hash: objects and manifests, trees as bases of a build, and trees checked out.

An object is written once and never changed. Whoever adds or removes one holds the repository's lock.
"""
