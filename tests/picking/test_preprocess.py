"""The prepared grid: where things are on it, and what its noise is like."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft, ndimage

from napari_cryoai.picking.preprocess import (
    DIAMETER_PX,
    bin_mean,
    level,
    prepare,
    resample,
    smooth,
    whiten,
)


def spot(shape, yx, sigma):
    """A dark Gaussian spot, as a particle is dark on a micrograph."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return -np.exp(-((y - yx[0]) ** 2 + (x - yx[1]) ** 2) / (2 * sigma**2)).astype(np.float32)


def centroid(image):
    weight = np.clip(image - 0.1 * image.max(), 0, None) ** 2
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(weight * y).sum(), (weight * x).sum()]) / weight.sum()


@pytest.mark.parametrize("shape", [(400, 512), (401, 333), (512, 509)])
@pytest.mark.parametrize("diameter_px", [11.0, 22.0, 31.7, 66.0, 90.3])
def test_a_spot_is_found_where_it_was_put(shape, diameter_px):
    at = np.array([183.3, 140.8])
    prepared = prepare(spot(shape, at, diameter_px / 5), diameter_px)
    found = prepared.to_micrograph(centroid(prepared.raw))
    assert np.abs(found - at).max() < 0.02 * diameter_px / DIAMETER_PX + 0.02


def test_points_go_to_the_grid_and_back():
    prepared = prepare(np.zeros((300, 421), np.float32), 37.0)
    yx_px = np.array([[0.0, 0.0], [299.0, 420.0], [12.25, 77.5]])
    assert np.allclose(prepared.to_micrograph(prepared.from_micrograph(yx_px)), yx_px)


def test_the_corners_of_the_grid_are_the_corners_of_the_micrograph():
    prepared = prepare(np.zeros((300, 421), np.float32), 37.0)
    corners = np.array([[-0.5, -0.5], np.array(prepared.raw.shape) - 0.5])
    assert np.allclose(prepared.to_micrograph(corners), [[-0.5, -0.5], [299.5, 420.5]])


def test_a_particle_spans_the_same_number_of_pixels_whatever_the_micrograph():
    for diameter_px in (15.0, 44.0, 120.0):
        shape = (round(8 * diameter_px),) * 2
        image = spot(shape, (shape[0] / 2, shape[1] / 2), diameter_px / 4)
        half_high = (-resample(image, diameter_px)[0] > 0.5 * -image.min()).sum()
        assert np.sqrt(half_high * 4 / np.pi) == pytest.approx(DIAMETER_PX * 0.589, rel=0.05)


@pytest.mark.parametrize("diameter_px", [9.0, 22.0, 50.0, 180.0])
def test_resampling_keeps_the_mean(diameter_px):
    image = np.random.default_rng(0).normal(5, 1, (396, 468)).astype(np.float32)
    assert resample(image, diameter_px)[0].mean() == pytest.approx(image.mean(), abs=0.01)


def test_frequencies_that_fit_are_kept_as_they_are():
    """A wave that is slow enough comes out as the same wave on the coarser pixels."""
    n, diameter_px = 330, 33.0
    x = np.arange(n) + 0.5
    wave = np.cos(np.pi * 12 * x / n)
    coarse = (np.arange(220) + 0.5) * n / 220
    expected = np.cos(np.pi * 12 * coarse / n)
    image = np.broadcast_to(wave, (n, n)).astype(np.float32)
    assert np.abs(resample(image, diameter_px)[0] - expected).max() < 1e-4


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f2", ">f4", "f8"])
def test_all_number_types_of_micrographs_are_alike(dtype):
    image = np.random.default_rng(0).integers(0, 255, (130, 140))
    small, _ = resample(image.astype(dtype), 50.0)
    assert np.allclose(small, resample(image, 50.0)[0], atol=1e-3)


def test_the_file_s_pixels_are_not_written_to():
    image = np.random.default_rng(0).normal(size=(132, 132)).astype(np.float32)
    for diameter_px in (22.0, 44.0):
        image.flags.writeable = True
        kept = image.copy()
        image.flags.writeable = False
        prepare(image, diameter_px)
        assert np.array_equal(image, kept)


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
def test_binning_is_the_mean_of_blocks_and_mirrors_the_rest_in(factor):
    image = np.random.default_rng(0).normal(size=(41, 23))
    pad = [(0, -n % factor) for n in image.shape]
    whole = np.pad(image, pad, mode="symmetric")
    blocks = whole.reshape(whole.shape[0] // factor, factor, -1, factor)
    assert np.allclose(bin_mean(image, factor), blocks.mean((1, 3)), atol=1e-6)


@pytest.mark.parametrize("sigma", [2.0, 9.0, 22.0, 44.0])
def test_a_wide_low_pass_on_a_coarse_grid_is_the_low_pass(sigma):
    noise = np.random.default_rng(0).normal(size=(500, 501)).astype(np.float32)
    exact = ndimage.gaussian_filter(noise, sigma)
    within = (slice(int(sigma), -int(sigma)),) * 2  # the border is mirrored a little further out
    difference = smooth(noise, sigma)[within] - exact[within]
    assert difference.std() < 0.1 * exact[within].std()


def test_levelling_takes_a_ramp_and_uneven_contrast_away():
    y, x = np.mgrid[:400, :400] / 400
    noise = np.random.default_rng(0).normal(size=(400, 400))
    flat = level((10 * y + (1 + 3 * x) * noise).astype(np.float32))
    quarters = [q for half in np.split(flat, 2) for q in np.split(half, 2, axis=1)]
    assert max(abs(q.mean()) for q in quarters) < 0.05
    spreads = [q.std() for q in quarters]
    assert max(spreads) / min(spreads) < 1.15


def test_whitening_makes_the_spectrum_flat():
    noise = np.random.default_rng(0).normal(size=(512, 480)).astype(np.float32)
    coloured = ndimage.gaussian_filter(noise, 1.5) + 0.1 * noise
    white, _ = whiten(coloured)
    assert white.mean() == pytest.approx(0, abs=0.01)
    assert white.std() == pytest.approx(1, abs=0.02)
    power = fft.dctn(white, norm="ortho") ** 2
    y, x = (np.arange(n) / (2 * n) for n in white.shape)
    frequency = np.hypot(y[:, None], x)
    bands = [(0.02, 0.06), (0.06, 0.1), (0.1, 0.15), (0.15, 0.2), (0.2, 0.3), (0.3, 0.4)]
    unblurred = power * np.exp(4 * (np.pi * frequency * 0.5) ** 2)
    means = [unblurred[(frequency >= low) & (frequency < high)].mean() for low, high in bands]
    assert max(means) / min(means) < 1.2


def test_the_transfer_is_what_whitening_did():
    noise = np.random.default_rng(1).normal(size=(352, 352)).astype(np.float32)
    coloured = 50 * ndimage.gaussian_filter(noise, 1.0)
    white, transfer = whiten(coloured)
    ratio = np.abs(fft.dctn(white, norm="ortho")) / np.abs(fft.dctn(coloured, norm="ortho"))
    y, x = (np.arange(n) / (2 * n) for n in white.shape)
    frequency = np.hypot(y[:, None], x)
    for k in (4, 10, 16):
        near = np.abs(frequency - k / 64) < 0.004
        assert np.median(ratio[near]) == pytest.approx(transfer[k], rel=0.1)


@pytest.mark.parametrize("value", [0.0, 1.0, -3e4, 1e-20])
def test_a_constant_image_has_nothing_in_it(value):
    prepared = prepare(np.full((200, 210), value, np.float32), 40.0)
    assert np.isfinite(prepared.white).all()
    assert np.isfinite(prepared.transfer).all()
    assert np.allclose(prepared.raw, -value, rtol=1e-4)


@pytest.mark.parametrize(("shape", "diameter_px"), [((64, 96), 1.0), ((97, 61), 5000.0)])
def test_any_diameter_gives_some_image(shape, diameter_px):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    prepared = prepare(image, diameter_px)
    assert min(prepared.white.shape) >= 8
    assert np.isfinite(prepared.white).all()


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_units_of_the_pixels_do_not_matter(scale):
    image = np.random.default_rng(0).normal(size=(220, 220))
    white = prepare((image * scale).astype(np.float32), 30.0).white
    assert np.abs(white - prepare(image.astype(np.float32), 30.0).white).max() < 1e-3
