# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""A small strict parser: plain data in, what it means out, every problem at once, each with its path.

A parser reads a L(Value). It raises C(value.refuse) for a value that has no meaning; the problem is kept, and its
neighbours are still parsed. L(parse) raises one L(SpecError) with all of them. A parser also says its form in words
and as a JSON Schema, so that the reference and the editors know what it takes. schema.py makes sections of them.

    pools = parse(data, "pools", list_of(mapping_of(text, integer(1, 450))))
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
U = TypeVar("U")
Schema = Mapping[str, Any]


class SpecError(Exception):
    """The spec is refused. C(problems) holds each problem, "path: what is wrong; what to write instead"."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = "The spec has a problem" if count == 1 else f"The spec has {count} problems"
        super().__init__("\n".join([f"{title}:", *(f"- {problem}" for problem in self.problems)]))


class RefusedValueError(Exception):
    """A value was refused, and its problem is recorded already. Parsers raise it, L(parse) ends it."""


class Value:
    """A piece of the data, where it is, and what it shares with the whole: the problems, and what is known so far."""

    def __init__(
        self, step: str, data: object, problems: list[str], known: dict[str, Any], parent: Value | None = None
    ) -> None:
        self._step = step
        self._parent = parent
        self._problems = problems
        self.data = data
        #: What a part of the spec refers to in others: whatever was read before, by a name.
        self.known = known

    @property
    def path(self) -> str:
        """Where the value is, such as platform.node_pools[0].name."""
        return f"{self._parent.path if self._parent else ''}{self._step}"

    def problem(self, text: str) -> None:
        """Record a problem of this value and go on."""
        self._problems.append(f"{self.path}: {text}")

    def refuse(self, text: str) -> RefusedValueError:
        """Record a problem of this value; the caller raises what this returns."""
        self.problem(text)
        return RefusedValueError()

    def child(self, step: str | int, data: object = None) -> Value:
        """A key or an item of this value."""
        return Value(f"[{step}]" if isinstance(step, int) else f".{step}", data, self._problems, self.known, self)


@dataclass(frozen=True)
class Parser(Generic[T]):
    """What reads a value, and its form: in words, for one and for several of it, and as a JSON Schema.

    C(kinds) are the dataclasses of the sections inside, see schema.py.
    """

    read: Callable[[Value], T]
    form: str
    forms: str
    schema: Schema
    kinds: tuple[type, ...] = ()

    def __call__(self, value: Value) -> T:
        return self.read(value)

    def then(self, step: Callable[[Value, T], U]) -> Parser[U]:
        """A parser that goes on with what this one has read."""
        return Parser(lambda value: step(value, self.read(value)), self.form, self.forms, self.schema, self.kinds)

    def called(self, form: str, forms: str = "", **schema: Any) -> Parser[T]:
        """The same under the name of a narrower form; C(schema) is added."""
        return replace(self, form=form, forms=forms or f"{form}s", schema={**self.schema, **schema})


def reads(form: str, forms: str = "", **schema: Any) -> Callable[[Callable[[Value], T]], Parser[T]]:
    """Make a parser of a function."""
    return lambda read: Parser(read, form, forms or f"{form}s", schema)


def parse(data: object, path: str, parser: Parser[T]) -> T:
    """The meaning of C(data).

    Raises:
        SpecError: with every problem of the data.
    """
    problems: list[str] = []
    try:
        parsed = parser(Value(path, data, problems, {}))
    except RefusedValueError:
        raise SpecError(problems) from None
    if problems:
        raise SpecError(problems)
    return parsed


@reads("text", type="string")
def text(value: Value) -> str:
    """A text, one line or several."""
    if isinstance(value.data, str):
        return str(value.data)
    if isinstance(value.data, (bool, int, float)):
        raise value.refuse(f'{kind(value.data)} where a text is expected; write "{_shown(value.data)}" in quotes')
    raise value.refuse(f"{kind(value.data)} where a text is expected; write a text")


@reads("true or false", "true or false", type="boolean")
def boolean(value: Value) -> bool:
    """true or false."""
    if isinstance(value.data, bool):
        return bool(value.data)
    raise value.refuse(f"{kind(value.data)} where true or false is expected; write true or false, without quotes")


def integer(low: int, high: int) -> Parser[int]:
    """A whole number from C(low) to C(high)."""

    def read(value: Value) -> int:
        data = value.data
        if isinstance(data, bool) or not isinstance(data, int):
            instead = f"{str(data).strip()} without quotes" if _is_number_in_quotes(data) else "a whole number"
            raise value.refuse(f"{kind(data)} where a whole number is expected; write {instead}")
        number = int(data)
        if number < low:
            raise value.refuse(f"{number} is less than {low}; write {low} or more")
        if number > high:
            raise value.refuse(f"{number} is more than {high}; write {high} or less")
        return number

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Parser(read, f"number, {low} to {high}", f"numbers, {low} to {high}", schema)


def one_of(*choices: str) -> Parser[str]:
    """One of some words."""

    def read(value: Value, word: str) -> str:
        if word not in choices:
            raise value.refuse(f"'{word}' is not known here; {expected(word, choices, 'write one of')}")
        return word

    words = [f"`{choice}`" for choice in choices]
    form = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    return text.then(read).called(form, form, enum=list(choices))


def pattern(form: str, meaning: str, *, longest: int) -> Parser[str]:
    """A text of a form given as a regular expression; C(meaning) says it in words."""
    compiled = re.compile(form)

    def read(value: Value, word: str) -> str:
        if len(word) > longest:
            raise value.refuse(f"'{word}' has {len(word)} characters; write at most {longest}")
        if not compiled.fullmatch(word):
            raise value.refuse(f"'{word}' is not {meaning}")
        return word

    limit = f"of at most {longest} characters"
    return text.then(read).called(f"text {limit}", f"texts {limit}", pattern=f"^(?:{form})$", maxLength=longest)


def list_of(
    parser: Parser[T], *, least: int = 0, most: int | None = None, unique: bool = False, keep: str = ""
) -> Parser[tuple[T, ...]]:
    """A list, every item by the same parser.

    With C(unique) no two items mean the same. C(keep) is the name under which the items that were not refused become
    known, although others were.
    """

    def read(value: Value) -> tuple[T, ...]:
        parsed: list[T] = []
        if keep:
            value.known[keep] = parsed
        if not is_list(value.data):
            raise value.refuse(f"{kind(value.data)} where a list is expected; write each item after '- '")
        broken = False
        for index, data in enumerate(cast("Sequence[object]", value.data)):
            child = value.child(index, data)
            try:
                item = parser(child)
            except RefusedValueError:
                broken = True
                continue
            if unique and item in parsed:
                child.problem("is written twice; remove one of the two")
                broken = True
            parsed.append(item)
        if broken:
            raise RefusedValueError
        if len(parsed) < least:
            raise value.refuse(f"{len(parsed)} of at least {least}; write more")
        if most is not None and len(parsed) > most:
            raise value.refuse(f"{len(parsed)} of at most {most}; write fewer")
        return tuple(parsed)

    limits = {"minItems": least or None, "maxItems": most, "uniqueItems": unique or None}
    schema = {"type": "array", "items": parser.schema} | {key: limit for key, limit in limits.items() if limit}
    form = f"list of {f'{least} or more ' if least > 1 else ''}{f'at most {most} ' if most else ''}{parser.forms}"
    return Parser(read, form, form.replace("list", "lists", 1), schema, parser.kinds)


def named(listed: Parser[tuple[T, ...]]) -> Parser[tuple[T, ...]]:
    """A list of mappings of which no two have the same C(name)."""

    def read(value: Value) -> tuple[T, ...]:
        first: dict[str, int] = {}
        found = False
        for index, item in enumerate(cast("Sequence[object]", value.data) if is_list(value.data) else ()):
            name = item.get("name") if isinstance(item, Mapping) else None
            if isinstance(name, str) and first.setdefault(name, index) != index:
                place = value.child(index).child("name")
                place.problem(f"'{name}' is the name of {value.path}[{first[name]}] too; write another name")
                found = True
        parsed = listed(value)
        if found:
            raise RefusedValueError
        return parsed

    return replace(listed, read=read)


def one_or_list_of(parser: Parser[T]) -> Parser[tuple[T, ...]]:
    """One item, or a list of at least one."""
    several = list_of(parser, least=1, unique=True)

    def read(value: Value) -> tuple[T, ...]:
        return several(value) if is_list(value.data) else (parser(value),)

    form = f"{parser.form} or list of {parser.forms}"
    return Parser(read, form, form, {"anyOf": [parser.schema, several.schema]}, parser.kinds)


def mapping_of(key: Parser[str], parser: Parser[T], *, most: int | None = None) -> Parser[dict[str, T]]:
    """A mapping with free keys of one form, every value by the same parser."""

    def read(value: Value) -> dict[str, T]:
        parsed: dict[str, T] = {}
        broken = False
        for name, data in string_keys(value).items():
            child = value.child(name, data)
            try:
                key(value.child(name, name))
                parsed[name] = parser(child)
            except RefusedValueError:
                broken = True
        if broken:
            raise RefusedValueError
        if most is not None and len(parsed) > most:
            raise value.refuse(f"{len(parsed)} of at most {most}; write fewer")
        return parsed

    schema = {"type": "object", "additionalProperties": parser.schema} | ({"maxProperties": most} if most else {})
    limit = f"at most {most} " if most else ""
    return Parser(read, f"mapping of {limit}{parser.forms}", f"mappings of {limit}{parser.forms}", schema, parser.kinds)


@reads("plain data", "plain data")
def free_form(value: Value) -> Any:
    """Any plain data, for configuration whose meaning belongs to the program that reads it.

    Returns dicts, lists, texts, numbers, booleans and None of the plain types, whatever classes Ansible wraps them in.
    """
    data = value.data
    if data is None or isinstance(data, bool):
        return data
    if isinstance(data, str):
        return str(data)
    if isinstance(data, int):
        return int(data)
    if isinstance(data, float) and math.isfinite(data):
        return float(data)
    if isinstance(data, Mapping):
        return free_mapping(value)
    if is_list(data):
        return list(_free_list(value))
    raise value.refuse(f"{kind(data)} where plain data is expected; write it as a text in quotes")


#: A mapping of any plain data, and a list of it.
free_mapping: Parser[dict[str, Any]] = mapping_of(text, free_form).called("mapping")
_free_list = list_of(free_form)


def free_mapping_with(name: str, what: str) -> Parser[dict[str, Any]]:
    """A free-form mapping that has one key at least."""

    def read(value: Value, parsed: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(parsed.get(name), str):
            raise value.refuse(f"'{name}' is missing; write {what}")
        return parsed

    return free_mapping.then(read).called("mapping", required=[name], properties={name: {"type": "string"}})


def is_list(data: object) -> bool:
    """Whether the data is a list, and not a text."""
    return isinstance(data, Sequence) and not isinstance(data, (str, bytes, bytearray))


def expected(word: str, choices: Iterable[str], title: str) -> str:
    """The choices, after the one that looks most like the word: "did you mean 'cidr'? write one of: cidr, zones"."""
    known = list(choices)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6) or [
        choice for choice in known if choice.casefold() == word.casefold()
    ]
    question = f"did you mean '{near[0]}'? " if near else ""
    return f"{question}{title}: {', '.join(known)}"


def string_keys(value: Value) -> dict[str, object]:
    """A mapping whose keys are all texts."""
    data = value.data
    if not isinstance(data, Mapping):
        raise value.refuse(f"{kind(data)} where a mapping is expected; write keys and values below it")
    found: dict[str, object] = {}
    broken = False
    for key in data:
        if isinstance(key, str):
            found[str(key)] = data[key]
        else:
            value.problem(f'the key {_shown(key)} is {kind(key)}; write "{_shown(key)}" in quotes')
            broken = True
    if broken:
        raise RefusedValueError
    return found


def kind(data: object) -> str:
    """What the data is, in words."""
    if data is None:
        return "nothing"
    if isinstance(data, bool):
        return "true or false"
    if isinstance(data, int):
        return "a number"
    if isinstance(data, float):
        return "a number with a fraction"
    if isinstance(data, str):
        return "a text"
    if isinstance(data, Mapping):
        return "a mapping"
    if is_list(data):
        return "a list"
    return f"a value of type {type(data).__name__}"


def _shown(data: object) -> str:
    if isinstance(data, bool):
        return "true" if data else "false"
    return str(data)


def _is_number_in_quotes(data: object) -> bool:
    return isinstance(data, str) and data.strip().removeprefix("-").isdecimal() and data.isascii()
