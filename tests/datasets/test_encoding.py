import numpy as np

from datasets.encoding import OPEN_BEAM, encode_dual_energy, encode_jpeg, encode_png
from detector.colour import dual_energy_to_rgb
from detector.images import decode, decode_dual_energy


def pair() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return (2, 40, 60) transmissions, low below high, with open beam in the corner."""
    high = np.random.default_rng(0).uniform(0.0, 1.0, (40, 60)).astype(np.float32)
    high[:10, :10] = 1.0
    return np.stack([high**1.5, high])


def test_raw_dual_energy_comes_back_to_half_a_step_and_shows_the_canonical_colours() -> None:
    measured = pair()
    data = encode_dual_energy(measured)
    read = decode_dual_energy(data)
    assert read is not None
    assert np.abs(read - measured).max() <= 0.501 / OPEN_BEAM
    np.testing.assert_array_equal(decode(data), dual_energy_to_rgb(*read))


def test_noise_above_the_open_beam_is_cut_off() -> None:
    measured = pair()
    measured[:, 0, 0] = 1.02
    read = decode_dual_energy(encode_dual_energy(measured))
    assert read is not None
    assert read[0, 0, 0] == read[1, 0, 0] == 1.0


def test_pictures_are_no_dual_energy() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    assert decode_dual_energy(encode_png(picture)) is None
    np.testing.assert_array_equal(decode(encode_png(picture)), picture)
    assert decode(encode_jpeg(picture, 90)).shape == picture.shape
