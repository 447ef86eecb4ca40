"""From slices back to a map: insertion into the Fourier volume, and the weighted mean there."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cryoai.physics.fourier import to_real
from napari_cryoai.physics.kernels import correction
from napari_cryoai.physics.slices import corners, disk, in_half_space, on_slices, padded_size

POINTS = 1 << 16
"""Frequencies inserted at a time: few enough to stay in the cache of a core."""

LEAST_WEIGHT = 1e-3
"""Of the mean in its shell; a frequency that fewer views have seen is damped (Scheres 2012)."""


class SliceSum:
    """Weighted sum of slices in a Fourier volume, the adjoint of `FourierVolume.slices`.

    Parameters
    ----------
    n
        Side of the images.
    oversampling
        As for `FourierVolume.of_map`. Interpolation is linear: a wider kernel would need the
        density of the samples to be evened out first.
    symmetry
        `(g, 3, 3)` rotations of a point group that leave the map as it is; every slice counts for
        all of them. Those that only permute and invert the axes cost nothing: 24 of O, 12 of T
        and of I, 4 of D2.
    """

    def __init__(
        self,
        n: int,
        oversampling: float = 2.0,
        *,
        symmetry: Tensor | None = None,
        device: torch.device | str | None = None,
    ):
        self.n, self.size = n, padded_size(n, oversampling)
        side, half = self.size + 2, self.size // 2 + 2
        self.values = torch.zeros(side, side, half, dtype=torch.complex64, device=device)
        self.weights = torch.zeros(side, side, half, device=device)
        group = torch.eye(3)[None] if symmetry is None else symmetry.float()
        self.lattice, self.copies = split_group(group.to(self.weights.device))

    def insert(self, values: Tensor, weights: Tensor, rotations: Tensor) -> None:
        """Add slices.

        Parameters
        ----------
        values
            `(m, k)` complex: the transforms of the images at the frequencies of `disk(n)`, already
            multiplied by their weights: for images that carry a CTF and noise of variance `s`,
            `CTF / s` times the transform.
        weights
            `(m, k)`: in that case `CTF^2 / s`.
        rotations
            `(m, 3, 3)` matrices that take the map into the view.
        """
        circle = disk(self.n, self.weights.device)
        for start in range(0, len(rotations), each := max(1, POINTS // len(circle.xy))):
            part = slice(start, start + each)
            for copy in self.copies:
                self._insert(values[part], weights[part], rotations[part] @ copy, circle.xy)

    def add(self, other: SliceSum) -> SliceSum:
        """A new sum of what both hold."""
        total = object.__new__(SliceSum)
        vars(total).update(vars(self))
        total.values, total.weights = self.values + other.values, self.weights + other.weights
        return total

    def mean_weight(self) -> Tensor:
        """Mean weight in every shell, `(n // 2 + 1,)`; 0 says that no view has reached it."""
        return self._shell_mean(self._folded()[1], self._shell())

    def map(self, noise_to_signal: Tensor | None = None) -> Tensor:
        """The map that the slices are of.

        Parameters
        ----------
        noise_to_signal
            `(n // 2 + 1,)` ratio of the variances in each shell, for Wiener's filter; without it,
            the plain weighted mean.

        Returns
        -------
        map
            `(n, n, n)`, 0 beyond the Nyquist frequency. The mean comes out a fifth too low: few
            samples lie around frequency 0.
        """
        numerator, weights = self._folded()
        shell = self._shell()
        mean = self._shell_mean(weights, shell)
        if noise_to_signal is not None:
            weights += _each(mean * noise_to_signal.to(mean), 0.0)[shell]
        torch.maximum(weights, _each(LEAST_WEIGHT * mean, torch.inf)[shell], out=weights)
        numerator /= weights.clamp_(min=1e-30)
        return self._to_map(numerator)

    def _insert(self, values: Tensor, weights: Tensor, rotations: Tensor, xy: Tensor) -> None:
        where, is_mirrored = in_half_space(on_slices(rotations, xy * (self.size / self.n)))
        values = torch.where(is_mirrored, values.conj(), values).flatten()
        weights = weights.flatten()
        sums, densities = self.values.flatten(), self.weights.flatten()
        first, others = corners(where, self.weights.shape, "linear")
        for further, share in others:
            sums[further:].scatter_add_(0, first, values * share)
            densities[further:].scatter_add_(0, first, weights * share)

    def _folded(self) -> tuple[Tensor, Tensor]:
        """Sums that obey Hermitian and point-group symmetry.

        Returns
        -------
        numerator, weights
            `(size + 1, size + 1, size // 2 + 1)`, from frequency `-size / 2` on along z and y and
            from 0 on along x.
        """
        near = (slice(1, None), slice(1, None), slice(0, self.size // 2 + 1))
        numerator, weights = self.values[near].clone(), self.weights[near].clone()
        numerator[..., 0] += numerator[..., 0].flip(0, 1).conj()
        weights[..., 0] += weights[..., 0].flip(0, 1)
        if len(self.lattice) > 1:
            numerator, weights = (self._symmetrised(part) for part in (numerator, weights))
        return numerator, weights

    def _symmetrised(self, part: Tensor) -> Tensor:
        """Sum over the rotations that permute and invert the axes."""
        mirrored = part[..., 1:].flip(0, 1, 2).conj()
        full = torch.cat([mirrored, part], -1).permute(2, 1, 0)  # x, y, z
        total = torch.zeros_like(full)
        for rotation in self.lattice:
            axis = rotation.abs().argmax(1).tolist()
            inverted = [a for a in range(3) if rotation[a, axis[a]] < 0]
            total += full.flip(inverted).permute([axis.index(j) for j in range(3)])
        return total.permute(2, 1, 0)[..., self.size // 2 :]

    def _shell(self) -> Tensor:
        """Shell of each frequency of `_folded`, int32; those from Nyquist on count as one more."""
        z = torch.arange(self.size + 1, device=self.weights.device) - self.size // 2
        x = z[self.size // 2 :]
        squared = (z[:, None, None] ** 2 + z[:, None] ** 2 + x**2).float()
        radius = squared.sqrt_().mul_(self.n / self.size)
        beyond = radius >= self.n / 2
        return radius.round_().masked_fill_(beyond, self.n // 2 + 1).int()

    def _shell_mean(self, weights: Tensor, shell: Tensor) -> Tensor:
        count = torch.bincount(shell.flatten(), minlength=self.n // 2 + 2)
        total = torch.bincount(shell.flatten(), weights.flatten(), minlength=self.n // 2 + 2)
        return (total / count.clamp(min=1))[: self.n // 2 + 1].float()

    def _to_map(self, transform: Tensor) -> Tensor:
        unshifted = torch.fft.ifftshift(transform[:-1, :-1], dim=(0, 1))
        padded = to_real(unshifted, (self.size,) * 3)
        first = self.size // 2 - self.n // 2
        inner = (slice(first, first + self.n),) * 3
        return padded[inner] / correction("linear", self.n, self.size, padded.device)


def _each(per_shell: Tensor, beyond: float) -> Tensor:
    """Values of the shells, and one for all that lies beyond Nyquist."""
    return torch.cat([per_shell, per_shell.new_tensor([beyond])])


def split_group(group: Tensor) -> tuple[Tensor, Tensor]:
    """A group as products: those elements that permute and invert the axes, and the others.

    Parameters
    ----------
    group
        `(g, 3, 3)`.

    Returns
    -------
    lattice
        `(h, 3, 3)`, a subgroup.
    cosets
        `(g / h, 3, 3)`: every element of the group is one `coset @ lattice`.
    """
    on_lattice = ((group - group.round()).abs() < 1e-5).all(-1).all(-1)
    lattice = group[on_lattice].round()
    cosets: list[Tensor] = []
    for element in group:
        known = any(_is_in(coset.T @ element, lattice) for coset in cosets)
        if not known:
            cosets.append(element)
    return lattice, torch.stack(cosets)


def _is_in(rotation: Tensor, group: Tensor) -> bool:
    return bool(((group - rotation).abs().amax((-1, -2)) < 1e-4).any())
