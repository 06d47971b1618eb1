# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""A section of the spec as one frozen dataclass: each key with its parser, its meaning and its default, in one line.

    @dataclass(frozen=True)
    class GpuReadiness:
        timeout: int = key(integer(1, 7200), "Seconds to wait.", 900)

L(section) is its parser, L(rows) its table in docs/spec.md, L(json_schema) the schema for editors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast

from ansible_collections.entasis.engine.plugins.module_utils._spec.parser import (
    Parser,
    RefusedValueError,
    Schema,
    Value,
    expected,
    string_keys,
)

T = TypeVar("T")

_REQUIRED: Any = object()


@dataclass(frozen=True)
class Key:
    """A key of a section.

    C(default) may be a function of what is known of the spec by then. C(written) is what an absent key is parsed as,
    where the default has the spec's own form. C(shown) is how the reference says the default, where it is no value.
    """

    parser: Parser[Any]
    meaning: str
    default: Any
    written: Any
    shown: str

    @property
    def required(self) -> bool:
        """Whether the key has to be written where its section is."""
        return self.default is _REQUIRED and self.written is None


def key(
    parser: Parser[Any],
    meaning: str,
    default: Any = _REQUIRED,
    *,
    written: Any = None,
    shown: str = "",
    secret: bool = False,
) -> Any:
    """A field of a section's dataclass, see L(Key). A C(secret) stays out of every printed form."""
    metadata = {"key": Key(parser, meaning, default, written, shown)}
    # The dataclass is the one whose body calls this.
    return field(metadata=metadata, repr=not secret)  # pylint: disable=invalid-field-call


def keys(kind: type) -> dict[str, Key]:
    """The keys of a section, in their order. A field without a key is what the parser finds out."""
    return {one.name: one.metadata["key"] for one in fields(kind) if "key" in one.metadata}


class Section:
    """The mapping of a section while its keys are read."""

    def __init__(self, value: Value, data: Mapping[str, object]) -> None:
        self.value = value
        self._data = data
        self._refused: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the key is written, with something other than null."""
        return self._data.get(key) is not None

    def take(self, name: str, key: Key) -> Any:
        """The parsed value of a key; its default where the key is absent or null.

        After a problem this returns a stand-in, None, so that the other keys are parsed too; the whole section is
        refused in the end.
        """
        data = self._data.get(name)
        if data is None:
            data = key.written
        try:
            if data is not None:
                return key.parser(self.value.child(name, data))
            if key.default is not _REQUIRED:
                return key.default(self.value.known) if callable(key.default) else key.default
            self.value.problem(f"'{name}' is missing; write it")
        except RefusedValueError:
            pass
        self._refused.add(name)
        return None

    def understood(self, *names: str) -> bool:
        """Whether none of the keys was refused."""
        return self._refused.isdisjoint(names)

    def refuse(self, name: str, text: str) -> None:
        """Record a problem of a key that only shows beside the others, and go on."""
        self.value.child(name).problem(text)
        self._refused.add(name)

    def finish(self, known: Mapping[str, Key]) -> None:
        """Refuse the section where one of its keys was refused.

        An unknown key is a problem, but what the section means without it is still checked against its neighbours.
        """
        for name in self._data:
            if name not in known:
                self.value.problem(f"unknown key '{name}'; {expected(name, known, 'write one of')}")
        if self._refused:
            raise RefusedValueError


def section(
    kind: Callable[..., T], beside: Callable[[Section, T], T] | None = None, *, remember: bool = False
) -> Parser[T]:
    """The parser of a section.

    C(beside) looks at the keys side by side, where a refused one is None, and returns what the section means. What
    needs all of them follows with C(then). With C(remember) each key is known to the parsers of those after it.
    """
    form = cast("type", kind)
    known = keys(form)

    def read(value: Value) -> T:
        taken = Section(value, string_keys(value))
        parsed = {}
        for name, one in known.items():
            parsed[name] = taken.take(name, one)
            if remember:
                value.known[name] = parsed[name]
        built = kind(**parsed)
        if beside:
            built = beside(taken, built)
        taken.finish(known)
        return built

    reference = {"allOf": [{"$ref": f"#/definitions/{form.__name__}"}]}
    return Parser(read, "mapping", "mappings", reference, (form,))


def kinds(root: type) -> Iterator[type]:
    """A section and those inside it, each once."""
    found: dict[type, None] = {}

    def look(kind: type) -> None:
        if kind not in found:
            found[kind] = None
            for one in keys(kind).values():
                for inner in one.parser.kinds:
                    look(inner)

    look(root)
    return iter(found)


def rows(kind: type) -> list[str]:
    """The rows of the section's table in docs/spec.md: key, form, default, meaning."""
    return [
        f"| `{name}` | {one.parser.form} | {default_text(one)} | {one.meaning} |" for name, one in keys(kind).items()
    ]


def default_text(one: Key) -> str:
    """The default of a key as the reference says it."""
    if one.shown:
        return one.shown
    if one.required:
        return "—"
    if one.written == {}:
        return "all defaults"
    return "none" if one.default is None else f"`{_yaml(one.default)}`"


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    return '""' if value == "" else str(value)


def json_schema(root: type, variable: str) -> dict[str, Any]:
    """The JSON Schema of a file or of extra variables in which C(variable) holds the section."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {variable: {"$ref": f"#/definitions/{root.__name__}"}},
        "definitions": {kind.__name__: _definition(kind) for kind in kinds(root)},
    }


def _definition(kind: type) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, one in keys(kind).items() if one.required],
        "properties": {name: _property(one) for name, one in keys(kind).items()},
    }


def _property(one: Key) -> dict[str, Any]:
    told = one.meaning if one.required else f"{one.meaning} Default: {default_text(one)}."
    return {
        "description": told.replace("`", ""),
        **(one.parser.schema if one.required else _or_null(one.parser.schema)),
    }


def _or_null(schema: Schema) -> Schema:
    """The schema of a key that may be null, which is as good as absent."""
    if "allOf" in schema:
        return {"anyOf": [*schema["allOf"], {"type": "null"}]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "type" not in schema:
        return schema
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*types, "null"], **({"enum": [*schema["enum"], None]} if "enum" in schema else {})}
