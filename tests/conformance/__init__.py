"""What every log and every store must do, whatever it is made of, and how SQLite's fails."""
