"""What the command itself refuses, apart from what the packages below it raise.

UsageRefused             the call cannot be carried out as it was made: exit code 2
├── CollectError         `unrep collect` cannot make a release of this source
│   └── RegistryUnreachable    pip reached no package registry; the same call may succeed later
└── KitError                 no kit can be made of these locks and packages
OutputLost               what was asked for could not be printed: exit code 5
NobodyReads              the reader of standard output has gone, as `| head` does: no error
SelfTestFailed           `unrep selftest` found that this machine cannot do what it should: exit code 5
"""


class UsageRefused(Exception):
    """The call cannot be carried out as it was made; the message says what to change."""


class CollectError(UsageRefused):
    """No release can be made of this source, these requirements or this platform."""


class RegistryUnreachable(CollectError):
    """pip reached no package registry."""


class KitError(UsageRefused):
    """No kit can be made of these locks and packages, or not on this machine."""


class OutputLost(Exception):
    """Standard output takes no more, as on a full disk; the message says why."""


class NobodyReads(Exception):
    """Whoever read standard output has gone: there is nobody to be told."""


class SelfTestFailed(Exception):
    """This machine, or the site's application, does not do what an update relies on; the message says what."""
