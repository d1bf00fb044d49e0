"""What git sees of the outside: fixed settings, a clean environment, and what of the user's is let in."""

from __future__ import annotations

import os

IDENTITY_NAME = "yolopatch"
IDENTITY_EMAIL = "noreply@yolopatch.invalid"

# Settings that hold in both ways; they win over every configuration file.
SETTINGS = {
    "advice.detachedHead": "false",
    "am.keepcr": "false",
    "color.ui": "false",
    "commit.gpgSign": "false",
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.excludesFile": os.devnull,
    "core.fsmonitor": "false",
    "core.fsync": "none",  # whatever is written can be made again
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.quotePath": "false",
    "core.safecrlf": "false",
    "gc.auto": "0",
    "init.defaultBranch": "main",
    "maintenance.auto": "false",
    "rerere.enabled": "false",
    "submodule.recurse": "false",
    "tag.gpgSign": "false",
}

NETWORK_SETTINGS = {
    "fetch.fsckObjects": "false",  # old histories hold harmless oddities; the ids are checked
    "fetch.recurseSubmodules": "false",
    "fetch.unpackLimit": "1",  # keep packs as they came, so that their size tells what was received
    "fetch.writeCommitGraph": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "safe.bareRepository": "all",
    "transfer.unpackLimit": "1",
}

# A hook or a rebase exports GIT_DIR, GIT_INDEX_FILE and the like, and work then goes to the
# wrong place. So every inherited GIT_* variable is dropped but for these.
_KEPT_ALWAYS = frozenset({"GIT_EXEC_PATH"})
_KEPT_FOR_NETWORK = frozenset(
    {
        "GIT_ASKPASS",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_HTTP_LOW_SPEED_LIMIT",
        "GIT_HTTP_LOW_SPEED_TIME",
        "GIT_HTTP_PROXY_AUTHMETHOD",
        "GIT_HTTP_USER_AGENT",
        "GIT_PROXY_COMMAND",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "GIT_SSL_CERT",
        "GIT_SSL_CERT_PASSWORD_PROTECTED",
        "GIT_SSL_KEY",
        "GIT_SSL_NO_VERIFY",
        "GIT_SSL_VERSION",
    }
)
_KEPT_FOR_NETWORK_PREFIXES = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_")

FIXED_ENVIRONMENT = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_AUTHOR_EMAIL": IDENTITY_EMAIL,
    "GIT_AUTHOR_NAME": IDENTITY_NAME,
    "GIT_COMMITTER_EMAIL": IDENTITY_EMAIL,
    "GIT_COMMITTER_NAME": IDENTITY_NAME,
    "GIT_EDITOR": ":",
    "GIT_NO_LAZY_FETCH": "1",  # what is missing is asked for in one batch, or not at all (git 2.44)
    "GIT_TEMPLATE_DIR": "",
    "GIT_TERMINAL_PROMPT": "0",
    "LANGUAGE": "C",
    "LC_ALL": "C",
}
LOCAL_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "file",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
NETWORK_ENVIRONMENT = {"GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh"}


def is_stray(name: str, user_config: bool) -> bool:
    """Whether an inherited variable is kept from git."""
    if not name.startswith("GIT_") or name in _KEPT_ALWAYS or name.startswith("GIT_PYTHON_"):
        return False
    return not (user_config and (name in _KEPT_FOR_NETWORK or name.startswith(_KEPT_FOR_NETWORK_PREFIXES)))
