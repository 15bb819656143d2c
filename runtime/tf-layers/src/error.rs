//! Faults of the caller's data, found at run time.

use std::fmt;
use std::path::PathBuf;

/// What a caller can get wrong at run time: the length of a tensor, an index, a file.
///
/// Faults of the program itself (a kernel called with buffers of the wrong size) are panics, each with its own message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A tensor has another number of elements than its shape asks for.
    WrongLength {
        /// The tensor's name in the signature.
        name: &'static str,
        /// Elements that the shape asks for.
        expected: usize,
        /// Elements that were given.
        got: usize,
    },
    /// An array has another shape than the model takes.
    WrongShape {
        /// The tensor's name in the signature.
        name: &'static str,
        /// The shape that the model takes, such as `[n, 4]`.
        expected: &'static str,
        /// The shape that was given.
        got: Vec<usize>,
    },
    /// A tensor's length is no whole number of examples, so the batch size cannot be told from it.
    NotWholeExamples {
        /// The tensor's name in the signature.
        name: &'static str,
        /// Elements of one example.
        example: usize,
        /// Elements that were given.
        got: usize,
    },
    /// More examples at once than the session has memory for.
    BatchTooLarge {
        /// Examples that were given.
        got: usize,
        /// Examples that fit.
        capacity: usize,
    },
    /// An index of a gather or a one-hot lookup lies outside of its axis.
    IndexOutOfRange {
        /// Where the index stands among the indices.
        position: usize,
        /// The index.
        index: i64,
        /// Length of the axis; valid indices are `0..length`.
        length: usize,
    },
    /// A number of a feature vector is not one of its input's integer type.
    NotAnInteger {
        /// The tensor's name in the signature.
        name: &'static str,
        /// Where the number stands in the tensor.
        position: usize,
    },
    /// A block of weights has another size than the model needs.
    WrongWeightsLength {
        /// The file, or `None` for bytes in memory.
        path: Option<PathBuf>,
        /// Bytes that the model needs.
        expected: usize,
        /// Bytes that were found.
        got: usize,
    },
    /// A file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength {
                name,
                expected,
                got,
            } => {
                write!(
                    f,
                    "`{name}` has {got} elements, but its shape needs {expected}"
                )
            }
            Self::WrongShape {
                name,
                expected,
                got,
            } => {
                write!(
                    f,
                    "`{name}` has the shape {got:?}, but the model takes {expected}"
                )
            }
            Self::NotWholeExamples { name, example, got } => write!(
                f,
                "`{name}` has {got} elements, which is no multiple of the {example} elements of one example"
            ),
            Self::BatchTooLarge { got, capacity } => write!(
                f,
                "a batch of {got} examples is too large: this session has room for {capacity}"
            ),
            Self::IndexOutOfRange {
                position,
                index,
                length,
            } => write!(
                f,
                "index {index} at position {position} is out of range: the axis has {length} elements"
            ),
            Self::NotAnInteger { name, position } => write!(
                f,
                "the feature at position {position} of `{name}` is no integer of its type"
            ),
            Self::WrongWeightsLength {
                path,
                expected,
                got,
            } => match path {
                Some(path) => write!(
                    f,
                    "the weights in {} have {got} bytes, but this model needs {expected}",
                    path.display()
                ),
                None => write!(
                    f,
                    "the weights have {got} bytes, but this model needs {expected}"
                ),
            },
            Self::File { path, reason } => write!(f, "{}: {reason}", path.display()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_expected() {
        let cases: [(Error, &str); 9] = [
            (
                Error::WrongLength {
                    name: "x",
                    expected: 12,
                    got: 11,
                },
                "`x` has 11 elements, but its shape needs 12",
            ),
            (
                Error::WrongShape {
                    name: "x",
                    expected: "[n, 4]",
                    got: vec![2, 3],
                },
                "`x` has the shape [2, 3], but the model takes [n, 4]",
            ),
            (
                Error::NotWholeExamples {
                    name: "x",
                    example: 12,
                    got: 13,
                },
                "`x` has 13 elements, which is no multiple of the 12 elements of one example",
            ),
            (
                Error::BatchTooLarge {
                    got: 9,
                    capacity: 8,
                },
                "a batch of 9 examples is too large: this session has room for 8",
            ),
            (
                Error::IndexOutOfRange {
                    position: 3,
                    index: -1,
                    length: 10,
                },
                "index -1 at position 3 is out of range: the axis has 10 elements",
            ),
            (
                Error::NotAnInteger {
                    name: "x",
                    position: 4,
                },
                "the feature at position 4 of `x` is no integer of its type",
            ),
            (
                Error::WrongWeightsLength {
                    path: None,
                    expected: 64,
                    got: 60,
                },
                "the weights have 60 bytes, but this model needs 64",
            ),
            (
                Error::WrongWeightsLength {
                    path: Some("w.bin".into()),
                    expected: 64,
                    got: 60,
                },
                "the weights in w.bin have 60 bytes, but this model needs 64",
            ),
            (
                Error::File {
                    path: "w.bin".into(),
                    reason: "no such file".into(),
                },
                "w.bin: no such file",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(error.to_string(), expected);
        }
    }
}
