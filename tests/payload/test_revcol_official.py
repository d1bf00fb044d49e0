"""RevCol against the official implementation: parameter counts, names, outputs and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from yolopatch.payload.revcol import RevCol

# Measured on the official backbones (classifier and decoders left out). The first column's alphas, which
# the official code creates and never trains, count: the published numbers have them.
PARAMETERS = {
    "t": ([64, 128, 256, 512], [2, 2, 4, 2], 4, {}, 29_942_144),
    "s": ([64, 128, 256, 512], [2, 2, 4, 2], 8, {}, 60_054_400),
    "b": ([72, 144, 288, 576], [1, 1, 3, 2], 16, {}, 138_038_256),
    "l": ([128, 256, 512, 1024], [1, 2, 6, 2], 8, {}, 272_068_352),
    "xl": ([224, 448, 896, 1792], [1, 2, 6, 2], 8, {}, 832_010_816),
    "h": ([360, 720, 1440, 2880], [1, 2, 6, 2], 8, {"deep_up": True}, 2_154_713_400),
}

# Recorded from the official code in float64, on the weights and the image below: for each level its sum, the
# sum of its magnitudes, elements 7 and -5; for some parameters the sum of the gradient's magnitudes.
OUTPUTS = {
    False: [
        (-859.350242451, 1298.371468083, 0.302960820, -0.535178099),
        (-191.781612103, 823.940572726, -0.459751112, 0.090742293),
        (-163.454962678, 413.482663179, -0.804357497, 0.098829192),
        (65.855313761, 176.581739857, 0.150323589, 5.568929963),
    ],
    True: [
        (-903.029022132, 3264.657063466, 1.718836885, -0.333141792),
        (434.451353541, 943.361588745, -1.157578425, 1.484550425),
        (-177.623288881, 592.309373380, 1.209175635, 1.754704037),
        (38.209840617, 176.515673611, 3.080158493, 1.752070875),
    ],
}
GRADIENTS = {
    False: {
        "stem.0.weight": 1267.7441593,
        "subnet1.alpha0": 0.4763473,
        "subnet1.level0.fusion.up.channel_reschedule.0.weight": 6.0879842,
        "subnet1.level1.blocks.1.gamma": 7.1111751,
        "subnet2.alpha3": 70.4159174,
        "subnet2.level2.blocks.0.dwconv.weight": 154.4554393,
        "subnet2.level3.fusion.down.0.bias": 11.0028844,
    },
    True: {
        "stem.0.weight": 1556.3414163,
        "subnet1.alpha0": 1.8729932,
        "subnet1.level0.fusion.up.channel_reschedule.0.weight": 9.2942586,
        "subnet1.level1.blocks.1.gamma": 1.0111623,
        "subnet2.alpha3": 59.1614126,
        "subnet2.level0.fusion.up2.channel_reschedule.0.weight": 79.0641123,
        "subnet2.level2.blocks.0.dwconv.weight": 142.4632981,
        "subnet2.level3.fusion.down.0.bias": 4.1031176,
    },
}


def fill(model: nn.Module) -> None:
    """Give every parameter values that any machine computes alike."""
    for number, (name, parameter) in enumerate(sorted(model.named_parameters())):
        steps = torch.arange(parameter.numel(), dtype=torch.float64)
        wave = torch.sin(0.7 * steps + 1.3 * number).reshape(parameter.shape)
        if "alpha" in name:
            value = 0.5 + 0.4 * wave
        elif name.endswith("norm.weight"):
            value = 1 + 0.3 * wave
        elif name.endswith("gamma"):
            value = 0.5 + 0.3 * wave
        elif parameter.ndim == 1:
            value = 0.3 * wave
        else:
            value = wave / math.sqrt(parameter[0].numel())
        with torch.no_grad():
            parameter.copy_(value)


def image() -> Tensor:
    return torch.sin(0.11 * torch.arange(2 * 3 * 64 * 96, dtype=torch.float64)).reshape(2, 3, 64, 96)


def small(deep_up: bool) -> RevCol:
    model = RevCol([4, 6, 8, 10], [1, 2, 1, 1], 3, deep_up=deep_up).double().eval()
    fill(model)
    return model


def loss(outputs: list[Tensor]) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for output in outputs:
        weight = torch.cos(0.3 * torch.arange(output.numel(), dtype=torch.float64)).reshape(output.shape)
        total = total + (output * weight).sum()
    return total


@pytest.mark.parametrize("variant", PARAMETERS)
def test_every_paper_variant_has_exactly_the_official_number_of_parameters(variant: str) -> None:
    channels, blocks, columns, options, expected = PARAMETERS[variant]
    with torch.device("meta"):
        model = RevCol(channels, blocks, columns, options)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_parameter_names_and_shapes_are_those_of_the_official_checkpoints() -> None:
    model = RevCol([4, 6, 8, 10], [1, 2, 1, 1], 2)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    expected: dict[str, tuple[int, ...]] = {"stem.0.weight": (4, 3, 4, 4), "stem.0.bias": (4,)}
    expected |= {"stem.1.weight": (4,), "stem.1.bias": (4,)}
    channels, blocks = [4, 6, 8, 10], [1, 2, 1, 1]
    for column in range(2):
        for level, width in enumerate(channels):
            expected[f"subnet{column}.alpha{level}"] = (1, width, 1, 1)
            fusion = f"subnet{column}.level{level}.fusion"
            if level > 0:
                expected |= {f"{fusion}.down.0.weight": (width, channels[level - 1], 2, 2)}
                expected |= {f"{fusion}.down.{name}": (width,) for name in ("0.bias", "1.weight", "1.bias")}
            if column > 0 and level < 3:
                up = f"{fusion}.up.channel_reschedule"
                expected |= {f"{up}.0.weight": (width, channels[level + 1])}
                expected |= {f"{up}.{name}": (width,) for name in ("0.bias", "1.weight", "1.bias")}
            for index in range(blocks[level]):
                block = f"subnet{column}.level{level}.blocks.{index}"
                expected |= {f"{block}.dwconv.weight": (width, 1, 3, 3), f"{block}.dwconv.bias": (width,)}
                expected |= {f"{block}.norm.weight": (width,), f"{block}.norm.bias": (width,)}
                expected |= {f"{block}.pwconv1.weight": (4 * width, width), f"{block}.pwconv1.bias": (4 * width,)}
                expected |= {f"{block}.pwconv2.weight": (width, 4 * width), f"{block}.pwconv2.bias": (width,)}
                expected[f"{block}.gamma"] = (width,)
    assert shapes == expected


@pytest.mark.parametrize("deep_up", [False, True])
def test_outputs_equal_the_official_code(deep_up: bool) -> None:
    with torch.no_grad():
        outputs = small(deep_up)(image())
    for output, recorded in zip(outputs, OUTPUTS[deep_up], strict=True):
        flat = output.flatten()
        found = (flat.sum().item(), flat.abs().sum().item(), flat[7].item(), flat[-5].item())
        assert found == pytest.approx(recorded, rel=1e-8, abs=1e-7)


@pytest.mark.parametrize("deep_up", [False, True])
def test_gradients_equal_the_official_code(deep_up: bool) -> None:
    model = small(deep_up)
    loss(model(image())).backward()
    parameters = dict(model.named_parameters())
    for name, recorded in GRADIENTS[deep_up].items():
        gradient = parameters[name].grad
        assert gradient is not None
        assert gradient.abs().sum().item() == pytest.approx(recorded, rel=1e-6)


def test_single_precision_agrees_with_double() -> None:
    with torch.no_grad():
        exact = small(False)(image())
        single = small(False).float()(image().float())
    for left, right in zip(single, exact, strict=True):
        torch.testing.assert_close(left.double(), right, rtol=1e-3, atol=1e-3)


def test_a_layer_scale_of_zero_leaves_the_layer_scale_out() -> None:
    names = RevCol([4, 6, 8, 10], [1, 2, 1, 1], 3, layer_scale=0).state_dict()
    assert not [name for name in names if name.endswith("gamma")]
