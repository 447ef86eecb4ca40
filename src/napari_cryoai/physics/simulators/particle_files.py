"""Simulated particles as files: stacks, one for each micrograph, a STAR file, and the truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.image_stacks import open_images
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_stacks import write_particles
from napari_cryoai.io.particle_truth import TRUTH, ParticleSetTruth, write_truth
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleTruth

PARTICLES = "particles.star"
FOLDER = "Particles"
STATE = "cryoaiState"


def write_particle_set(simulator: ParticleSimulator, count: int, folder: Path) -> Iterator[int]:
    """Write `count` images and their truth; yields how many are written.

    Particles take turns in the two halves. The STAR file is written last: where it is, all is.
    """
    (folder / PARTICLES).unlink(missing_ok=True)
    truth = simulator.truth(count)
    waiting: list[torch.Tensor] = []
    done = 0
    for images in simulator.images(truth):
        waiting.append(images.cpu())
        while done < count:
            size = int((truth.micrograph == truth.micrograph[done]).sum())
            if sum(len(part) for part in waiting) < size:
                break
            joined = torch.cat(waiting)
            waiting = [joined[size:]]
            path = folder / _stack_name(int(truth.micrograph[done]))
            write_mrc(path, joined[:size].numpy(), simulator.conformers.pixel_size_A)
            done += size
            yield done
    write_true_maps(simulator.conformers, folder)
    write_truth(truth_of(simulator.conformers, truth), folder / TRUTH)
    write_particles(stack_of(simulator, truth, folder), folder / PARTICLES)


def write_true_maps(conformers: Conformers, folder: Path) -> None:
    """Write `truth.mrc`, or `truth_001.mrc` and so on if there are several."""
    for i, name in enumerate(_map_names(len(conformers))):
        data = conformers.map(i).cpu().numpy().astype(np.float32)
        write_map(folder / name, DensityMap(data, conformers.pixel_size_A))


def truth_of(conformers: Conformers, truth: ParticleTruth) -> ParticleSetTruth:
    """What `truth.npz` tells of particles."""
    return ParticleSetTruth(
        conformer=truth.conformer,
        state=conformers.states,
        coordinates=conformers.coordinates,
        rotations=truth.rotations,
        shifts_yx_A=truth.shifts_yx_A,
        contrast=truth.contrast,
        names=np.array(_image_names(truth), np.str_),
        maps=np.array(_map_names(len(conformers)), np.str_),
        pixel_size_A=conformers.pixel_size_A,
    )


def stack_of(simulator: ParticleSimulator, truth: ParticleTruth, folder: Path) -> ParticleStack:
    """The particles that have been written to `folder`, with their truth."""
    states = np.array([f"{state:.6f}" for state in truth.state], object)
    return ParticleStack.of_images(
        open_images(_image_names(truth), folder / PARTICLES),
        simulator.conformers.pixel_size_A,
        shifts_yx_A=truth.shifts_yx_A,
        rotations=truth.rotations,
        ctf=truth.ctf(simulator.model),
        half=np.arange(len(truth)) % 2 + 1,
        names=[f"{_stem(m)}.mrc" for m in range(int(truth.micrograph.max(initial=-1)) + 1)],
        micrograph=truth.micrograph,
        extra={STATE: states},
    )


def _image_names(truth: ParticleTruth) -> list[str]:
    first = np.searchsorted(truth.micrograph, truth.micrograph)
    number = np.arange(len(truth)) - first + 1
    return [
        f"{i:06d}@{_stack_name(m)}"
        for i, m in zip(number.tolist(), truth.micrograph.tolist(), strict=True)
    ]


def _map_names(count: int) -> list[str]:
    return ["truth.mrc"] if count == 1 else [f"truth_{i + 1:03d}.mrc" for i in range(count)]


def _stem(micrograph: int) -> str:
    return f"simulated_{micrograph + 1:05d}"


def _stack_name(micrograph: int) -> str:
    return f"{FOLDER}/{_stem(micrograph)}.mrcs"
