"""Reading the configuration: file, environment and command line into one Config, every value with its origin.

Every problem is found in one go, so that `lightmail config check` can list them all; `load` raises the first.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lightmail.config.combinations import combination_problems
from lightmail.config.lines import Lines, key_lines, line_of
from lightmail.config.sections import Config
from lightmail.config.values import ValueProblem, expected, from_text, from_toml
from lightmail.errors import ConfigError

ENVIRONMENT_PREFIX = "LIGHTMAIL_"
_SEPARATOR = "__"
DEFAULT_FILE = "lightmail.toml"
DEFAULT = "default"
_WITHIN = {"auth_sql": "auth.sql"}
"""Sections that stand inside another one: what they are called in Config, and everywhere else."""
_NESTED = "|".join(map(re.escape, _WITHIN.values()))


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration."""

    section: str
    name: str
    type: Any

    def __str__(self) -> str:
        return f"{self.section}.{self.name}"

    @property
    def attribute(self) -> str:
        """Of Config."""
        return self.section.replace(".", "_")

    @property
    def secret(self) -> bool:
        """Whether its value is told to nobody. Of URLs only a part is: see addresses.hide_secrets."""
        return "secret" in self.name or "password" in self.name


def _known_keys() -> dict[str, Key]:
    keys: dict[str, Key] = {}
    for section in msgspec.structs.fields(Config):
        for field in msgspec.structs.fields(section.type):
            key = Key(_WITHIN.get(section.name, section.name), field.name, field.type)
            keys[str(key)] = key
    return keys


KEYS = _known_keys()
SECTIONS = tuple(dict.fromkeys(key.section for key in KEYS.values()))


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. `config` has the defaults where there were problems."""

    config: Config
    origins: Mapping[str, str]
    """Key to "file:line", the environment variable, the command-line option, or "default"."""
    problems: tuple[ConfigError, ...]
    file: Path | None


def load(
    file: str | Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, tuple[str, str]] | None = None,
) -> Config:
    """The effective configuration; see `read`. Raises ConfigError: the first problem."""
    reading = read(file, environment=environment, options=options)
    if reading.problems:
        raise reading.problems[0]
    return reading.config


def read(
    file: str | Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    options: Mapping[str, tuple[str, str]] | None = None,
) -> Reading:
    """Never raises for what is wrong in the configuration: see Reading.problems.

    file: None takes $LIGHTMAIL_CONFIG, then ./lightmail.toml when that exists, then no file.
    environment: os.environ when None. options: key to (origin, text), the strongest ("server.data": ("--data", "/x")).
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    origins: dict[str, str] = dict.fromkeys(KEYS, DEFAULT)
    problems: list[ConfigError] = []

    if file is None:
        file = environment.get("LIGHTMAIL_CONFIG") or (DEFAULT_FILE if Path(DEFAULT_FILE).is_file() else None)
    path = None if file is None else Path(file)
    lines = {} if path is None else _read_file(path, values, origins, problems)
    _read_environment(environment, values, origins, problems)
    for name, (origin, text) in (options or {}).items():
        _read_text(KEYS[name], origin, text, values, origins, problems)

    config = _build(values)
    problems.extend(
        ConfigError(_locate(key, origins, path, lines), key, problem) for key, problem in combination_problems(config)
    )
    return Reading(config, origins, tuple(problems), path)


def _build(values: Mapping[str, Any]) -> Config:
    sections: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        key = KEYS[name]
        sections.setdefault(key.attribute, {})[key.name] = value
    types = {field.name: field.type for field in msgspec.structs.fields(Config)}
    return Config(**{name: types[name](**section) for name, section in sections.items()})


def _locate(key: str, origins: Mapping[str, str], path: Path | None, lines: Lines) -> str:
    """The origin of "section.name", "section.name[2]" or "section.name.member", to the line where it is from a file."""
    parts = re.fullmatch(rf"({_NESTED}|\w+)\.(\w+)(?:\[(\d+)\]|\.(.*))?", key)
    assert parts is not None, key
    section, name, index, member = parts.groups()
    origin = origins[f"{section}.{name}"]
    if path is None or not origin.startswith(f"{path}:"):
        return origin
    within: tuple[str | int, ...] = (
        () if index is None and member is None else (member if index is None else int(index),)
    )
    return f"{path}:{line_of(lines, (*section.split('.'), name, *within))}"


def _read_file(path: Path, values: dict[str, Any], origins: dict[str, str], problems: list[ConfigError]) -> Lines:
    """Fills values, origins and problems; returns where the keys stand."""
    try:
        text = path.read_bytes().decode()
        tables = tomllib.loads(text)
    except UnicodeDecodeError as error:
        problems.append(ConfigError(str(path), "", f"octet {error.start} is not UTF-8; expected TOML in UTF-8"))
        return {}
    except OSError as error:
        problems.append(ConfigError(str(path), "", f"cannot be read: {error.strerror or error}"))
        return {}
    except tomllib.TOMLDecodeError as error:
        where = re.search(r" \(at line (\d+), column (\d+)\)", str(error))
        place = f"{path}:{where[1] if where else text.rstrip().count(chr(10)) + 1}"
        said = str(error).replace(where[0], f" at column {where[2]}") if where else str(error)
        problems.append(ConfigError(place, "", f"not TOML: {said}"))
        return {}

    lines = key_lines(text)

    def source(*at: str | int) -> str:
        line = line_of(lines, at)
        return str(path) if line is None else f"{path}:{line}"

    for section, table in _sections_of(tables):
        if section not in SECTIONS:
            problems.append(ConfigError(source(section), section, _unknown("section", section, SECTIONS)))
        elif not isinstance(table, dict):
            problems.append(ConfigError(source(section), section, f"expected a table: [{section}]"))
        else:
            for name, value in table.items():
                key = KEYS.get(f"{section}.{name}")
                if key is None:
                    problems.append(
                        ConfigError(source(*section.split("."), name), f"{section}.{name}", _unknown_key(section, name))
                    )
                    continue
                try:
                    found = from_toml(key.type, value)
                except ValueProblem as error:
                    at = source(*section.split("."), name, *error.at)
                    told = f"expected {expected(key.type)}" if key.secret else str(error)
                    problems.append(ConfigError(at, f"{key}{_subscript(error.at)}", told))
                    continue
                if str(key) == "server.data":
                    found = str(path.parent / found)
                values[str(key)] = found
                origins[str(key)] = source(*section.split("."), name)
    return lines


def _sections_of(tables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Those inside others by themselves."""
    for section, table in tables.items():
        within = {}
        if isinstance(table, dict):
            within = {name: inner for name, inner in table.items() if f"{section}.{name}" in SECTIONS}
            table = {name: value for name, value in table.items() if name not in within}
        yield section, table
        for name, inner in within.items():
            yield f"{section}.{name}", inner


def _read_environment(
    environment: Mapping[str, str], values: dict[str, Any], origins: dict[str, str], problems: list[ConfigError]
) -> None:
    for variable in sorted(environment):
        if not variable.startswith(ENVIRONMENT_PREFIX) or _SEPARATOR not in variable:
            continue
        section, _, name = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace(_SEPARATOR, ".").rpartition(".")
        key = KEYS.get(f"{section}.{name}")
        if key is not None:
            _read_text(key, variable, environment[variable], values, origins, problems)
        elif section in SECTIONS:
            problems.append(ConfigError(variable, f"{section}.{name}", _unknown_key(section, name)))
        else:
            problems.append(ConfigError(variable, section, _unknown("section", section, SECTIONS)))


def _read_text(
    key: Key,
    origin: str,
    text: str,
    values: dict[str, Any],
    origins: dict[str, str],
    problems: list[ConfigError],
) -> None:
    try:
        values[str(key)] = from_text(key.type, text)
    except ValueProblem as error:
        problems.append(ConfigError(origin, f"{key}{_subscript(error.at)}", str(error)))
    else:
        origins[str(key)] = origin


def _subscript(at: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)


def _unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(known)}"
    return f"unknown {what}; {hint}"


def _unknown_key(section: str, name: str) -> str:
    own = [key.name for key in KEYS.values() if key.section == section]
    near = difflib.get_close_matches(name, own, n=1)
    if near:
        return f"unknown key; did you mean {section}.{near[0]}?"
    elsewhere = [str(key) for key in KEYS.values() if key.name == name]
    if elsewhere:
        return f"unknown key; did you mean {' or '.join(elsewhere)}?"
    return f"unknown key; expected one of {', '.join(own)}"
