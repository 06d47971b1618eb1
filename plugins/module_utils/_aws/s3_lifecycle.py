# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What becomes of a bucket's objects with time: the options' rules, and S3's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Rule = dict[str, Any]

#: Each field of a rule, and where S3 keeps it.
_DAYS = {
    "expire_days": ("Expiration", "Days"),
    "expire_noncurrent_days": ("NoncurrentVersionExpiration", "NoncurrentDays"),
    "abort_upload_days": ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
}


def desired(rules: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """The rules of the options, without what they leave out."""
    return sorted(({key: value for key, value in rule.items() if value} for rule in rules), key=_name)


def request(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """The rules as S3 takes them."""
    return [
        {
            "ID": rule["name"],
            "Status": "Enabled",
            "Filter": {"Prefix": rule.get("prefix", "")},
            **{outer: {inner: rule[key]} for key, (outer, inner) in _DAYS.items() if key in rule},
            **(
                {"Transitions": [{"Days": rule["transition_days"], "StorageClass": rule["storage_class"]}]}
                if "transition_days" in rule
                else {}
            ),
        }
        for rule in rules
    ]


def observed(found: Iterable[Mapping[str, Any]], wanted: Sequence[Rule]) -> list[Rule]:
    """The rules that S3 shows, in the options' words where they say the same, and in S3's where not."""
    known = {rule["ID"]: (rule, mine) for rule, mine in zip(request(wanted), wanted, strict=True)}
    rules = []
    for rule in found:
        asked, mine = known.get(rule.get("ID", ""), (None, None))
        rules.append(mine if mine is not None and asked == _plain(rule) else {"name": rule.get("ID", ""), **rule})
    return sorted(rules, key=_name)


def _plain(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule without what S3 adds to it: empty lists, and the filter's older form."""
    plain = {key: value for key, value in rule.items() if value not in ([], {}) and key != "Prefix"}
    return {"Filter": {"Prefix": rule.get("Prefix", "")}, **plain}


def _name(rule: Mapping[str, Any]) -> str:
    return str(rule["name"])
