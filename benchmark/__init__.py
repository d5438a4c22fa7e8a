"""The harness: generate, score, and everything that makes their numbers repeatable."""
