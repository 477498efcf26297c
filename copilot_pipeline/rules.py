"""What the words of this project mean in numbers: active, idle, provisional, late, and so on.

Each rule is here once; views, checks, schedules, dashboards and alerts are made from it. (How far
back GitHub serves something is said by its source, in `sources/`.)
"""

from datetime import date

# --- people and seats ---------------------------------------------------------------------------

# Somebody is active with activity in the so many days that end on the day. GitHub's own word
# "monthly" means these 28 days (documentation, "Data available in Copilot usage metrics").
ACTIVE_DAYS = 28

# A seat is idle without activity for so many days, and never used without any. Our choice: a month
# covers a holiday, and is what a seat costs money by.
IDLE_DAYS = 30

# A seat is new for so many days after its assignment, and neither idle nor never used: the grace in
# which its holder may begin. Our choice: as long as a seat needs to become idle.
GRACE_DAYS = IDLE_DAYS

# The active days are not covered by users reports if the newest one is older than so many days.
# Our choice: twice the days after which GitHub has a report.
COVERED_DAYS = 6

# GitHub leaves teams below so many members out of its reports of teams; so do the dashboards where
# members of a team left.
MIN_TEAM_MEMBERS = 5

# --- days and collection ------------------------------------------------------------------------

# The first day for which GitHub has any usage report: those of enterprises. (REST documentation of
# the usage metrics; organizations: 2025-12-12.)
FIRST_DAY = date(2025, 10, 10)

# So many of the newest complete days are provisional: GitHub may not have their reports yet, or
# revise them. (Its REST documentation promises them within two full days; three have been seen.)
PROVISIONAL_DAYS = 3

# GitHub has the reports of a day ready within so many full days after it (REST documentation).
READY_DAYS = 2

# Days up to this age are read again: GitHub still revises them. Our choice: a day more than those
# that are provisional.
REREAD_DAYS = 4

# A report that GitHub did not have is asked for again up to this age. GitHub promises it within two
# days; after an outage it has come later.
LATE_DAYS = 14

# A day that failed within so many days is retried after the other gaps: it may fail forever. Our
# choice.
RETRIED_LAST_DAYS = 3

# A run of the daily schedule collects so many earlier days of each report at most. Our choice: a
# year of gaps heals within two weeks, and a run stays short.
GAP_DAYS = 30

# --- warnings -----------------------------------------------------------------------------------

# A token expires soon if it does within so many days. Our choice: long enough to ask an owner for a
# new one.
EXPIRES_SOON_DAYS = 14

# Collection has stopped if no day came for the first time in so many days: each day another one
# comes, however late they all are.
NO_NEW_DAY_DAYS = 2

# Too many seats are unused if more than this share of them is idle or was never used. Our choice.
UNUSED_SHARE = 0.2
