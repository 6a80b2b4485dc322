"""Encoders: each file turns one modality's array into an embedding."""
