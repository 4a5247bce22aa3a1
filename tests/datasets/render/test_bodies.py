from __future__ import annotations

import numpy as np
import pytest

from datasets.render.bodies import BODIES, medical_view
from datasets.render.solids import Solid


@pytest.mark.parametrize("index", range(len(BODIES)), ids=list(BODIES))
def test_a_view_is_grey_uses_its_range_and_comes_again(index: int) -> None:
    view = medical_view(3, index)
    assert view.dtype == np.uint8
    assert (view == view[..., :1]).all()
    assert int(view.max()) - int(view.min()) > 200
    assert (view == medical_view(3, index)).all()
    other = medical_view(4, index)
    assert view.shape != other.shape or (view != other).any()


@pytest.mark.parametrize("kind", BODIES)
def test_bodies_are_closed_outward_meshes_of_bone_and_tissue(kind: str) -> None:
    make, _ = BODIES[kind]
    solids = make(np.random.default_rng(0))
    assert {"bone", "soft_tissue"} <= {solid.material for solid in solids}
    for solid in solids:
        corners = solid.triangles_mm.astype(np.float64)
        assert volume_mm3(solid) > 0
        # The face areas of a closed mesh, as vectors, add up to nothing.
        areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        np.testing.assert_allclose(areas.sum(axis=0) / np.abs(areas).sum(), 0, atol=1e-5)


def volume_mm3(solid: Solid) -> float:
    first, second, third = np.moveaxis(solid.triangles_mm.astype(np.float64), 1, 0)
    return float(np.einsum("ij,ij->i", first, np.cross(second, third)).sum() / 6)
