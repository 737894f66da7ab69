"""The scheduler: accepts tasks, plans them, hands out subtasks, aggregates results, sweeps. Runs no FFmpeg."""
