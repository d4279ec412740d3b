"""References in machine code: where they stand, what they point to, and how they move with what they point to."""
