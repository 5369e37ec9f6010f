"""The customer side of the sample: accounts, owners, opportunities with their history, Gong's view of them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from call_coach_assets.local.sample_draft import (
    COMPANY_KINDS,
    COMPANY_WORDS,
    INDUSTRIES,
    LANDING,
    STAGES,
    Draft,
    Row,
    address,
    crm_id,
)

COMPANY_DOMAIN = "prefect.io"


def add_users(draft: Draft) -> None:
    """The company's people: in Gong (ids are numbers) and, with the same addresses, in Salesforce."""
    for number in range(max(6, draft.calls // 12)):
        first, last = draft.person()
        mail = address(first, f"{last}{number}" if number else last, COMPANY_DOMAIN)
        active = not draft.chance(0.1)
        draft.add(
            "gong.users", id=2_000_000_000_000_000_000 + number, email_address=mail, first_name=first, last_name=last,
            title=draft.random.choice(("Account Executive", "Solutions Engineer", "CSM")), active=active,
        )  # fmt: skip
        draft.add("salesforce.user", id=crm_id("005", number), email=mail, name=f"{first} {last}", is_active=active)


def add_accounts(draft: Draft) -> None:
    """The customers."""
    for number in range(max(5, draft.calls // 5)):
        word = COMPANY_WORDS[number % len(COMPANY_WORDS)]
        kind = COMPANY_KINDS[(number // len(COMPANY_WORDS) + number) % len(COMPANY_KINDS)]
        draft.add(
            "salesforce.account", id=crm_id("001", number), name=f"{word} {kind}",
            industry=draft.random.choice(INDUSTRIES), website=f"https://{word}-{kind}.example".lower(),
            number_of_employees=draft.random.randrange(20, 20_000),
            annual_revenue=float(draft.random.randrange(1, 900) * 1_000_000),
        )  # fmt: skip


def add_opportunities(draft: Draft) -> None:
    """Opportunities of the accounts, most of them with a history and with a health score in Gong."""
    accounts, owners = draft.rows["salesforce.account"], draft.rows["salesforce.user"]
    for number in range(max(8, draft.calls * 3 // 10)):
        account = draft.random.choice(accounts)
        opportunity = _opportunity(draft, number, account, draft.random.choice(owners))
        _add_history(draft, opportunity, number)
        if draft.chance(0.8):
            _add_gong_view(draft, opportunity)


def _opportunity(draft: Draft, number: int, account: Row, owner: Row) -> Row:
    created = draft.moment()
    won, lost = draft.chance(0.15), draft.chance(0.15)
    stage = "Closed Won" if won else "Closed Lost" if lost else draft.random.choice(STAGES)
    return draft.add(
        "salesforce.opportunity", created, id=crm_id("006", number), name=f"{account['name']} - Expansion {number}",
        stage_name=stage, close_date=(created + timedelta(days=draft.random.randrange(20, 200))).date().isoformat(),
        amount=f"{draft.random.randrange(5_000, 400_000)}.{draft.random.randrange(100):02d}",
        account_id=account["id"], owner_id=owner["id"], probability=float(draft.random.randrange(0, 101, 5)),
        type=draft.random.choice(("New Business", "Renewal", "Upsell")), is_closed=won or lost, is_won=won,
    )  # fmt: skip


def _add_history(draft: Draft, opportunity: Row, number: int) -> None:
    """The stages that the opportunity went through, and changes of another field, which are none."""
    synced = opportunity["_fivetran_synced"] - LANDING
    stage = opportunity["stage_name"]
    path = [*(s for s in STAGES[: draft.random.randrange(1, len(STAGES))] if s != stage), stage]
    for step, (old, new) in enumerate(pairwise(path)):
        at = synced - timedelta(days=2 * (len(path) - step))
        draft.add(
            "salesforce.opportunity_field_history", synced, id=crm_id("017", number * 10 + step),
            opportunity_id=opportunity["id"], field="StageName", old_value=old, new_value=new, created_date=at,
        )  # fmt: skip
    draft.add(
        "salesforce.opportunity_field_history", synced, id=crm_id("017", number * 10 + 9),
        opportunity_id=opportunity["id"], field="Amount", old_value="1", new_value=opportunity["amount"],
        created_date=synced,
    )  # fmt: skip


def _add_gong_view(draft: Draft, opportunity: Row) -> None:
    shared = ("id", "name", "stage_name", "account_id", "owner_id", "probability", "type", "is_closed", "is_won")
    draft.add(
        "gong.opportunity", opportunity["_fivetran_synced"] - LANDING,
        **{name: opportunity[name] for name in shared},
        close_date=opportunity["_fivetran_synced"].date(), amount=float(opportunity["amount"]),
        health_score=round(draft.random.uniform(5, 99), 2),
    )  # fmt: skip


def add_links(draft: Draft) -> None:
    """Which call belongs to which opportunity, told by three sources that partly repeat each other."""
    opportunities = [row["id"] for row in draft.rows["salesforce.opportunity"]]
    for number, call in enumerate(list(draft.rows["gong.call"])):
        at = call["_fivetran_synced"] - LANDING
        first, second = draft.random.sample(opportunities, 2)
        if draft.chance(0.6):
            for field in ("StageName", "Amount", "CloseDate")[: draft.random.randrange(1, 4)]:
                draft.add(
                    "gong.call_context_integration", at, name=field, object_id=first, call_id=call["id"],
                    object_type="Opportunity",
                )  # fmt: skip
            draft.add(
                "gong.call_context_integration", at, name="Industry", object_id=crm_id("001", number),
                call_id=call["id"], object_type="Account",
            )  # fmt: skip
        if draft.chance(0.3):
            draft.add(
                "salesforce.gong_gong_call_c", at, id=crm_id("a0Q", number), gong_call_id_c=str(call["id"]),
                gong_primary_opportunity_c=draft.random.choice((first, second)),
            )  # fmt: skip
        if draft.chance(0.15):
            call["metadata"] = f'{{"opportunity_ids": ["{first}", "{second}"]}}'
        elif draft.chance(0.1):
            call["metadata"] = f'{{"opportunity_id": "{second}"}}'
