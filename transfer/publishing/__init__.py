"""Putting bundles where ships find them: backends, bundles with their channel file, tickets.

A file appears whole or not at all, and the channel file last.
"""
