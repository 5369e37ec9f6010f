"""An independent model of the mapping, in plain Python: what the application's tables must hold for given source rows.

`expected` computes it from the source rows alone, `observed` reads what a database holds into the same shape, and
`differences` says, in words, where the two part. Nothing here looks at the queries that it judges.
"""

from call_coach_assets_tests.oracle.compare import differences
from call_coach_assets_tests.oracle.expect import expected
from call_coach_assets_tests.oracle.observe import observed
from call_coach_assets_tests.oracle.world import ENTITIES, Key, World

__all__ = ["ENTITIES", "Key", "World", "differences", "expected", "observed"]
