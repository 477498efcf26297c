"""Pure functions from GitHub's raw JSON to pandas frames shaped like the tool tables. No I/O."""
