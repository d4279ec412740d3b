"""What every table of a configuration is made of: its base, and the kinds of its values."""

from typing import Annotated, Final

from msgspec import Meta, Struct

# No text may hold a NUL, which ends a string for the operating system.
_NO_NUL: Final = "^[^\x00]*$"
Text = Annotated[str, Meta(pattern=_NO_NUL)]
Name = Annotated[str, Meta(min_length=1, max_length=256, pattern=_NO_NUL)]
Source = Annotated[str, Meta(min_length=1, max_length=2048, pattern=_NO_NUL)]
Argv = Annotated[tuple[Text, ...], Meta(min_length=1)]
TimeoutS = Annotated[float, Meta(gt=0, le=3600)]


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A TOML table whose keys are exactly its fields."""
