"""What is told to others: alerts, metrics for other systems, and Prefect-compatible run metadata."""
