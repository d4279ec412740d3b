"""Who may read an encrypted bundle: ship keys, tickets, and the files beside a bundle. spec/sealing.md.

Secrets stay in memory, and in files that only their owner can read.
"""
