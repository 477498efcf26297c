"""A simulated GitHub on loopback: its server, its faults, and the company whose usage it reports.

The demo and the tests use what is named here; the modules of the package are its own business.
Nothing in it knows the rest of the project.
"""

from copilot_pipeline.simulated_github import faults
from copilot_pipeline.simulated_github.company import (
    Enterprise,
    NotReady,
    Organization,
    ReportFiles,
)
from copilot_pipeline.simulated_github.faults import Answer, Body
from copilot_pipeline.simulated_github.people import Tenure
from copilot_pipeline.simulated_github.reports import report_records
from copilot_pipeline.simulated_github.server import DEMO_TOKEN, SimulatedGitHub
from copilot_pipeline.simulated_github.users import authenticated_user, copilot_user

__all__ = [
    "DEMO_TOKEN",
    "Answer",
    "Body",
    "Enterprise",
    "NotReady",
    "Organization",
    "ReportFiles",
    "SimulatedGitHub",
    "Tenure",
    "authenticated_user",
    "copilot_user",
    "faults",
    "report_records",
]
