"""`SITE/current`: the one name through which the application finds its version, and the ways to move it.

Only these modules change it, in one step, durably.
"""
