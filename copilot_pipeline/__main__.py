"""`python -m copilot_pipeline`."""

from copilot_pipeline.cli import main

main()
