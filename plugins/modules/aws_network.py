#!/usr/bin/python
# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_network
version_added: 0.1.0
short_description: Reconcile the network of a platform
author: Entasis Engine contributors (@entasis-engine)
description:
  - Makes one VPC with its subnets, internet gateway, NAT gateways, route tables and gateway endpoints what the options
    say, all in one run and independent resources at the same time.
  - Resources are recognised by their tags. Inside the platform's VPC, one that lost some of the platform's tags is
    recognised by what it has left and gets its tags back; one without any of them is never touched.
  - The routes of the platform's route tables are exact. A route that someone else put in is removed, apart from those
    that AWS keeps itself - local ones, propagated ones and those of gateway endpoints.
  - What AWS cannot change - the addresses of the VPC, the addresses and the zone of a subnet - is refused, with what to
    do instead.
  - The next run continues an interrupted one. Nothing is made twice.
options:
  name:
    description:
      - Name of the VPC and of its internet gateway, and the beginning of the names of its NAT gateways, route tables
        and endpoints. The default is the value of O(platform).
    type: str
  cidr:
    description: IPv4 addresses of the VPC, V(/16) to V(/28). Required when O(state=present).
    type: str
  subnets:
    description: The subnets. Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the subnet.
        type: str
        required: true
      cidr:
        description: IPv4 addresses, V(/16) to V(/28), inside those of the VPC.
        type: str
        required: true
      zone:
        description:
          - Availability zone, as V(ap-northeast-2a).
          - For a new subnet, one that the account has; for a private one, also one in which EKS takes a control plane.
        type: str
        required: true
      public:
        description:
          - Whether the subnet is reached from the internet. It then has a route to the internet gateway, and what
            starts in it gets a public address.
        type: bool
        default: false
      tags:
        description: Tags of this subnet, besides those of O(tags).
        type: dict
        default: {}
  nat_gateways:
    description:
      - How the private subnets reach the internet.
      - V(single) makes one NAT gateway, in the zone of the first public subnet.
      - V(per_zone) makes one in each zone that has private subnets. Each zone then lives on when another fails.
      - V(none) makes none, and the private subnets do not reach the internet.
    type: str
    choices: [none, single, per_zone]
    default: single
  gateway_endpoints:
    description: AWS services that the private subnets reach without a NAT gateway.
    type: list
    elements: str
    choices: [s3, dynamodb]
    default: [s3]
notes:
  - A change of O(nat_gateways) from V(per_zone) to V(single) leaves NAT gateways that only O(purge) removes. Removing
    one gives its public address back to AWS for good. Others may have it in an allow list.
  - With O(state=absent) the public addresses are given back and everything of the platform in its VPC is removed,
    whatever O(purge) says. It is refused, before anything is removed, while something else is in the VPC.
  - Subnets that leave the options go with O(purge=true) only when no network interface is left in them. Otherwise the
    run is refused before anything is removed.
  - What a NAT gateway, a public address and an endpoint cost is in AWS's price list of the region.
seealso:
  - module: entasis.engine.aws_security_groups
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - entasis.engine.attributes
  - entasis.engine.progress
  - entasis.engine.aws
  - entasis.engine.aws.set
"""

EXAMPLES = r"""
- name: Reconcile a network in two zones with one NAT gateway
  entasis.engine.aws_network:
    platform: entasis
    role: vpc
    region: ap-northeast-2
    cidr: 10.20.0.0/16
    subnets:
      - {name: entasis-public-a, cidr: 10.20.0.0/22, zone: ap-northeast-2a, public: true}
      - {name: entasis-public-c, cidr: 10.20.4.0/22, zone: ap-northeast-2c, public: true}
      - {name: entasis-private-a, cidr: 10.20.32.0/19, zone: ap-northeast-2a}
      - {name: entasis-private-c, cidr: 10.20.64.0/19, zone: ap-northeast-2c}
    nat_gateways: single
    tags: {cost-center: trading}

- name: Remove the network
  entasis.engine.aws_network:
    platform: entasis
    role: vpc
    region: ap-northeast-2
    state: absent
"""

RETURN = r"""
changes:
  description:
    - The changes that were made, or in check mode would be made. The kind is V(vpc), V(vpc_attributes),
      V(internet_gateway), V(internet_gateway_attachment), V(subnet), V(subnet_attributes), V(elastic_ip),
      V(nat_gateway), V(route_table), V(route), V(route_table_association) or V(vpc_endpoint).
    - The name of a route is its table and destination, that of an association its subnet. The part says what changes
      where several things can.
  returned: always
  type: list
  elements: dict
  sample:
    - {action: create, kind: route, name: entasis-private-a 0.0.0.0/0}
    - {action: update, kind: subnet, name: entasis-public-c, part: tags}
vpc_id:
  description: Id of the VPC; V((known after apply\)) in check mode where there is none yet.
  returned: when O(state=present)
  type: str
  sample: vpc-0b1f3a5c7d9e2f4a6
subnet_ids:
  description: Id of each subnet, by name.
  returned: when O(state=present)
  type: dict
  sample: {entasis-private-a: subnet-0a2c4e6f8b1d3f5a7}
public_ips:
  description: Public address of each NAT gateway, by name. These are the addresses that others see the platform under.
  returned: when O(state=present)
  type: dict
  sample: {entasis-nat-a: 203.0.113.10}
unlisted:
  description: What the platform has in its network, the options do not name, and stays because O(purge=false).
  returned: success
  type: list
  elements: str
  sample: [nat_gateway/entasis-nat-c (nat-0c3e5a7b9d1f2a4c6)]
"""

from ansible_collections.entasis.engine.plugins.module_utils._aws.network.run import AwsNetwork
from ansible_collections.entasis.engine.plugins.module_utils._aws.run import run


def main() -> None:
    run(AwsNetwork, DOCUMENTATION, required_if=[("state", "present", ["cidr", "subnets"])])


if __name__ == "__main__":
    main()
