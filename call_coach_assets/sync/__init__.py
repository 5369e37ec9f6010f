"""How a row travels: extract, land, publish, reconcile. Pure Python that never imports Dagster."""
