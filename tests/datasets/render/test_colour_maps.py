import colorsys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.colour_maps import PALETTES, ColourTable, GreyTable, material_index, show_colour, show_grey
from datasets.render.scanner_profiles import BASE_PROFILES
from datasets.render.spectra import attenuation_table_per_mm, response, transmission

COLOUR = {name: profile.display for name, profile in BASE_PROFILES.items() if isinstance(profile.display, ColourTable)}
GREY = {name: profile.display for name, profile in BASE_PROFILES.items() if isinstance(profile.display, GreyTable)}


def plates(material: str, thicknesses_mm: list[float]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return low and high transmission (40, 40 a plate), plates side by side."""
    lengths = np.repeat(np.array(thicknesses_mm, np.float32), 40)[None, None].repeat(40, axis=1)
    low, high = transmission(lengths, attenuation_table_per_mm([material], response()), response())
    return low, high


def colour_of(material: str, thickness_mm: float, table: ColourTable) -> tuple[float, float, float]:
    """Return hue in degrees, saturation and value in the middle of a plate."""
    red, green, blue = (float(value) / 255 for value in show_colour(*plates(material, [thickness_mm]), table)[20, 20])
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    return hue * 360, saturation, value


@pytest.mark.parametrize("name", COLOUR)
def test_reference_plates_have_the_colours_operators_know(name: str) -> None:
    table = COLOUR[name]
    for material, thickness, low_hue, high_hue in (
        ("polyethylene", 20.0, 15, 50),
        ("aluminium", 5.0, 75, 165),
        ("iron", 2.0, 200, 250),
    ):
        hue, saturation, value = colour_of(material, thickness, table)
        assert low_hue <= hue <= high_hue, material
        assert saturation > 0.12, material
        assert value > 0.4, material
    assert colour_of("lead", 5.0, table)[2] < 0.25
    assert colour_of("iron", 40.0, table)[2] < 0.25


@pytest.mark.parametrize("name", COLOUR)
def test_air_has_the_background_colour(name: str) -> None:
    image = show_colour(np.ones((20, 20), np.float32), np.ones((20, 20), np.float32), COLOUR[name])
    np.testing.assert_array_equal(image, np.broadcast_to(COLOUR[name].background_rgb, image.shape))


@pytest.mark.parametrize("material", ["polyethylene", "aluminium", "iron"])
def test_thicker_is_darker(material: str) -> None:
    thicknesses = {"polyethylene": 400.0, "aluminium": 120.0, "iron": 30.0}[material] * np.linspace(0.01, 1, 16)
    table = replace(ColourTable(), sharpen=0.0, local_contrast=0.0)
    image = show_colour(*plates(material, thicknesses.tolist()), table)[20, 20::40].astype(float) @ [0.3, 0.6, 0.1]
    assert (np.diff(image) < 1).all()
    grey = show_grey(*plates(material, thicknesses.tolist()), GreyTable(sharpen=0.0))[20, 20::40, 0].astype(int)
    assert (np.diff(grey) <= 0).all()
    assert grey[0] > 150
    assert grey[-1] < 60


@pytest.mark.parametrize(("material", "expected"), [("water", 0.0), ("aluminium", 1.0), ("iron", 2.0)])
def test_material_index_is_that_of_the_reference_at_any_thickness(material: str, expected: float) -> None:
    reach = {"water": 200.0, "aluminium": 70.0, "iron": 14.0}[material]
    low, high = plates(material, (reach * np.linspace(0.1, 1, 10)).tolist())
    index = material_index(-np.log(low), -np.log(high))
    assert np.abs(index - expected).max() < 0.12


def test_thin_matter_leans_to_organic() -> None:
    nothing = np.full((2, 2), 1e-4, np.float32)
    assert np.abs(material_index(nothing, nothing)).max() < 0.3


def test_sharpening_draws_a_dark_outline_and_a_bright_rim() -> None:
    low, high = plates("aluminium", [3.0, 12.0])
    plain = show_colour(low, high, replace(ColourTable(), sharpen=0.0))[20].astype(int).sum(axis=1)
    sharp = show_colour(low, high, replace(ColourTable(), sharpen=1.5))[20].astype(int).sum(axis=1)
    assert sharp[38] > plain[38]
    assert sharp[41] < plain[41]
    assert abs(sharp[10] - plain[10]) <= 3


@pytest.mark.parametrize("name", GREY)
def test_grey_is_grey_with_light_air_and_dark_lead(name: str) -> None:
    low, high = plates("lead", [0.0, 10.0])
    image = show_grey(low, high, GREY[name])
    assert (image == image[..., :1]).all()
    assert image[20, 5, 0] > 200
    assert image[20, 75, 0] < 20


def test_saturation_and_hue_turn_the_table() -> None:
    hue, saturation, _ = colour_of("iron", 2.0, ColourTable())
    pale = colour_of("iron", 2.0, replace(ColourTable(), saturation=0.5))
    turned = colour_of("iron", 2.0, replace(ColourTable(), hue_shift_degrees=20.0))
    assert pale[1] == pytest.approx(saturation / 2, abs=0.02)
    assert turned[0] == pytest.approx(hue + 20, abs=2)


def test_blending_palettes_goes_from_one_to_the_other() -> None:
    first, second = PALETTES["ochre_teal"], PALETTES["pure_blue"]
    assert first.blended(second, 0.0) == first
    assert first.blended(second, 1.0) == second


def noisy_plate(thickness_mm: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return low and high transmission (40, 40) of steel as 3,000 quanta a pixel measure it."""
    rng = np.random.default_rng(5)
    low, high = (rng.poisson(channel * 3000) / 3000 for channel in plates("iron", [thickness_mm]))
    return np.maximum(low, 1e-4).astype(np.float32), np.maximum(high, 1e-4).astype(np.float32)


def test_thick_steel_keeps_one_hue_and_all_its_brightness() -> None:
    table = replace(ColourTable(), material_blur_px=0.0, sharpen=0.0)
    low, high = noisy_plate(12.0)
    speckled = show_colour(low, high, replace(table, material_median_px=0)).astype(float)
    calm = show_colour(low, high, table).astype(float)

    def tint(image: NDArray[np.float64]) -> float:
        return float((image[..., 2] - image[..., 1]).std())

    assert tint(calm) < 0.6 * tint(speckled)
    grain = [np.abs(np.diff(image.mean(axis=-1), axis=1)).mean() for image in (speckled, calm)]
    assert grain[1] > 0.4 * grain[0], "brightness keeps its own detail"


def test_thin_matter_keeps_its_material_pixel_by_pixel() -> None:
    low, high = noisy_plate(1.0)
    still = show_colour(low, high, replace(ColourTable(), material_median_px=5))
    np.testing.assert_array_equal(still, show_colour(low, high, replace(ColourTable(), material_median_px=0)))
