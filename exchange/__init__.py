"""What goes in and out: models of other frameworks."""
