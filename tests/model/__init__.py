"""The protocol as a small exhaustive model, and what happens to it (and to the real scripts) when a guard is taken away."""
