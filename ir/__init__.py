"""The intermediate representation: three xDSL dialects.

| dialect | holds | runs in |
|---|---|---|
| `tf` | any TensorFlow graph, node by node | TensorFlow |
| `nn` | pure tensor operations in one canonical form | NumPy (`reference.py`) |
| `rt` | kernel calls on buffers whose lives are explicit | NumPy, and rustc |

Nothing in this package imports TensorFlow, a pass, or anything that knows Rust.
"""
