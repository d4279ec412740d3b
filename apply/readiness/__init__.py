"""Whether the ship itself could carry a release out: commands, services, Python, keys, rights, by its configuration.

May be touched for another fault of a ship that would condemn a good release. Nothing here writes to the site.
"""
