"""The same work done by peers, each in an environment of its own, beside ours in one run."""
