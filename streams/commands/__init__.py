"""One module per `baton` command."""
