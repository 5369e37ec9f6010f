"""The faults that other tests inject do happen, and nothing else does."""

from __future__ import annotations

import psycopg
import pytest
import requests

from call_coach_assets_tests.faults import FaultProxy
from call_coach_assets_tests.recorder import Recorder


def test_an_answer_of_the_proxy_replaces_that_of_the_server_as_often_as_told(recorder: Recorder) -> None:
    with FaultProxy.before_emulator(recorder.url) as proxy, requests.Session() as session:
        proxy.answer(403, when=b"/jobs", times=2)
        url = f"{proxy.url}/jobs"
        assert session.get(f"{proxy.url}/tables").status_code == 200
        refused = [session.post(url, data=b"x" * 200_000) for _ in range(2)]
        assert [answer.status_code for answer in refused] == [403, 403]
        assert refused[0].json()["error"]["errors"][0]["reason"] == "quotaExceeded"
        assert session.post(url, json={"a": 1}).status_code == 200
        assert [request.path for request in recorder.requests] == ["/tables", "/jobs"]
        assert proxy.struck == 2


def test_a_response_is_cut_in_its_middle(recorder: Recorder) -> None:
    recorder.answer(200, {"long": "x" * 100_000})
    with FaultProxy.before_emulator(recorder.url) as proxy:
        proxy.cut(after=5_000)
        with pytest.raises(requests.exceptions.RequestException):
            requests.get(proxy.url, timeout=10)
        assert len(requests.get(proxy.url, timeout=10).json()["long"]) == 100_000


def test_refused_connections_are_accepted_again(recorder: Recorder) -> None:
    with FaultProxy.before_emulator(recorder.url) as proxy:
        proxy.refuse()
        with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
            requests.get(proxy.url, timeout=10)
        proxy.accept()
        assert requests.get(proxy.url, timeout=10).status_code == 200


def test_a_request_that_is_held_back_runs_into_the_clients_timeout(recorder: Recorder) -> None:
    with FaultProxy.before_emulator(recorder.url) as proxy:
        proxy.delay(60)
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(proxy.url, timeout=0.2)


def test_postgres_is_cut_off_at_a_certain_statement(database: str) -> None:
    seen = []
    with FaultProxy.before_postgres(database) as proxy:
        proxy.call(lambda: seen.append("reached"), when=b"now()")
        proxy.cut(when=b"DELETE FROM calls")
        with psycopg.connect(proxy.postgres_url(database)) as connection:
            connection.execute("SELECT now()")
            connection.execute("INSERT INTO calls (gong_call_id) VALUES ('1')")
            connection.commit()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("DELETE FROM calls")
        with psycopg.connect(proxy.postgres_url(database)) as connection:
            assert connection.execute("SELECT count(*) FROM calls").fetchone() == (1,)
    assert seen == ["reached"]


def test_a_recorder_queues_answers_before_its_usual_one(recorder: Recorder) -> None:
    recorder.answer(204)
    recorder.answer(503, times=1)
    assert [requests.put(f"{recorder.url}/x", json={"n": n}, timeout=10).status_code for n in (1, 2)] == [503, 204]
    assert recorder.bodies("/x") == [{"n": 1}, {"n": 2}]
    assert recorder.requests[0].method == "PUT"
