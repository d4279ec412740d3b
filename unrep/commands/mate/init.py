"""`unrep init`: a new site, by questions or by options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click
from msgspec import Meta

from apply.errors import NotReady
from apply.record.database import read_state
from apply.site.guarded import check_named, check_site
from apply.site.health_checks import HttpCheck
from apply.site.layout import Site
from bundle.errors import InputError, Malformed, naming
from bundle.format.root import check_product
from bundle.trust.signing import read_file
from bundle.trust.trust import load_trust
from transfer.links.access import is_url
from unrep.beginning.begin import Given, Standing, begin
from unrep.beginning.command_line import words_of
from unrep.beginning.directory import check_may_begin, is_site
from unrep.beginning.kinds import Kind, Wishes, check_kind, kinds_here
from unrep.beginning.questions import Questions
from unrep.beginning.readiness import CheckAnswer, lines, look_over, verdict
from unrep.errors import UsageRefused
from unrep.mate.pin import check_pin, has_pin
from unrep.terminal.answers import json_option
from unrep.terminal.command import Command
from unrep.terminal.console import confirm, is_terminal, say, show, tell
from unrep.terminal.options.grouping import gathered
from unrep.terminal.options.output import channel_option

_UNCHANGED = "nothing was changed"
_SCHEMES = ("http://", "https://", "udp://")


class InitAnswer(CheckAnswer):
    """A site that was begun, or that stood already, and what it lacks."""

    site: Annotated[str, Meta(description="Its directory.")]
    is_new: Annotated[bool, Meta(description="Whether it was made now.")]
    changed: Annotated[list[str], Meta(description="What was made or changed, a clause each.")]
    trusted: Annotated[str, Meta(description="Whom it trusts, as a fingerprint in words; empty for nobody.")]
    has_pin: Annotated[bool, Meta(description="Whether the mate's page has a PIN.")]


@dataclass(frozen=True)
class InitOptions:
    """What was named; "" or None for what was not."""

    product: str
    kind: str | None
    service: str
    restart: str | None
    health: str | None
    trust: Path | None
    sources: tuple[str, ...]
    channel: str
    pin_file: Path | None


_options = gathered(
    "given",
    InitOptions,
    click.option("--product", metavar="P", default="", help="What the site is for; nothing else will come in."),
    click.option(
        "--kind",
        type=click.Choice([kind.value for kind in Kind]),
        help="What keeps the application running. Default: command.",
    ),
    click.option("--service", metavar="N", default="", help="Name of the service or pool. Default: the product's."),
    click.option("--restart", metavar="C", help="Of a command: what starts the application anew, in one line."),
    click.option("--health", metavar="URL", help="Address that answers with 200 when the application is well."),
    click.option(
        "--trust", metavar="T", type=click.Path(path_type=Path), help="Public key of the sender, or trust file."
    ),
    click.option("--source", "sources", metavar="S", multiple=True, help="Where releases appear: a URL, a directory."),
    channel_option,
    click.option(
        "--pin-file",
        metavar="F",
        type=click.Path(path_type=Path),
        help="File with the PIN of the mate's page in its first line, 6 to 12 digits.",
    ),
)


@click.command(
    "init",
    cls=Command,
    examples=[
        ("unrep init /opt/vms", "Begin a site, and be asked:"),
        (
            "unrep init /opt/vms --product vms --kind linux-service --trust shore.pub "
            "--source https://shore.example/vms/stable.channel --yes",
            "Begin one from a script:",
        ),
    ],
)
@click.argument("site", metavar="SITE", type=click.Path(path_type=Path))
@_options
@click.option("--yes", is_flag=True, help="Ask nothing; the fingerprint of --trust counts as confirmed.")
@json_option(InitAnswer)
def init_command(site: Path, given: InitOptions, yes: bool, as_json: bool) -> None:
    """Begin a site in the directory SITE: its configuration, whom it trusts, and the PIN of the mate's page.

    The configuration, SITE/unrep.toml, has an example of all that can be set. At a terminal you are asked for what no
    option names. The key is copied, once you have seen its fingerprint and agreed.

    Run again, it says what stands and changes nothing. Only --pin-file sets another PIN. In the end it says what
    'unrep check' says, with the same exit code: 5 if the ship lacks something.
    """
    if not (yes or is_terminal()):
        raise UsageRefused("nobody is there to be asked; give --yes, and with --product what the site is for")
    check_named(given.trust, given.pin_file)
    trusted = Given.by(given.trust) if given.trust else None
    pin = _pin_in(given.pin_file) if given.pin_file else ""
    if given.kind:
        check_kind(Kind(given.kind))
    check_may_begin(site, [path for path in (given.trust, given.pin_file) if path])
    is_new = not is_site(site) or Site.at(site).config_file is None
    changed = _begun(site, given, trusted, pin, Questions(not yes)) if is_new else _kept(site, given, trusted, pin)
    _report(Site.at(site), is_new, changed, as_json)


def _begun(root: Path, given: InitOptions, trusted: Given | None, pin: str, asked: Questions) -> list[str]:
    """Asks for what is missing, confirms the key, and makes the site."""
    known = read_state(Site.at(root)).product if is_site(root) else ""
    if known and given.product not in ("", known):
        raise UsageRefused(f"--product {given.product}: {root} has releases of {known!r}; leave it out")
    product = asked.text(given.product or known, "What is this site for: the product's name", _check_product)
    first, *others = kinds_here()
    which = f"What keeps the application running: {first} or {' or '.join(others)}"
    kind = Kind(asked.text(given.kind, which, _check_kind, first if asked.are_asked else Kind.COMMAND))
    service, restart = given.service, ""
    if kind is Kind.COMMAND:
        restart = asked.text(given.restart, "The command that starts it anew, empty for none", words_of)
    else:
        service = asked.text(given.service, "The name of that service or pool", lambda text: None, product)
    health = asked.text(given.health, "Address that answers when it is well, empty for none", _check_health)
    if trusted is None:
        named = asked.text(None, "The file with shore's public key, empty for none yet", _check_trust)
        trusted = Given.by(Path(named)) if named else None
    _confirm(trusted, asked)
    sources = given.sources
    if not sources:
        typed = asked.text(None, "Where releases appear: a URL, or a directory; empty for none yet", _check_source)
        sources = (typed,) if typed else ()
    wishes = Wishes(
        product=product,
        kind=kind,
        name=service,
        restart=words_of(restart),
        health=health,
        sources=tuple(map(_from_here, sources)),
        channel=given.channel,
        trust=trusted.name if trusted else "",
    )
    pin = pin or asked.text(None, "A PIN for the mate's page, 6 to 12 digits, empty for none", _check_pin, unseen=True)
    return begin(root, wishes, trusted, pin)


def _confirm(trusted: Given | None, asked: Questions) -> None:
    """Shows the fingerprint, and lets a person agree [A-178]. Raises UsageRefused."""
    if trusted:
        say(f"{trusted.path}: {trusted.fingerprint}")
        if asked.are_asked and not confirm("Is that what shore has told you, by telephone or on paper?"):
            raise UsageRefused(f"{trusted.path}: nothing was changed; ask shore for the fingerprint of its key")


def _kept(root: Path, given: InitOptions, trusted: Given | None, pin: str) -> list[str]:
    """What stands is told, and stays."""
    site = Site.at(root)
    check_site(site)
    standing = Standing.at(site)
    sources = tuple(map(_from_here, given.sources))
    kind = Kind(given.kind) if given.kind else None
    standing.check_agrees(product=given.product, kind=kind, given=trusted, sources=sources, channel=given.channel)
    say(f"{root}: is a site already: {'; '.join(standing.lines())}")
    return ["the PIN of the mate's page"] if pin and standing.change_pin(pin) else []


def _report(site: Site, is_new: bool, changed: list[str], as_json: bool) -> None:
    """What was done, and what `unrep check` says. Raises NotReady with all of it."""
    standing = Standing.at(site)
    found = look_over(site, standing.config)
    made: InitAnswer = {
        "site": str(site.root),
        "is_new": is_new,
        "changed": changed,
        "trusted": standing.trusted(),
        "has_pin": has_pin(site),
        **found,
    }
    did = f"{site.root}: {'made' if is_new else 'changed'}: {'; '.join(changed)}" if changed else _UNCHANGED
    try:
        ready = verdict(site.root, found)
    except NotReady as refused:
        if not as_json:
            show(did, *lines(found))
        refused.document = dict(made)
        raise
    tell(as_json, made, did, *lines(found), ready)


def _check_product(text: str) -> None:
    try:
        check_product(text)
    except Malformed as error:
        raise UsageRefused(
            f"--product: {error}" if text else "--product is missing: name what the site is for"
        ) from error


def _check_kind(text: str) -> None:
    if text not in kinds_here():
        raise UsageRefused(f"--kind {text}: it may be {' or '.join(kinds_here())} on this machine")


def _check_health(text: str) -> None:
    if text:
        try:
            HttpCheck(url=text)
        except ValueError as error:
            raise UsageRefused(f"--health: {error}") from error


def _check_trust(text: str) -> None:
    if text:
        load_trust(Path(text))


def _check_source(text: str) -> None:
    if is_url(text) and not text.lower().startswith(_SCHEMES):
        raise UsageRefused(f"--source {text}: is no address of http, https or udp, and no path")


def _check_pin(text: str) -> None:
    if text:
        check_pin(text)


def _from_here(source: str) -> str:
    """A source as the configuration has it: a path that was typed is seen from here, not from the site."""
    _check_source(source)
    return source if is_url(source) else str(Path(source).absolute())


def _pin_in(path: Path) -> str:
    """The first line of a file. Raises InputError."""
    with naming(path, InputError):
        return check_pin(read_file(path).decode(errors="replace").partition("\n")[0].strip())
