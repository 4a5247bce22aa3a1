"""Ultralytics' trainer behind a class of our own; its data sets are in `image_sets`, its networks in `networks`.

Importing this module prepares and imports ultralytics, which reads its environment at import: it must not look for
updates, install packages or write settings into the user's home. Everything else in `training` imports this module
inside the functions that need it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np

from detector.taxonomy import LABELS
from training.budget import PROGRESS_FILE, Progress, planned_epochs, put_in_place
from training.config import RunConfig
from training.environment import prepare_environment
from training.epoch_order import EpochOrder, Pool
from training.fresh import FreshBatches
from training.labelled import LabelledImage, RunData, load_fresh
from training.library_options import library_options
from training.ranks import this_rank

prepare_environment()

import torch  # noqa: E402

from training.vision_ops import provide_torchvision_ops  # noqa: E402

provide_torchvision_ops()

from ultralytics.data.build import InfiniteDataLoader, seed_worker  # noqa: E402
from ultralytics.models.yolo.detect import DetectionTrainer  # noqa: E402
from ultralytics.utils import LOGGER  # noqa: E402

from training.image_sets import ImageSet, Mixture, image_set  # noqa: E402
from training.networks import load_network, transfer  # noqa: E402
from training.together import ddp_without_devices, join_on_cpu, shared  # noqa: E402
from training.training_model import TrainingModel  # noqa: E402

__all__ = ["LOGGER", "Trainer"]

_NAMES: Final = dict(enumerate(LABELS))


class Trainer(DetectionTrainer):  # type: ignore[misc]
    """Ultralytics' trainer on our data, with a clock, short epochs and checkpoints that are never half written."""

    def __init__(
        self, run: RunConfig, data: RunData, resume: Path | None = None, fresh: FreshBatches | None = None
    ) -> None:
        self.run, self.run_data, self.fresh = run, data, fresh
        self.folder = Path(run.out)
        self.progress = Progress.load(self.folder / PROGRESS_FILE) if resume else Progress()
        self.asked_to_stop = False
        self.fresh_fitness = False
        self._process_start = time.monotonic()
        self._epochs_here = 0
        super().__init__(overrides=library_options(run, resume, gpu=_wants_gpu(run)))
        self.args.workers = run.workers  # the base class allows a CPU none
        self.rank = this_rank()
        if self.device.type == "cpu":
            self.world_size = self.rank.of  # the base class allows a CPU one
        if run.hours is not None:
            self.epochs = self.args.epochs = planned_epochs(self.progress, run.hours * 3600)
        for event, action in (
            ("on_train_start", Trainer._settle),
            ("on_train_epoch_start", Trainer._follow_clock),
            ("on_train_epoch_start", Trainer._take_fresh),
            ("on_train_batch_end", Trainer._heed_stop),
            ("on_fit_epoch_end", Trainer._report),
        ):
            self.add_callback(event, action)

    # -- data ---------------------------------------------------------------------------------------------------

    def get_dataset(self) -> dict[str, Any]:
        """Return the description that the base class expects; the images come from `run_data`."""
        return {"train": "train", "val": "val", "nc": len(LABELS), "names": _NAMES, "channels": 3, "path": ""}

    def build_dataset(self, img_path: str, mode: str = "train", batch: int | None = None) -> Any:  # noqa: ANN401
        """Return the data set of one split."""
        if img_path == "val":
            return self._images(self.run_data.val[self.rank.number :: self.rank.of], mode, batch)
        sources = [source.images for source in self.run_data.train]
        if self.fresh is not None:
            sources.append(self._fresh_images(self.fresh))
        return Mixture([self._images(source, mode, batch) for source in sources])

    def _images(self, images: Sequence[LabelledImage], mode: str, batch: int | None) -> ImageSet:
        cache = "ram" if self.run.cache_ram else None
        return image_set(images, mode, data=self.data, imgsz=self.args.imgsz, batch=batch, hyp=self.args, cache=cache)

    def _fresh_images(self, fresh: FreshBatches) -> tuple[LabelledImage, ...]:
        images, skipped = load_fresh(fresh.current)
        for file, reason in skipped.items():
            LOGGER.warning(f"skipped {file}: {reason}")
        return images

    def _pools(self, dataset: Mixture) -> tuple[Pool, ...]:
        shares = [source.share for source in self.run_data.train]
        new = self.run.fresh.share if self.run.fresh is not None else 0.0
        pools = [Pool(size, share * (1 - new)) for size, share in zip(dataset.sizes, shares, strict=False)]
        if self.fresh is not None:
            pools.append(Pool(dataset.sizes[-1], new, self.fresh.number))
        return tuple(pools)

    def _take_fresh(self) -> None:
        """Move on to the next batch of fresh renders where it is ready."""
        if self.fresh is None or not self.fresh.advance():
            return
        loader = self.train_loader
        images = self._fresh_images(self.fresh)
        loader.dataset.replace_last(self._images(images, "train", self.batch_size), self.args)
        loader.sampler.pools, loader.sampler.epoch = self._pools(loader.dataset), self.epoch
        loader.reset()  # its processes hold the batch before
        LOGGER.info(f"fresh renders: batch {self.fresh.number}, {len(images)} images")

    def get_dataloader(self, dataset_path: str, batch_size: int = 16, rank: int = 0, mode: str = "train") -> Any:  # noqa: ANN401, ARG002
        """Return the batches of one split: for training, one epoch after another in seeded order."""
        dataset = self.build_dataset(dataset_path, mode, batch_size)
        images = len(dataset)
        sampler = None
        if mode == "train":
            batch_size = min(batch_size, images)
            step = batch_size * self.rank.of
            wanted = self.run.epoch_images or images
            sampler = EpochOrder(
                self._pools(dataset),
                max(wanted // step, 1) * step,
                self.run.seed,
                self.progress.epochs_done,
                self.rank,
            )
        workers = self.run.workers if mode == "train" else 0
        return InfiniteDataLoader(
            dataset=dataset,
            batch_size=min(batch_size, images),
            sampler=sampler,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            pin_memory=self.device.type == "cuda",
            collate_fn=dataset.collate_fn,
            worker_init_fn=seed_worker,
            generator=torch.Generator().manual_seed(self.run.seed + self.progress.epochs_done),
        )

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Bring a batch to the device, in 0..1, shrunk to this batch's side."""
        for key, value in batch.items():
            if isinstance(value, torch.Tensor):
                batch[key] = value.to(self.device, non_blocking=self.device.type == "cuda")
        images = batch["img"].float() / 255
        side = random.randrange(self.run.smallest_imgsz, self.run.imgsz + 1, 32)  # noqa: S311 - not a secret
        if side != images.shape[-1]:
            images = torch.nn.functional.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
        batch["img"] = images
        return batch

    # -- several processes ----------------------------------------------------------------------------------------

    def _setup_ddp(self) -> None:
        if self.device.type == "cpu":
            join_on_cpu(self.rank)
        else:
            super()._setup_ddp()

    def _setup_train(self) -> None:
        with ddp_without_devices() if self.device.type == "cpu" else nullcontext():
            super()._setup_train()

    # -- network ------------------------------------------------------------------------------------------------

    def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:  # noqa: ANN401, ARG002
        """Return the network, from random weights or from an own checkpoint of which every tensor must fit."""
        model = TrainingModel(cfg, nc=len(LABELS), ch=3, verbose=False)
        model.names = _NAMES
        model.bf16 = self.run.bf16 and self.device.type == "cpu"
        if weights is None and self.run.weights is not None:
            weights = load_network(Path(self.run.weights))
        if weights is not None:
            LOGGER.info(f"Transferred {transfer(weights, model)} items from {self.run.weights or 'the checkpoint'}")
        if self.device.type == "cpu":
            model = model.to(memory_format=torch.channels_last)
        return model

    # -- clock, checkpoints, log --------------------------------------------------------------------------------

    def _settle(self) -> None:
        torch.set_num_threads(self.run.threads)
        self.train_time_start -= self.progress.elapsed_s

    def _follow_clock(self) -> None:
        if self.run.hours is not None:
            epochs = planned_epochs(self.progress, self.run.hours * 3600)
            self.epochs = self.args.epochs = shared(epochs, self.rank)  # only the first process knows how far it is
            self._setup_lr_function()
        self.args.close_mosaic = max(round(self.epochs * self.run.augmentation.close_mosaic), 0)
        self._epoch_images = 0
        self._epoch_start = time.monotonic()

    def _setup_lr_function(self) -> None:
        span = self.epochs
        low = self.run.lrf
        if self.run.cos:
            self.lf = lambda epoch: low + (1 - low) * (1 + np.cos(np.pi * min(epoch / span, 1.0))) / 2
        else:
            self.lf = lambda epoch: max(1 - epoch / span, 0.0) * (1 - low) + low
        self.scheduler.lr_lambdas = [self.lf] * len(self.optimizer.param_groups)

    def _heed_stop(self) -> None:
        self._epoch_images += self.batch_size
        if self.asked_to_stop and self.rank.of == 1:  # of several processes none may leave the others in mid-epoch
            self.stop = True

    def validate(self) -> tuple[dict[str, float], float | None]:
        """Validate every `val_every` epochs and at the end; in between, or when stopped, keep the last figures."""
        last = self.epoch + 1 >= self.epochs
        # Processes that train together validate together, whoever was asked to stop.
        stopping = self.asked_to_stop and self.rank.of == 1
        self.fresh_fitness = not stopping and (last or (self.epoch + 1) % self.run.val_every == 0)
        self._train_rate = self._epoch_images / (time.monotonic() - self._epoch_start)
        if not self.fresh_fitness:
            return self.metrics, self.fitness
        self.validator.args.plots = (
            self.run.plots
        )  # the library turns it off for good at the first that is not the last
        return super().validate()  # type: ignore[no-any-return]

    def save_model(self) -> bool:
        """Write the checkpoint beside the last one, then put it in its place; `best` only after a validation."""
        last, best = self.wdir / "last.pt", self.wdir / "best.pt"
        self.last, self.best = self.wdir / "last.partial", self.wdir / "best.partial"
        try:
            super().save_model()
            for partial, final, keep in ((self.best, best, self.fresh_fitness), (self.last, last, True)):
                if partial.exists():
                    put_in_place(partial, final, keep=keep)
        finally:
            self.last, self.best = last, best
        here = time.monotonic() - self._process_start
        self._epochs_here += 1
        # The first epoch of a process carries the caching of images; it is left out as soon as there is another.
        if self._epochs_here == 1:
            self._first_epoch_end, self._elapsed_before = here, self.progress.elapsed_s
        measured = (here - self._first_epoch_end) / max(self._epochs_here - 1, 1) if self._epochs_here > 1 else 0.0
        epoch_s = measured or self.progress.epoch_s or time.monotonic() - self._epoch_start
        self.progress = Progress(self.epoch + 1, self._elapsed_before + here, epoch_s)
        self.progress.save(self.folder / PROGRESS_FILE)
        return True

    def _report(self) -> None:
        self.stop |= self.asked_to_stop
        if not self.rank.writes or not hasattr(self, "tloss") or self.tloss is None:
            return
        losses = " ".join(f"{name.removesuffix('_loss')} {float(value):.3f}" for name, value in self.tloss.items())
        found = f" val mAP50 {self.metrics.get('metrics/mAP50(B)', 0.0):.3f}" if self.fresh_fitness else ""
        rate = self.lf(self.epoch) * self.run.lr0  # type: ignore[no-untyped-call]
        LOGGER.info(
            f"epoch {self.epoch + 1}/{self.epochs} {self.progress.elapsed_s / 60:.1f} min {self._train_rate:.1f} img/s"
            f" lr {rate:.2e} {losses}{found}"
        )

    def final_eval(self) -> None:
        """Do nothing: the last epoch was validated, and the checkpoints stay as they are."""


def _wants_gpu(run: RunConfig) -> bool:
    return run.device[0].isdigit() or (run.device == "auto" and torch.cuda.is_available())
