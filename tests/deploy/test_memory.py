"""How much memory there is to take, on a computer and in a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.memory import available_bytes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    2000 kB\nCached: 1 kB\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_computer_gives_what_its_kernel_says(root: Path):
    assert available_bytes(root) == 2_048_000


@pytest.mark.parametrize(
    ("most", "taken"),
    [
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ],
)
def test_a_container_gives_what_its_limit_leaves(root: Path, most: str, taken: str):
    write(root / "sys/fs/cgroup" / most, "1000000\n")
    write(root / "sys/fs/cgroup" / taken, "400000\n")

    assert available_bytes(root) == 600_000


@pytest.mark.parametrize("most", ["max", "9223372036854771712"])
def test_a_container_without_a_limit_is_the_computer(root: Path, most: str):
    write(root / "sys/fs/cgroup/memory.max", most)
    write(root / "sys/fs/cgroup/memory.current", "400000")

    assert available_bytes(root) == 2_048_000


def test_elsewhere_nothing_is_known(tmp_path: Path):
    assert available_bytes(tmp_path) is None
