# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The network of a platform: a VPC with its subnets, gateways, route tables and endpoints.

desired.py turns the module's options into the desired network, observe.py reads what AWS has, matching.py finds out
which of it is ours, plan.py compares the two, apply.py makes the calls, run.py is one run of the module.
"""
