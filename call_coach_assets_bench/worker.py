"""The process of one contestant: `python -m call_coach_assets_bench.worker MODULE:JOB PARAMETERS`.

It says that it is ready, waits for a line, does the work, and writes what is to be told of it as one line of JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

from call_coach_assets_bench.launch import READY
from call_coach_assets_bench.measure import peak_mb


def main(job: str, parameters: str) -> None:
    """Prepare, wait, work, tell; what libraries print goes to standard error. The end of input ends a job unstarted."""
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)
        module, _, name = job.partition(":")
        with getattr(importlib.import_module(module), name)(**json.loads(parameters)) as work:
            print(READY, file=answers)
            if sys.stdin.readline():
                facts = work()
                print(json.dumps({**facts, "peak_mb": peak_mb()}), file=answers)
                sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
