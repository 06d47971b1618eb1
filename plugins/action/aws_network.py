# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module that a task names and shows its progress; meta/runtime.yml leads other modules here."""

from __future__ import annotations

from ansible_collections.entasis.engine.plugins.plugin_utils._progress import ProgressAction


class ActionModule(ProgressAction):
    pass
