"""Who may: users, sessions, roles, and the record of logins."""
