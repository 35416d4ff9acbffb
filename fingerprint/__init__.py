"""placeholder, see ARCHITECTURE.md"""
