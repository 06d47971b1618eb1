# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""The security groups of a platform: groups that refer to each other by name, with exact rules.

rules.py is one rule, as the user writes it and as AWS has it; desired.py turns the module's options into groups;
plan.py compares them with what AWS has; run.py reads, applies and is one run of the module.
"""
