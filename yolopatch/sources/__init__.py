"""A pin's source becomes a pristine tree in the cache; the only room that touches the network."""

from __future__ import annotations

from yolopatch.sources.blobs import compare, format_blobs, parse_blobs, read_blobs, write_blobs
from yolopatch.sources.cache import Cache
from yolopatch.sources.failures import CommitAbsent, NoGitHost, NoIndex, WrongHash
from yolopatch.sources.fetch import obtain
from yolopatch.sources.models import Comparison, Entry, GitSource, Origin, Provenance, PypiSource, Tree
from yolopatch.sources.upkeep import CacheCheck, CacheEntry, ls, prune, verify

__all__ = [
    "Cache",
    "CacheCheck",
    "CacheEntry",
    "CommitAbsent",
    "Comparison",
    "Entry",
    "GitSource",
    "NoGitHost",
    "NoIndex",
    "Origin",
    "Provenance",
    "PypiSource",
    "Tree",
    "WrongHash",
    "compare",
    "format_blobs",
    "ls",
    "obtain",
    "parse_blobs",
    "prune",
    "read_blobs",
    "verify",
    "write_blobs",
]
