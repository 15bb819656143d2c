//! `classify PICTURE.png` prints the five highest scores of a picture, one `class score` a line.
//!
//! The model is the crate in `build/demo/mobilenet`, which `make demo` compiles from a frozen graph:
//! MobileNetV3Large, input `x` of `[n, 224, 224, 3]` with values 0..255, output `Identity`.

use std::error::Error;

use image::imageops::FilterType;

const SIZE: u32 = 224;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: classify PICTURE.png")?;
    let picture = image::open(&path)?.into_rgb8();
    let picture = image::imageops::resize(&picture, SIZE, SIZE, FilterType::Triangle);
    let x: Vec<f32> = picture.into_raw().into_iter().map(f32::from).collect();

    let model = mobilenet::Model::new();
    let mut session = model.session(1);
    let outputs = session.predict(&x)?;

    let mut ranked: Vec<(usize, f32)> = outputs.identity.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (class, score) in &ranked[..5] {
        println!("{class} {score}");
    }
    Ok(())
}
