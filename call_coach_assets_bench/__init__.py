"""`make bench`: the project beside its limit and beside what one might take instead, in one run, on this machine.

Seconds depend on the machine, ratios travel: the contestants of a comparison take turns, and what is reported is the
median of the ratios of each round, with their spread. Needs the dependency groups `local` and `dev`, and Linux.
"""
