"""A site is begun: whom it trusts, the PIN, and last its unrep.toml, so that a killed call can be made again [A-176].

A site that has an unrep.toml stands. It is looked at, and what a person says otherwise is refused: she edits the file.
"""

from dataclasses import dataclass
from pathlib import Path

from apply.errors import SiteInvalid
from apply.record.database import read_state
from apply.site import durable
from apply.site.config import SiteConfig, load
from apply.site.layout import Site
from apply.site.trusted import saved_trust
from bundle.errors import BundleError, InputError
from bundle.host.files import PUBLIC
from bundle.trust.signing import read_file
from bundle.trust.trust import Trust, load_trust
from transfer.links.access import is_url
from unrep.beginning.directory import CHAIN_NAME, KEY_NAME, SETTINGS, make_site
from unrep.beginning.kinds import Kind, Wishes, settings_text
from unrep.mate.pin import has_pin, is_pin, set_pin


@dataclass(frozen=True)
class Given:
    """The file that a person named as shore's, and whom it makes one trust."""

    path: Path
    trust: Trust

    @classmethod
    def by(cls, path: Path) -> "Given":
        """Raises InputError or Refused for a file that is neither a public key nor a trust file."""
        return cls(path, load_trust(path))

    @property
    def name(self) -> str:
        """What its copy at the site is called."""
        return CHAIN_NAME if self.trust.chain else KEY_NAME

    @property
    def fingerprint(self) -> str:
        """What shore can be asked for on the telephone: the ids of the keys, in groups of four digits."""
        keys = [_grouped(key.key_id.hex()) for key in self.trust.root.verifying_keys]
        if not self.trust.chain:
            return f"key id {keys[0]}"
        root = self.trust.root
        return f"trust root {root.version}, {root.threshold} of the root keys with the ids {', '.join(keys)}"


def begin(root: Path, wishes: Wishes, given: Given | None, pin: str) -> list[str]:
    """Makes the site. Returns a clause for each thing that was made.

    `wishes.trust` is left to `given`. `pin`: "" for none. Raises InputError, StorageFailed, DiskFull, SiteInvalid or
    Unguarded.
    """
    data = read_file(given.path) if given else b""
    site = make_site(root)
    made = []
    if given:
        durable.write_file(site.root / given.name, data, PUBLIC)
        made.append(f"{given.name}, with {given.fingerprint}")
    if pin:
        set_pin(site, pin)
        made.append("the PIN of the mate's page")
    # Read back by the rules of a configuration before it counts as one.
    draft = site.private / SETTINGS
    durable.write_file(draft, settings_text(wishes).encode(), PUBLIC)
    load(draft)
    durable.replace(draft, site.root / SETTINGS)
    return [*made, f"{SETTINGS}, for product {wishes.product!r}"]


@dataclass(frozen=True)
class Standing:
    """A site that is there, and its configuration."""

    site: Site
    config: SiteConfig

    @classmethod
    def at(cls, site: Site) -> "Standing":
        """Raises ConfigError for a configuration that is of no use."""
        return cls(site, load(site.config_file))

    def lines(self) -> list[str]:
        """What stands, a clause each."""
        agent = self.config.agent
        product = self.config.product or read_state(self.site).product
        return [
            f"product {product!r}" if product else "no product; its first release decides",
            self.trusted(),
            f"sources {', '.join(agent.sources)}" if agent.sources else "no source",
            "a PIN for the mate's page" if has_pin(self.site) else "no PIN for the mate's page",
        ]

    def check_agrees(
        self, *, product: str, kind: Kind | None, given: Given | None, sources: tuple[str, ...], channel: str
    ) -> None:
        """Raises InputError where a person says another thing than the file does [A-176]."""
        agent = self.config.agent
        known = self.config.product or read_state(self.site).product
        if product and product != known:
            raise InputError(self._other("--product", f"product {known!r}" if known else "no product"))
        if kind and kind.key != "restart" and getattr(self.config.switch, kind.key) is None:
            raise InputError(self._other("--kind", f"no switch.{kind.key}"))
        if channel and channel != agent.channel:
            raise InputError(self._other("--channel", f"agent.channel = {agent.channel!r}"))
        asked = {self._seen(source) for source in agent.sources}
        if missing := [source for source in sources if self._seen(source) not in asked]:
            raise InputError(self._other("--source", f"no agent.sources with {missing[0]}"))
        if given and not self._is_trusted(given):
            raise InputError(self._other("--trust", self.trusted()))

    def change_pin(self, pin: str) -> bool:
        """Sets another PIN if it is another. Raises as `set_pin`."""
        try:
            if has_pin(self.site) and is_pin(self.site, pin):
                return False
        except SiteInvalid:  # a damaged one is replaced
            pass
        set_pin(self.site, pin)
        return True

    def _seen(self, source: str) -> str:
        return source if is_url(source) else str(self.site.root / source)

    def _other(self, option: str, said: str) -> str:
        return f"{option}: {self.site.root / SETTINGS} stands already and has {said}; nothing was changed, edit it"

    def trusted(self) -> str:
        """Whom it trusts, in words."""
        if saved := saved_trust(self.site):
            return f"trust root {saved.root.version}, which it follows"
        named = self.config.agent.trust
        if named is None:
            return "no agent.trust"
        try:
            return f"{named}, with {Given.by(self.site.root / named).fingerprint}"
        except BundleError as error:
            return str(error)

    def _is_trusted(self, given: Given) -> bool:
        saved, named = saved_trust(self.site), self.config.agent.trust
        if saved and given.trust.chain:
            return saved.root == given.trust.root
        return named is not None and load_trust(self.site.root / named).root == given.trust.root


def _grouped(digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
