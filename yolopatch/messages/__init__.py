"""The errors that a user reads, in the user's language."""

from __future__ import annotations

from yolopatch.messages.language import language

_PREFIX = "error:"


def told(message: str, detail: str | None, encoding: str | None) -> str:
    """What a person reads of an error: in the language of the environment, where `encoding` can write it."""
    english = "\n".join([f"{_PREFIX} {message}", *([detail] if detail else [])])
    chosen = language()
    if chosen is None:
        return english
    try:
        from yolopatch.messages.translate import translator

        translate = translator(chosen).translate
    except (ImportError, OSError):  # a damaged installation: the error that is to be told matters more
        return english
    prefix = translate(_PREFIX)
    if not _can_write(prefix, encoding):
        return english
    return "\n".join([f"{prefix}{translate(message)}", *map(translate, (detail or "").splitlines())])


def _can_write(text: str, encoding: str | None) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
