"""The routes, a file a subject. Each parses, calls one service, renders."""
