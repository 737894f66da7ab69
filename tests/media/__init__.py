"""Real FFmpeg on small clips, judged on decoded frames, samples and timestamps."""
