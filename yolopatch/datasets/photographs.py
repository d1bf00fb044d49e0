"""The photographs and the handwritten digits that scikit-learn's and scikit-image's wheels carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yolopatch.datasets.extras import need
from yolopatch.errors import EnvironmentFailed

_SKIMAGE = "scikit-image"
_SKLEARN = "scikit-learn"


@dataclass(frozen=True)
class Photograph:
    """One photograph: which package carries it, the split it is used in, and whose it is."""

    name: str
    package: str
    split: str
    about: str
    licence: str


_NO_RESTRICTION = "no known copyright restrictions"
_DANIEL = "danielbuechele, https://www.flickr.com/photos/danielbuechele/6061409035/"
_VULTILION = "vultilion, https://www.flickr.com/photos/vultilion/6056698931/"

# Those with a stated licence and without digits or lines of text. No photograph is in two splits.
PHOTOGRAPHS = (
    Photograph("astronaut", _SKIMAGE, "train", "NASA Great Images, https://flic.kr/p/r9qvLn", "public domain"),
    Photograph("brick", _SKIMAGE, "train", "CC0Textures, Bricks25", "CC0"),
    Photograph("camera", _SKIMAGE, "train", "Lav Varshney", "CC0"),
    Photograph("chelsea", _SKIMAGE, "train", "Stefan van der Walt", "CC0"),
    Photograph("coins", _SKIMAGE, "train", "Brooklyn Museum Collection, image 51611", _NO_RESTRICTION),
    Photograph("flower.jpg", _SKLEARN, "train", _VULTILION, "CC BY 2.0"),
    Photograph("hubble_deep_field", _SKIMAGE, "train", "NASA, HubbleSite 2012/37", "public domain"),
    Photograph("retina", _SKIMAGE, "train", "Mikael Häggström, Wikimedia Commons", "CC0"),
    Photograph("gravel", _SKIMAGE, "val", "CC0Textures, Gravel04", "CC0"),
    Photograph("immunohistochemistry", _SKIMAGE, "val", "Center for Microscopy And Molecular Imaging", _NO_RESTRICTION),
    Photograph("rocket", _SKIMAGE, "val", "SpaceX Photos 16511594820", "public domain"),
    Photograph("china.jpg", _SKLEARN, "test", _DANIEL, "CC BY 2.0"),
    Photograph("coffee", _SKIMAGE, "test", "Rachel Michetti, courtesy of Pikolo Espresso Bar", "CC0"),
    Photograph("grass", _SKIMAGE, "test", "linolafett, DeviantArt 434853879", "CC0"),
)  # fmt: skip

# Blocks of the file, not a draw: a writer's digits stand together in it, so that blocks share few hands.
DIGIT_BLOCKS = {"train": (0, 1197), "val": (1197, 1497), "test": (1497, 1797)}


def photographs(split: str) -> list[Any]:
    """The photographs of `split` as Pillow images, RGB.

    Raises:
        EnvironmentFailed: a package is missing or does not carry one of them.
    """
    image_module = need("PIL.Image", "Pillow")
    return [image_module.fromarray(_pixels(item)).convert("RGB") for item in PHOTOGRAPHS if item.split == split]


def digits(split: str) -> list[tuple[int, Any]]:
    """The digits of `split`: what each shows (0 to 9) and its 8x8 scan, ink from 0 to 16.

    Raises:
        EnvironmentFailed: scikit-learn is missing.
    """
    scans = need("sklearn.datasets", _SKLEARN).load_digits()
    first, end = DIGIT_BLOCKS[split]
    pairs = zip(scans.target[first:end], scans.images[first:end], strict=True)
    return [(int(shown), scan) for shown, scan in pairs]


def versions() -> dict[str, str]:
    """The versions of the packages that the bytes of the demo set depend on."""
    modules = {"numpy": "numpy", "Pillow": "PIL", _SKIMAGE: "skimage", _SKLEARN: "sklearn"}
    return {package: str(need(module, package).__version__) for package, module in modules.items()}


def licences() -> str:
    """LICENCES.md of the demo set."""
    rows = "\n".join(
        f"| {item.name} | {item.split} | {item.package} | {item.about} | {item.licence} |" for item in PHOTOGRAPHS
    )
    return _LICENCES.format(rows=rows)


def _pixels(item: Photograph) -> Any:
    try:
        if item.package == _SKLEARN:
            return need("sklearn.datasets", _SKLEARN).load_sample_image(item.name)
        return getattr(need("skimage.data", _SKIMAGE), item.name)()
    except (AttributeError, OSError, ValueError, ModuleNotFoundError) as error:
        raise EnvironmentFailed(
            f"this {item.package} carries no photograph '{item.name}'; install a newer one"
        ) from error


_LICENCES = """# Whose material this is

The pictures are made by `yolopatch data demo` from what two packages carry: random windows of photographs, flipped
and scaled, with scanned handwritten digits laid over them.

## Digits

scikit-learn's `load_digits`: the test part of "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak,
1998, UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, which states CC BY 4.0.
The splits use different scans.

## Photographs

As the notes in scikit-image and scikit-learn state. The splits use different photographs.

| photograph | split | package | by | licence |
|---|---|---|---|---|
{rows}

CC BY 2.0: https://creativecommons.org/licenses/by/2.0/ (the photographs were cropped, flipped, scaled and drawn over)
· CC BY 4.0: https://creativecommons.org/licenses/by/4.0/ · CC0: https://creativecommons.org/publicdomain/zero/1.0/
"""
