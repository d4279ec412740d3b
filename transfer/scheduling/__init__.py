"""Which source is asked for what, and when: one scheduler over many connections.

It sees links through `transfer.links.contract` only. No sockets, no files, no wall clock.
"""
