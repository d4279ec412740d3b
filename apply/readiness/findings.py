"""What a ship lacks, by the key of its configuration that is at fault."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """`key`: of the configuration, such as "health[0].port", or "" for the site itself. `problem`: a clause that says
    what is wrong and what to do."""

    key: str
    problem: str
