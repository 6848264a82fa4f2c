"""What happens at a time, one file a job: `EVERY` seconds, `run(database, alliance, now)`."""
