"""Each Dagster run, told to Prefect as the flow run that it replaces.

    translation   a run and its events -> objects in the shapes of Prefect's REST API (pure)
    spool         what was translated and is not delivered yet, on disk, in order
    jsonl, api    the two sinks: a file, always; a Prefect server or Prefect Cloud, where one is configured
    emitter       translates and delivers while a run happens, within a bounded time

Prefect is no dependency: nothing here imports it, and no failure here reaches a sync.
"""
