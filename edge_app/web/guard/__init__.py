"""Who may use the web screen, from where, and with what: `door.guard` stands before the app."""
