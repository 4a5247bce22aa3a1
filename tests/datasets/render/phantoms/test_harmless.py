"""Nothing in the phantoms could serve to make a weapon, as far as code can show it.

Shown: main proportions are drawn at random and widely; no two phantoms are of one size; each is a modest number of
plates, bars, wires and balls, none of them thinner than half a millimetre; bores are smooth and rings are flat; and
no part of the project writes a phantom as anything but a picture. Not shown: that no drawn size ever equals a real one.
"""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import datasets.render.phantoms as package
from datasets.render.job import render_catalogue
from datasets.render.phantoms import FAMILIES
from datasets.render.phantoms.assembly import Assembly
from datasets.render.recipe import Recipe
from datasets.render.solids import Phantom, sweep

ROOT = Path(__file__).parents[4]
EVERY_FAMILY = [(label, family) for label, families in FAMILIES.items() for family in families]
PACKAGES = ("benchmarks", "datasets", "detector", "scripts", "serving", "training")
MESH_FORMATS = (
    "3ds", "3mf", "amf", "blend", "brep", "dae", "dwg", "dxf", "fbx", "fcstd", "gcode", "glb", "gltf", "iges", "igs",
    "nc", "obj", "off", "ply", "scad", "sldprt", "step", "stl", "stp", "usdz", "vtk", "wrl", "x3d",
)  # fmt: skip
MESH_LIBRARIES = {
    "build123d", "cadquery", "cadquery-ocp", "ezdxf", "gmsh", "meshio", "numpy-stl", "open3d", "pymesh", "pythonocc",
    "pyvista", "solidpython", "solidpython2", "trimesh", "usd-core", "vtk",
}  # fmt: skip
SHAPES_FROM = {"datasets.render.meshing", "datasets.render.solids", "datasets.render.clutter.shapes"}
WRITERS = {"dump", "dumps", "imwrite", "open", "save", "savetxt", "savez", "tobytes", "tofile", "write", "write_bytes"}


def sizes_mm(label: str, family: str, count: int = 40) -> NDArray[np.float64]:
    """Return (count, 3) length, height and thickness."""
    drawn = [FAMILIES[label][family](np.random.default_rng(seed)).bounds_mm() for seed in range(count)]
    return np.array([high.astype(np.float64) - low for low, high in drawn])


def pieces_mm(phantom: Phantom) -> list[NDArray[np.float64]]:
    """Return the corners (N, 3) of every closed piece: triangles that hang together by their corners."""
    pieces = []
    for solid in phantom.solids:
        corners, at = np.unique(solid.triangles_mm.reshape(-1, 3), axis=0, return_inverse=True)
        at, label = at.reshape(-1, 3), np.arange(len(corners))
        while True:  # every corner takes the least number of its triangles, until nothing changes
            least = label[at].min(axis=1)
            following = label.copy()
            for corner in range(3):
                np.minimum.at(following, at[:, corner], least)
            if (following == label).all():
                break
            label = following
        pieces += [corners[label == number].astype(np.float64) for number in np.unique(label)]
    return pieces


@pytest.mark.parametrize(("label", "family"), EVERY_FAMILY)
def test_main_proportions_are_drawn_widely_and_no_two_phantoms_are_of_one_size(label: str, family: str) -> None:
    sizes = sizes_mm(label, family)
    slender = sizes[:, :1] / sizes[:, 1:]  # length over height, length over thickness
    ranges = slender.max(axis=0) / slender.min(axis=0)
    assert ranges.max() > 1.35, ranges
    assert ranges.min() > 1.2, ranges
    assert sizes[:, 0].max() / sizes[:, 0].min() > 1.1
    apart = np.abs(sizes[:, None] - sizes[None]).max(axis=2) + np.eye(len(sizes)) * 99
    assert apart.min() > 0.01, "two seeds gave one size"


@pytest.mark.parametrize(("label", "family"), EVERY_FAMILY)
def test_a_phantom_is_simple_pieces_with_no_fine_detail(label: str, family: str) -> None:
    """At most 165 pieces (a full drum of cartridges), none thinner than the 0.5 mm of a rib pressed into a sheet."""
    for seed in range(3):
        pieces = pieces_mm(FAMILIES[label][family](np.random.default_rng(seed)))
        assert len(pieces) <= 200
        assert max(len(corners) for corners in pieces) < 1200  # a spring of many turns; a drawing has tens of thousands
        thinnest = min(float(np.ptp(corners, axis=0).min()) for corners in pieces)
        assert thinnest > 0.49, thinnest


def winds(corners: NDArray[np.float64], sides: int = 16) -> bool:
    """Return whether the corners of a tube along x leave the planes through its axis in which a turned one has them."""
    across = corners[:, 1:] - (corners[:, 1:].max(axis=0) + corners[:, 1:].min(axis=0)) / 2
    across, step = across[np.hypot(*across.T) > 1.0], 360 / sides  # the discs that close it meet on the axis
    angles = np.degrees(np.arctan2(across[:, 1], across[:, 0])) % step
    return bool(np.minimum(angles, step - angles).max() > 0.5)


def is_plate(corners: NDArray[np.float64]) -> bool:
    """Return whether a piece is a plate with round edges: eight levels at most, where a tube of 16 sides has more."""
    return len(np.unique(corners[:, 2].round(3))) <= 8


def is_flat_ring(corners: NDArray[np.float64]) -> bool:
    """Return whether all corners lie in two planes across x."""
    return len(np.unique(corners[:, 0].round(3))) == 2


@pytest.mark.parametrize("family", FAMILIES["barrel"])
def test_bores_are_smooth_and_rings_are_flat(family: str) -> None:
    """No rifling and no thread: both would wind about the axis."""
    for seed in range(6):
        pieces = pieces_mm(FAMILIES["barrel"][family](np.random.default_rng(seed)))
        long = [corners for corners in pieces if np.ptp(corners[:, 0]) > 50]
        tubes = [corners for corners in long if len(corners) >= 16 * 8 and not is_plate(corners)]  # with bore
        assert tubes
        assert not any(winds(corners) for corners in tubes)
        rings = [corners for corners in pieces if np.ptp(corners[:, 0]) < 1.0]
        assert family != "threaded" or len(rings) > 4
        assert all(is_flat_ring(corners) for corners in rings)


def test_a_rifled_bore_and_a_thread_would_be_found() -> None:
    barrel = next(iter(pieces_mm(FAMILIES["barrel"]["rifle"](np.random.default_rng(0)))))
    turn = barrel[:, 0] * np.radians(1.0)  # one turn in 36 cm
    rifled = barrel.copy()
    rifled[:, 1] = barrel[:, 1] * np.cos(turn) - barrel[:, 2] * np.sin(turn)
    rifled[:, 2] = barrel[:, 1] * np.sin(turn) + barrel[:, 2] * np.cos(turn)
    assert winds(rifled)
    assert not winds(barrel)
    angle = np.linspace(0, 2 * np.pi, 33)
    thread = sweep(np.stack([angle * 0.1, np.cos(angle) * 8, np.sin(angle) * 8], axis=1), 0.1, "steel")
    assert not is_flat_ring(thread.triangles_mm.reshape(-1, 3).astype(np.float64))


def test_phantoms_are_put_together_from_a_few_shapes_only() -> None:
    public = {name for name in vars(Assembly) if not name.startswith("_")}
    assert public == {
        "add", "loop", "phantom", "pin", "plate", "rod", "shell", "sides", "spring", "stamp", "turned",
    }  # fmt: skip
    shapes = set()
    for path in Path(inspect.getfile(package)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in {
                "datasets.render.solids",
                "datasets.render.meshing",
            }:
                shapes |= {name.name for name in node.names}
    assert shapes == {"Phantom", "Solid", "ellipsoid", "extrude", "lathe", "stacked", "sweep"}


def sources() -> list[Path]:
    return [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")] + [ROOT / "parcelray.py"]


def test_no_code_names_a_format_of_meshes_drawings_or_machine_tools() -> None:
    named = re.compile(rf"\.({'|'.join(MESH_FORMATS)})\b", re.IGNORECASE)
    assert named.search("phantom.STL")
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and named.search(node.value):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.value[:60]!r}")
    assert not found


def test_no_library_of_meshes_or_drawings_is_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    names = {re.split(r"[^A-Za-z0-9._-]", line.strip())[0].lower().replace("_", "-") for line in [*required, *pinned]}
    assert {"numpy", "numba"} <= names
    assert not names & MESH_LIBRARIES


def test_no_module_that_holds_triangles_writes_anything() -> None:
    holders = [path for path in sources() if "triangles_mm" in path.read_text(encoding="utf-8")]
    assert ROOT / "datasets/render/solids.py" in holders
    for path in holders:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert called not in WRITERS, f"{path.relative_to(ROOT)}:{node.lineno}: {called}"


@pytest.mark.parametrize("image_format", ["jpeg", "dual_tiff"])
def test_a_catalogue_of_firearms_is_pictures_and_text(image_format: str, tmp_path: Path) -> None:
    recipe = Recipe(
        firearm_share=1, part_share=0, ammunition_share=0, mixed_share=0, image_format=image_format,
        long_side_px=(160, 200), max_triangles=5_000,
    )  # fmt: skip
    render_catalogue(tmp_path / "out", recipe, 2, seed=4)
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.suffix for path in written} == {".json", ".tiff" if image_format == "dual_tiff" else ".jpg"}
