# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""What helm says when it fails, in a sentence or two, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.diff import MASK, is_secret_name
from ansible_collections.entasis.engine.plugins.module_utils._kubernetes.errors import FORBIDDEN

#: Lines of helm's error that are worth showing.
_ERROR_LINES = 4

#: Secrets of fewer characters are no secrets, and would be found in every other word.
_SHORTEST_SECRET = 4

#: What helm 3 and 4 say when they gave up waiting.
TIMED_OUT = re.compile(r"context deadline exceeded|timed out waiting")

#: What to do about an error, by what helm says in it; the first that fits.
_ADVICE = (
    (
        r"exists and cannot be imported",
        "Choose other names by the chart's values, or remove the object if nobody needs it.",
    ),
    (r"no matches for kind", "Install first what defines the kind, and name its release in needs."),
    (r"don't meet the specifications of the schema", "Correct these values."),
    (r"execution error at|nil pointer|executing \"|YAML parse error", "Correct the values that the chart uses there."),
    (r"failed calling webhook", "Look at the pods behind that webhook; name their release in needs if it is listed."),
    (
        r"immutable|updates to statefulset spec",
        "Read the chart's notes on upgrades: it changes what cannot be changed.",
    ),
    (r"conflicts? with \"", "Take these fields out of the values, or out of what else writes them."),
    (r"another operation \(install/upgrade/rollback\) is in progress", "Run again when that helm has ended."),
    (r"BackoffLimitExceeded|hook .* failed", "Look at the log of the hook's pod."),
    (r"Kubernetes cluster unreachable", "Check that the cluster runs and can be reached from here."),
    *FORBIDDEN,
)
#: What to do where a chart cannot be fetched, and nothing else fits.
_FETCH_ADVICE = "Check chart, version and repository, and the network to it, or set mirror to a folder with the chart."


def explained(output: str, verb: str, values: Mapping[str, Any]) -> str:
    """Helm's error, with what to do about it and without the secrets among the values."""
    said = condensed(output)
    for secret in sorted(_secrets(values), key=len, reverse=True):
        said = said.replace(secret, MASK)
    advice = next((advice for pattern, advice in _ADVICE if re.search(pattern, output)), "")
    return f"helm failed: {said}. {advice or (_FETCH_ADVICE if verb == 'pull' else '')}".rstrip()


def condensed(output: str) -> str:
    """The useful end of helm's error output: no warnings, no repetition."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [
        line for line in lines if not line.startswith(("WARNING:", "W1", "W0", "level=", "walk.go", "Use --debug"))
    ]
    kept = list(dict.fromkeys(telling or lines))[-_ERROR_LINES:]
    return " ".join(line.removeprefix("Error: ").removeprefix("* ") for line in kept).rstrip(".") or "no output"


def _secrets(value: Any, *, inside: bool = False) -> Iterator[str]:
    """The texts that stand under the name of a secret."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets(inner, inside=inside or is_secret_name(str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, inside=inside)
    elif inside and not isinstance(value, bool) and len(str(value)) >= _SHORTEST_SECRET:
        yield str(value)
