"""The simulated GitHub and its invented data: no credentials, no network, no real people."""
