"""What the command itself refuses, apart from what `bundle`, `transfer` and `apply` raise.

UsageRefused             the call cannot be carried out as it was made: exit code 2
└── CollectError         `unrep collect` cannot make a release of this source
    └── RegistryUnreachable    pip reached no package registry; the same call may succeed later
SelfTestFailed           `unrep selftest` found that this machine cannot do what it should: exit code 5
"""


class UsageRefused(Exception):
    """The call cannot be carried out as it was made; the message says what to change."""


class CollectError(UsageRefused):
    """No release can be made of this source, these requirements or this platform."""


class RegistryUnreachable(CollectError):
    """pip reached no package registry."""


class SelfTestFailed(Exception):
    """This machine, or the site's application, does not do what an update relies on; the message says what."""
