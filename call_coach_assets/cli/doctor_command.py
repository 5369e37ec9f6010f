"""`call-coach doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace

import click

from call_coach_assets.cli.redaction import current_secrets, redact
from call_coach_assets.cli.rendering import console, plural, show_finding
from call_coach_assets.diagnosis.examination import examine
from call_coach_assets.diagnosis.finding import Finding, State, failed


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON array.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Check each setting, credential, permission, dataset and table in turn, and say what to do.

    Reads both ends and changes nothing. Ends with status 1 where anything is an error.
    """
    findings = _as_json() if as_json else _as_lines()
    context.exit(1 if failed(findings) else 0)


def _found() -> Iterator[Finding]:
    """Every finding, without the secrets that the error behind one may quote."""
    secrets = current_secrets()
    for finding in examine():
        yield replace(finding, what=redact(finding.what, secrets), remedy=redact(finding.remedy, secrets))


def _as_json() -> list[Finding]:
    findings = [*_found()]
    click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    return findings


def _as_lines() -> list[Finding]:
    screen, findings = console(), []
    for finding in _found():
        show_finding(screen, finding)
        findings.append(finding)
    counts = Counter(finding.state for finding in findings)
    errors, warnings = plural(counts[State.ERROR], "error"), plural(counts[State.WARNING], "warning")
    screen.print(f"\n{counts[State.OK]} ok, {warnings}, {errors}")
    return findings
