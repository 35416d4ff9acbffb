"""What people see: command lines and renderers of the typed result."""
