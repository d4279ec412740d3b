"""One sender, many ships, no way back: bundles over multicast with a fountain code.

Datagrams are untrusted until their piece is verified.
"""
