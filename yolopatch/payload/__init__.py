"""What is copied into a patched tree: pure torch, relative imports only."""
