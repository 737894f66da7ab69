"""Builds the images without an engine: every step of the Dockerfile in a Debian root made by debootstrap, and then the entry
points from the finished roots, as uid 10001 with a read-only root. `make rehearse`; as root on Debian; minutes.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.deploy.dockerfile import ROOT, entry_point, environment, setting, stages

IMAGES = ("scheduler", "worker-cpu", "worker-gpu")
MIRROR = "http://deb.debian.org/debian"


def say(text: str) -> None:
    print(f"rehearse: {text}", flush=True)


def run(*command: str, **variables: str) -> None:
    subprocess.run(command, check=True, env={**os.environ, **variables}, stdin=subprocess.DEVNULL)


def make_base(folder: Path) -> None:
    """What the base image has: Debian of the same release, and no more."""
    run("debootstrap", "--variant=minbase", "bookworm", str(folder), MIRROR)


def in_root(root: Path, *command: str, user: str = "", read_only: bool = False, **variables: str) -> str:
    """Run in a root with /proc and /dev of its own; what it printed."""
    wheels = root / "wheels"
    mounts = f"mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev"
    if read_only:
        mounts += f" && mount --bind {root} {root} && mount -o remount,bind,ro {root} && mount -t proc proc {root}/proc"
        mounts += f" && mount --rbind /dev {root}/dev && mount -t tmpfs -o mode=1777 tmpfs {root}/tmp"
        if (root / "scratch").exists():
            mounts += f" && mount -t tmpfs -o uid=10001,gid=10001 tmpfs {root}/scratch"
    who = f"--userspec={user}" if user else "--userspec=0:0"
    # The step is as it stands; where pip finds wheels is the builder's business.
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"} if wheels.exists() else {}
    settings = [f"{name}={value}" for name, value in {**pip, **variables}.items()]
    inner = shlex.join(["chroot", who, str(root), "/usr/bin/env", "-i", *settings, *command])
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "sh", "-euc", f"{mounts} && exec {inner}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{shlex.join(command)}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def build(folder: Path, base: Path) -> dict[str, Path]:
    """Every stage as a root of its own."""
    wheels = folder / "wheels"
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "--directory", str(folder / "dist"))
    # What is pinned and nothing else: a pin that is missing shows here, not when an engine builds the image.
    pins = str(ROOT / "deploy" / "docker" / "constraints.txt")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--no-deps"]
    run(*pip, "--dest", str(wheels), "--requirement", pins)
    roots: dict[str, Path] = {}
    for name, stage in stages().items():
        root = roots[name] = folder / name
        run("cp", "-a", "--reflink=auto", f"{roots.get(stage.parent, base)}/.", str(root))
        shutil.copytree(wheels, root / "wheels", dirs_exist_ok=True)
        for instruction, rest in stage.steps:
            if instruction == "RUN":
                say(f"{name}: {rest[:100]}")
                shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
                in_root(root, "/bin/sh", "-euc", rest, PATH=environment(name)["PATH"], DEBIAN_FRONTEND="noninteractive")
            elif instruction == "COPY":
                copy(folder, roots, root, rest)
        shutil.rmtree(root / "wheels")
    return roots


def copy(folder: Path, roots: dict[str, Path], root: Path, rest: str) -> None:
    """COPY, of the wheel, of the constraints, or of an environment from another stage."""
    words = rest.split()
    target = root / words[-1].lstrip("/")
    if words[0].startswith("--from="):
        source = roots[words[0].removeprefix("--from=")] / words[1].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        run("cp", "-a", f"{source}/.", f"{target}/" if target.exists() else str(target))
        return
    target.mkdir(parents=True, exist_ok=True)
    found = list(folder.glob(words[0])) or list(ROOT.glob(words[0]))
    for one in found:
        shutil.copy(one, target)
    if not found:
        sys.exit(f"COPY {words[0]}: there is no such file")


def try_out(name: str, root: Path) -> None:
    """The entry point as the image's user, with nothing writable but /tmp and /scratch."""
    user, variables = setting(name, "USER"), environment(name)

    def look(*command: str) -> str:
        return in_root(root, *command, user=user, read_only=True, **variables)

    say(f"{name}: version {look(*entry_point(name), '--version').strip()}")
    settings = look(*entry_point(name), "--check-config")
    assert "FRAMEFLEET_METRICS_HOST=0.0.0.0" in settings
    assert look("id", "-u").strip() == "10001"
    look("python", "-c", "import framefleet.adapters.otlp")
    look("sh", "-c", "touch /tmp/a && ! touch /opt/a 2>/dev/null")
    if name == "scheduler":
        assert "--role" in look("framefleet", "keys", "create", "--help")
        look("python", "-c", "import fastapi, framefleet_scheduler.bootstrap, framefleet_scheduler.api.server")
        assert not (root / "usr/bin/ffmpeg").exists()
        return
    look("python", "-c", "import framefleet_workers.bootstrap, framefleet_workers.slot")
    look("setpriv", "--version")
    encoders = look("ffmpeg", "-hide_banner", "-encoders")
    for encoder in ("libx264", "libx265", "libsvtav1", "libvpx-vp9", "libopus", "h264_nvenc", "hevc_nvenc"):
        assert encoder in encoders, encoder
    made = "/scratch/a.mp4"
    encode = f"ffmpeg -v error -f lavfi -i testsrc2=s=320x180:d=1 -vf drawtext=text=x -c:v libx264 {made} && stat -c %s {made}"
    say(f"{name}: encoded {look('sh', '-euc', encode).strip()} bytes")


def size(root: Path) -> float:
    """MB on disk."""
    done = subprocess.run(["du", "-sxm", str(root)], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, help="a root that debootstrap made earlier; made anew when not given")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("rehearse: it needs to be root, to change its root")
    with tempfile.TemporaryDirectory(prefix="framefleet-images-") as made:
        folder = Path(made)
        base = options.base or folder / "debian"
        if options.base is None:
            make_base(base)
        roots = build(folder, base)
        for name in IMAGES:
            try_out(name, roots[name])
            say(f"{name}: {size(roots[name]):.0f} MB, of which Debian's base {size(base):.0f} MB")
    say("all images build and start")
    return 0


if __name__ == "__main__":
    sys.exit(main())
