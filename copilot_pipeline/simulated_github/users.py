"""GitHub's users, as a seat's assignee and as the owner of a token."""

from __future__ import annotations

import base64
from datetime import date, timedelta

from copilot_pipeline.simulated_github.company import Record

# A host reserved for examples: no avatar or profile of a real account can be meant.
HOST = "github.example"
API = f"https://api.{HOST}"


FIRST_USER_ID = 5_000_001


def login_of(number: int) -> str:
    return f"demo-user-{number + 1:04d}"


def node_id(kind: str, number: int) -> str:
    return base64.b64encode(f"{len(kind):03d}:{kind}{number}".encode()).decode()


_USER_URLS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def simple_user(login: str, user_id: int) -> Record:
    """GitHub's "simple user", as a seat's `assignee`."""
    url = f"{API}/users/{login}"
    return {
        "login": login,
        "id": user_id,
        "node_id": node_id("User", user_id),
        "avatar_url": f"https://avatars.{HOST}/u/{user_id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"https://{HOST}/{login}",
        **{name: url + path for name, path in _USER_URLS.items()},
        "type": "User",
        "site_admin": False,
    }


def authenticated_user(login: str, user_id: int) -> Record:
    """`GET /user` without the private fields (a token without the scope `user`)."""
    return {
        **simple_user(login, user_id),
        "name": login.replace("-", " ").title(),
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 3,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": "2020-02-03T09:12:44Z",
        "updated_at": "2025-09-30T07:01:10Z",
    }


def copilot_user(login: str, today: date) -> Record:
    """`GET /copilot_internal/user` of a business seat that is billed in AI credits.

    The endpoint is undocumented; the fields are those that editors were seen to receive.
    """
    reset = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    unlimited = {
        **{"entitlement": 0, "remaining": 0, "quota_remaining": 0.0, "percent_remaining": 100.0},
        **{"unlimited": True, "overage_count": 0, "overage_permitted": False},
        "token_based_billing": True,
    }
    ai_credits = {
        **unlimited,
        **{"entitlement": 3000, "remaining": 2460, "quota_remaining": 2460.5},
        **{"percent_remaining": 82.0, "unlimited": False, "overage_permitted": True},
        **{"credits_used": 539.5, "has_quota": True},
    }
    return {
        "login": login,
        "access_type_sku": "copilot_for_business_seat_quota",
        "copilot_plan": "business",
        "chat_enabled": True,
        "assigned_date": "2025-01-07T10:15:00+01:00",
        "analytics_tracking_id": "0123456789abcdef0123456789abcdef",
        "organization_login_list": ["octo-demo"],
        "organization_list": [{"login": "octo-demo", "name": "Octo Demo"}],
        "quota_reset_date": reset.isoformat(),
        "quota_reset_date_utc": f"{reset.isoformat()}T00:00:00.000Z",
        "token_based_billing": True,
        "quota_snapshots": {
            "chat": unlimited,
            "completions": unlimited,
            "premium_interactions": ai_credits,
        },
    }
