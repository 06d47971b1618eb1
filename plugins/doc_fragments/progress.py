# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user sees while a module waits, see plugin_utils/_progress.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
notes:
  - While it waits, a line every 15 seconds says what for. The environment variable E(ENTASIS_PROGRESS_INTERVAL) of
    C(ansible-playbook) sets other seconds; V(0) shows none. Only tasks with a local connection show progress, and none
    with C(no_log) or C(async) does.
  - It ends with the run that started it, however that was ended, and a new run goes on from there.
"""
