"""Windows of attention: what sees what."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_cryoai.nets.attention import WindowBlock, _relation

DIM, WINDOW, SHARED = 8, 4, 2


def _block(*, shifted: bool, window: int = WINDOW) -> WindowBlock:
    torch.manual_seed(0)
    block = WindowBlock(DIM, 2, window, SHARED, shifted=shifted).eval()
    nn.init.normal_(block.position_bias)
    return block


def _input(h: int, w: int, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    noise = torch.Generator().manual_seed(1)
    return (
        torch.randn(batch, h, w, DIM, generator=noise),
        torch.randn(batch, SHARED, DIM, generator=noise),
    )


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("shape", [(4, 4), (8, 12), (16, 4)])
def test_an_image_cut_into_windows_comes_back_whole(shape, shifted):
    block = _block(shifted=shifted)
    tokens, shared = _input(*shape, batch=2)
    gathered = block._windows(tokens, shared)
    n = WINDOW**2
    assert gathered.shape == (2, shape[0] * shape[1] // n, n + SHARED, DIM)
    assert torch.equal(block._image(gathered[:, :, :n], *shape), tokens)
    assert torch.equal(gathered[:, 0, n:], shared)


@pytest.mark.parametrize("window", [4, 5])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("at", [(0, 0), (0, 7), (1, -1), (-1, -1), (7, 6), (-3, 1)])
def test_a_token_is_seen_in_its_window_only_and_never_across_the_seam(at, shifted, window):
    block = _block(shifted=shifted, window=window)
    h, w = 3 * window, 2 * window
    tokens, shared = _input(h, w)
    other = tokens.clone()
    y, x = at[0] % h, at[1] % w
    other[0, y, x] += 5 * torch.randn(DIM)
    changed = (block(other, shared)[0] != block(tokens, shared)[0]).any(-1)[0]

    shift = window // 2 if shifted else 0
    rows = (torch.arange(h) - shift).div(window, rounding_mode="floor")
    columns = (torch.arange(w) - shift).div(window, rounding_mode="floor")
    assert torch.equal(changed, (rows == rows[y])[:, None] & (columns == columns[x])[None])


def test_even_loud_content_stays_on_its_side_of_the_seam():
    block = _block(shifted=True)
    tokens, shared = _input(12, 12)
    loud = tokens.clone()
    loud[:, :2] *= 1e4
    before, after = block(tokens, shared)[0], block(loud, shared)[0]
    assert torch.equal(after[:, 2:], before[:, 2:])


def test_global_tokens_carry_news_from_one_end_to_the_other():
    first, second = _block(shifted=False), _block(shifted=True)
    tokens, shared = _input(16, 16)
    other = tokens.clone()
    other[0, 0, 0] += 5 * torch.randn(DIM)
    outcomes = [second(*first(start, shared))[0] for start in (tokens, other)]
    assert not torch.equal(outcomes[0][0, -1, -1], outcomes[1][0, -1, -1])


def test_global_tokens_do_not_care_how_often_the_same_field_is_repeated():
    block = _block(shifted=False)
    tokens, shared = _input(8, 8)
    once, many = block(tokens, shared)[1], block(tokens.repeat(1, 3, 2, 1), shared)[1]
    assert torch.allclose(once, many, atol=1e-6)


@pytest.mark.parametrize("shifted", [False, True])
def test_an_image_gives_the_same_in_any_batch(shifted):
    block = _block(shifted=shifted)
    tokens, shared = _input(8, 12, batch=3)
    together = block(tokens, shared)
    alone = [block(tokens[i : i + 1], shared[i : i + 1]) for i in range(3)]
    for both, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert torch.allclose(both, torch.cat(parts), atol=1e-6)


def test_a_pair_is_known_by_its_offset():
    pair = _relation(WINDOW, SHARED)
    n, table = WINDOW**2, {}
    for i in range(n):
        for j in range(n):
            offset = i // WINDOW - j // WINDOW, i % WINDOW - j % WINDOW
            assert table.setdefault(offset, int(pair[i, j])) == int(pair[i, j])
    assert len(set(table.values())) == len(table) == (2 * WINDOW - 1) ** 2
    to_global, of_global = set(pair[:n, n:].flatten().tolist()), set(pair[n:].flatten().tolist())
    assert len(to_global) == len(of_global) == 1
    assert not (to_global | of_global) & set(table.values())
    assert to_global != of_global
