"""The mean of the weights of several runs, as a weights file or as a folder that can be exported like a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from training.errors import WeightsError
from training.export import weights_of

__all__ = ["average"]


def average(out: Path, sources: Sequence[Path]) -> Path:
    """Write the mean of folders of runs and weights files to `out`, and return the weights file.

    A name that ends in .pt is a file. Any other is a folder, with the settings of the last run among the sources and
    the data versions of all of them, so that an exported model says what it was trained on.

    Raises:
        ExportError: a source is neither a weights file nor the folder of a run.
        WeightsError: the networks differ, or a folder is wanted and no source is the folder of a run.
    """
    from training.networks import save_slim  # noqa: PLC0415 - seconds of imports

    weights = [weights_of(source) for source in sources]
    target = out if out.suffix == ".pt" else out / "weights" / "last.pt"
    runs = [source for source in sources if (source / "run.yaml").is_file()]
    if target != out and not runs:
        raise WeightsError(f"{out}: none of the sources is the folder of a run; name a file that ends in .pt")
    target.parent.mkdir(parents=True, exist_ok=True)
    save_slim(weights, target)
    if target != out:
        versions = [version for run in runs for version in _read(run / "data.yaml")["versions"]]
        (out / "run.yaml").write_text((runs[-1] / "run.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        data = {"versions": list(dict.fromkeys(versions)), "mean_of": len(sources)}
        (out / "data.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    return target


def _read(path: Path) -> Any:  # noqa: ANN401 - as typed as YAML is
    return yaml.safe_load(path.read_text(encoding="utf-8"))
