"""Reading datasets: packaged ones, rendered ones, and folders of the user's own photos."""
