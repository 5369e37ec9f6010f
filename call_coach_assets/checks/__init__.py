"""What is measured to tell whether both ends agree: plain functions that know nothing of Dagster."""
