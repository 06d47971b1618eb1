# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script of a smoke pod, run by the shell of this machine with programs that stand for those of the image."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.judging import read
from ansible_collections.entasis.engine.plugins.module_utils._gpu.smoke.options import SCRIPT

TWO_GPUS = """\
echo 'GPU 0: NVIDIA A10G (UUID: GPU-1)'
echo 'GPU 1: NVIDIA A10G (UUID: GPU-2)'
"""


def run(folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    for name, text in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{text}")
        program.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(
        ["/bin/sh", "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def test_every_gpu_adds_vectors_one_after_the_other(tmp_path: Path) -> None:
    done = run(tmp_path, nvidia_smi=TWO_GPUS, vectorAdd='echo "$CUDA_VISIBLE_DEVICES: Test PASSED"\n')
    assert done.returncode == 0
    assert done.stdout.splitlines()[2:] == ["GPU-1: Test PASSED", "GPU-2: Test PASSED"]
    assert read(done.stdout, 2).reasons == ()


def test_one_gpu_that_cannot_add_fails_the_pod(tmp_path: Path) -> None:
    done = run(tmp_path, nvidia_smi=TWO_GPUS, vectorAdd='[ "$CUDA_VISIBLE_DEVICES" != GPU-1 ]\n')
    assert done.returncode != 0
    assert read(done.stdout, 2).gpus == 2


def test_a_driver_that_does_not_answer_fails_the_pod(tmp_path: Path) -> None:
    assert run(tmp_path, nvidia_smi="exit 9\n", vectorAdd="true\n").returncode == 9


def test_an_image_without_the_program_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, nvidia_smi=TWO_GPUS)
    assert done.returncode == 64
    assert "there is no vectorAdd in the image" in done.stdout
