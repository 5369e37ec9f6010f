"""`call-coach`: what a person types."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process; ends with the exit status that the command asked for."""
    from call_coach_assets.cli.program import program

    program()
