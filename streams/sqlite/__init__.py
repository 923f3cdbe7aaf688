"""Log and store in one SQLite file: what `baton up` keeps, with one writer and many readers."""
