"""See inside a fitted model: what each modality, column, word and pixel contributes."""

__all__: list[str] = []
