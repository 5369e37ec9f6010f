"""The source tables as Fivetran lands them: names, columns and BigQuery types.

As in real warehouses, ids are INT64 in some tables and STRING in others, and some timestamps, dates and amounts are
STRING. Columns of the mapping only.
"""

from __future__ import annotations

_GONG = {"_fivetran_synced": "TIMESTAMP", "_fivetran_deleted": "BOOL"}
_SALESFORCE = {
    "system_modstamp": "TIMESTAMP",
    "last_modified_date": "TIMESTAMP",
    "is_deleted": "BOOL",
    "_fivetran_synced": "TIMESTAMP",
}
_OPPORTUNITY = {
    "id": "STRING",
    "name": "STRING",
    "stage_name": "STRING",
    "close_date": "STRING",
    "amount": "STRING",
    "account_id": "STRING",
    "owner_id": "STRING",
    "probability": "FLOAT64",
    "type": "STRING",
    "is_closed": "BOOL",
    "is_won": "BOOL",
}

SOURCE_SCHEMAS: dict[str, dict[str, str]] = {
    "gong.call": {
        "id": "INT64",
        "workspace_id": "STRING",
        "title": "STRING",
        "scheduled": "TIMESTAMP",
        "started": "STRING",
        "duration": "INT64",
        "purpose": "STRING",
        "url": "STRING",
        "direction": "STRING",
        "scope": "STRING",
        "system": "STRING",
        "language": "STRING",
        "is_private": "BOOL",
        "primary_user_id": "INT64",
        "metadata": "STRING",
        **_GONG,
    },
    "gong.call_speaker": {
        "id": "STRING",
        "call_id": "INT64",
        "user_id": "INT64",
        "talk_time": "FLOAT64",
        **_GONG,
    },
    "gong.call_participant": {
        "id": "STRING",
        "call_id": "STRING",
        "speaker_id": "STRING",
        "user_id": "STRING",
        "email_address": "STRING",
        "name": "STRING",
        "title": "STRING",
        "affiliation": "STRING",
        **_GONG,
    },
    "gong.users": {
        "id": "INT64",
        "email_address": "STRING",
        "first_name": "STRING",
        "last_name": "STRING",
        "title": "STRING",
        "active": "BOOL",
        **_GONG,
    },
    "gong.transcript": {
        "call_id": "STRING",
        "index": "INT64",
        "workspace_id": "STRING",
        "speaker_id": "STRING",
        "topic": "STRING",
        "sentence": "STRING",
        **_GONG,
    },
    "gong.call_context_integration": {
        "name": "STRING",
        "object_id": "STRING",
        "call_id": "INT64",
        "object_type": "STRING",
        **_GONG,
    },
    "gong.email": {
        "id": "STRING",
        "subject": "STRING",
        "sent_at": "STRING",
        "body": "STRING",
        "thread_id": "STRING",
        "headers": "STRING",
        "opportunity_id": "STRING",
        **_GONG,
    },
    "gong.email_sender": {"email_id": "STRING", "email_address": "STRING", **_GONG},
    "gong.email_recipient": {"email_id": "STRING", "email_address": "STRING", **_GONG},
    "gong.opportunity": {
        **_OPPORTUNITY,
        "close_date": "DATE",
        "amount": "FLOAT64",
        "health_score": "FLOAT64",
        **_GONG,
    },
    "salesforce.opportunity": {**_OPPORTUNITY, **_SALESFORCE},
    "salesforce.account": {
        "id": "STRING",
        "name": "STRING",
        "industry": "STRING",
        "website": "STRING",
        "number_of_employees": "INT64",
        "annual_revenue": "FLOAT64",
        **_SALESFORCE,
    },
    "salesforce.user": {
        "id": "STRING",
        "email": "STRING",
        "name": "STRING",
        "is_active": "BOOL",
        "system_modstamp": "TIMESTAMP",
        "last_modified_date": "TIMESTAMP",
        **_GONG,
    },
    "salesforce.opportunity_field_history": {
        "id": "STRING",
        "opportunity_id": "STRING",
        "field": "STRING",
        "old_value": "STRING",
        "new_value": "STRING",
        "created_date": "TIMESTAMP",
        **_SALESFORCE,
    },
    "salesforce.gong_gong_call_c": {
        "id": "STRING",
        "gong_call_id_c": "STRING",
        "gong_primary_opportunity_c": "STRING",
        **_SALESFORCE,
    },
}

OPTIONAL_TABLES = frozenset(
    {
        "gong.call_participant",
        "gong.call_context_integration",
        "gong.email",
        "gong.email_sender",
        "gong.email_recipient",
        "gong.opportunity",
        "salesforce.opportunity_field_history",
        "salesforce.gong_gong_call_c",
    }
)
