"""Looks up upstreams, pins, series and variants by name."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from yolopatch.catalog.models import HEADS, Form, Pin, Series, Upstream, Variant, Variants
from yolopatch.catalog.names import unknown
from yolopatch.catalog.paths import data_root
from yolopatch.catalog.yaml_file import load_model
from yolopatch.errors import RequestError
from yolopatch.verify.spec import ProbeSpec

STOCK = "stock"


class Catalog:
    """All that is known under one data root. Files are read when they are first asked for."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or data_root()
        self._upstreams: dict[str, Upstream] = {}

    @property
    def patches(self) -> Path:
        """The folder of all patches, one folder a YOLO."""
        return self.root / "patches"

    @property
    def templates(self) -> Path:
        """The folder of all templates."""
        return self.root / "templates"

    @cached_property
    def yolos(self) -> tuple[str, ...]:
        """The names of all upstreams (`v5`, `v7`, ...), in natural order."""
        names = [path.parent.name for path in self.patches.glob("*/upstream.yaml")]
        return tuple(sorted(names, key=lambda name: (len(name), name)))

    @property
    def supported(self) -> tuple[str, ...]:
        """The names of those upstreams that are not experimental."""
        return tuple(name for name in self.yolos if not self.upstream(name).experimental)

    def upstream(self, yolo: str) -> Upstream:
        """The upstream called `yolo`.

        Raises:
            RequestError: there is none of that name, or its file is wrong.
        """
        if yolo not in self.yolos:
            raise unknown("YOLO", yolo, self.yolos)
        if yolo not in self._upstreams:
            self._upstreams[yolo] = load_model(self.patches / yolo / "upstream.yaml", Upstream)
        return self._upstreams[yolo]

    @cached_property
    def variants(self) -> dict[str, Variant]:
        """All RevCol variants by name, in the file's order (without `stock`)."""
        loaded = load_model(self.templates / "variants.yaml", Variants)
        return {variant.name: variant for variant in loaded.variants}

    def variant(self, name: str) -> Variant:
        """The RevCol variant called `name`.

        Raises:
            RequestError: there is none of that name.
        """
        if name not in self.variants:
            raise unknown("variant", name, (STOCK, *self.variants))
        return self.variants[name]

    def pin(self, upstream: Upstream, name: str | None) -> Pin:
        """The pin called `name` (a name or a commit id of 7 digits or more), or the default pin.

        Raises:
            RequestError: there is none of that name.
        """
        wanted = name or upstream.default_pin
        found = _pin_called(upstream, wanted)
        if found is None:
            raise unknown(f"pin of {upstream.title}", wanted, [pin.name for pin in upstream.pins])
        return found

    def has_pin(self, upstream: Upstream, name: str) -> bool:
        """Whether `pin` finds one."""
        return _pin_called(upstream, name) is not None

    def pin_like(self, upstream: Upstream, name: str, like: str | None) -> Pin:
        """The pin called `name`, or, where it was made for a commit, the pin `like` under that name.

        Raises:
            RequestError: there is none of that name.
        """
        if like is None:
            return self.pin(upstream, name)
        return self.pin(upstream, like).model_copy(update={"name": name})

    def head(self, name: str) -> str:
        """The head called `name`.

        Raises:
            RequestError: there is none of that name.
        """
        if name not in HEADS:
            raise unknown("head", name, HEADS)
        return name

    def form(self, upstream: Upstream, name: str | None) -> Form:
        """The form called `name`, or the default form.

        Raises:
            RequestError: there is none of that name.
        """
        if name is None:
            return upstream.default_form
        for form in upstream.forms:
            if form.name == name:
                return form
        raise unknown(f"form of {upstream.title}", name, [form.name for form in upstream.forms])

    def probe(self, yolo: str) -> ProbeSpec:
        """How the YOLO's trees are verified (`patches/<yolo>/probe.yaml`).

        Raises:
            RequestError: the file is missing or wrong.
        """
        return load_model(self.patches / yolo / "probe.yaml", ProbeSpec)

    def series(self, upstream: Upstream, pin: Pin, origin: str, kinds: tuple[str, ...]) -> tuple[Series, ...]:
        """The series of `pin` from `origin` (`git` or `pypi`) of the given kinds, in order."""
        names = pin.series
        if origin == "pypi" and pin.origins.pypi and pin.origins.pypi.series is not None:
            names = pin.origins.pypi.series
        by_name = {series.name: series for series in upstream.series}
        return tuple(by_name[name] for name in names if by_name[name].kind in kinds)

    def patch_files(self, upstream: Upstream, series: tuple[Series, ...]) -> tuple[Path, ...]:
        """The files of all patches of `series`, in order.

        Raises:
            RequestError: a patch that a series names is not there.
        """
        files = tuple(self.patches / upstream.yolo / f"{name}.patch" for one in series for name in one.patches)
        for file in files:
            if not file.is_file():
                raise RequestError(f"{file}: a series of {upstream.yolo}/upstream.yaml names this patch; it is missing")
        return files

    def blobs_file(self, upstream: Upstream, pin: Pin) -> Path | None:
        """The list of the pin's blob ids, where there is one (`patches/<yolo>/<pin>.blobs`)."""
        path = self.patches / upstream.yolo / f"{pin.name}.blobs"
        return path if path.is_file() else None


def _pin_called(upstream: Upstream, name: str) -> Pin | None:
    for pin in upstream.pins:
        if pin.name == name or (len(name) >= 7 and (pin.commit or "").startswith(name)):
            return pin
    return None
