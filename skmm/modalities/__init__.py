"""Kinds of data: each file turns a dataframe's columns into one array."""
