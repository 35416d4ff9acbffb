"""One module a command group, imported only when its group is called."""
