"""Results as people read them: the terminal table, the run's page, the comparison's page."""
