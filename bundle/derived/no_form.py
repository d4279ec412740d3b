"""Where a rule does not apply."""


class NoForm(Exception):
    """The rule does not apply. Says why, as the end of a sentence about the object."""
