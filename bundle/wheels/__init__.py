"""What Python's packages say of themselves: pinned requirements, a wheel's metadata, heads of compiled files.

Used ashore and aboard alike, so that both read a pin, or a head, in one way.
"""
