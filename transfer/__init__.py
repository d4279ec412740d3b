"""Pieces of a bundle across a link that fails: plan, session, links."""
