from collections.abc import Iterator

import pytest

from call_coach_assets.diagnosis.finding import Finding, State
from call_coach_assets.diagnosis.source import look_at_source
from call_coach_assets.settings import Settings
from call_coach_assets.sync.declarations import load_entities
from call_coach_assets_tests.conftest import settings_for
from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.warehouse import Warehouse

ENTITIES = load_entities()
NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def denying(warehouse: Warehouse) -> Iterator[FaultProxy]:
    with FaultProxy.before_emulator(warehouse.url) as proxy:
        yield proxy


def look(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in look_at_source(settings, ENTITIES)}


@pytest.mark.covers("P1")
def test_a_complete_warehouse_passes_every_check(warehouse: Warehouse) -> None:
    warehouse.create_all()
    findings = look(settings_for(NO_DATABASE, warehouse))
    assert {finding.state for finding in findings.values()} == {State.OK}
    assert {f"query of {name}" for name in ENTITIES} <= findings.keys()
    assert "0 rows" in findings["source gong.call"].what


@pytest.mark.covers("P2", "O2")
def test_what_is_missing_is_an_error_where_it_is_required_and_a_warning_where_it_is_optional(
    warehouse: Warehouse,
) -> None:
    warehouse.create_all(optional=False, without=["gong.transcript", "gong.call_speaker"])
    warehouse.create("gong.call_speaker", {"id": "STRING", "call_id": "STRING", "_fivetran_deleted": "BOOL"})
    warehouse.create("gong.opportunity")
    findings = look(settings_for(NO_DATABASE, warehouse, salesforce_dataset="nowhere"))
    states = {name: finding.state for name, finding in findings.items()}

    assert states["source gong.transcript"] is State.ERROR
    assert "Fivetran" in findings["source gong.transcript"].remedy
    assert states["query of transcripts"] is State.ERROR
    assert states["source gong.email"] is State.WARNING
    assert states["query of emails"] is State.WARNING
    assert "optional" in findings["query of emails"].what
    assert states["dataset " + warehouse.project + ".nowhere"] is State.WARNING
    assert states["source salesforce.opportunity"] is State.WARNING
    assert states["query of opportunities"] is State.OK
    assert states["query of speakers"] is State.ERROR
    assert "_fivetran_synced" in findings["query of speakers"].what


def test_a_column_that_is_gone_is_named(warehouse: Warehouse) -> None:
    warehouse.create_all()
    warehouse.alter("ALTER TABLE gong.call DROP COLUMN purpose")
    finding = look(settings_for(NO_DATABASE, warehouse))["query of calls"]
    assert finding.state is State.WARNING
    assert "gong.call.purpose" in finding.what


def test_a_required_dataset_that_is_missing_is_named_with_its_variable(warehouse: Warehouse) -> None:
    findings = look(settings_for(NO_DATABASE, warehouse, gong_dataset="nowhere"))
    finding = findings[f"dataset {warehouse.project}.nowhere"]
    assert finding.state is State.ERROR
    assert "GONG_DATASET" in finding.remedy


@pytest.mark.covers("P2")
def test_a_permission_that_is_missing_is_named_with_the_role_that_has_it(
    warehouse: Warehouse, denying: FaultProxy
) -> None:
    message = "User does not have bigquery.jobs.create permission in project p."
    body = {"error": {"code": 403, "message": message, "errors": [{"reason": "accessDenied", "message": message}]}}
    denying.answer(403, when=b"/jobs", body=body)
    findings = look(settings_for(NO_DATABASE, warehouse, bigquery_emulator_host=denying.url))
    assert findings["BigQuery"].state is State.ERROR
    assert "bigquery.jobs.create" in findings["BigQuery"].what
    assert "roles/bigquery.jobUser" in findings["BigQuery"].remedy
    assert list(findings) == ["Google credentials", "BigQuery"]


@pytest.mark.covers("P26")
def test_a_bigquery_that_does_not_answer_is_said_at_once(warehouse: Warehouse) -> None:
    findings = look(settings_for(NO_DATABASE, warehouse, bigquery_emulator_host="http://127.0.0.1:1"))
    assert findings["BigQuery"].state is State.ERROR
    assert "refused" in findings["BigQuery"].what


@pytest.mark.covers("P2")
def test_without_credentials_bigquery_is_not_asked(warehouse: Warehouse) -> None:
    settings = settings_for(
        NO_DATABASE, warehouse, bigquery_emulator_host=None, google_application_credentials="/nowhere/key.json"
    )
    findings = look(settings)
    assert findings["Google credentials"].state is State.ERROR
    assert findings["BigQuery"].state is State.SKIPPED


def test_an_account_that_may_write_is_told_which_role_is_enough(warehouse: Warehouse, denying: FaultProxy) -> None:
    warehouse.create("gong.transcript")
    entities = {"transcripts": ENTITIES["transcripts"]}
    settings = settings_for(NO_DATABASE, warehouse, bigquery_emulator_host=denying.url)
    for held, state, says in (
        (["bigquery.tables.delete"], State.WARNING, "this account has bigquery.tables.delete"),
        ([], State.OK, "may not write"),
        (None, State.OK, "cannot be told"),
    ):
        if held is not None:
            denying.answer(200, when=b":testIamPermissions", body={"permissions": held})
        *_, shown, told = look_at_source(settings, entities)
        assert (told.name, told.state) == ("BigQuery permissions", state)
        assert says in told.what
        assert ("roles/bigquery.dataViewer" in told.remedy) is (state is State.WARNING)
        assert "readsessions.create cannot be told" in shown.what
