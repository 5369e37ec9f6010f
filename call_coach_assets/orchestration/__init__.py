"""When entities are synced, and with what guarantees: jobs, schedules, sensors, checks and Dagster's own storage."""
