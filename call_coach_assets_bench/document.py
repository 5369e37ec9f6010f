"""The tables of docs/performance.md, between two marker comments; the text around them is written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from call_coach_assets_bench.section import Section

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN = "<!-- written by `make bench`: begin -->"
END = "<!-- written by `make bench`: end -->"
_HEADING = re.compile(r"^(?=### )", re.MULTILINE)


def write_sections(sections: Iterable[Section], machine: str, order: Iterable[str], document: Path = DOCUMENT) -> None:
    """Put the sections between the markers; those of other figures stay where they are of the same machine.

    Raises ValueError where the document has no markers.
    """
    before, begin, rest = document.read_text().partition(BEGIN)
    written, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document} has no markers {BEGIN} and {END}")
    head, *old = _HEADING.split(written)
    kept = {_name(text): text.strip() for text in old} if head.strip() == machine else {}
    kept |= {section.name: section.markdown() for section in sections}
    texts = [kept[name] for name in order if name in kept]
    document.write_text(before + "\n\n".join([BEGIN, machine, *texts, END]) + after)


def _name(text: str) -> str:
    return text.removeprefix("### ").partition(":")[0]
