"""Translates a finished English message: finds the template that it was made by, and fills in the translated one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from string import Formatter

from yolopatch.messages.language import catalog_file

Entry = tuple[str | None, str, str]
"""Context, message and translation of an entry of a catalog."""

_DEPTH = 6  # how far what stands in a placeholder is translated again
_MEET = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9-]|[A-Za-z0-9][\u4e00-\u9fff]")
_MOST = 4000  # characters of a message that is still translated


@dataclass(frozen=True)
class _Template:
    msgid: str
    translation: str
    literals: tuple[str, ...]
    """The text before, between and after the placeholders."""

    @property
    def weight(self) -> tuple[int, int]:
        return -sum(map(len, self.literals)), len(self.literals)

    @property
    def starts_late(self) -> bool:
        """Whether it follows other text, as ` (and 2 more)` does."""
        return self.literals[0][:1] == " " and self.literals[0][1:2].strip() != ""

    @property
    def ends_early(self) -> bool:
        """Whether other text follows it, as does `with the stem frozen, `."""
        return self.literals[-1][-2:] == ", "

    def values(self, text: str) -> list[str] | None:
        """What stands in `text` for the placeholders, each as short as can be; None where `text` is another message.

        To look for each literal where the one before ended is all that there is to do: no placeholder is tried twice.
        """
        first, last = self.literals[0], self.literals[-1]
        if len(self.literals) == 1:
            return [] if text == first else None
        end = len(text) - len(last)
        if not text.startswith(first) or not text.endswith(last) or end < len(first):
            return None
        found, start = [], len(first)
        for literal in self.literals[1:-1]:
            at = text.find(literal, start, end)
            if at < 0:
                return None
            found.append(text[start:at])
            start = at + len(literal)
        return [*found, text[start:end]]

    def quoted(self, number: int) -> bool:
        """Whether the placeholder stands in quotes: a name, which stays what it is."""
        return self.literals[number][-1:] == "'" and self.literals[number + 1][:1] == "'"


class _Templates:
    """Templates to choose from. Of those that fit, the one with most text of its own counts.

    With `of_list` they may stand in a list (`a; b`), of which none takes more than its own part.
    """

    def __init__(self, templates: Iterable[_Template], *, of_list: bool = False) -> None:
        ordered = sorted(templates, key=lambda one: one.weight)
        self._whole = {one.literals[0]: one for one in ordered if len(one.literals) == 1}
        self._open = [one for one in ordered if len(one.literals) > 1]
        self._of_list = of_list
        self.tails = [one for one in ordered if one.starts_late]
        self.heads = [one for one in ordered if one.ends_early]

    def match(self, text: str) -> tuple[_Template, list[str]] | None:
        if text in self._whole:
            return self._whole[text], []
        for template in self._open:
            values = template.values(text)
            if values is not None and not (self._of_list and any("; " in value for value in values)):
                return template, values
        return None


_NONE = _Templates(())


class Translator:
    """The messages of one catalog."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        of_context: dict[str | None, list[_Template]] = {None: []}
        for context, msgid, translation in entries:
            literals = _literals(msgid)
            if translation and any(literals):
                of_context.setdefault(context, []).append(_Template(msgid, translation, literals))
        self._templates = _Templates(of_context.pop(None))
        self._inside = {context: _Templates(found, of_list=True) for context, found in of_context.items()}

    def translate(self, message: str) -> str:
        """`message` in the language of the catalog; as it is where no template fits."""
        return message if len(message) > _MOST else self._translate(message, _DEPTH)

    def match(self, text: str, inside: str | None = None) -> tuple[str, list[str]] | None:
        """The message that `text` is of, where it stands `inside` another one, and what its placeholders hold."""
        found = self._inside.get(inside or "", _NONE).match(text) or self._templates.match(text)
        return found and (found[0].msgid, found[1])

    def _translate(self, text: str, depth: int, inside: _Templates = _NONE) -> str:
        if not depth:
            return text
        pair = self._at_tail(text, inside)
        if pair is not None:
            return "".join(self._translate(part, depth - 1, inside) for part in pair)
        found = inside.match(text) or self._templates.match(text)
        if found is None:
            return self._in_pieces(text, depth - 1, inside)
        template, values = found
        within = self._inside.get(template.msgid, _NONE)
        for number, value in enumerate(values):
            if not template.quoted(number):
                values[number] = self._translate(value, depth - 1, within)
        return _filled(template.translation, values)

    def _at_tail(self, text: str, inside: _Templates) -> tuple[str, str] | None:
        """A message, and what follows it: a hint in parentheses, a number of more."""
        for tail in (*inside.tails, *self._templates.tails):
            at = text.rfind(tail.literals[0])
            if at > 0 and tail.values(text[at:]) is not None:
                return text[:at], text[at:]
        return None

    def _in_pieces(self, text: str, depth: int, inside: _Templates) -> str:
        """The parts of `text` that are messages: after a head, of a list, or what a `name: ` is told of."""
        for head in inside.heads:
            at = text.find(head.literals[-1]) + len(head.literals[-1])
            if at < len(text) and head.values(text[:at]) is not None:
                return "".join(self._translate(part, depth, inside) for part in (text[:at], text[at:]))
        for sign, other in (("; ", "；"), (": ", "：")):
            parts = text.split(sign, 1)
            translated = [self._translate(part, depth, inside) for part in parts] if len(parts) > 1 else parts
            if translated != parts:
                return other.join(translated)
        return text


def _filled(translation: str, values: list[str]) -> str:
    """`translation` with its placeholders filled, and a space where Chinese and Latin letters meet at one."""
    text = ""
    for literal, number, _, _ in Formatter().parse(translation):
        for part in (literal, values[int(number)] if number is not None else ""):
            text += " " + part if _MEET.search(text[-1:] + part[:1]) else part
    return text


def _literals(msgid: str) -> tuple[str, ...]:
    literals = [""]
    for literal, placeholder, _, _ in Formatter().parse(msgid):
        literals[-1] += literal
        if placeholder is not None:
            literals.append("")
    return tuple(literals)


def translator(name: str) -> Translator:
    """The translator of the catalog called `name`."""
    import polib

    entries = polib.pofile(str(catalog_file(name)))
    return Translator((one.msgctxt, one.msgid, one.msgstr) for one in entries)
