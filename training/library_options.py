"""A run's settings in ultralytics' words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.config import RunConfig
from training.scanner_look import scanner_look

__all__ = ["library_options"]


def library_options(run: RunConfig, resume: Path | None, *, gpu: bool) -> dict[str, Any]:
    """Return ultralytics' settings for a run, or for the rest of one that left the checkpoint `resume`."""
    how = run.augmentation
    same_name = ("scale", "degrees", "translate", "shear", "fliplr", "flipud", "hsv_h", "hsv_s", "hsv_v", "mosaic")
    folder = Path(run.out).resolve()
    options = {
        "model": str(resume) if resume else f"{run.model}.yaml",
        "epochs": run.epochs or 100_000,
        "batch": run.batch,
        "imgsz": run.imgsz,
        "nbs": run.nbs,
        "optimizer": run.optimiser,
        "lr0": run.lr0,
        "lrf": run.lrf,
        "cos_lr": run.cos,
        "warmup_epochs": run.warmup_epochs,
        "warmup_bias_lr": 0.1 if run.optimiser == "SGD" else 0.0,
        "momentum": run.momentum,
        "weight_decay": run.weight_decay,
        "cls_pw": run.class_balance,
        "seed": run.seed,
        "save_dir": str(folder),
        "project": str(folder.parent),
        "name": folder.name,
        "exist_ok": True,
        "device": ("0" if run.device == "auto" else run.device) if gpu else "cpu",
        "amp": "bf16" if gpu and run.bf16 else False,
        "deterministic": False,
        "pretrained": False,
        "patience": 0,
        "plots": run.plots,
        "workers": run.workers,
        "verbose": False,
        "close_mosaic": 1 if how.close_mosaic else 0,
        "augmentations": scanner_look(how),
        **{key: getattr(how, key) for key in same_name},
    }
    return {**options, "resume": str(resume)} if resume else options
