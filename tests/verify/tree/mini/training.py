"""Loss, NMS and metrics of the small detector."""

import numpy as np
import torch
from torch.nn import functional


class Loss:
    def __init__(self, model):
        self.gains = model.hyp

    def __call__(self, predictions, targets):
        size = torch.tensor(predictions.shape[:1:-1], device=predictions.device)
        image, label = targets[:, 0].long(), targets[:, 1].long()
        centre = targets[:, 2:4] * size
        x, y = centre.long().unbind(1)
        chosen = predictions[image, :, y, x]
        box = functional.mse_loss(chosen[:, :2].sigmoid(), centre - centre.floor())
        box = box + functional.mse_loss(chosen[:, 2:4].sigmoid() * 4, targets[:, 4:6] * size)
        objects = torch.zeros_like(predictions[:, 4])
        objects[image, y, x] = 1.0
        found = functional.binary_cross_entropy_with_logits(predictions[:, 4], objects)
        named = functional.cross_entropy(chosen[:, 5:], label)
        parts = torch.stack((box * self.gains["box"], found, named * self.gains["cls"]))
        return parts.sum() * len(predictions), parts.detach()


def box_iou(one, two):
    low = torch.maximum(one[:, None, :2], two[None, :, :2])
    high = torch.minimum(one[:, None, 2:], two[None, :, 2:])
    both = (high - low).clamp(0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (one, two)]
    return both / (areas[0][:, None] + areas[1][None] - both)


def non_max_suppression(predictions, conf_thres=0.25, iou_thres=0.45):
    results = []
    for rows in predictions:
        scores, labels = (rows[:, 5:] * rows[:, 4:5]).max(1)
        boxes = torch.cat((rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2), 1)
        found = torch.cat((boxes, scores[:, None], labels[:, None].float()), 1)[scores > conf_thres]
        found = found[found[:, 4].argsort(descending=True)]
        kept = []
        while len(found):
            kept.append(found[0])
            found = found[1:][box_iou(found[:1, :4], found[1:, :4])[0] < iou_thres]
        results.append(torch.stack(kept) if kept else torch.zeros(0, 6))
    return results


def ap_per_class(tp, conf, pred_cls, target_cls, names=()):
    order = np.argsort(-conf)
    tp, pred_cls = tp[order], pred_cls[order]
    classes, counts = np.unique(target_cls, return_counts=True)
    ap = np.zeros((len(classes), tp.shape[1]))
    for row, (name, count) in enumerate(zip(classes, counts, strict=True)):
        hits = tp[pred_cls == name].cumsum(0)
        for column in range(tp.shape[1]):
            recall = hits[:, column] / count
            precision = hits[:, column] / np.arange(1, len(hits) + 1)
            ap[row, column] = np.sum(np.diff(np.concatenate(([0.0], recall))) * precision)
    return ap, classes
