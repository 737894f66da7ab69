"""Pure domain: values and rules. Knows the standard library and pydantic, nothing of ours outside this package."""
