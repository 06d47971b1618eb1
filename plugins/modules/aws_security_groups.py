#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_security_groups
version_added: 0.1.0
short_description: Reconcile the security groups of a platform
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes the security groups of a platform's VPC what the options say. Groups may refer to each other by name, in a
    circle too, since all groups are made before the first rule.
  - The rules of a group are exact. A rule that someone else put in is removed, one that someone removed is made again.
    New rules are made before old ones are removed, so that what both allow stays allowed.
  - A group is recognised by its name, which is that of the platform and O(groups[].name) with a hyphen between them,
    and by at least one of the platform's tags. A group of that name without any of them is never touched.
  - What AWS cannot change - the description of a group - is refused, with what to do instead.
options:
  groups:
    description: The groups. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the group, by which rules refer to it.
        type: str
        required: true
      description:
        description: Description. The default says the names of the group and the platform. AWS cannot change it later.
        type: str
      inbound:
        description: What may come in. Exact - an empty list is nothing.
        type: list
        elements: dict
        default: []
        suboptions: &rule
          protocol:
            description: Protocol; V(-1) is every protocol.
            type: str
            choices: [tcp, udp, icmp, icmpv6, "-1"]
            default: tcp
          from_port:
            description:
              - First port, 0 to 65535. Required for V(tcp) and V(udp), absent for V(-1).
              - For V(icmp) and V(icmpv6) the type, 0 to 255; V(-1), the default there, is every type.
            type: int
          to_port:
            description:
              - Last port. The default is the first.
              - For V(icmp) and V(icmpv6) the code, 0 to 255; V(-1), the default there, is every code.
            type: int
          cidr_ipv4:
            description:
              - An IPv4 network on the other side, as V(10.0.0.0/16). Exactly one of the four sides is to be given.
            type: str
          cidr_ipv6:
            description: An IPv6 network on the other side, as V(2001:db8::/32).
            type: str
          group:
            description: The name of one of O(groups) on the other side, the group itself for instance.
            type: str
          prefix_list:
            description:
              - A prefix list on the other side; its id, or the name of one of AWS's own, as
                V(com.amazonaws.ap-northeast-2.s3).
            type: str
          description:
            description: What the rule is for.
            type: str
      outbound:
        description:
          - What may go out. Exact - an empty list is nothing.
          - The default is what AWS gives a new group, everything to everywhere by IPv4.
        type: list
        elements: dict
        default:
          - protocol: "-1"
            cidr_ipv4: 0.0.0.0/0
        suboptions: *rule
      tags:
        description: Tags of this group, besides those of O(tags).
        type: dict
        default: {}
notes:
  - The removal of groups is refused, before anything is changed, while something else uses one of them.
seealso:
  - module: entasis.engine.aws_network
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - entasis.engine.attributes
  - entasis.engine.aws
  - entasis.engine.aws.set
"""

EXAMPLES = r"""
- name: Reconcile groups that refer to each other
  entasis.engine.aws_security_groups:
    platform: entasis
    role: vpc
    region: ap-northeast-2
    groups:
      - name: frontend
        inbound:
          - {from_port: 443, cidr_ipv4: 0.0.0.0/0, description: Everyone}
          - {from_port: 443, cidr_ipv6: "::/0", description: Everyone}
      - name: application
        inbound:
          - {from_port: 8080, group: frontend}
          - {from_port: 9000, to_port: 9010, group: monitoring}
      - name: monitoring
        inbound:
          - {protocol: udp, from_port: 8125, group: application}
        outbound:
          - {protocol: "-1", group: application}
          - {from_port: 443, prefix_list: com.amazonaws.ap-northeast-2.s3}

- name: Remove every security group of the platform
  entasis.engine.aws_security_groups:
    platform: entasis
    role: vpc
    region: ap-northeast-2
    state: absent
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made, in their order. The kind is V(security_group),
      V(inbound_rules) or V(outbound_rules), the name that of the group, as AWS has it. The part is V(tags), where those
      of a group change.
  returned: always
  type: list
  elements: dict
  sample: [{action: update, kind: inbound_rules, name: entasis-application}]
group_ids:
  description: Id of each group, by its name in O(groups); V((known after apply\)) in check mode where it is not there.
  returned: success
  type: dict
  sample: {frontend: sg-0d2f4a6c8e1b3d5f7}
unlisted:
  description: Groups of the platform that are not among O(groups) and stay because O(purge=false).
  returned: success
  type: list
  elements: str
  sample: [security_group/entasis-batch (sg-0a9c8e7b6d5f4a3c2)]
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run
from ansible_collections.entasis.engine.plugins.module_utils._aws.security_groups.run import AwsSecurityGroups


def main() -> None:
    run(AwsSecurityGroups, DOCUMENTATION, required_if=[("state", "present", ["groups"])])


if __name__ == "__main__":
    main()
