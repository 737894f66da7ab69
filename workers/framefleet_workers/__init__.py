"""The workers: claim subtasks, run FFmpeg, verify and publish what it made. Know nothing of the scheduler."""
