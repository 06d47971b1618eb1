# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated EKS: its API, the records behind it, the token webhook and the bridge that plays the nodes.

C(api) answers the REST calls, one file a subject; C(store) keeps the records; C(progress) moves them through their
states; C(identity) answers the API server's token reviews; C(bridge) keeps the nodes of a real control plane.
"""
