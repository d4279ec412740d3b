"""The page as HTML. Every text that is not ours is escaped, and no address leads away from here."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from bundle.names.plain_text import plain
from unrep.mate.pin import MOST_DIGITS
from unrep.page.jobs import News
from unrep.page.situation import Kind, Situation

STYLE: Final = files("unrep.page").joinpath("page.css").read_bytes()

# One shape for each situation: who does not see the colour sees that.
_SHAPES: Final = {
    Kind.WELL: '<circle cx="24" cy="24" r="20"/><path d="M14 25l7 7 13-15"/>',
    Kind.BUSY: '<circle cx="24" cy="24" r="20"/><path d="M24 12v13l8 6"/>',
    Kind.HOLD: '<circle cx="24" cy="24" r="20"/><path d="M18 16v16M30 16v16"/>',
    Kind.BACK: '<path d="M12 20h18a10 10 0 0 1 0 20H20"/><path d="M20 11l-9 9 9 9"/>',
    Kind.TROUBLE: '<path d="M24 5l20 36H4z"/><path d="M24 18v11M24 35v.5"/>',
    Kind.STRANDED: '<path d="M5 34l6-5 6 5 7-5 7 5 6-5 6 5"/><path d="M24 27V7l12 12H24"/>',
    Kind.EMPTY: '<path d="M24 8v22M15 22l9 9 9-9M8 40h32"/>',
}


@dataclass(frozen=True)
class Action:
    """What a button leads to. `name`: in addresses. `question`, `what`: on the page that asks for the PIN."""

    name: str
    label: str
    question: str
    what: str
    confirm: str


def actions(now: Situation) -> list[Action]:
    """The three buttons as they are now."""
    hold = (
        Action(
            "resume",
            "End the hold",
            "End the hold?",
            "New versions may come in again from then on.",
            "Yes, end the hold",
        )
        if now.is_held
        else Action(
            "hold",
            "Hold this version",
            "Hold this version?",
            f"{now.version or 'What runs'} stays until you end the hold. Nothing new comes in.",
            "Yes, hold",
        )
    )
    return [
        Action(
            "stick",
            "Take in a stick",
            "Take in the stick?",
            "The newest version on it that fits is installed. Leave the stick in until this page says that you may "
            "remove it.",
            "Yes, take it in",
        ),
        hold,
        Action(
            "back",
            f"Go back to {now.back_to}" if now.back_to else "Go back",
            f"Go back to {now.back_to}?",
            f"{now.version} is stopped and {now.back_to} is started. {now.version} stays out until shore sends a newer "
            "one.",
            f"Yes, go back to {now.back_to}",
        ),
    ]


def acknowledgement(now: Situation, news: News | None) -> Action | None:
    """The button by which a person puts away what was told; None where there is nothing to put away."""
    if now.told:
        return Action(
            "told",
            "I have told shore",
            "Have you told shore?",
            "This page does not show it as news any more.",
            "Yes, shore knows",
        )
    if news:
        return Action("told", "I have read this", "Put it away?", "What was done last is not shown any more.", "Yes")
    return None


def main_page(now: Situation, news: News | None, is_busy: bool) -> bytes:
    """How it stands, what was done last, and the buttons."""
    told = None if is_busy else acknowledgement(now, news)
    buttons = "".join(f"<li>{_button(action, now, is_busy)}</li>" for action in actions(now))
    notes = "".join(f"<li>{_text(note)}</li>" for note in now.notes)
    body = (
        f'<p class="site">{_text(now.product or "This ship")}</p>{_state(now)}'
        f"{'' if is_busy else _news(news)}{f'<p>{_button(told, now, is_busy)}</p>' if told else ''}"
        f'<nav aria-label="What you can do"><ul class="buttons">{buttons}</ul></nav>'
        f"{f'<ul class=notes>{notes}</ul>' if notes else ''}"
    )
    return _page(f"{now.headline} - {now.product or 'ship'}", body)


def question_page(
    action: Action, token: str, wrong: str = "", sticks: Sequence[Path] = (), *, has_pin: bool = True
) -> bytes:
    """Asks for the PIN. `wrong`: why the last one did not do. `sticks`: to choose from."""
    choice = _choice(sticks) if sticks else ""
    form = (
        f'<form method="post" action="/{action.name}">'
        f'<input type="hidden" name="token" value="{escape(token)}">{choice}'
        f"{f'<p class=wrong role=alert>{_text(wrong)}</p>' if wrong else ''}"
        '<label for="pin">Your PIN</label>'
        f'<input class="pin" id="pin" name="pin" type="password" inputmode="numeric" autocomplete="off" '
        f'maxlength="{MOST_DIGITS}" required autofocus>'
        f'<button class="button" type="submit">{_text(action.confirm)}</button></form>'
    )
    if not has_pin:
        form = '<p class="wrong">No PIN is set, so nothing can be done here. Ask whoever looks after this ship.</p>'
    body = (
        f'<h1>{_text(action.question)}</h1><p class="sentence">{_text(action.what)}</p>{form}'
        '<p><a class="button other" href="/">No, back to the page</a></p>'
    )
    return _page(action.question, body)


def stick_name(place: Path) -> str:
    """What a form calls a stick, whatever its path holds."""
    return sha256(os.fsencode(place)).hexdigest()[:16]


def told_page(headline: str, sentence: str, again: str = "") -> bytes:
    """Something that a person must know first. `again`: the address of what to try once more."""
    retry = f'<p><a class="button" href="/{again}">Try again</a></p>' if again else ""
    body = (
        f'<h1>{_text(headline)}</h1><p class="sentence" role="alert">{_text(sentence)}</p>{retry}'
        '<p><a class="button other" href="/">Back to the page</a></p>'
    )
    return _page(headline, body)


def _choice(sticks: Sequence[Path]) -> str:
    if len(sticks) == 1:
        field = f'<input type="hidden" name="stick" value="{stick_name(sticks[0])}">'
        return f"<p>The stick: {_text(str(sticks[0]))}</p>{field}"
    options = "".join(
        f'<label><input type="radio" name="stick" value="{stick_name(place)}" required{"" if at else " checked"}>'
        f"<span>{_text(str(place))}</span></label>"
        for at, place in enumerate(sticks)
    )
    return f"<fieldset><legend>Which one?</legend>{options}</fieldset>"


def _state(now: Situation) -> str:
    shape = f'<svg viewBox="0 0 48 48" aria-hidden="true">{_SHAPES[now.kind]}</svg>'
    read_out = (
        f"<p class=shore><strong>Read this to shore:</strong> {_text(now.for_shore)}</p>" if now.for_shore else ""
    )
    return (
        f'<div role="status"><div class="state {now.kind}">{shape}<h1>{_text(now.headline)}</h1></div>'
        f'<p class="sentence">{_text(now.sentence)}</p></div>{read_out if now.for_shore else ""}'
    )


def _news(news: News | None) -> str:
    if news is None:
        return ""
    lines = "".join(f"<p>{_text(line)}</p>" for line in news.lines)
    return f'<section class="news {news.kind.replace(" ", "-")}" aria-label="What was done last">{lines}</section>'


def _button(action: Action, now: Situation, is_busy: bool) -> str:
    why = "Wait until this is done" if is_busy else ""
    if action.name == "back" and not now.back_to:
        why = "There is no earlier version to go back to"
    if action.name == "hold" and not now.version:
        why = "There is no version yet"
    if why:
        return f'<span class="button shut">{_text(f"{action.label}: {why[:1].lower()}{why[1:]}")}</span>'
    other = "" if action.name == "stick" else " other"
    return f'<a class="button{other}" href="/{action.name}">{_text(action.label)}</a>'


def _page(title: str, body: str) -> bytes:
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"><title>{_text(title)}</title></head>'
    )
    return f"{head}<body><main>{body}</main></body></html>".encode()


def _text(text: str) -> str:
    return escape(plain(text))
