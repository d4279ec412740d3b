"""Machine code whose references moved: images, their instructions, and how the new follow from the old.

Predictions may be wrong, never unbounded: what is rebuilt is hashed.
"""
