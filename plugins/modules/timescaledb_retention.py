#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# Copyright (c) 2026, Entasis Engine contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the retention of TimescaleDB's hypertables."""

from __future__ import annotations

DOCUMENTATION = r"""
module: timescaledb_retention
short_description: Keep the retention, columnstore and refresh policies of many relations
version_added: 0.1.0
author:
  - Entasis Engine contributors (@entasis-engine)
description:
  - Makes the policies of hypertables and continuous aggregates what the task says, all of them by one connection and in
    one transaction.
  - A new retention policy of TimescaleDB drops what is old within seconds. Here a policy that would drop chunks at once
    is created held (O(arm)); check mode and the diff show what it would drop; a policy is never shortened, and never
    armed over a limit, without a word of its own.
  - Everything that speaks against the task is found before the first write and told in one message, each with a code
    (TSR001 …) that docs/codes.md explains.
  - A policy that is changed keeps its job, with its number, history and time zone. A job's next start is always set
    explicitly, because TimescaleDB's default for a job that never ran lies in the past.
  - A policy that is held carries the key C(entasis_held) in its job's config, with the moment and the number of chunks.
    It is warned of at every run, so that it is not forgotten.
  - Under the Apache license TimescaleDB has no policies. With O(engine=scheduled) the module drops chunks itself, and
    the task is to be run by a schedule.
extends_documentation_fragment:
  - entasis.engine.attributes
  - entasis.engine.postgresql
options:
  state:
    description:
      - V(present) makes the policies what the options say.
      - V(report) shows policies as they are, those of O(policies) and O(match), or all where neither is given, with
        what their next run would drop. It changes nothing.
    type: str
    choices: [present, report]
    default: present
  policies:
    description: The relations and their policies.
    type: list
    elements: dict
    default: []
    suboptions:
      relation:
        description: A hypertable or continuous aggregate with its schema, in double quotes where SQL needs them.
        type: str
        required: true
      <<: &policies
        <<: &job
          state:
            description:
              - V(present) makes the policy what the entry says. V(paused) keeps it from running. V(absent) removes it.
              - What is not said of an existing policy stays as it is.
            type: str
            choices: [present, paused, absent]
          schedule_interval:
            description: How often the policy runs, such as V(1 day). TimescaleDB's default for a new policy is a day.
            type: str
          initial_start:
            description:
              - >-
                The moment of the first run in ISO 8601 (UTC without an offset). With it the schedule is fixed: runs
                keep to it.
            type: str
          timezone:
            description: Time zone in which a fixed schedule is kept, such as V(Europe/Berlin).
            type: str
          max_runtime:
            description:
              - The longest run, as an interval; V(0 seconds) has no limit. TimescaleDB's default is 5 minutes, which
                a first large run can exceed.
            type: str
          max_retries:
            description: How often a failed run is tried again; V(-1) has no end.
            type: int
          retry_period:
            description: Time between two tries, as an interval.
            type: str
        drop_after:
          description:
            - Chunks are dropped whose data are all older, as an interval such as V(90 days), or as a whole number in
              the unit of an integer time column.
            - One month and 30 days are two different things.
          type: raw
        drop_created_before:
          description:
            - Chunks are dropped that were created longer ago. Excludes O(policies[].drop_after).
            - Needs TimescaleDB 2.13, and 2.26.3 where the time column is not an integer.
          type: raw
        chunk_time_interval:
          description: Length of the chunks to come, as an interval without months or a whole number.
          type: raw
        integer_now_func:
          description: The function that tells the present of an integer time column, as C(schema.name).
          type: str
        columnstore:
          description:
            - The policy that moves chunks to the columnstore (that compresses them).
            - The columnstore has to be enabled on the relation.
          type: dict
          suboptions:
            <<: *job
            after:
              description: Chunks move whose data are all older, as O(policies[].drop_after).
              type: raw
            created_before:
              description: Chunks move that were created longer ago.
              type: raw
        refresh:
          description: The one refresh policy of a continuous aggregate.
          type: dict
          suboptions:
            <<: *job
            start_offset:
              description: Where the window begins, as time before the present. Without it the window has no beginning.
              type: raw
            end_offset:
              description: Where the window ends, as time before the present. Without it the window has no end.
              type: raw
  defaults:
    description:
      - What holds for each entry of O(policies) that does not say otherwise.
      - With O(match) also the policies of the relations that it covers and that are not listed.
    type: dict
    suboptions: *policies
  match:
    description: Relations by patterns as a shell has them, such as V(candles_*).
    type: dict
    suboptions:
      schema:
        description: Pattern of the schema.
        type: str
        default: '*'
      name:
        description: Pattern of the name.
        type: str
        default: '*'
      owner:
        description: Name of the owner.
        type: str
  exclude:
    description: Patterns of C(schema.name) that O(match) does not cover.
    type: list
    elements: str
    default: []
  purge:
    description:
      - Whether relations that O(match) covers, that are not listed and to which O(defaults) gives nothing, lose their
        retention policy. No data are lost by it.
    type: bool
    default: false
  engine:
    description:
      - V(policy) keeps policies, which TimescaleDB's own scheduler runs.
      - V(scheduled) keeps none. Each run of the task drops what is old, a transaction for each relation, so that an
        interrupted run is taken up by the next one. It drops with O(arm=now) only, and within the limits.
      - V(auto) is V(policy) where the edition has policies, else V(scheduled).
    type: str
    choices: [policy, scheduled, auto]
    default: auto
  arm:
    description:
      - When a retention policy that is new, shortened or held may drop.
      - V(hold_if_drops) holds it while its next run would drop something, and else lets it run by its schedule.
      - V(hold) holds it. V(now) lets it run at once, V(at) at its C(initial_start), within the limits.
    type: str
    choices: [hold_if_drops, hold, now, at]
    default: hold_if_drops
  max_drop_percent:
    description: The largest part of a relation's chunks that a policy may drop when it is armed, in percent.
    type: float
    default: 20
  max_drop_chunks:
    description: The largest number of chunks that a policy may drop when it is armed.
    type: int
  max_drop_bytes:
    description: The largest number of bytes that a policy may drop when it is armed.
    type: int
  allow_shorten:
    description: Whether an existing policy may be made to keep less.
    type: bool
    default: false
  on_cagg_conflict:
    description:
      - What happens where raw data would be dropped that a continuous aggregate still refreshes from. Its history would
        be recomputed from nothing.
    type: str
    choices: [refuse, warn]
    default: refuse
  require_materialized:
    description:
      - Whether a policy may be armed only when the continuous aggregates on the relation have taken in all that would
        go.
      - What is compared is how far they have got; holes before that stay unseen.
    type: bool
    default: true
  preview_bytes:
    description:
      - Whether previews tell bytes. V(auto) tells them where a policy is new, changed or held and something would go,
        V(always) previews each policy.
    type: str
    choices: [auto, always, never]
    default: auto
  apply_now:
    description:
      - Whether what the policies would drop is dropped at once, within the limits, besides keeping the policies.
      - It takes exclusive locks on the chunks and on the tables that foreign keys of the relation point to.
    type: bool
    default: false
  lock_timeout:
    description: How long a statement waits for a lock, as PostgreSQL writes it.
    type: str
    default: 5s
  statement_timeout:
    description: How long a statement may take, as PostgreSQL writes it; V(0) has no limit.
    type: str
    default: '0'
"""

EXAMPLES = r"""
- name: Keep trades for 90 days, in the columnstore after a week
  entasis.engine.timescaledb_retention:
    login_host: db.example.internal
    login_user: platform
    login_password: "{{ database_password }}"
    login_db: entasis
    policies:
      - relation: market.trades
        drop_after: 90 days
        columnstore:
          after: 7 days

- name: Reach a database inside the cluster, and let the policies that were looked at run
  entasis.engine.timescaledb_retention:
    kube_port_forward:
      namespace: data
      service: timescaledb-rw
      cluster: entasis
      region: ap-northeast-2
    login_user: platform
    login_password: "{{ database_password }}"
    login_db: entasis
    policies:
      - relation: market.trades
        drop_after: 90 days
    arm: now
    max_drop_percent: 60

- name: Give every candle table a year
  entasis.engine.timescaledb_retention:
    login_host: db.example.internal
    login_db: entasis
    match:
      schema: market
      name: candles_*
    exclude:
      - market.candles_1d
    defaults:
      drop_after: 1 year

- name: Look at all policies
  entasis.engine.timescaledb_retention:
    login_host: db.example.internal
    login_db: entasis
    state: report
  register: retention
"""

RETURN = r"""
version:
  description: Version of TimescaleDB; empty in check mode where the database is not made yet.
  returned: success
  type: str
  sample: 2.28.3
license:
  description: The edition, V(timescale) or V(apache).
  returned: success
  type: str
engine:
  description: What drops, V(policy) or V(scheduled).
  returned: success
  type: str
results:
  description: Each relation.
  returned: success
  type: list
  elements: dict
  contains:
    relation:
      description: Name of the relation, quoted where SQL needs it.
      type: str
    kind:
      description: V(hypertable) or V(cagg), a continuous aggregate.
      type: str
    hypertable_id:
      description: Number of the hypertable; null where it is not there yet.
      type: int
    action:
      description:
        - What was done to the retention policy; V(altered) also where only another policy changed.
        - With dropping by the module itself, V(dropped) or V(failed).
      type: str
      choices: [none, created, altered, recreated, paused, resumed, removed, dropped, failed]
    steps:
      description: Every change, as the policy and its action.
      type: list
      elements: dict
    job_id:
      description: Number of the retention policy's job.
      type: int
    previous_job_id:
      description: Number of the job that was removed or replaced.
      type: int
    before:
      description: The policies as they were, by C(retention), C(columnstore) and C(refresh).
      type: dict
    after:
      description: The policies as they are, in check mode as they would be.
      type: dict
    preview:
      description: What the next run would drop; null where the policy did not change and is not held.
      type: dict
      contains:
        chunks:
          description: Number of chunks.
          type: int
        total_chunks:
          description: Number of all chunks of the relation; 0 where none would go.
          type: int
        percent:
          description: The part of the chunks that would go.
          type: float
        oldest:
          description: Where the data that would go begin.
          type: str
        newest:
          description: Where they end.
          type: str
        rows_estimate:
          description: PostgreSQL's estimate of the rows; null where a chunk was never analyzed.
          type: int
        bytes:
          description: Bytes, the columnstore's among them; null where nobody asked.
          type: int
        chunk_names:
          description: The oldest 20 of the chunks.
          type: list
          elements: str
        tiered_data_not_counted:
          description: Always true, because tiered chunks are in no view.
          type: bool
    effective_max_age:
      description: How old data get at most, which is the interval with that of the chunks and that of the schedule.
      type: str
    held:
      description: Since when the policy is held (C(since)) and how many chunks would have gone then (C(chunks)).
      type: dict
    health:
      description:
        - How each policy fares, by its kind. A run that failed may have dropped chunks all the same.
      type: dict
      contains:
        retention:
          description: The retention policy.
          type: dict
          contains:
            scheduled:
              description: Whether it runs.
              type: bool
            last_run_status:
              description: V(Success), V(Failed) or V(never run).
              type: str
            last_success:
              description: When it last succeeded.
              type: str
            total_runs:
              description: How often it ran.
              type: int
            total_failures:
              description: How often it failed.
              type: int
            last_error:
              description: What the last run failed with; null where it did not fail, or the job is of another role.
              type: str
            next_start:
              description: When it runs next.
              type: str
        columnstore:
          description: The columnstore policy, in the same way.
          type: dict
        refresh:
          description: The refresh policy, in the same way; a list where there are several.
          type: raw
    dropped:
      description: The chunks that the module dropped itself, in check mode those that it would drop.
      type: list
      elements: str
    error:
      description: Why nothing was dropped.
      type: str
totals:
  description: How many relations each action has, how many are held, and the sums of the previews.
  returned: success
  type: dict
  sample: {"relations": 7, "created": 2, "none": 5, "held": 1, "chunks": 17, "bytes": 434176, "dropped_chunks": 0}
workers:
  description: TimescaleDB's background workers, the jobs that want them, and how many are left for jobs.
  returned: success
  type: dict
  sample: {"background_workers": 16, "worker_processes": 32, "scheduled_jobs": 9, "headroom": 14}
queries:
  description: The statements that wrote, without their data.
  returned: success
  type: list
  elements: str
refusals:
  description: What speaks against the task, each with code, where, message and remedy.
  returned: failure
  type: list
  elements: dict
"""

import dataclasses
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.entasis.engine.plugins.module_utils._postgresql.connection import (
    CONNECTION_ARGUMENTS,
    DatabaseError,
    NoDatabaseError,
    connect,
)
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb import report, run, state, unmade
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.desired import Desired, desired
from ansible_collections.entasis.engine.plugins.module_utils._timescaledb.refusals import RefusedError

_STATE: dict[str, Any] = {"type": "str", "choices": ["present", "paused", "absent"]}
_JOB: dict[str, Any] = {
    "schedule_interval": {"type": "str"},
    "initial_start": {"type": "str"},
    "timezone": {"type": "str"},
    "max_runtime": {"type": "str"},
    "max_retries": {"type": "int"},
    "retry_period": {"type": "str"},
}
_POLICY: dict[str, Any] = {
    "state": _STATE,
    "drop_after": {"type": "raw"},
    "drop_created_before": {"type": "raw"},
    **_JOB,
    "chunk_time_interval": {"type": "raw"},
    "integer_now_func": {"type": "str"},
    "columnstore": {
        "type": "dict",
        "options": {"after": {"type": "raw"}, "created_before": {"type": "raw"}, "state": _STATE, **_JOB},
    },
    "refresh": {
        "type": "dict",
        "options": {"start_offset": {"type": "raw"}, "end_offset": {"type": "raw"}, "state": _STATE, **_JOB},
    },
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **CONNECTION_ARGUMENTS,
            "state": {"type": "str", "choices": ["present", "report"], "default": "present"},
            "policies": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"relation": {"type": "str", "required": True}, **_POLICY},
            },
            "defaults": {"type": "dict", "options": _POLICY},
            "match": {
                "type": "dict",
                "options": {
                    "schema": {"type": "str", "default": "*"},
                    "name": {"type": "str", "default": "*"},
                    "owner": {"type": "str"},
                },
            },
            "exclude": {"type": "list", "elements": "str", "default": []},
            "purge": {"type": "bool", "default": False},
            "engine": {"type": "str", "choices": ["policy", "scheduled", "auto"], "default": "auto"},
            "arm": {"type": "str", "choices": ["hold_if_drops", "hold", "now", "at"], "default": "hold_if_drops"},
            "max_drop_percent": {"type": "float", "default": 20},
            "max_drop_chunks": {"type": "int"},
            "max_drop_bytes": {"type": "int"},
            "allow_shorten": {"type": "bool", "default": False},
            "on_cagg_conflict": {"type": "str", "choices": ["refuse", "warn"], "default": "refuse"},
            "require_materialized": {"type": "bool", "default": True},
            "preview_bytes": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
            "apply_now": {"type": "bool", "default": False},
            "lock_timeout": {"type": "str", "default": "5s"},
            "statement_timeout": {"type": "str", "default": "0"},
        },
        supports_check_mode=True,
    )
    wanted = desired(module.params)
    settings = {
        **state.SESSION,
        "lock_timeout": module.params["lock_timeout"],
        "statement_timeout": module.params["statement_timeout"],
    }
    try:
        with connect(module, settings=settings) as database:
            if module.params["state"] == "report":
                outcome = run.report(database, wanted)
            else:
                outcome = run.reconcile(database, wanted, module.params, check=module.check_mode)
    except RefusedError as error:
        module.fail_json(msg=str(error), refusals=[dataclasses.asdict(one) for one in error.refusals])
    except NoDatabaseError as error:
        exit_without_database(module, wanted, str(error))
    except (DatabaseError, run.NotVerifiedError) as error:
        module.fail_json(msg=str(error))
    exit_with(module, outcome)


def exit_with(module: AnsibleModule, outcome: report.Outcome) -> None:
    """Warn, and return what was seen and done. Ends the module."""
    values = report.values(outcome)
    for warning in filter(None, [*outcome.warnings, report.held_warning(values["results"])]):
        module.warn(warning)
    changed = bool(outcome.steps) or any(one.chunks for one in outcome.dropped)
    if outcome.conflicts:
        told = "written, but another session added policies at the same time, so that there are several now:"
        module.fail_json(msg="\n".join([told, *map(str, outcome.conflicts)]), changed=changed, **values)
    failed = [one for one in outcome.dropped if one.error]
    if failed:
        told = "; ".join(f"{one.relation}: {one.error}" for one in failed)
        module.fail_json(msg=f"{len(failed)} relations kept their old chunks: {told}", changed=changed, **values)
    module.exit_json(changed=changed, **_diff(module, outcome), **values)


def exit_without_database(module: AnsibleModule, wanted: Desired, why: str) -> None:
    """Check mode before the database is made: everything is new. Ends the module."""
    if wanted.problems:
        refused = RefusedError(wanted.problems)
        module.fail_json(msg=str(refused), refusals=[dataclasses.asdict(one) for one in refused.refusals])
    module.warn(f"{why} Every policy is planned as new, and what it would drop is not known.")
    outcome = unmade.outcome(wanted)
    module.exit_json(changed=bool(outcome.steps), **_diff(module, outcome), **report.values(outcome))


def _diff(module: AnsibleModule, outcome: report.Outcome) -> dict[str, dict[str, str]]:
    """The diff where it is asked for: of many policies it takes as long as all the rest of a report."""
    return {"diff": report.diff(outcome)} if module._diff else {}


if __name__ == "__main__":
    main()
