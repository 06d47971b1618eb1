# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The node pools of a cluster, each a managed node group.

state.py holds pools and groups as plain data, plan.py the changes between them, requests.py the calls' arguments, all
purely; releases.py finds the newest AMI releases, drain.py empties nodes; run.py is one run of the module.
"""
