"""The command line: `refinec`. Subcommands load when they are called."""
