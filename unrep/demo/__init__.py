"""The demonstration: a shore, a bad link and a ship, on this machine, in under a minute."""
