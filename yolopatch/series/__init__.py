"""Reads, checks and applies a series of patches, and keeps the repository of a workspace."""
