"""The numbers of one evaluation."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class SizeReport:
    """Average precision and recall by COCO's rules, 0 to 1; None where the split has no object of that size.

    AP is the mean over IoU 0.50 to 0.95, AP50 and AP75 are at one IoU. Small objects cover less than 32x32 pixels
    of the picture as it is on the disk, large ones 96x96 or more. AR1, AR10 and AR100 allow that many
    predictions a picture. `images` and the four counts of objects are of the ground truth.
    """

    AP: float | None
    AP50: float | None
    AP75: float | None
    AP_small: float | None
    AP_medium: float | None
    AP_large: float | None
    AR1: float | None
    AR10: float | None
    AR100: float | None
    AR_small: float | None
    AR_medium: float | None
    AR_large: float | None
    images: int
    objects: int
    small: int
    medium: int
    large: int
    predictions: int

    def to_json(self) -> dict[str, float | int | None]:
        """The same, for `json.dumps`."""
        return asdict(self)
