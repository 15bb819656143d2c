//! `learn-to-add STATE.safetensors` trains a network until it can add, saves it, loads it and asks it.
//!
//! The model is the crate in `build/demo/adder`; examples/adder/adder.py says how it is made.

use std::error::Error;

use adder::AdderModel;

const STEPS: usize = 1000;
const BATCH: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: learn-to-add STATE.safetensors")?;

    let mut session = AdderModel::new().session(BATCH);
    let mut numbers = Numbers(1);
    for step in 0..STEPS {
        let x: Vec<f32> = (0..2 * BATCH).map(|_| numbers.next()).collect();
        let y: Vec<f32> = x.chunks_exact(2).map(|pair| pair[0] + pair[1]).collect();
        let loss = session.train(&x, &y)?.loss[0];
        if step % 100 == 0 || step == STEPS - 1 {
            println!("step {step:4}   loss {loss:.6}");
        }
    }
    session.into_model().save(&path)?;

    let mut model = AdderModel::new();
    let sum = |model: &AdderModel| model.pred(&[3.0, 4.0]).map(|outputs| outputs.sum[0]);
    println!("3 + 4 = {:.3} before", sum(&model)?);
    model.load(&path)?;
    println!("3 + 4 = {:.3} after training", sum(&model)?);
    Ok(())
}

/// Numbers from 0 to 5, the same in every run (xorshift of Marsaglia).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 * (5.0 / (1 << 24) as f32)
    }
}
