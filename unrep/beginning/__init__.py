"""How a site begins: its directory, its commented configuration, whom it trusts, and what it still lacks.

May be touched for another kind of ship, or for what a beginner is asked. Nothing here installs a release.
"""
