"""What the application writes and hangs on synced rows, and whether all of it is still there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from call_coach_assets_tests.model.both_ends import BothEnds

_WRITES = {
    "calls": "UPDATE calls SET product = %(word)s, overall_score = 71 WHERE id = %(id)s RETURNING product",
    "speakers": "UPDATE speakers SET role = %(word)s::speaker_role WHERE id = %(id)s RETURNING role::text",
    "transcripts": "UPDATE transcripts SET sentiment = %(word)s WHERE id = %(id)s RETURNING sentiment",
}
WORDS = ("ae", "se", "csm")
_OWNED = {"calls": "product", "speakers": "role::text", "transcripts": "sentiment"}
_SESSION = """
INSERT INTO coaching_sessions (call_id, rep_id, coaching_dimension, session_type, analyst, score)
SELECT call_id, id, 'discovery', 'review', 'ann', 80 FROM speakers WHERE id = %s
"""
_HISTORY = "INSERT INTO speaker_role_history (speaker_id, new_role, changed_by) VALUES (%s, 'ae', 'lead')"
_PINNED_SPEAKERS = """
SELECT c.gong_call_id, r.gong_speaker_id FROM speakers s JOIN calls c ON c.id = s.call_id
JOIN call_coach_sync.speakers_rows r ON r.id = s.id
WHERE s.id IN (SELECT rep_id FROM coaching_sessions UNION SELECT speaker_id FROM speaker_role_history)
"""
_PINNED_CALLS = "SELECT gong_call_id FROM calls WHERE id IN (SELECT call_id FROM coaching_sessions)"


class Application:
    """Writes, and remembers what it wrote."""

    def __init__(self, ends: BothEnds) -> None:
        self.ends = ends
        self.written: dict[tuple[str, Any], Any] = {}  # table and id -> what its column holds
        self.hung = {"coaching_sessions": 0, "speaker_role_history": 0}

    def write(self, table: str, place: int, word: str) -> None:
        """Set the application's own columns in one of the rows that are there."""
        rows = self.ends.query(f"SELECT id FROM {table} ORDER BY id")
        if rows:
            key = rows[place % len(rows)][0]
            self.written[table, key] = self.ends.query(_WRITES[table], {"word": word, "id": key})[0][0]

    def hang(self, table: str, place: int) -> None:
        """Hang a row on one of the speakers that are there."""
        rows = self.ends.query("SELECT id FROM speakers ORDER BY id")
        if rows:
            statement = _SESSION if table == "coaching_sessions" else _HISTORY
            self.ends.query(statement, [rows[place % len(rows)][0]])
            self.hung[table] += 1

    def pinned(self) -> dict[str, set[tuple[Any, ...]]]:
        """The keys of the rows on which something hangs."""
        if self.ends.query("SELECT to_regclass('call_coach_sync.speakers_rows')") == [(None,)]:
            return {}
        return {"speakers": set(self.ends.query(_PINNED_SPEAKERS)), "calls": set(self.ends.query(_PINNED_CALLS))}

    def forget_what_is_gone(self) -> None:
        """Whether a row had to go is for the model to say; if it comes back, it comes without what was written."""
        for table, key in list(self.written):
            if not self.ends.query(f"SELECT FROM {table} WHERE id = %s", [key]):
                del self.written[table, key]

    def losses(self) -> Iterator[str]:
        """What is not as the application left it; only a row on which nothing hangs may be gone."""
        for (table, key), wrote in self.written.items():
            found = self.ends.query(f"SELECT {_OWNED[table]} FROM {table} WHERE id = %s", [key])
            if found and found != [(wrote,)]:
                yield f"{table} {key} {_OWNED[table]}: the application wrote {wrote!r}, found {found[0][0]!r}"
        for table, number in self.hung.items():
            found = self.ends.query(f"SELECT count(*) FROM {table}")
            if found != [(number,)]:
                yield f"{table}: {number} rows were written, {found[0][0]} are there"
