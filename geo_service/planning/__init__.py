"""PURE: a redraw of the tiling: which cells there are, the edits as verbs, what each edit changed."""
