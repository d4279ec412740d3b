"""Putting bundles where ships find them: backends, the announcement of the newest release, tickets.

A file appears whole or not at all, and the announcement last.
"""
