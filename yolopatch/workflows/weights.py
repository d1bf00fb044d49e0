"""From an official checkpoint to a `.safetensors` file that a model YAML can name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Catalog
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.install_hint import install_command
from yolopatch.sources import Cache
from yolopatch.workspace.transaction import temporary_name

try:
    import numpy  # noqa: F401  safetensors.torch asks for it only when it writes
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file
    from torch import Tensor

    from yolopatch.payload.revcol.settings import Settings
    from yolopatch.payload.revcol.weights import LoadReport
    from yolopatch.workflows.checkpoint import SHAPE, describe, infer_settings, match, read_checkpoint
except ImportError as error:
    raise EnvironmentFailed(f"weights need the package {error.name or error}: {install_command()}") from error


@dataclass(frozen=True)
class Examined:
    """What a checkpoint holds."""

    source: Path
    sha256: str
    settings: Settings
    variant: str | None
    """The variant of the catalog that the weights are of."""
    report: LoadReport
    tensors: dict[str, Tensor]
    """The backbone's, by the names that RevCol gives them."""

    def shape(self) -> dict[str, object]:
        """The settings that decide which variant the weights are of."""
        return {name: getattr(self.settings, name) for name in SHAPE}

    def describe(self) -> str:
        """The variant and its numbers, on one line."""
        return f"{self.variant or 'no variant of the catalog'}, {describe(self.settings)}"

    def summary(self) -> str:
        """How many of the model's tensors there are, and what was left out, on one line."""
        used, dropped, missing = self.report
        text = f"transferred {len(used)}/{len(used) + len(missing)} items"
        families = sorted({name.split(".")[0] for name in dropped})
        return text + (f", dropped {len(dropped)} ({', '.join(families)})" if dropped else "")


def examine(source: Path, catalog: Catalog | None = None) -> Examined:
    """Check the weights against a RevCol of the architecture that their names and shapes tell.

    Raises:
        RequestError: the source is no official checkpoint.
    """
    try:
        weights = read_checkpoint(source)
        settings = infer_settings(weights)
        report = match(settings, weights)
    except FileNotFoundError as error:
        raise RequestError(str(error)) from error
    except ValueError as error:
        raise RequestError(f"{source}: {error}") from error
    tensors = {name: weights[name] for name in report.used}
    return Examined(source, _sha256(source), settings, _variant(settings, catalog or Catalog()), report, tensors)


def convert(source: Path, out: Path, *, force: bool = False, catalog: Catalog | None = None) -> Examined:
    """Write the backbone's weights to `out`, which appears whole or not at all. Equal inputs give equal bytes.

    Raises:
        RequestError: the source is no official checkpoint, or `out` is taken and `force` is off.
        EnvironmentFailed: the file cannot be written.
    """
    _check_out(source, out, force)
    with Cache.default().locked(f"weights-{hashlib.sha256(str(out.absolute()).encode()).hexdigest()[:24]}"):
        _check_out(source, out, force)
        examined = examine(source, catalog)
        metadata = {"format": "pt", "revcol": json.dumps(examined.shape()), "source_sha256": examined.sha256}
        temporary = temporary_name(out)
        try:
            _write(examined.tensors, temporary, metadata)
            temporary.replace(out)
        except (OSError, RuntimeError, SafetensorError) as error:
            raise EnvironmentFailed(f"{out} cannot be written ({' '.join(str(error).split())})") from error
        finally:
            temporary.unlink(missing_ok=True)
    return examined


def _check_out(source: Path, out: Path, force: bool) -> None:
    if out.suffix.lower() != ".safetensors":
        raise RequestError(f"{out.name}: RevCol knows the format by the suffix; call it {out.stem}.safetensors")
    if not out.parent.is_dir():
        raise RequestError(f"{out.parent} is no folder; make it, or write to another")
    if out.is_dir() or (out.exists() and source.exists() and out.samefile(source)):
        raise RequestError(f"{out} is {'a folder' if out.is_dir() else 'the source itself'}; name another file")
    if out.exists() and not force:
        raise RequestError(f"{out} exists; --force replaces it")


def _variant(settings: Settings, catalog: Catalog) -> str | None:
    def shape(one: Settings) -> list[object]:
        return [getattr(one, name) for name in SHAPE]

    for variant in catalog.variants.values():
        if shape(Settings.of(variant.channels, variant.blocks, variant.columns, variant.options)) == shape(settings):
            return variant.name
    return None


def _write(tensors: dict[str, Tensor], file: Path, metadata: dict[str, str]) -> None:
    file.touch()
    mode = file.stat().st_mode
    save_file({name: _own(tensor) for name, tensor in tensors.items()}, file, metadata)
    file.chmod(mode)  # safetensors makes a file that only its owner can read
    _sort_metadata(file)


def _own(tensor: Tensor) -> Tensor:
    """The tensor in a storage of its own, which the format asks for."""
    if tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size():
        return tensor.contiguous()
    return tensor.clone(memory_format=torch.contiguous_format)


def _sort_metadata(file: Path) -> None:
    """safetensors writes the metadata in an order that changes from run to run; the header's length stays."""
    with file.open("r+b") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":")).encode()
        opened.seek(8)
        opened.write(text.ljust(length))


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
