"""The numbers behind the project's terms: active, idle, provisional, late, and so on.

Views, checks, schedules, dashboards and alerts are generated from these rules. How far back GitHub
serves a source is declared by the source, in `sources/`.
"""

from datetime import date

# --- people and seats ---------------------------------------------------------------------------

# A user is active on a day if there is activity in the 28 days that end on it. GitHub's term
# "monthly" means the same period (documentation, "Data available in Copilot usage metrics").
ACTIVE_DAYS = 28

# A seat is idle after this many days without activity, and never used without any activity. Our
# choice: a month covers a vacation, and seats are billed per month.
IDLE_DAYS = 30

# A seat is new for this many days after its assignment, and counts as neither idle nor never used.
# Our choice: the same time after which a seat is idle.
GRACE_DAYS = IDLE_DAYS

# Users reports do not cover a scope if the newest one is older than this many days. Our choice:
# twice `PROVISIONAL_DAYS`.
COVERED_DAYS = 6

# GitHub's list prices of a seat in US dollars a month, since 2026-06-01. The dashboard of seats
# begins with them, and the report uses them. GitHub's bill may differ.
PRICE_BUSINESS = 19
PRICE_ENTERPRISE = 39

# The number of active users grows or shrinks if it changed by more than this share in 28 days. Our
# choice: less is within what holidays and absences explain.
STEADY_CHANGE = 0.05

# A team lags if its share of active members is this much below that of all teams. Our choice: one
# member in ten.
TEAM_LAG = 0.1

# GitHub omits teams with fewer members from its team reports. The dashboards also omit teams that
# have become smaller.
MIN_TEAM_MEMBERS = 5

# --- days and collection ------------------------------------------------------------------------

# The first day of GitHub's usage reports for enterprises. Those for organizations begin on
# 2025-12-12 (REST documentation of the usage metrics).
FIRST_DAY = date(2025, 10, 10)

# The number of newest complete days that are provisional: GitHub may not have their reports yet, or
# may revise them. Its REST documentation promises them within two full days; three were observed.
PROVISIONAL_DAYS = 3

# GitHub publishes the reports of a day within this many full days after it (REST documentation).
READY_DAYS = 2

# Days up to this age are fetched again, because GitHub may revise them. Our choice: one day more
# than `PROVISIONAL_DAYS`.
REREAD_DAYS = 4

# A missing report is requested again up to this age. GitHub promises it within two days, but
# published some later after an outage.
LATE_DAYS = 14

# Days that failed within this many days are retried last, because they may never succeed. Our
# choice.
RETRIED_LAST_DAYS = 3

# The maximum number of earlier days of each report that a run of the daily schedule collects. Our
# choice: a year of gaps is filled within two weeks, and a run stays short.
GAP_DAYS = 30

# GitHub's hourly limit for the requests of a token (REST documentation). An app has up to 15,000.
REQUESTS_PER_HOUR = 5_000

# The maximum number of requests that a run of the daily schedule spends on earlier days of an
# account: two hours of its limit. With hundreds of organizations a run collects fewer earlier days
# of each, so that it ends before the later ticks and never keeps the newest days waiting.
GAP_REQUESTS = 2 * REQUESTS_PER_HOUR

# The hours (UTC) at which the daily schedule runs. The first run collects everything, later
# ones only what is still missing and was not refused on that day.
SCHEDULE_HOURS = (6, 9, 12, 15, 18, 21)

# --- warnings -----------------------------------------------------------------------------------

# A token expires soon if it expires within this many days. Our choice: enough time to get a new one
# from an owner.
EXPIRES_SOON_DAYS = 14

# Collection has stopped if no new day was loaded in this many days. Even if all days are late, one
# more is loaded every day.
NO_NEW_DAY_DAYS = 2

# A scope has no new data if its newest day with a report is this many days older than the newest
# complete day: the latest that GitHub has been observed to publish it, and no new day since.
NO_NEW_DATA_DAYS = PROVISIONAL_DAYS + NO_NEW_DAY_DAYS

# A missed snapshot needs a person for this many days. It cannot be taken later, so a warning is of
# use only as long as its cause may still be there. Our choice.
MISSED_SNAPSHOT_DAYS = 7

# Too many seats are unused if more than this share of them is idle or never used. Our choice.
UNUSED_SHARE = 0.2
