"""The `lightmail` command, one file per family of subcommands; each is imported when it is called."""
