"""Aboard: preflight, reconstruct, switch, health, rollback and the state of a site."""
