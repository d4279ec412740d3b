"""Channels: a signed file says which release ships are to run, and over which bundles they come to it.

The file, what a ship finds at its sources, and the cheapest path from what it holds. spec/transfer.md, section 8.
"""
