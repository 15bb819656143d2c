//! A network that is written by hand: the layers own their weights, and the results' memory is used again and again.
//!
//! `cargo run --release --example classifier` prints the probability of a few sequences of bytes.

use tf_layers::layers::{
    Conv1d, Conv1dOptions, Dense, Embedding, GlobalMaxPooling1d, Multiply, Padding,
};
use tf_layers::{Activation, Error};

const STEPS: usize = 64;
const WIDTH: usize = 8;
const FILTERS: usize = 16;

/// Bytes through an embedding and a gated convolution.
struct Classifier {
    embedding: Embedding,
    convolution: Conv1d,
    gate: Conv1d,
    pool: GlobalMaxPooling1d,
    score: Dense,
}

/// What the layers compute. It grows with the first batch, and is reused by those that are no larger.
#[derive(Default)]
struct Results {
    embedded: Vec<f32>,
    convolved: Vec<f32>,
    gates: Vec<f32>,
    pooled: Vec<f32>,
    scores: Vec<f32>,
}

/// Weights as a file would give them: small numbers of both signs.
fn weights(length: usize) -> Vec<f32> {
    (0..length)
        .map(|i| (i * 7919 % 1013) as f32 / 1013.0 - 0.5)
        .collect()
}

impl Classifier {
    fn new() -> Result<Self, Error> {
        let options = Conv1dOptions {
            strides: 2,
            padding: Padding::Causal,
            ..Conv1dOptions::default()
        };
        let (shape, filter) = ([5, WIDTH, FILTERS], weights(5 * WIDTH * FILTERS));
        let bias = weights(FILTERS);
        Ok(Self {
            embedding: Embedding::new(&weights(256 * WIDTH), [256, WIDTH])?,
            convolution: Conv1d::new(&filter, shape, Some(&bias), Activation::None, options)?,
            gate: Conv1d::new(&filter, shape, None, Activation::Sigmoid, options)?,
            pool: GlobalMaxPooling1d::new(FILTERS)?,
            score: Dense::new(
                &weights(FILTERS),
                [FILTERS, 1],
                Some(&[0.1]),
                Activation::Sigmoid,
            )?,
        })
    }

    /// The score of each example of `bytes`, [batch, `STEPS`].
    fn predict<'a>(&self, bytes: &[i32], results: &'a mut Results) -> Result<&'a [f32], Error> {
        let Results {
            embedded,
            convolved,
            gates,
            pooled,
            scores,
        } = results;
        self.embedding.apply_into(bytes, embedded)?;
        self.convolution.apply_into(embedded, STEPS, convolved)?;
        self.gate.apply_into(embedded, STEPS, gates)?;
        Multiply.apply_mut(convolved, gates)?;
        self.pool.apply_into(convolved, STEPS / 2, pooled)?;
        self.score.apply_into(pooled, scores)?;
        Ok(scores)
    }
}

fn main() -> Result<(), Error> {
    let classifier = Classifier::new()?;
    let mut results = Results::default();
    for first in [0, 100, 200] {
        let bytes: Vec<i32> = (0..2 * STEPS as i32).map(|i| (first + i) % 256).collect();
        println!("{:?}", classifier.predict(&bytes, &mut results)?);
    }
    let error = classifier.predict(&[256; STEPS], &mut results).unwrap_err();
    println!("a byte of 256: {error}");
    Ok(())
}
