"""The job that writes the report to a folder, and its schedule.

The schedule is on by default and skips without the setting, so that the setting alone switches it
on, also where the web UI is read-only.
"""

import dagster as dg

from copilot_pipeline import settings
from copilot_pipeline.assets.specs import DOMAIN_TAG
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.jobs import user_errors_as_failures
from copilot_pipeline.report import DEFAULT_DAYS, DEFAULT_FILE
from copilot_pipeline.report.files import require_file, write_text
from copilot_pipeline.resources.database import DatabaseResource
from copilot_pipeline.rules import SCHEDULE_HOURS

# Half an hour after each tick of the daily schedule, so that the page has what it collected.
_MINUTE = 30


@dg.op(name="write_report")
def write_report_op(
    context: dg.OpExecutionContext,
    copilot_warehouse: DatabaseResource,
    copilot_today: dg.ResourceParam[Today],
) -> None:
    """Write the report of all scopes to the folder of the settings. It names no person."""
    with user_errors_as_failures(), copilot_warehouse.open() as warehouse:
        folder = settings.report_dir()
        if folder is None:
            raise settings.SettingError(
                f"{settings.REPORT_DIR} is not set: it names the folder of the report."
            )
        target = folder / DEFAULT_FILE
        require_file(target)
        # Imported here, because pandas and the chart library take a second and much memory.
        from copilot_pipeline.report.page import ReportOptions, render_page

        options = ReportOptions(select_scopes(warehouse), DEFAULT_DAYS)
        write_text(target, render_page(warehouse, copilot_today, options))
    context.log.info(f"Wrote {target}.")
    context.add_output_metadata({"file": dg.MetadataValue.path(target)})


@dg.graph
def report_writing() -> None:
    write_report_op()


write_report_job = report_writing.to_job(
    name="write_report",
    description=(
        f"Writes the report as one HTML page to the folder that {settings.REPORT_DIR} names."
    ),
    tags=DOMAIN_TAG,
)


@dg.schedule(
    job=write_report_job,
    cron_schedule=f"{_MINUTE} {','.join(map(str, SCHEDULE_HOURS))} * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    name="write_report_schedule",
    description=(
        "Writes the report half an hour after each tick of daily_copilot_schedule. It skips unless "
        f"{settings.REPORT_DIR} is set."
    ),
)
def write_report_schedule() -> dg.RunRequest | dg.SkipReason:
    if settings.report_dir() is None:
        return dg.SkipReason(f"The report is off: {settings.REPORT_DIR} is not set.")
    return dg.RunRequest()
