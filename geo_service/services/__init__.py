"""What a person does, one file a task; each owns its transaction."""
