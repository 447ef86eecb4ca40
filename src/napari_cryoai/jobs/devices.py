"""Where to compute: on the graphics card if there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_cryoai.core.errors import CryoAIError

if TYPE_CHECKING:
    import torch


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; for "auto" CUDA, else MPS, else the CPU.

    Raises
    ------
    CryoAIError
        If this machine has no such device.
    """
    import torch  # takes a second, and most jobs do without it

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise CryoAIError(
            f"there is no device '{name}' here ({str(error).splitlines()[0]})",
            remedy="Choose auto or cpu",
        ) from None
    return device


def knows_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 by itself, so that it gains time."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        ask = getattr(torch.cpu, "get_capabilities", None)  # since torch 2.8
        known = ask() if ask else {}
        return bool(known.get("avx512_bf16") or known.get("amx_bf16"))
    return False


@contextmanager
def sharing_cores(threads: int) -> Iterator[None]:
    """Let torch use only its share of the cores in each of so many threads.

    Each would use all of them otherwise, and they would wait for each other most of the time.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)
