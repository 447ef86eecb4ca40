"""Attention within windows, and through a few global tokens over the whole image.

Windows that shift from block to block are those of Swin (Liu et al. 2021, arXiv 2103.14030). Tokens
that all windows attend to carry what concerns the whole micrograph: contrast, how crowded it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

FORBIDDEN = -100.0
"""Added to the logits of pairs that only the cyclic shift brought together."""


class WindowBlock(nn.Module):
    """A transformer block whose pixels attend to their window and to the global tokens.

    Parameters
    ----------
    dim
        Channels.
    heads
        Of the attention.
    window
        Side of a window, in tokens.
    global_tokens
        Their number.
    shifted
        Whether the windows are shifted by half their side.
    mlp_ratio
        Width of the hidden layer, in `dim`.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        window: int,
        global_tokens: int,
        *,
        shifted: bool,
        mlp_ratio: int = 2,
    ):
        super().__init__()
        self.heads, self.window, self.global_tokens = heads, window, global_tokens
        self.shift = window // 2 if shifted else 0
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.project = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, mlp_ratio * dim), nn.GELU(), nn.Linear(mlp_ratio * dim, dim)
        )
        pair = _relation(window, global_tokens)
        self.position_bias = nn.Parameter(torch.zeros(heads, int(pair.max()) + 1))
        self.pair: Tensor
        self.register_buffer("pair", pair, persistent=False)

    def forward(self, tokens: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
        """Update the tokens and the global ones.

        Parameters
        ----------
        tokens
            `(b, h, w, c)`, sides multiples of the window.
        shared
            `(b, g, c)` the global tokens.
        """
        gathered = self._windows(self.norm1(tokens), self.norm1(shared))
        attended = self.project(self._attend(gathered, *tokens.shape[1:3]))
        n = self.window**2
        tokens = tokens + self._image(attended[:, :, :n], *tokens.shape[1:3])
        # Each window has its say, so that nothing depends on how large the micrograph is.
        shared = shared + attended[:, :, n:].mean(1)
        return tokens + self.mlp(self.norm2(tokens)), shared + self.mlp(self.norm2(shared))

    def _attend(self, gathered: Tensor, h: int, w: int) -> Tensor:
        """`(b, windows, n + g, c)` to the same shape: each window by itself."""
        b, windows, n, c = gathered.shape
        qkv = self.qkv(gathered).reshape(b, windows, n, 3, self.heads, c // self.heads)
        q, k, v = (t.transpose(2, 3).flatten(1, 2) for t in qkv.unbind(3))
        bias = self._bias(h, w).flatten(0, 1).to(q.dtype)
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias[None])
        split = attended.reshape(b, windows, self.heads, n, c // self.heads)
        return split.transpose(2, 3).flatten(3)

    def _windows(self, tokens: Tensor, shared: Tensor) -> Tensor:
        """`(b, h, w, c)` and `(b, g, c)` to `(b, windows, n + g, c)`."""
        b, h, w, c = tokens.shape
        side = self.window
        if self.shift:
            tokens = tokens.roll((-self.shift, -self.shift), (1, 2))
        split = tokens.reshape(b, h // side, side, w // side, side, c).transpose(2, 3)
        flat = split.reshape(b, -1, side * side, c)
        return torch.cat([flat, shared[:, None].expand(-1, flat.shape[1], -1, -1)], 2)

    def _image(self, windows: Tensor, h: int, w: int) -> Tensor:
        """`(b, windows, n, c)` to `(b, h, w, c)`."""
        b, _, _, c = windows.shape
        side = self.window
        split = windows.reshape(b, h // side, w // side, side, side, c).transpose(2, 3)
        tokens = split.reshape(b, h, w, c)
        return tokens.roll((self.shift, self.shift), (1, 2)) if self.shift else tokens

    def _bias(self, h: int, w: int) -> Tensor:
        """`(windows, heads, n + g, n + g)` to add to the logits."""
        bias = self.position_bias[:, self.pair][None]
        if not self.shift:
            count = (h // self.window) * (w // self.window)
            return bias.expand(count, -1, -1, -1)
        apart = _apart(h, w, self.window, self.shift).to(bias.device)
        mask = functional.pad(apart * FORBIDDEN, (0, self.global_tokens) * 2)
        return bias + mask[:, None]


def _relation(window: int, global_tokens: int) -> Tensor:
    """`(n + g, n + g)`: which entry of the bias table belongs to a pair of tokens of a window."""
    near = _relative_index(window)
    n, entries = len(near), (2 * window - 1) ** 2
    pair = torch.full((n + global_tokens, n + global_tokens), entries)
    pair[:n, :n] = near
    pair[n:] = entries + 1
    return pair


def _relative_index(window: int) -> Tensor:
    """`(n, n)`: which entry of the bias table belongs to a pair of tokens of a window."""
    y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    y, x = y.flatten(), x.flatten()
    dy = y[:, None] - y[None] + window - 1
    dx = x[:, None] - x[None] + window - 1
    return dy * (2 * window - 1) + dx


def _apart(h: int, w: int, window: int, shift: int) -> Tensor:
    """`(windows, n, n)` bool: pairs from opposite borders, once the image is shifted cyclically."""
    rows, columns = (_part(n, window, shift) for n in (h, w))
    part = rows[:, None] * 3 + columns[None]
    split = part.reshape(h // window, window, w // window, window).transpose(1, 2)
    flat = split.reshape(-1, window**2)
    return flat[:, :, None] != flat[:, None, :]


def _part(n: int, window: int, shift: int) -> Tensor:
    """`(n,)`: 0 for most, 1 before the seam in the last window, 2 after it."""
    at = torch.arange(n)
    return (at >= n - window).long() + (at >= n - shift).long()
