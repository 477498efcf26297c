"""Sends messages to the webhook and the mail addresses of the settings.

Here are messages, what each receiver expects, and how to send them. The sensors decide when to send
what. Nothing here imports Dagster.

apprise knows many more receivers. We do not use it: it honors `HTTP_PROXY`, gives no reason for a
failure, logs whole URLs when it debugs, and can send Slack messages to Slack only, so that no test
could receive one.
"""
