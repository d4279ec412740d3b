"""`unrep demo`: the whole way on one machine, in a minute.

It uses the public commands and rooms only, on a directory of its own.
"""
