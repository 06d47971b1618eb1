# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run `ansible-test sanity` over the files that git would commit, without downloads other than Python packages.

ansible-test wants a real folder ansible_collections/entasis/engine that is a git checkout of its own, and it fetches a
pip installer from a host that many networks do not reach. So the files are copied to .cache/tree, the collections that
ours imports are linked beside it, and a stand-in installer that uses a downloaded pip wheel is put where ansible-test
looks first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from sandbox.making import cache_folder

PROJECT = Path(__file__).resolve().parent.parent
COLLECTIONS = PROJECT / ".cache" / "tree" / "ansible_collections"
TREE = COLLECTIONS / "entasis" / "engine"
IMPORTED = ("amazon",)

INSTALLER = """\
import glob, os, runpy, sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    cache = os.path.expanduser("~/.ansible/test/cache")
    sys.path.insert(0, (glob.glob(here + "/pip-*.whl") or glob.glob(cache + "/pip-*.whl"))[0])
    sys.argv = ["pip", "install"] + [a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def home() -> Path:
    """A home folder for ansible-test in the user's cache: its environments take minutes to make."""
    return cache_folder() / "ansible-test"


def pip_version() -> str:
    """The pip that the installed ansible-test starts its environments with."""
    module = Path(sysconfig.get_paths()["purelib"]) / "ansible_test" / "_internal" / "python_requirements.py"
    (version,) = re.findall(r"pip='([0-9.]+)'", module.read_text())
    return version


def prepare_installer(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    version = pip_version()
    if not list(folder.glob(f"pip-{version}-*.whl")):
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"pip=={version}", "-d", str(folder)],
            check=True,
        )
    (folder / f"get_pip_{version.replace('.', '_')}.py").write_text(INSTALLER)


def copy_tree() -> None:
    """Copy what git tracks, and what it would track, and make a git checkout of it."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = PROJECT / name, TREE / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    git = ["git", "-c", "user.name=sanity", "-c", "user.email=sanity@localhost", "-c", "init.defaultBranch=main"]
    for step in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "tree"]):
        subprocess.run([*git, *step], cwd=TREE, check=True)
    installed = Path(sysconfig.get_paths()["purelib"]) / "ansible_collections"
    for namespace in IMPORTED:
        beside = COLLECTIONS / namespace
        beside.unlink(missing_ok=True)
        beside.symlink_to(installed / namespace)


def main() -> None:
    folder = home()
    prepare_installer(folder / ".ansible" / "test" / "cache")
    copy_tree()
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        "HOME": str(folder),
        "PATH": os.pathsep.join([bin_folder, "/usr/local/bin", "/usr/bin", "/bin"]),
        "LC_ALL": "C.UTF-8",
        **{k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "REQUESTS_", "TMPDIR"))},
    }
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [str(Path(bin_folder) / "ansible-test"), "sanity", "--local", "--python", python, "--color", "no"]
    print("ansible-test sanity (the first run on a machine makes its environments: about two minutes)", flush=True)
    done = subprocess.run([*command, *sys.argv[1:]], cwd=TREE, env=environment, check=False)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
