"""Who may call: the registry's sessions as this dispatcher knows them."""
