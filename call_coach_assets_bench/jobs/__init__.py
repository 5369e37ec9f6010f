"""What a contestant does: each job opens what it needs, has its input in memory, and yields the work to be measured."""
