"""What all images say of the coefficients, and their posterior."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.engines.fit import Fit
from napari_cryoai.heterogeneity.engines.images import FourierImages, Rows
from napari_cryoai.heterogeneity.engines.posterior import evidence, posterior
from napari_cryoai.jobs.progress import Job, Progress


@dataclass(frozen=True, eq=False)
class Encoded:
    """Of `m` images, the mean's coefficient first; on the CPU.

    Attributes
    ----------
    gram, response
        `(m, r, r)` and `(m, r)`, see `Evidence`.
    mean, covariance, gain
        `(m, r)`, `(m, r, r)` and `(m,)`, see `Posterior`.
    """

    gram: Tensor
    response: Tensor
    mean: Tensor
    covariance: Tensor
    gain: Tensor


def encoded(fit: Fit, rows: Rows | None = None) -> Job[Encoded]:
    """Posteriors of the images of these rows, or of all."""
    images, parts = fit.images, fit.parts
    rows = np.arange(len(images)) if rows is None else rows
    size = parts.batch_size(images.count(fit.radius))
    found: list[tuple[Tensor, ...]] = []
    done = 0
    for part, batch in images.batches(rows, fit.radius, size):
        says = evidence(parts.views(batch)[1], torch.view_as_real(batch.values))
        answer = posterior(says, fit.prior)
        tensors = (says.gram, says.response, answer.mean, answer.covariance, answer.gain)
        found.append(tuple(tensor.cpu() for tensor in tensors))
        done += len(part)
        yield Progress(done, len(rows), "Encoding particles")
    return Encoded(*(torch.cat(column) for column in zip(*found, strict=True)))


def latent_table(fit: Fit, normal: Encoded, mixed: Encoded | None = None) -> LatentTable:
    """The posterior of the components' coefficients, as a place in the latent space.

    Parameters
    ----------
    normal, mixed
        Under a standard normal prior, and under one that was learned, if there is one.
    """
    found = normal if mixed is None else mixed
    table = table_of(
        fit.images,
        found.mean[:, 1:],
        found.covariance[:, 1:, 1:],
        {"contrast": found.mean[:, 0], "gain": found.gain},
    )
    if mixed is None:
        return table
    mean, covariance = normal.mean[:, 1:], normal.covariance[:, 1:, 1:]
    return replace(
        table, normal_mean=mean.float().numpy(), normal_covariance=covariance.float().numpy()
    )


def table_of(
    images: FourierImages, mean: Tensor, covariance: Tensor, columns: dict[str, Tensor]
) -> LatentTable:
    """Places of all images, with their names."""
    names = images.stack.images.names() or [f"{i + 1}" for i in range(len(images))]
    return LatentTable(
        mean.float().numpy(),
        covariance.float().numpy(),
        np.arange(len(images), dtype=np.int64),
        np.asarray(list(names), np.str_),
        {name: values.float().numpy() for name, values in columns.items()},
    )
