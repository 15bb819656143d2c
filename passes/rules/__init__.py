"""The rules of `canonicalize`, by theme. Each is a few lines, with its algebra as its docstring."""
