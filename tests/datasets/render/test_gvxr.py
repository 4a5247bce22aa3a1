"""The projector and the beam against gVirtualXray, which shares no code with ours: it draws triangles with OpenGL.

Not part of the usual run, because its wheel wants a dozen of the system's X11 libraries though it needs no screen:

    sudo apt-get install libegl1 libgl1-mesa-dri libxcb-res0 libxcb-ewmh2 libxcb-composite0 libxcb-xinerama0 \\
        libxcb-keysyms1 libxcb-icccm4
    pip install '.[dev,gvxr]' -c constraints.txt
    pytest -m gvxr tests/datasets/render/test_gvxr.py

gVirtualXray interpolates distances over the face of a triangle, so large faces are split until that no longer counts;
without it a box of twelve triangles is 3 mm off. Source: Vidal and Villard, "Development and validation of real-time
simulation of X-ray imaging with respiratory motion", Computerized Medical Imaging and Graphics 49 (2016).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from datasets.render.clutter import CLUTTER
from datasets.render.materials import MATERIALS, mass_fractions
from datasets.render.phantoms import random_threat
from datasets.render.projector import FanGeometry, project
from datasets.render.solids import Phantom, box, cylinder, ellipsoid, tube
from datasets.render.spectra import attenuation_table_per_mm, response, transmission

pytestmark = pytest.mark.gvxr

# Rows so close that no solid is thin beside them: each pixel is then one ray, as it is there.
FAN = FanGeometry("top", 20.0, 700.0, 900.0, 2.0, 0.3, -161.0, -5.3, 160, 40)
LARGEST_EDGE_MM = 6.0


@pytest.fixture(scope="module")
def gvxr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Return the library with a context that needs no screen, and our fan's detector line."""
    from gvxrPython3 import gvxr as library

    library.useLogFile(str(tmp_path_factory.mktemp("gvxr") / "log.txt"))
    library.createWindow(-1, 0, "EGL", 4, 5)
    library.usePointSource()
    library.autoAlignDetector(False)
    library.setMonoChromatic(100.0, "keV", 1000.0)
    library.setDetectorNumberOfPixels(FAN.columns, 1)
    library.setDetectorPixelSize(FAN.column_pitch_mm, FAN.row_pitch_mm, "mm")
    yield library
    library.destroyAllWindows()


def moved_to_row(gvxr: ModuleType, row: int) -> None:
    """Put source and detector where the belt has them for a row."""
    y = FAN.first_row_mm + row * FAN.row_pitch_mm
    middle = FAN.source_axis_mm + FAN.first_column_mm + (FAN.columns - 1) / 2 * FAN.column_pitch_mm
    gvxr.setSourcePosition(FAN.source_axis_mm, y, FAN.source_depth_mm, "mm")
    gvxr.setDetectorPosition(middle, y, FAN.source_depth_mm - FAN.detector_mm, "mm")
    gvxr.setDetectorUpVector(0, 1, 0)
    gvxr.setDetectorRightVector(1, 0, 0)


def finely_split(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 3, 3) triangles with every edge halved until it is short."""
    done = []
    while len(triangles):
        edges = np.linalg.norm(triangles - np.roll(triangles, 1, axis=1), axis=2).max(axis=1)
        done.append(triangles[edges <= LARGEST_EDGE_MM])
        a, b, c = triangles[edges > LARGEST_EDGE_MM].transpose(1, 0, 2)
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        parts = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
        triangles = np.concatenate([np.stack(part, axis=1) for part in parts])
    return np.concatenate(done)


def loaded(gvxr: ModuleType, phantom: Phantom) -> list[str]:
    """Hand a phantom over, one mesh a material: the faces of a cavity turned round. Return the meshes' names."""
    gvxr.removePolygonMeshesFromSceneGraph()
    gvxr.removePolygonMeshesFromXRayRenderer()
    names = sorted({solid.material for solid in phantom.solids})
    for name in names:
        faces = np.concatenate(
            [
                solid.triangles_mm.astype(np.float64)[:, :: 1 if solid.weight > 0 else -1]
                for solid in phantom.solids
                if solid.material == name
            ]
        )
        corners = finely_split(faces).ravel().tolist()
        gvxr.makeTriangularMesh(name, corners, list(range(len(corners) // 3)), "mm")
        gvxr.addPolygonMeshAsInnerSurface(name)
        shares = mass_fractions(MATERIALS[name].composition)
        gvxr.setMixture(name, list(shares), list(shares.values()))
        gvxr.setDensity(name, MATERIALS[name].density_g_cm3, "g/cm3")
    return names


def turned(phantom: Phantom, seed: int) -> Phantom:
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return phantom.moved(turn * np.sign(np.linalg.det(turn)), (5.0, 3.0, 12.0))


SCENES = {
    "box": Phantom("box", (box((90, 50, 120), "steel"),)),
    "ellipsoid": Phantom("ellipsoid", (ellipsoid((40, 30, 35), "water", sides=90, rings=60),)),
    "tube": Phantom("tube", (tube(30, 22, 100, "brass", sides=72),)),
    "hollow": Phantom("hollow", (box((100, 80, 60), "abs"), cylinder(15, 40, "abs", sides=48).cavity())),
    "revolver": random_threat("revolver", np.random.default_rng(3)),
    "power drill": CLUTTER["power_drill"](np.random.default_rng(3)),
}


@pytest.mark.parametrize("name", SCENES)
def test_path_lengths_are_those_of_another_renderer(gvxr: ModuleType, name: str) -> None:
    phantom = turned(SCENES[name], 4)
    materials = loaded(gvxr, phantom)
    found = np.zeros((len(materials), FAN.rows, FAN.columns))
    for row in range(FAN.rows):
        moved_to_row(gvxr, row)
        for index, material in enumerate(materials):
            found[index, row] = np.array(gvxr.computeLBuffer(material))[0] * 10.0  # it counts in centimetres
    ours = project([phantom], FAN).lengths_mm
    met = ours.sum(axis=0) > 0.1
    assert met.sum() > 200
    off = np.abs(found - ours).max(axis=0)
    assert np.median(off[met]) < 0.02
    # Rays along an edge, and edges on a pixel's border, may fall to either side; wires we sample finer than it does.
    assert np.percentile(off[met], 90) < 0.15
    assert found.sum() == pytest.approx(ours.sum(), rel=0.01)


@pytest.mark.parametrize("channel", [0, 1], ids=["low", "high"])
def test_transmission_through_stacked_sheets_is_that_of_another_library(gvxr: ModuleType, channel: int) -> None:
    """Polychromatic attenuation within 2 %: tables of two authors, ours Elam's and theirs xraylib's."""
    stack = {"polyethylene": 20.0, "aluminium": 5.0, "iron": 2.0, "glass": 4.0}
    depth, solids = 0.0, []
    for material, thickness in stack.items():
        solids.append(box((150.0 - 2 * depth, 400.0, thickness), material).moved(None, (0, 0, -20.0 - depth)))
        depth += thickness + 1.0
    seen = response(160)
    phantom = Phantom("stack", tuple(solids))
    loaded(gvxr, phantom)
    gvxr.resetBeamSpectrum()
    for energy, weight in zip(seen.energies_kev, seen.weights[channel], strict=True):
        gvxr.addEnergyBinToSpectrum(float(energy), "keV", 1e8 * float(weight) / float(energy))
    moved_to_row(gvxr, FAN.rows // 2)
    energy = np.array(gvxr.computeXRayImage(), np.float64)[0]
    found = -np.log(energy / energy.max())
    projection = project([phantom], FAN)
    table = attenuation_table_per_mm(projection.materials, seen)
    ours = -np.log(transmission(projection.lengths_mm, table, seen)[channel, FAN.rows // 2])
    flat = np.abs(np.gradient(ours)) < 0.01
    assert ours[flat].max() > 1.2
    np.testing.assert_allclose(found[flat], ours[flat], rtol=0.02, atol=0.003)
