"""From verified bytes to objects: the reader, the base, and the evaluation of recipes.

Builder and ship share it. Memory stays bounded, and nothing is used before its hash is checked.
"""
