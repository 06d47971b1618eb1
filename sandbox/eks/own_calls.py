# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answering the emulated EKS' own calls below C(/_sandbox/eks/): JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def content(environ: Mapping[str, Any]) -> Any:
    """What was sent.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def respond(start_response: Callable[..., Any], answer: Callable[[], Any]) -> Iterable[bytes]:
    """Send what C(answer) gives; a ValueError of it is the caller's mistake."""
    status = "200 OK"
    try:
        body = answer()
    except ValueError as error:
        status, body = "400 Bad Request", {"error": str(error)}
    text = json.dumps(body).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]
