"""What flags can be chosen from. Importing this is quick: `tfrc --help` does."""

from dataclasses import dataclass
from typing import Literal

Emit = Literal["rust", "tf-ir", "nn-ir", "rt-ir", "json", "dot", "svg", "png", "html"]
"""What `--emit` gives: a crate, the IR of a level, the `nn` graph as data or picture, a report."""

Weights = Literal["embed", "file"]
"""Where a crate has its weights: in the binary, or in a file that it reads."""

Layout = Literal["crate", "tf2rust"]
"""What `-o` becomes: the crate's folder, or the two folders that CrowdStrike's tf2rust makes."""


@dataclass(frozen=True)
class Spelling:
    """How a command spells the options that messages name."""

    output: str = "-o"
    features: str = "--features"
    binary_classification: str = "--binary-classification"


TF2RUST_SPELLING = Spelling("--path_to_save", "--path_to_fv", "--binary_classification")
"""As in CrowdStrike's tf2rust."""

Runtime = Literal["bundled", "path", "registry"]
"""Where a crate has tf-layers from: beside it, where tfrc is installed, or crates.io."""

WeightFormat = Literal["npz", "h5", "saved_model"]
"""What `tfrc export-weights` makes of the variables that a crate has learnt."""
