"""What the makers of the sample share: random numbers, the calendar, the rows so far, and words."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from call_coach_assets.local.sample_schema import SOURCE_SCHEMAS

Row = dict[str, Any]
HISTORY = timedelta(days=180)
LANDING = timedelta(minutes=20)

FIRST_NAMES = (
    "Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Grace", "Hiro", "Ines", "Jonas", "Kofi", "Lena", "Mateo",
    "Nadia", "Omar", "Priya", "Quentin", "Rosa", "Samir", "Tess", "Uma", "Viktor", "Wen", "Ximena", "Yara", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Abbott", "Bauer", "Castillo", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kovač",
    "Lindqvist", "Moreau", "Nakamura", "Okafor", "Petrov", "Quinn", "Rossi", "Sato", "Tran", "Usman", "Vogel", "Weiss",
)  # fmt: skip
COMPANY_WORDS = (
    "Alder", "Basalt", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper", "Kestrel",
    "Lumen", "Meridian", "Northwind", "Onyx", "Pioneer", "Quarry", "Ridge", "Summit", "Tidal",
)  # fmt: skip
COMPANY_KINDS = ("Analytics", "Bank", "Biotech", "Food", "Freight", "Health", "Insurance", "Labs", "Robotics", "Tech")
INDUSTRIES = ("Financial Services", "Healthcare", "Logistics", "Manufacturing", "Retail", "Software")
STAGES = ("Prospecting", "Discovery", "Technical Evaluation", "Proposal", "Negotiation")
TOPICS = ("Call Setup", "Small Talk", "Discovery", "Product Demo", "Pricing", "Objections", "Security", "Next Steps")
SENTENCES = (
    "Thanks for making the time today.",
    "Could you walk me through how you schedule your data pipelines at the moment?",
    "We run about four hundred workflows a night and roughly one in twenty fails.",
    "When a task fails we only learn about it from an angry customer.",
    "Our engineers spend two days a week on retries and backfills.",
    "Let me share my screen and show you the orchestration view.",
    "Each flow run has its own logs, its own state and its own retries.",
    "How does that compare with what you have in Airflow?",
    "The migration took our last customer about six weeks.",
    "What would the pricing look like for fifty users?",
    "The annual plan includes support and single sign-on.",
    "I am a bit worried about the budget this quarter.",
    "Our security team will ask for a SOC 2 report and a penetration test.",
    "Nothing leaves your network: the workers only call out.",
    "Who else has to agree before you can sign?",
    "I would like to bring our VP of engineering into the next call.",
    "Let us agree on success criteria for the proof of concept.",
    "I will send you the recording and a summary this afternoon.",
    "Can we meet again on Thursday at the same time?",
    "That answers my question, thank you.",
    "Sorry, you were on mute.",
    "We compared three vendors and you are the only one with hybrid execution.",
)
SUBJECTS = ("Following up", "Pricing proposal", "Security questionnaire", "Next steps", "Proof of concept", "Contract")


class Draft:
    """The sample while it is being made: `rows` by source table; `newest` is the latest stamp that any row has."""

    def __init__(self, calls: int, seed: int, newest: datetime, monologues: int) -> None:
        self.calls = calls
        self.monologues = monologues
        self.newest = newest
        self.random = random.Random(seed)  # noqa: S311 - a sample, no secret
        self.rows: dict[str, list[Row]] = {table: [] for table in SOURCE_SCHEMAS}
        self._blank = {table: dict.fromkeys(schema) for table, schema in SOURCE_SCHEMAS.items()}

    def add(self, table: str, at: datetime | None = None, *, deleted: bool = False, **values: Any) -> Row:
        """Add a row of something that happened `at` (any moment by default) and landed 20 minutes later."""
        row = self._blank[table].copy()
        stamp = min((at or self.moment()) + LANDING, self.newest)
        row["_fivetran_synced"] = stamp
        row["_fivetran_deleted" if "_fivetran_deleted" in row else "is_deleted"] = deleted
        if "system_modstamp" in row:
            row["system_modstamp"] = row["last_modified_date"] = stamp - LANDING
        unknown = values.keys() - row.keys()
        if unknown:
            raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}")
        row.update(values)
        self.rows[table].append(row)
        return row

    def moment(self) -> datetime:
        """A moment of the history, to the minute."""
        return self.newest - LANDING - timedelta(minutes=self.random.randrange(int(HISTORY.total_seconds() // 60)))

    def person(self) -> tuple[str, str]:
        """A first and a last name."""
        return self.random.choice(FIRST_NAMES), self.random.choice(LAST_NAMES)

    def chance(self, probability: float) -> bool:
        """True in `probability` of the cases."""
        return self.random.random() < probability


def crm_id(prefix: str, number: int) -> str:
    """A Salesforce id of 18 characters."""
    return f"{prefix}5e{number:011d}AAZ"[:18]


def address(first: str, last: str, domain: str) -> str:
    """A person's mail address."""
    return f"{first}.{last}@{domain}".lower().replace("ë", "e").replace("č", "c").replace("í", "i")
