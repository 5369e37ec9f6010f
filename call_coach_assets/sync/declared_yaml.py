"""Reading a YAML file of literals: no key twice, and every value knows its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from call_coach_assets.errors import ConfigurationError

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Declared:
    """What a YAML file says, and where it says it."""

    content: Any
    root: yaml.Node | None

    def line(self, path: Sequence[str | int]) -> int:
        """The line, from 1, of the value at `path`, or of the innermost one around it that is written."""
        node = self.root
        line = 1
        for step in path:
            node = _child(node, step)
            if node is None:
                break
            line = node.start_mark.line + 1
        return line


def read_yaml(file: Path) -> Declared:
    """Read a file. Raises ConfigurationError where it is not there, is no YAML, or says the same key twice."""
    try:
        loader = _Loader(file.read_text(encoding="utf-8"))
        try:
            root = loader.get_single_node()
            _refuse_repeated_keys(file, root)
            return Declared(loader.construct_document(root) if root is not None else None, root)
        finally:
            loader.dispose()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read", why=str(error)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigurationError(f"{file} is no YAML", why=f"{where}{error.problem}", remedy="correct it") from error


def _refuse_repeated_keys(file: Path, node: yaml.Node | None) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                why = f"line {key.start_mark.line + 1} repeats the key {key.value}, and the last one would win"
                raise ConfigurationError(f"{file} is ambiguous", why=why, remedy="keep one of them")
            seen.add(key.value)
            _refuse_repeated_keys(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(file, item)


def _child(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        found: yaml.Node = node.value[step]
        return found
    return None
