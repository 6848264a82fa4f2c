"""A RapidSMS project that asks one poll, run by RapidSMS's own environment, never by ours."""
