"""Time and peak memory of `cryoai reconstruct` for 10,000, 30,000 and 100,000 particles of 128^2.

    python benchmarks/reconstruction_memory.py STRUCTURE

10,000 particles are simulated; the larger sets name them several times, so the disk is spared.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CRYOAI = [sys.executable, "-m", "napari_cryoai.cli"]
LIMIT_MB = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structure", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--sim", type=Path, help="A set of 10,000 simulated before.")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sim = args.sim or simulated(Path(folder) / "sim", args.structure)
        print("particles   seconds   per 1,000   peak MB")
        for count in args.counts:
            star = repeated(sim / "particles.star", count)
            seconds, peak_MB = measured(star, Path(folder) / "out")
            star.unlink()
            over = "" if peak_MB <= LIMIT_MB else "   over the limit"
            print(
                f"{count:9,}  {seconds:8.1f}  {1000 * seconds / count:10.2f}  {peak_MB:8.0f}{over}"
            )


def simulated(folder: Path, structure: Path) -> Path:
    size = ["--count", "10000", "--box-size-px", "128", "--pixel-size-A", "1.5"]
    command = [*CRYOAI, "simulate", "particles", str(structure), "--output", str(folder), *size]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def repeated(star: Path, count: int) -> Path:
    """A STAR file of `count` rows beside one of fewer."""
    text = star.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if ".mrcs" in line]
    head = text[: text.index(rows[0])]
    rows = (rows * (count // len(rows) + 1))[:count]
    path = star.with_name(f"repeated_{count}.star")
    path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def measured(star: Path, output: Path) -> tuple[float, float]:
    """Wall clock in seconds and peak memory in MB of the whole process."""
    start = time.perf_counter()
    command = [*CRYOAI, "reconstruct", str(star), "--output", str(output)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
