"""What people see, in a real browser. `make pictures` runs these tests and writes the pictures in the docs."""
