"""The distribution of particles' coefficients as a mixture of Gaussians, and posteriors under it.

Under one Gaussian every particle is drawn towards the middle, where there may be none. A mixture is
fitted to what the images say of the coefficients, each with its own uncertainty ("extreme
deconvolution": Bovy, Hogg and Roweis 2011, Ann. Appl. Stat. 5, 1657).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from napari_cryoai.core.halves import Rows
from napari_cryoai.heterogeneity.engines.encoding import Encoded
from napari_cryoai.heterogeneity.engines.posterior import Prior
from napari_cryoai.jobs.progress import Job, Progress, part

PARTS, ROUNDS, STARTS = 15, 20, 15
"""Gaussians; rounds of EM; and of the clustering that they start from."""
MOST = 10_000
"""Images that the mixture is fitted to."""
WIDENED = 1.2
"""By how much posterior means are spread to start with: one Gaussian has drawn them together."""
NARROW = 0.02
"""Variance that a part has before it has seen an image, which counts as much as `d` images."""
SURE = 4.0
"""Standard errors by which held-out images have to be likelier than under one Gaussian."""
AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Mixture:
    """Of coefficients, the mean's first, which every part sees alike.

    Attributes
    ----------
    mean
        `(k, r)`.
    covariance
        `(k, r, r)`.
    weight
        `(k,)`, their sum 1.
    """

    mean: Tensor
    covariance: Tensor
    weight: Tensor

    @classmethod
    def of_one(cls, prior: Prior) -> Mixture:
        """The one Gaussian."""
        one = torch.diag(1 / prior.precision.cpu().double())
        return cls(prior.mean.cpu().double()[None], one[None], torch.ones(1).double())

    def parts(self, found: Encoded) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Of each part: log-evidence `(m,)`, posterior mean `(m, r)` and covariance `(m, r, r)`."""
        for mean, covariance, weight in zip(self.mean, self.covariance, self.weight, strict=True):
            precision = torch.linalg.inv(covariance)
            pull = precision @ mean
            factor = torch.linalg.cholesky(found.gram + precision)
            right = found.response + pull
            place = torch.cholesky_solve(right[..., None], factor)[..., 0]
            log = 0.5 * ((place * right).sum(1) - mean @ pull - torch.logdet(covariance))
            log = log - factor.diagonal(dim1=1, dim2=2).log().sum(1) + weight.log()
            yield log, place, torch.cholesky_inverse(factor)

    def evidence(self, found: Encoded) -> Tensor:
        """`(m, k)` log-evidence of each part."""
        return torch.stack([log for log, _, _ in self.parts(found)], 1)


def under_mixture(
    found: Encoded, prior: Prior, halves: tuple[Rows, Rows], seed: int
) -> Job[Encoded | None]:
    """The same posteriors under a mixture, if held-out images are likelier under it.

    Yields
    ------
    progress
        In per cent.

    Returns
    -------
    found
        None where one Gaussian does as well.
    """
    one, other = (_some(found, rows, seed) for rows in halves)
    mixture = yield from part(_fitted(one, prior, seed), 0, 45)
    before = Mixture.of_one(prior).evidence(other)[:, 0]
    gain = torch.logsumexp(mixture.evidence(other), 1) - before
    if not float(gain.mean()) > SURE * float(gain.std()) / len(gain) ** 0.5:
        return None
    everyone = np.arange(len(found.mean))
    mixture = yield from part(_fitted(_some(found, everyone, seed), prior, seed), 45, 90)
    posteriors: list[tuple[Tensor, Tensor]] = []
    for start in range(0, len(everyone), AT_ONCE):
        yield Progress(90 + 10 * start // len(everyone), 100, "Places of particles")
        some = _of(found, everyone[start : start + AT_ONCE])
        posteriors.append(_posterior(mixture, some))
    mean, covariance = (torch.cat(column).float() for column in zip(*posteriors, strict=True))
    return replace(found, mean=mean, covariance=covariance)


def _fitted(found: Encoded, prior: Prior, seed: int) -> Job[Mixture]:
    mixture = _begun(found, prior, seed)
    for number in range(ROUNDS):
        yield Progress(number, ROUNDS, "Distribution of particles")
        mixture = _improved(mixture, found)
    return mixture


def _begun(found: Encoded, prior: Prior, seed: int) -> Mixture:
    """Parts about the middles of clusters."""
    places = WIDENED * found.mean[:, 1:]
    count, d = min(PARTS, len(places)), places.shape[1]
    generator = torch.Generator().manual_seed(seed)
    middles = places[torch.randperm(len(places), generator=generator)[:count]].clone()
    for _ in range(STARTS):
        nearest = torch.cdist(places, middles).argmin(1)
        for k in range(count):
            if (nearest == k).any():
                middles[k] = places[nearest == k].mean(0)
    one = Mixture.of_one(prior)
    mean = torch.cat([one.mean[:, :1].expand(count, 1), middles], 1)
    covariance = one.covariance.repeat(count, 1, 1)
    covariance[:, 1:, 1:] = torch.eye(d).double() / 4
    return Mixture(mean, covariance, torch.full((count,), 1 / count).double())


def _improved(mixture: Mixture, found: Encoded) -> Mixture:
    """A round of EM; what is believed of the mean's coefficient stays."""
    share = mixture.evidence(found).softmax(1)
    mean, covariance = mixture.mean.clone(), mixture.covariance.clone()
    d = mean.shape[1] - 1
    narrow = d * NARROW * torch.eye(d).double()
    for k, (_, place, spread) in enumerate(mixture.parts(found)):
        own = share[:, k]
        count = own.sum().clamp(min=1e-9)
        middle = (own @ place)[1:] / count
        off = place[:, 1:] - middle
        scatter = torch.einsum("m,mij->ij", own, spread[:, 1:, 1:]) + (own[:, None] * off).T @ off
        mean[k, 1:], covariance[k, 1:, 1:] = middle, (scatter + narrow) / (count + d)
    weight = share.mean(0).clamp(min=1e-9)
    return Mixture(mean, covariance, weight / weight.sum())


def _posterior(mixture: Mixture, found: Encoded) -> tuple[Tensor, Tensor]:
    """Mean `(m, r)` and covariance `(m, r, r)`, over all parts."""
    share = mixture.evidence(found).softmax(1)
    mean, second = torch.zeros_like(found.response), torch.zeros_like(found.gram)
    for own, (_, place, spread) in zip(share.T, mixture.parts(found), strict=True):
        mean += own[:, None] * place
        second += own[:, None, None] * (spread + place[:, :, None] * place[:, None, :])
    return mean, second - mean[:, :, None] * mean[:, None, :]


def _some(found: Encoded, rows: Rows, seed: int) -> Encoded:
    """No more than `MOST` of them, drawn at random."""
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST, replace=False))
    return _of(found, rows)


def _of(found: Encoded, rows: Rows) -> Encoded:
    """Some of the images, in double precision."""
    chosen = torch.from_numpy(rows)
    columns = (found.gram, found.response, found.mean, found.covariance, found.gain)
    return Encoded(*(column[chosen].double() for column in columns))
