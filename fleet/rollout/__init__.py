"""Rollouts: channels move to a release, ring by ring, on what ships say of it, and stop by themselves.

`decision.py` decides, and touches nothing. `advancing.py` does what it says. spec/fleet.md, section 4.
"""
