"""How a network came to be: what was done to it, in order, as its card carries it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cadyq_cli.networks.card import Card

KEY = "history"  # of a card's `about`
_TEXTS = ("command", "did", "data", "machine", "gave")


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that was done to a network. What is not known is empty."""

    command: str = ""  # that can be given again
    did: str = ""  # what a command does not say
    data: str = ""  # what it learned from
    minutes: float | None = None
    machine: str = ""
    gave: str = ""  # PSNR on Set5 / Set14 / B100 afterwards, dB

    def __str__(self) -> str:
        """All of it, in a line of Markdown."""
        done = "; ".join(filter(None, (self.command and f"`{self.command}`", self.did)))
        time = "" if self.minutes is None else f"{self.minutes:g} min"
        gave = self.gave and f"then {self.gave}"
        about = "; ".join(filter(None, (self.data, self.machine, time, gave)))
        return f"{done} ({about})" if about else done


def events(entries: Any) -> tuple[Event, ...]:
    """Events from plain data, such as a card holds; what cannot be understood is passed over."""
    if not isinstance(entries, Iterable):
        return ()
    found = (entry for entry in entries if isinstance(entry, Mapping))
    return tuple(event for entry in found if (event := _event(entry)) is not None)


def history_of(card: Card) -> tuple[Event, ...]:
    """What a card says was done, oldest first."""
    return events(card.about.get(KEY, ()))


def only_history(card: Card) -> dict[str, Any]:
    """What is to be said about a network that another one's weights go into."""
    return {KEY: card.about[KEY]} if KEY in card.about else {}


def appended(card: Card, event: Event, *, before: Iterable[Event] = ()) -> Card:
    """The card of a network that something was done to.

    Args:
        card: Its card, whose own history goes on unless there is one `before`.
        event: What was done.
        before: The history of the network that it was made from.
    """
    history = [asdict(each) for each in (*(tuple(before) or history_of(card)), event)]
    return replace(card, about=card.about | {KEY: history})


def _event(entry: Mapping[str, Any]) -> Event | None:
    texts = {key: entry.get(key, "") for key in _TEXTS}
    minutes = entry.get("minutes")
    if not all(isinstance(text, str) for text in texts.values()):
        return None
    known = isinstance(minutes, (int, float)) and not isinstance(minutes, bool)
    return Event(**texts, minutes=minutes if known else None)
