"""What each subcommand takes: its options and its help, and nothing that takes time to import."""
