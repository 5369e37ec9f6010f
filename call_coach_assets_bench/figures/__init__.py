"""The figures: each function measures one claim and returns its section."""
