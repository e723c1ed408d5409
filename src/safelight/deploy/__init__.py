"""What is needed to run Safelight somewhere else: deployment folders, and zips for functions."""
