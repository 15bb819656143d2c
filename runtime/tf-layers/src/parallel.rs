//! How many elements of a result each thread gets.

use crate::kernels::threads::Threads;

/// The length of the chunks in which a result of `length` elements is shared out: a multiple of `unit`, one chunk for each
/// thread, but not below `least` elements, at which another thread does not pay.
pub(crate) fn part(threads: &Threads, length: usize, unit: usize, least: usize) -> usize {
    let parts = (length / least).clamp(1, threads.count());
    length.div_ceil(parts).next_multiple_of(unit).max(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(target_family = "wasm", ignore = "the machine has no threads")]
    fn whole_units_for_every_thread() {
        let two = Threads::new(2);
        for (length, unit, least, expected) in [
            (0, 16, 64, 16),
            (100, 16, 64, 112),
            (128, 16, 64, 64),
            (200, 16, 64, 112),
            (1000, 300, 1, 600),
        ] {
            assert_eq!(part(&two, length, unit, least), expected);
        }
        assert_eq!(part(&Threads::single(), 128, 16, 64), 128);
    }
}
