"""Carries Gong and Salesforce data from BigQuery into the coaching application's Postgres.

Importing this package opens no connection, reads no secret and starts no process.
"""
