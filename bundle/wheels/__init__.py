"""What Python's packages say of themselves: pinned requirements, and a wheel's metadata.

Used ashore and aboard alike, so that both read a pin in one way.
"""
