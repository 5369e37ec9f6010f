"""Random histories on both real ends, judged by the independent model of the mapping."""
