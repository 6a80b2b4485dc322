"""Fusions: each file joins the embeddings of several modalities."""
