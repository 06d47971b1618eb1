# Copyright (c) 2026, Entasis Engine contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: may change without notice.

"""A small strict parser: plain data in, frozen dataclasses out, every problem at once, each with its path.

A parser is a function from L(Value) to what it means. It calls C(value.refuse) for a value that has no meaning; the
problem is kept, and its neighbours are still parsed. L(parse) raises one L(SpecError) with all of them.

    def _pool(section: Section) -> Pool:
        return Pool(name=section.take("name", text), max_size=section.take("max_size", integer(1, 450)))

    pools = parse(data, "pools", list_of(section_of(_pool)))
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

T = TypeVar("T")

#: A parser that has no default for a missing key.
_REQUIRED: Any = object()


class SpecError(Exception):
    """The spec is refused. C(problems) holds each problem, "path: what is wrong; what to write instead"."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = "The spec has a problem" if count == 1 else f"The spec has {count} problems"
        super().__init__("\n".join([f"{title}:", *(f"- {problem}" for problem in self.problems)]))


class RefusedError(Exception):
    """A value was refused, and its problem is recorded already. Parsers raise it, L(parse) ends it."""


class Value:
    """A piece of the data, where it is, and the list that collects the problems of the whole."""

    def __init__(self, path: str, data: object, problems: list[str]) -> None:
        self.path = path
        self.data = data
        self._problems = problems

    def problem(self, text: str) -> None:
        """Record a problem of this value and go on."""
        self._problems.append(f"{self.path}: {text}")

    def refuse(self, text: str) -> RefusedError:
        """Record a problem of this value; the caller raises what this returns."""
        self.problem(text)
        return RefusedError()

    def child(self, step: str | int, data: object) -> Value:
        """A key or an item of this value."""
        path = f"{self.path}[{step}]" if isinstance(step, int) else f"{self.path}.{step}"
        return Value(path, data, self._problems)


Parser = Callable[[Value], T]


def parse(data: object, path: str, parser: Parser[T]) -> T:
    """The meaning of C(data).

    Raises:
        SpecError: with every problem of the data.
    """
    problems: list[str] = []
    try:
        parsed = parser(Value(path, data, problems))
    except RefusedError:
        raise SpecError(problems) from None
    if problems:
        raise SpecError(problems)
    return parsed


class Section:
    """A mapping whose keys are taken one by one. The keys that nobody took are unknown."""

    def __init__(self, value: Value, data: Mapping[str, object]) -> None:
        self.value = value
        self._data = data
        self._known: list[str] = []
        self._refused: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the key is written, with something other than null."""
        return self._data.get(key) is not None

    def take(self, key: str, parser: Parser[T], default: T = _REQUIRED, *, written: object = None) -> T:
        """The parsed value of a key; its default where the key is absent or null.

        C(written) is what an absent key is parsed as, where the default has the form of the spec itself.

        After a problem this returns a stand-in, None, so that the other keys are parsed too; the whole section is
        refused in the end. What computes with a value asks L(understood) first.
        """
        self._known.append(key)
        data = self._data.get(key)
        if data is None:
            data = written
        try:
            if data is not None:
                return parser(self.value.child(key, data))
            if default is not _REQUIRED:
                return default
            self.value.problem(f"'{key}' is missing; write it")
        except RefusedError:
            pass
        self._refused.add(key)
        return cast(T, None)

    def understood(self, *keys: str) -> bool:
        """Whether none of the keys was refused."""
        return self._refused.isdisjoint(keys)

    def refuse(self, key: str, text: str) -> None:
        """Record a problem of a key that only shows beside the others, and go on."""
        self.value.child(key, None).problem(text)
        self._refused.add(key)

    def names(self, key: str) -> tuple[str, ...]:
        """The names that the mapping of a key defines, before any of it is parsed: for references to them."""
        data = self._data.get(key)
        return tuple(str(name) for name in data if isinstance(name, str)) if isinstance(data, Mapping) else ()

    def finish(self, built: T) -> T:
        """What the section means, unless one of its keys was refused.

        An unknown key is a problem, but what the section means without it is still checked against its neighbours.
        """
        for key in self._data:
            if key not in self._known:
                self.value.problem(f"unknown key '{key}'; {expected(key, self._known, 'write one of')}")
        if self._refused:
            raise RefusedError
        return built


def section_of(build: Callable[[Section], T], *checks: Callable[[Value, T], None]) -> Parser[T]:
    """A mapping with the keys that C(build) takes. C(checks) see the whole and record problems between its keys."""

    def parse_section(value: Value) -> T:
        section = Section(value, _string_keys(value))
        built = section.finish(build(section))
        for check in checks:
            check(value, built)
        return built

    return parse_section


def text(value: Value) -> str:
    """A text, one line or several."""
    if isinstance(value.data, str):
        return str(value.data)
    if isinstance(value.data, (bool, int, float)):
        raise value.refuse(f'{_kind(value.data)} where a text is expected; write "{_shown(value.data)}" in quotes')
    raise value.refuse(f"{_kind(value.data)} where a text is expected; write a text")


def boolean(value: Value) -> bool:
    """true or false."""
    if isinstance(value.data, bool):
        return bool(value.data)
    raise value.refuse(f"{_kind(value.data)} where true or false is expected; write true or false, without quotes")


def integer(low: int, high: int) -> Parser[int]:
    """A whole number from C(low) to C(high)."""

    def parser(value: Value) -> int:
        data = value.data
        if isinstance(data, bool) or not isinstance(data, int):
            instead = f"{str(data).strip()} without quotes" if _is_number_in_quotes(data) else "a whole number"
            raise value.refuse(f"{_kind(data)} where a whole number is expected; write {instead}")
        number = int(data)
        if number < low:
            raise value.refuse(f"{number} is less than {low}; write {low} or more")
        if number > high:
            raise value.refuse(f"{number} is more than {high}; write {high} or less")
        return number

    return parser


def one_of(*choices: str) -> Parser[str]:
    """One of some words."""

    def parser(value: Value) -> str:
        word = text(value)
        if word not in choices:
            raise value.refuse(f"'{word}' is not known here; {expected(word, choices, 'write one of')}")
        return word

    return parser


def list_of(
    parser: Parser[T], *, least: int = 0, unique: bool = False, named: bool = False, understood: list[T] | None = None
) -> Parser[tuple[T, ...]]:
    """A list, every item by the same parser.

    With C(unique) no two items mean the same; with C(named) no two items, which are mappings, have the same C(name).
    C(understood) gets the items that were not refused, for a caller that looks at them although others were.
    """

    def parse_list(value: Value) -> tuple[T, ...]:
        if not is_list(value.data):
            raise value.refuse(f"{_kind(value.data)} where a list is expected; write each item after '- '")
        items = list(cast("Sequence[object]", value.data))
        parsed: list[T] = []
        broken = named and _report_same_names(value, items)
        for index, data in enumerate(items):
            child = value.child(index, data)
            try:
                item = parser(child)
            except RefusedError:
                broken = True
                continue
            if unique and item in parsed:
                child.problem("is written twice; remove one of the two")
                broken = True
            parsed.append(item)
        if understood is not None:
            understood.extend(parsed)
        if broken:
            raise RefusedError
        if len(parsed) < least:
            raise value.refuse(f"{len(parsed)} of at least {least}; write more")
        return tuple(parsed)

    return parse_list


def _report_same_names(value: Value, items: Sequence[object]) -> bool:
    first: dict[str, int] = {}
    found = False
    for index, item in enumerate(items):
        name = item.get("name") if isinstance(item, Mapping) else None
        if isinstance(name, str) and first.setdefault(name, index) != index:
            place = value.child(index, item).child("name", name)
            place.problem(f"'{name}' is the name of {value.path}[{first[name]}] too; write another name")
            found = True
    return found


def one_or_list_of(parser: Parser[T]) -> Parser[tuple[T, ...]]:
    """One item, or a list of at least one."""

    def parse_either(value: Value) -> tuple[T, ...]:
        return list_of(parser, least=1, unique=True)(value) if is_list(value.data) else (parser(value),)

    return parse_either


def mapping_of(key: Parser[str], parser: Parser[T]) -> Parser[dict[str, T]]:
    """A mapping with free keys of one form, every value by the same parser."""

    def parse_mapping(value: Value) -> dict[str, T]:
        parsed: dict[str, T] = {}
        broken = False
        for name, data in _string_keys(value).items():
            child = value.child(name, data)
            try:
                key(value.child(name, name))
                parsed[name] = parser(child)
            except RefusedError:
                broken = True
        if broken:
            raise RefusedError
        return parsed

    return parse_mapping


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
        return mapping_of(text, free_form)(value)
    if is_list(data):
        return list(list_of(free_form)(value))
    raise value.refuse(f"{_kind(data)} where plain data is expected; write it as a text in quotes")


def free_mapping(value: Value) -> dict[str, Any]:
    """A mapping of any plain data."""
    return mapping_of(text, free_form)(value)


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


def _string_keys(value: Value) -> dict[str, object]:
    data = value.data
    if not isinstance(data, Mapping):
        raise value.refuse(f"{_kind(data)} where a mapping is expected; write keys and values below it")
    found: dict[str, object] = {}
    broken = False
    for key in data:
        if isinstance(key, str):
            found[str(key)] = data[key]
        else:
            value.problem(f'the key {_shown(key)} is {_kind(key)}; write "{_shown(key)}" in quotes')
            broken = True
    if broken:
        raise RefusedError
    return found


def _kind(data: object) -> str:
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
