"""Where releases go: bundles to every destination first, then the files of the channels that name them.

Only files that the repository put there itself are replaced or removed.
"""
