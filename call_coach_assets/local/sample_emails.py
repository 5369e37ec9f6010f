"""The emails of the sample: mostly of opportunities, with one sender and any number of recipients."""

from __future__ import annotations

import json

from call_coach_assets.local.sample_draft import SENTENCES, SUBJECTS, Draft, address


def add_emails(draft: Draft) -> None:
    """One and a half emails a call."""
    users, opportunities = draft.rows["gong.users"], draft.rows["salesforce.opportunity"]
    for number in range(max(12, draft.calls * 3 // 2)):
        sent = draft.moment()
        identifier = f"email-{number:06d}"
        opportunity = draft.random.choice(opportunities)["id"] if draft.chance(0.8) else None
        sentences = draft.random.choices(SENTENCES, k=draft.random.randrange(1, 25))
        draft.add(
            "gong.email", sent, id=identifier, subject=f"{draft.random.choice(SUBJECTS)} ({number})",
            sent_at=sent.isoformat(), body="\n".join(sentences), thread_id=f"thread-{number // 3}",
            headers=json.dumps({"Message-ID": f"<{identifier}@mail.example>"}), opportunity_id=opportunity,
        )  # fmt: skip
        sender = draft.random.choice(users)["email_address"]
        draft.add("gong.email_sender", sent, email_id=identifier, email_address=sender)
        for place in range(draft.random.choice((0, 1, 1, 1, 2, 3, 8))):
            first, last = draft.person()
            mail = address(first, f"{last}{place}" if place else last, "customer.example")
            draft.add("gong.email_recipient", sent, email_id=identifier, email_address=mail)
