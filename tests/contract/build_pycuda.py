"""Compile the real pycuda where there are CUDA headers, and a stand-in for the GPU driver under it.

    python -m tests.contract.build_pycuda

needs a CUDA toolkit (its headers are enough), gcc and g++, and the package index once. It prints
the environment in which `import pycuda.driver` works, with no GPU and no NVIDIA driver. Both
results are kept in build/, which git ignores: two minutes the first time, nothing after that.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION = "2026.1"
ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
DRIVER_SOURCES = ROOT / "tests" / "standin_driver"
LAST_RESORT = Path("/usr/local/cuda")
HEADERS = ("cuda.h", "cudaProfiler.h")
DRAFT = "draft-"
COMPILE_TIMEOUT_S = 1200
# The bodies of driver functions that pycuda names and nothing here calls.
NOT_SUPPORTED = "int {name}(void) {{ return 801; }} /* CUDA_ERROR_NOT_SUPPORTED */\n"


class CannotBuildError(Exception):
    """pycuda cannot be compiled here; the text says what is missing."""


def environment() -> dict[str, str]:
    """Variables for a child process that imports pycuda over the stand-in driver.

    Raises:
        CannotBuildError: no CUDA headers, no compiler, or no way to fetch pycuda's source.
    """
    with _one_at_a_time():
        pycuda = pycuda_folder()
        driver = driver_folder(pycuda)
    return {
        "PYTHONPATH": os.pathsep.join([str(pycuda), str(ROOT)]),
        "LD_LIBRARY_PATH": _before(driver, os.environ.get("LD_LIBRARY_PATH")),
    }


def _before(first: Path, rest: str | None) -> str:
    return f"{first}{os.pathsep}{rest}" if rest else str(first)


def find_toolkit(path: str | None = None) -> Path:
    """The folder of a CUDA toolkit that has the headers.

    nvcc's own folder is asked for with links followed: pycuda's own search does not, and so
    takes /usr for a toolkit where nvcc is a link in /usr/bin.

    Args:
        path: where to look for nvcc, PATH by default.

    Raises:
        CannotBuildError: none is found.
    """
    nvcc = shutil.which("nvcc", path=path)
    candidates = [
        *(Path(os.environ[name]) for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)),
        *([Path(nvcc).resolve().parent.parent] if nvcc else []),
        LAST_RESORT,
    ]
    for folder in candidates:
        if all((folder / "include" / header).is_file() for header in HEADERS):
            return folder.resolve()
    searched = ", ".join(dict.fromkeys(str(folder) for folder in candidates))
    raise CannotBuildError(f"no CUDA toolkit with {' and '.join(HEADERS)} in {searched}")


def pycuda_folder() -> Path:
    """The folder that holds the compiled `pycuda` package; compiled if it is not there yet."""
    done = BUILD / f"pycuda-{VERSION}-{sys.implementation.cache_tag}"
    if not done.is_dir():
        toolkit = find_toolkit()
        _need("gcc", "g++", "readelf")
        with _draft() as work:
            _compile(_fetch(work), toolkit, work)
            (work / "package").rename(done)  # all of it or nothing: it may be interrupted
    return done


def driver_folder(pycuda: Path) -> Path:
    """The folder that holds the stand-in `libcuda.so.1`; compiled anew when its source changed."""
    sources = sorted(DRIVER_SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    done = BUILD / f"standin-driver-{digest[:12]}"
    if not done.is_dir():
        toolkit = find_toolkit()
        with _draft() as work:
            _link_driver(sources, pycuda, toolkit, work)
            (work / "package").rename(done)
    return done


# ---- pycuda --------------------------------------------------------------------------


def _fetch(work: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q"]
    only_source = ["--no-deps", "--no-binary", "pycuda", "--no-build-isolation"]
    _run([*pip, *only_source, "-d", str(work), f"pycuda=={VERSION}"], work, "not fetched")
    with tarfile.open(work / f"pycuda-{VERSION}.tar.gz") as archive:
        archive.extractall(work, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return work / f"pycuda-{VERSION}"


def _compile(source: Path, toolkit: Path, work: Path) -> None:
    """Link against an empty libcuda: which driver is used is decided when pycuda is loaded."""
    libraries = work / "libraries"
    libraries.mkdir()
    (libraries / "empty.c").write_text("typedef int libcuda_is_empty;\n")
    shared = ["gcc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", "libcuda.so", "empty.c"]
    _run(shared, libraries, "the empty driver was not compiled")
    folders = [f"--{name}-lib-dir={libraries}" for name in ("cudadrv", "cudart")]
    configure = [f"--cuda-root={toolkit}", f"--cuda-inc-dir={toolkit / 'include'}", *folders]
    _run(
        [sys.executable, "configure.py", "--no-cuda-enable-curand", *configure],
        source,
        "not configured",
    )
    build = [sys.executable, "setup.py", "build_ext", f"--build-lib={work / 'package'}"]
    _run(["nice", *build], source, "not compiled", CFLAGS="-O0 -g0", LDFLAGS="-Wl,--no-as-needed")
    shutil.copytree(source / "pycuda", work / "package" / "pycuda", dirs_exist_ok=True)


# ---- the driver -----------------------------------------------------------------------


def _link_driver(sources: list[Path], pycuda: Path, toolkit: Path, work: Path) -> None:
    package = work / "package"
    package.mkdir()
    flags = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-fPIC"]
    hidden = ["-fvisibility=hidden", f"-I{toolkit / 'include'}", "-c"]
    ours = [str(source) for source in sources if source.suffix == ".c"]
    _run(["gcc", *flags, *hidden, *ours], work, "the stand-in driver was not compiled")
    objects = [str(path) for path in sorted(work.glob("*.o"))]
    missing = _cuda_names(_module(pycuda), "UND") - {
        name for path in objects for name in _cuda_names(Path(path), "defined")
    }
    rest = work / "rest.c"
    rest.write_text("".join(NOT_SUPPORTED.format(name=name) for name in sorted(missing)))
    library = ["-shared", "-Wl,-soname,libcuda.so.1", "-o", str(package / "libcuda.so.1")]
    _run(["gcc", "-fPIC", *library, str(rest), *objects, "-pthread"], work, "not linked")


def _module(pycuda: Path) -> Path:
    return next((pycuda / "pycuda").glob("_driver*.so"))


def _cuda_names(binary: Path, which: str) -> set[str]:
    """The driver functions a library needs ("UND") or an object file has ("defined")."""
    text = subprocess.run(
        ["readelf", "--syms", "-W", str(binary)], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split() for line in text.splitlines()]
    symbols = {(row[6], row[7]) for row in rows if len(row) >= 8 and row[7].startswith("cu")}
    return {
        name
        for section, name in symbols
        if name[2:3].isupper() and (section == "UND") == (which == "UND")
    }


# ---- steps -------------------------------------------------------------------------------


def _need(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise CannotBuildError(f"needed to compile pycuda: {', '.join(missing)}")


def _run(command: list[str], folder: Path, failure: str, **variables: str) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMPILE_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise CannotBuildError(f"pycuda {VERSION}: {failure}: {exc}") from exc
    if done.returncode:
        raise CannotBuildError(f"pycuda {VERSION}: {failure}:\n{done.stdout[-2000:]}")


@contextmanager
def _draft() -> Iterator[Path]:
    """A folder to work in, on the same disk as the result."""
    with tempfile.TemporaryDirectory(dir=BUILD, prefix=DRAFT) as folder:
        yield Path(folder)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "pycuda.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when the file is closed, also by a crash
        for killed in BUILD.glob(f"{DRAFT}*"):
            shutil.rmtree(killed)
        yield


if __name__ == "__main__":
    try:
        for variable, setting in environment().items():
            print(f"export {variable}={setting}")
    except CannotBuildError as problem:
        raise SystemExit(f"error: {problem}") from None
