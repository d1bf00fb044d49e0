"""pip's own settings, so that whoever has told pip where packages come from need not tell us again."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yolopatch.errors import EnvironmentFailed

DEFAULT_INDEX = "https://pypi.org/simple"
_SECTIONS = ("global", "install", "download")  # later ones win, as they do for `pip download`
_DEFAULT_TIMEOUT = 15.0


@dataclass(frozen=True)
class PipSettings:
    """What of pip's settings concerns a download. URLs and folders are as pip was given them."""

    indexes: tuple[str, ...] = (DEFAULT_INDEX,)
    find_links: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    timeout: float = _DEFAULT_TIMEOUT
    trusted_hosts: tuple[str, ...] = ()


def read_pip_settings(environ: Mapping[str, str] | None = None) -> PipSettings:
    """Read pip's configuration files and `PIP_*` variables; variables win.

    Raises `EnvironmentFailed` when a configuration file is malformed.
    """
    environ = os.environ if environ is None else environ
    found: dict[str, str] = {}
    for file in _files(environ):
        found.update(_read_file(file))
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            found[_key(name[4:])] = value
    index = found.get("index-url", DEFAULT_INDEX)
    indexes = () if _is_true(found.get("no-index", "")) else (index, *found.get("extra-index-url", "").split())
    return PipSettings(
        indexes=tuple(dict.fromkeys(url.rstrip("/") for url in indexes)),
        find_links=tuple(found.get("find-links", "").split()),
        cert=found.get("cert"),
        client_cert=found.get("client-cert"),
        proxy=found.get("proxy"),
        timeout=_seconds(found.get("timeout") or found.get("default-timeout")),
        trusted_hosts=tuple(found.get("trusted-host", "").split()),
    )


def _files(environ: Mapping[str, str]) -> list[Path]:
    """The files that pip reads, the strongest last."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return []
    name = "pip.ini" if os.name == "nt" else "pip.conf"
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())
    files = [*_site_wide(environ, name), *_of_user(environ, home, name), Path(sys.prefix) / name]
    return [*files, Path(chosen)] if chosen else files


def _site_wide(environ: Mapping[str, str], name: str) -> list[Path]:
    if os.name == "nt":
        return [Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "pip" / name]
    if sys.platform == "darwin":
        return [Path("/Library/Application Support/pip") / name]
    folders = [folder for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep) if folder]
    return [*(Path(folder) / "pip" / name for folder in reversed(folders)), Path("/etc") / name]


def _of_user(environ: Mapping[str, str], home: Path, name: str) -> list[Path]:
    if os.name == "nt":
        appdata = environ.get("APPDATA")
        return [home / "pip" / name, *([Path(appdata) / "pip" / name] if appdata else [])]
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / name
    support = home / "Library" / "Application Support" / "pip"
    if sys.platform == "darwin" and support.is_dir():
        config = support / name
    return [home / ".pip" / name, config]


def _read_file(file: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(file.read_text(encoding="utf-8"), str(file))
    except OSError:
        return {}
    except (configparser.Error, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise EnvironmentFailed(f"pip's configuration file '{file}' cannot be read ({reason}); correct it") from error
    found: dict[str, str] = {}
    for section in _SECTIONS:
        if parser.has_section(section):
            found.update({_key(name): value for name, value in parser.items(section) if value})
    return found


def _key(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on", "y", "t")


def _seconds(value: str | None) -> float:
    try:
        return max(1.0, min(float(value or _DEFAULT_TIMEOUT), 600.0))
    except ValueError:
        return _DEFAULT_TIMEOUT
