"""What `make setup` does: fills the per-user cache with the libraries, the Python environment and the demo's data.

The cache is $MILLRACE_HOME, else $XDG_CACHE_HOME/millrace, else ~/.cache/millrace:

    lib/        libarrow, libparquet, libonnxruntime, and libmillrace_arrow compiled from native/arrow-shim
    include/    Arrow's headers, used only to compile the shim
    data/       the chat data set's wheel, as downloaded
    venv/       the Python that trains models (python/requirements.txt); its site-packages point at python/
    python/     a copy of the repository's python/, so that an installed `millrace` finds it too
    licenses/   licence texts of what was obtained
    downloads/  wheels that are not unpacked yet

Each step leaves its result whole or not at all (work in a temporary place, then a rename), so an interrupted run is
continued by the next one. Wheels come through the environment's own pip, which honours the user's pip configuration
(mirror, proxy, certificates); their SHA-256 is checked here. Nothing needs root, and after one success nothing needs
the network. Only the standard library is used.
"""

import ctypes
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ["MILLRACE_HOME"]).expanduser().resolve()
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
SPACE_NEEDED = 1_500_000_000

# The libraries inside a wheel do not depend on its Python tag, so one fixed tag (and so one hash) serves every Python.
PYTHON_TAG = "3.11"


class Wheel:
    def __init__(self, name, version, hashes):
        self.name, self.version, self.hashes = name, version, hashes

    @property
    def sha256(self):
        return self.hashes.get(MACHINE) or self.hashes["any"]


ARROW = Wheel(
    "pyarrow",
    "26.0.1",
    {
        "x86_64": "39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c",
        "aarch64": "22a96a225de107eb9acd1ad9a818198ca832df2a4c0952412f754a7ed2105a98",
    },
)
ONNX_RUNTIME = Wheel(
    "onnxruntime",
    "1.28.0",
    {
        "x86_64": "a166b78ee04f3a37fa1ef82034b6a3ce96d9684e582d4d30b296de83e9998bb5",
        "aarch64": "8d66f9ceb29909c70839e4e4fb3435c7b490050d8f162bd5f3aba4ca01ee517f",
    },
)
CHAT = Wheel(
    "chitchat-dataset", "0.9.0", {"any": "7bf89f36645e2d5ec87d53370c8e851b5a688479c7beb7079cb4c87fc5acea3e"}
)


class SetupError(Exception):
    """What failed, and on the following lines what to do about it."""


def say(text):
    print(f"setup: {text}", flush=True)


def run(command, **options):
    """Runs a command, returning (exit code, combined output)."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    return done.returncode, done.stdout


def tail(text, lines=12):
    return "\n".join("    " + line for line in text.strip().splitlines()[-lines:])


def digest(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


# ---- What the machine must have ---------------------------------------------------------------------------------------


def check_machine():
    if sys.platform != "linux":
        raise SetupError(
            f"not supported yet: {platform.system()}. Set-up knows Linux on x86_64 and aarch64.\n"
            "Point MILLRACE_ARROW and ORT_DYLIB_PATH at libraries of your own, or use a Linux container."
        )
    if MACHINE not in ARROW.hashes:
        raise SetupError(f"not supported yet: a {platform.machine()} processor. Arrow and ONNX Runtime are pinned for x86_64 and aarch64.")
    libc, version = platform.libc_ver()
    if libc == "glibc" and tuple(int(part) for part in version.split(".")[:2]) < (2, 28):
        raise SetupError(f"glibc 2.28 or newer is needed, this system has {version}. Debian 10, Ubuntu 20.04 and RHEL 8 are new enough.")
    if libc != "glibc":
        raise SetupError("glibc is needed (Arrow's and ONNX Runtime's builds need it); Alpine and other musl systems are not supported yet.")
    CACHE.mkdir(parents=True, exist_ok=True)
    if not os.access(CACHE, os.W_OK):
        raise SetupError(f"{CACHE} cannot be written to. Choose another folder: MILLRACE_HOME=/path make setup")
    free = shutil.disk_usage(CACHE).free
    if free < SPACE_NEEDED and not (CACHE / "venv" / ".complete").exists():
        raise SetupError(
            f"{CACHE} has {free / 1e9:.1f} GB free; about {SPACE_NEEDED / 1e9:.1f} GB are needed. "
            "Make room or choose another folder: MILLRACE_HOME=/path make setup"
        )


def check_swift():
    if shutil.which("swift") is None:
        raise SetupError("Swift 6.2 or newer is needed and `swift` is not on the PATH.\nInstall it from https://www.swift.org/install")
    _, text = run(["swift", "--version"])
    found = re.search(r"Swift version (\d+)\.(\d+)", text)
    if found and (int(found[1]), int(found[2])) < (6, 2):
        raise SetupError(f"Swift 6.2 or newer is needed, found {found[1]}.{found[2]}.\nInstall a newer one from https://www.swift.org/install")


# ---- The Python environment -------------------------------------------------------------------------------------------


def venv_python():
    return CACHE / "venv" / "bin" / "python"


def make_venv():
    """An empty environment with pip in it. It counts as made once pip has answered."""
    venv = CACHE / "venv"
    if venv_python().exists() and run([venv_python(), "-m", "pip", "--version"])[0] == 0:
        return
    say(f"making a Python environment in {venv}")
    shutil.rmtree(venv, ignore_errors=True)
    code, text = run([sys.executable, "-m", "venv", str(venv)])
    if code != 0:
        shutil.rmtree(venv, ignore_errors=True)
        missing = "ensurepip" in text or "No module named venv" in text
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"{sys.executable} could not make a virtual environment:\n{tail(text)}\n"
            + (
                f"The system package python3-venv is missing. Debian and Ubuntu: apt install python3-venv (or python{version}-venv).\n"
                "Or name another Python: PYTHON=/path/to/python3 make setup"
                if missing
                else "Name another Python, 3.10 or newer: PYTHON=/path/to/python3 make setup"
            )
        )


def offline_hint(text):
    if re.search(r"No space left", text):
        return f"The disk is full. Make room in {CACHE} or in the temporary folder, then run `make setup` again."
    return (
        "Check the network, and that the package index pip is configured for is reachable and offers this version\n"
        "(`pip config list` shows index and proxy). Then run `make setup` again; what is done already is kept."
    )


def install_packages():
    requirements = ROOT / "python" / "requirements.txt"
    marker = CACHE / "venv" / ".complete"
    wanted = digest(requirements) + " " + sys.version.split()[0]
    if marker.exists() and marker.read_text() == wanted:
        return
    marker.unlink(missing_ok=True)
    say("installing the training packages (python/requirements.txt, about 150 MB)")
    code, text = run(
        [venv_python(), "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "-r", str(requirements)]
    )
    if code != 0:
        raise SetupError(f"the training packages could not be installed:\n{tail(text)}\n{offline_hint(text)}")
    environment = dict(os.environ, ORT_DISABLE_TELEMETRY="1")
    code, text = run([venv_python(), "-I", "-c", "import numpy, onnx, onnxruntime, pyarrow.parquet, xgboost"], env=environment)
    if code != 0:
        raise SetupError(
            f"the training packages were installed but do not load:\n{tail(text)}\n"
            f"Remove {CACHE / 'venv'} and run `make setup` again."
        )
    marker.write_text(wanted)


def install_own_packages():
    """Copies python/ into the cache and lets the environment import from there."""
    target, fresh, old = CACHE / "python", CACHE / "python.new", CACHE / "python.old"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(ROOT / "python", fresh, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    code, text = run([venv_python(), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    if code != 0:
        raise SetupError(f"the Python environment does not answer:\n{tail(text)}\nRemove {CACHE / 'venv'} and run `make setup` again.")
    (Path(text.strip()) / "millrace.pth").write_text(f"{target}\n")


# ---- Wheels -----------------------------------------------------------------------------------------------------------


def download(wheel):
    """The path of the checked wheel file, downloading it unless it is there."""
    folder = CACHE / "downloads"
    folder.mkdir(exist_ok=True)
    stem = wheel.name.replace("-", "_")
    for path in folder.glob(f"{stem}-{wheel.version}-*.whl"):
        if digest(path) == wheel.sha256:
            return path
        path.unlink()
    say(f"downloading {wheel.name} {wheel.version}")
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        command = [venv_python(), "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", partial]
        if "any" not in wheel.hashes:
            command += ["--python-version", PYTHON_TAG, "--implementation", "cp"]
            for tag in ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17"):
                command += ["--platform", f"{tag}_{MACHINE}"]
        code, text = run(command + [f"{wheel.name}=={wheel.version}"])
        if code != 0:
            raise SetupError(f"{wheel.name} {wheel.version} could not be downloaded:\n{tail(text)}\n{offline_hint(text)}")
        files = [path for path in Path(partial).iterdir() if path.suffix == ".whl"]
        if len(files) != 1:
            raise SetupError(f"{wheel.name} {wheel.version}: expected one wheel, pip left {[path.name for path in files]}")
        actual = digest(files[0])
        if actual != wheel.sha256:
            raise SetupError(
                f"{files[0].name} is not the file that was pinned.\n    wanted sha256 {wheel.sha256}\n    got    sha256 {actual}\n"
                "The package index served something else. Check which index pip uses: `pip config list`."
            )
        final = folder / files[0].name
        os.replace(files[0], final)
    return final


def extract(archive, member, target):
    """Unpacks one member so that `target` is whole or absent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with archive.open(member) as source, open(partial, "wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    os.chmod(partial, 0o755 if ".so" in target.name else 0o644)
    os.replace(partial, target)


def unpacked(wheel, marker, outputs, unpack):
    """Runs `unpack(zip)` unless `marker` remembers this wheel and the `outputs` are still there."""
    if marker.exists() and marker.read_text() == wheel.sha256 and all(any(path.parent.glob(path.name)) for path in outputs):
        return
    path = download(wheel)
    say(f"unpacking {wheel.name} {wheel.version}")
    with zipfile.ZipFile(path) as archive:
        unpack(archive)
    marker.write_text(wheel.sha256)
    path.unlink()


def install_arrow():
    def unpack(archive):
        headers, fresh = CACHE / "include", CACHE / "include.new"
        shutil.rmtree(fresh, ignore_errors=True)
        for member in archive.namelist():
            if member.startswith("pyarrow/include/") and not member.endswith("/"):
                extract(archive, member, fresh / member[len("pyarrow/include/") :])
            elif re.fullmatch(r"pyarrow/lib(arrow|parquet)\.so\.\d+", member):
                extract(archive, member, CACHE / "lib" / Path(member).name)
            elif re.search(r"\.dist-info/licenses/.+", member):
                extract(archive, member, CACHE / "licenses" / "arrow" / Path(member).name)
        shutil.rmtree(headers, ignore_errors=True)
        fresh.rename(headers)

    (CACHE / "lib").mkdir(exist_ok=True)
    library = CACHE / "lib"
    unpacked(ARROW, library / ".arrow", [library / "libarrow.so.*", library / "libparquet.so.*", CACHE / "include"], unpack)


def install_onnx_runtime():
    name = f"libonnxruntime.so.{ONNX_RUNTIME.version}"

    def unpack(archive):
        extract(archive, f"onnxruntime/capi/{name}", CACHE / "lib" / name)
        for member in ("onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"):
            extract(archive, member, CACHE / "licenses" / "onnxruntime" / Path(member).name)
        link = CACHE / "lib" / "libonnxruntime.so.1.new"
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        os.replace(link, CACHE / "lib" / "libonnxruntime.so.1")

    unpacked(ONNX_RUNTIME, CACHE / "lib" / ".onnxruntime", [CACHE / "lib" / name, CACHE / "lib" / "libonnxruntime.so.1"], unpack)


def install_data():
    target = CACHE / "data" / f"chitchat_dataset-{CHAT.version}-py3-none-any.whl"
    target.parent.mkdir(exist_ok=True)
    if target.exists() and digest(target) == CHAT.sha256:
        return
    path = download(CHAT)
    with zipfile.ZipFile(path) as archive:
        extract(archive, f"chitchat_dataset-{CHAT.version}.dist-info/LICENSE", CACHE / "licenses" / "chitchat-dataset" / "LICENSE")
    os.replace(path, target)


# ---- The Arrow shim ---------------------------------------------------------------------------------------------------


def compilers():
    """C++ compilers to try, best first: $CXX, the Swift toolchain's own clang++, then the system's."""
    found = []
    if os.environ.get("CXX"):
        found.append(os.environ["CXX"])
    code, text = run(["swiftc", "-print-target-info"]) if shutil.which("swiftc") else (1, "")
    resource = re.search(r'"runtimeResourcePath":\s*"([^"]+)"', text)
    if code == 0 and resource:
        found.append(str(Path(resource[1]).parent.parent / "bin" / "clang++"))
    found += ["clang++", "g++", "c++"]
    seen = []
    for name in found:
        path = shutil.which(name)
        if path and path not in seen:
            seen.append(path)
    return seen


def build_shim():
    source = ROOT / "native" / "arrow-shim"
    target, marker = CACHE / "lib" / "libmillrace_arrow.so", CACHE / "lib" / ".shim"
    hasher = hashlib.sha256(ARROW.sha256.encode())
    for path in sorted(source.iterdir()):
        hasher.update(path.name.encode() + b"\0" + path.read_bytes())
    wanted = hasher.hexdigest()
    if target.exists() and marker.exists() and marker.read_text() == wanted:
        return
    say("compiling the Arrow shim")
    libraries = sorted((CACHE / "lib").glob("libparquet.so.*")) + sorted((CACHE / "lib").glob("libarrow.so.*"))
    partial = CACHE / "lib" / "libmillrace_arrow.so.partial"
    tried = []
    for compiler in compilers():
        command = [compiler, "-std=c++20", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-s", "-isystem", str(CACHE / "include")]
        command += [str(source / "millrace_arrow.cc"), "-o", str(partial)] + [str(path) for path in libraries]
        command += ["-Wl,-rpath,$ORIGIN", f"-Wl,--version-script={source / 'exports.map'}"]
        code, text = run(command)
        if code == 0:
            try:
                check_shim(partial)
                os.replace(partial, target)
                marker.write_text(wanted)
                return
            except OSError as error:
                text = str(error)
        tried.append(f"{compiler}:\n{tail(text)}")
        partial.unlink(missing_ok=True)
    raise SetupError(
        ("no C++ compiler could build native/arrow-shim:\n" + "\n".join(tried) if tried else "no C++ compiler was found.")
        + "\nA C++20 compiler with its standard library is needed. Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++.\n"
        "Or name one: CXX=/path/to/clang++ make setup"
    )


def check_shim(path):
    library = ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_LOCAL)
    library.millrace_arrow_library_version.restype = ctypes.c_char_p
    version = library.millrace_arrow_library_version().decode()
    if version != ARROW.version:
        raise OSError(f"{path} reports Arrow {version}, wanted {ARROW.version}")


def main():
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ.pop("PYTHONPATH", None)
    os.environ.pop("PYTHONHOME", None)
    started = time.monotonic()
    check_machine()
    check_swift()
    with open(CACHE / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another `make setup` that is running")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for partial in (CACHE / "downloads").glob(".partial-*"):
            shutil.rmtree(partial, ignore_errors=True)
        (CACHE / "stamp").unlink(missing_ok=True)
        make_venv()
        install_arrow()
        install_onnx_runtime()
        install_data()
        build_shim()
        install_packages()
        install_own_packages()
        stamp = CACHE / "stamp.new"
        stamp.write_text(os.environ["MILLRACE_STAMP"] + "\n")
        os.replace(stamp, CACHE / "stamp")
    say(f"done in {time.monotonic() - started:.0f} s; everything is in {CACHE}")


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"setup: {error}\nFree some space or fix the permissions of {CACHE}, then run `make setup` again.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("setup: interrupted; run `make setup` again to continue", file=sys.stderr)
        sys.exit(130)
