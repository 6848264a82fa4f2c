"""A poll and its answers: one for each person."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Poll(models.Model):
    """One question, its options a line each."""

    question = models.CharField(max_length=160)
    options = models.TextField()
    is_open = models.BooleanField(default=True)

    def __str__(self) -> str:
        """Return what is asked."""
        return self.question


class Answer(models.Model):
    """What one person chose."""

    poll = models.ForeignKey(Poll, on_delete=models.CASCADE)
    connection = models.ForeignKey("rapidsms.Connection", on_delete=models.CASCADE)
    option = models.SmallIntegerField()
    answered_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Whoever answers twice has changed their answer."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["poll", "connection"], name="one_answer")
        ]

    def __str__(self) -> str:
        """Return what was chosen."""
        return str(self.option)
