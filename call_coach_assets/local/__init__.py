"""The embedded stack of CALL_COACH_PROFILE=local: Postgres, a BigQuery emulator and a sample of data.

Nothing of the product imports this package unless that profile is set; it needs the dependency group `local`.
"""
