//! How the threads share a grid of units of work that take about the same time.

use std::ops::Range;

/// Lines for each part from which on a part has whole lines: the longest is then no more than an eighth too long.
const WHOLE_LINES: usize = 8;

/// `lines` lines of `length` units, cut in the order of their lines into `parts` of about as many units.
///
/// What a thread writes in one layer it reads in the next one if both are cut along the same axis: so little goes from one
/// processor's cache to another's, which takes longer than the work of a small layer if they do not share a cache.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    lines: usize,
    length: usize,
    parts: usize,
}

impl Grid {
    /// In `wanted` parts, or as many as there are units.
    pub(super) fn new(lines: usize, length: usize, wanted: usize) -> Self {
        Self {
            lines,
            length,
            parts: wanted.min(lines * length),
        }
    }

    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// The first unit of a part.
    fn bound(&self, part: usize) -> usize {
        if self.lines >= WHOLE_LINES * self.parts {
            part * self.lines / self.parts * self.length
        } else {
            part * self.lines * self.length / self.parts
        }
    }

    /// The rectangles [lines, units of each] of a part: the end of a line, whole lines, the start of a line.
    pub(super) fn part(&self, part: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        let length = self.length;
        let (mut at, end) = (self.bound(part), self.bound(part + 1));
        std::iter::from_fn(move || {
            if at == end {
                return None;
            }
            let (line, first) = (at / length, at % length);
            let lines = if first == 0 { (end - at) / length } else { 0 };
            let rectangle = if lines > 0 {
                (line..line + lines, 0..length)
            } else {
                (line..line + 1, first..length.min(first + end - at))
            };
            at += rectangle.0.len() * rectangle.1.len();
            Some(rectangle)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_in_one_part() {
        for lines in (0..20).chain([100, 101]) {
            for length in [1, 2, 3, 7, 16] {
                for wanted in 1..9 {
                    let grid = Grid::new(lines, length, wanted);
                    let mut times = vec![0; lines * length];
                    for part in 0..grid.parts() {
                        let rectangles: Vec<_> = grid.part(part).collect();
                        assert!(
                            (1..=3).contains(&rectangles.len()),
                            "{grid:?}: {rectangles:?}"
                        );
                        for (lines, units) in rectangles {
                            for line in lines {
                                times[line * length..][units.clone()]
                                    .iter_mut()
                                    .for_each(|times| *times += 1);
                            }
                        }
                    }
                    assert!(times.iter().all(|&times| times == 1), "{grid:?}: {times:?}");
                }
            }
        }
    }

    #[test]
    fn parts_are_about_equal() {
        for lines in 1..60 {
            for length in [1, 2, 3, 15] {
                for wanted in 1..6 {
                    let grid = Grid::new(lines, length, wanted);
                    let units = |part| {
                        grid.part(part)
                            .map(|(a, b)| a.len() * b.len())
                            .sum::<usize>()
                    };
                    let most = (0..grid.parts()).map(units).max().unwrap_or(0);
                    let even = (lines * length).div_ceil(grid.parts());
                    assert!(
                        most <= even + even.div_ceil(WHOLE_LINES),
                        "{grid:?}: {most}"
                    );
                }
            }
        }
    }
}
