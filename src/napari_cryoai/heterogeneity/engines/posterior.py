"""What an image says about the coefficients of components: a Gaussian, in closed form.

An image is `transfer * slice of (a_0 mean + sum_j a_j component_j) + noise`. With noise of unit
variance and a Gaussian prior of the coefficients, their posterior is Gaussian too (Tipping and
Bishop 1999, J. R. Stat. Soc. B 61, 611; with CTF and poses: Tagare et al. 2015, J. Struct. Biol.
191, 245; Punjani and Fleet 2021, J. Struct. Biol. 213, 107702).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Evidence:
    """What images say, before any prior: the likelihood is `exp(b a - a G a / 2)`.

    Attributes
    ----------
    gram
        `(m, r, r)`, `G`.
    response
        `(m, r)`, `b`.
    """

    gram: Tensor
    response: Tensor


@dataclass(frozen=True, eq=False)
class Prior:
    """Of the coefficients: independent Gaussians.

    Attributes
    ----------
    mean, precision
        `(r,)`.
    """

    mean: Tensor
    precision: Tensor

    @classmethod
    def of(cls, components: int, contrast_sd: float, device: torch.device) -> Prior:
        """A strength of the mean around 1, and components of unit variance."""
        mean = torch.zeros(components + 1, device=device)
        mean[0] = 1.0
        precision = torch.ones(components + 1, device=device)
        precision[0] = contrast_sd**-2
        return cls(mean, precision)


@dataclass(frozen=True, eq=False)
class Posterior:
    """Of the coefficients of each image.

    Attributes
    ----------
    mean
        `(m, r)`.
    covariance
        `(m, r, r)`.
    gain
        `(m,)` how much likelier the image is, in nats, than by the mean map alone.
    """

    mean: Tensor
    covariance: Tensor
    gain: Tensor

    @property
    def second_moment(self) -> Tensor:
        """`(m, r, r)`."""
        return self.covariance + self.mean[:, :, None] * self.mean[:, None, :]


def evidence(views: Tensor, values: Tensor) -> Evidence:
    """What images say.

    Parameters
    ----------
    views
        `(m, k, 2, r)` real and imaginary parts of what each component looks like in each image.
    values
        `(m, k, 2)` the images.
    """
    flat = views.flatten(1, 2)
    # Complex noise of unit variance has half of it in each part.
    gram = 2 * flat.mT @ flat
    response = 2 * (flat.mT @ values.flatten(1)[..., None])[..., 0]
    return Evidence(gram, response)


def posterior(found: Evidence, prior: Prior) -> Posterior:
    """Posterior of the coefficients of each image."""
    precision = found.gram + torch.diag(prior.precision)
    factor = torch.linalg.cholesky(precision)
    right = found.response + prior.precision * prior.mean
    mean = torch.cholesky_solve(right[..., None], factor)[..., 0]
    inverse = torch.cholesky_inverse(factor)
    with_all = 0.5 * (mean * right).sum(1) - factor.diagonal(dim1=1, dim2=2).log().sum(1)
    with_all = with_all + 0.5 * prior.precision.log().sum()
    return Posterior(mean, inverse, with_all - _of_mean_alone(found, prior))


def _of_mean_alone(found: Evidence, prior: Prior) -> Tensor:
    """The same likelihood, where the strength of the mean is all that varies."""
    weight = prior.precision[0]
    precision = found.gram[:, 0, 0] + weight
    right = found.response[:, 0] + weight * prior.mean[0]
    return 0.5 * right.square() / precision - 0.5 * (precision / weight).log()
