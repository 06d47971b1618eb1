# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong in a way that its user can mend."""


class SandboxError(Exception):
    """One clear sentence: what is wrong, where, and what to do. The command line prints it and leaves with code 1."""
