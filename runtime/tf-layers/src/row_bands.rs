//! Several layers on images, some lines at a time: what lies between two layers stays in the cache.

use std::mem::take;
use std::ops::Range;

use crate::conv::{Conv2d, conv2d};
use crate::depthwise_conv2d::{DepthwiseConv2d, depthwise_conv2d};
use crate::kernels::threads::Threads;
use crate::reduce::add_rows;

/// A layer of [`RowBands`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// With its weights packed, as [`conv2d`] takes them.
    Conv2d(Conv2d),
    /// With its weights as [`depthwise_conv2d`] takes them.
    DepthwiseConv2d(DepthwiseConv2d),
}

/// How the lines of a layer's result follow from those of its input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines {
    /// Lines of the input, and the elements of one.
    pub input: [usize; 2],
    /// Lines of the result, and the elements of one.
    pub output: [usize; 2],
    /// Lines between the first and the last one that a line of the result is computed from, both included.
    pub extent: usize,
    pub stride: usize,
    /// Lines of zeros above the input.
    pub top: usize,
    /// Elements of a line with zeros on its sides, if the layer copies it there.
    pub padded: usize,
}

impl Lines {
    /// The lines of the input that some lines of the result are computed from.
    fn needed(&self, rows: &Range<usize>) -> Range<usize> {
        let begin = (rows.start * self.stride).saturating_sub(self.top);
        let end = (rows.end * self.stride + self.extent).saturating_sub(self.stride + self.top);
        begin.min(self.input[0])..end.min(self.input[0])
    }

    /// The most lines, zeros included, that `rows` lines of the result are computed from.
    const fn reach(&self, rows: usize) -> usize {
        rows.saturating_sub(1) * self.stride + self.extent
    }
}

impl Stage {
    const fn lines(&self) -> Lines {
        match self {
            Stage::Conv2d(layer) => layer.lines(),
            Stage::DepthwiseConv2d(layer) => layer.lines(),
        }
    }

    /// [height, width, channels] of the result.
    const fn output(&self) -> [usize; 3] {
        match self {
            Stage::Conv2d(layer) => layer.output(),
            Stage::DepthwiseConv2d(layer) => layer.output(),
        }
    }

    /// Elements of a line of what the result lies in: more than the result has if it is columns of that.
    const fn wide_line(&self) -> usize {
        match self {
            Stage::Conv2d(layer) => layer.wide_line(),
            Stage::DepthwiseConv2d(layer) => layer.lines().output[1],
        }
    }

    /// Computes the lines `rows` of the result; `x` begins with line `first` of the input.
    #[expect(
        clippy::too_many_arguments,
        reason = "the operands of a layer, and where they begin"
    )]
    fn run(
        &self,
        threads: &Threads,
        rows: Range<usize>,
        x: &[f32],
        first: usize,
        (weights, bias): (&[f32], Option<&[f32]>),
        residual: Option<&[f32]>,
        padded: &mut [f32],
        out: &mut [f32],
    ) {
        let lines = self.lines();
        let needed = lines.needed(&rows);
        let top = lines.top.saturating_sub(rows.start * lines.stride);
        let bottom = lines.reach(rows.len()).saturating_sub(top + needed.len());
        let x = &x[(needed.start - first) * lines.input[1]..][..needed.len() * lines.input[1]];
        match self {
            Stage::Conv2d(layer) => {
                let band = layer.band(needed.len(), top, bottom);
                conv2d(threads, &band, x, weights, bias, residual, padded, out);
            }
            Stage::DepthwiseConv2d(layer) => {
                assert!(
                    residual.is_none(),
                    "row_bands: a depthwise convolution takes no residual"
                );
                let band = layer.band(needed.len(), top, bottom);
                depthwise_conv2d(threads, &band, x, weights, bias, out);
            }
        }
    }
}

/// Layers one after the other on NHWC images, each on the result of the one before, with the lines of the last result
/// in bands: of the results between, only the lines that a band needs exist at a time.
///
/// A line is computed once: what the next band needs as well is moved to its front. Every number has the bits that it
/// has when the layers run one by one. The pads of a layer are smaller than its window, so that each line of its result
/// is computed from at least one of its input.
///
/// Alwani et al., "Fused-Layer CNN Accelerators", 2016.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowBands<const N: usize> {
    stages: [Stage; N],
    rows: usize,
    has_mean: bool,
}

impl<const N: usize> RowBands<N> {
    /// With bands of `rows` lines.
    ///
    /// # Panics
    /// If there is no layer, `rows` is zero, or a layer does not take lines as the one before gives them.
    pub const fn new(stages: [Stage; N], rows: usize) -> Self {
        assert!(
            N > 0 && rows > 0,
            "RowBands: no layers, or bands of no line"
        );
        let mut i = 1;
        while i < N {
            let (from, to) = (stages[i - 1].lines().output, stages[i].lines().input);
            assert!(
                from[0] == to[0] && from[1] == to[1],
                "RowBands: a layer takes images of another size than the one before gives"
            );
            i += 1;
        }
        Self {
            stages,
            rows,
            has_mean: false,
        }
    }

    /// With the mean over height and width of the last result; one thread computes it while the lines are in its cache.
    ///
    /// The sum of a line is that of [`reduce`](crate::reduce()); the sums are added from the first line to the last, and
    /// divided by the number of pixels. So the bits depend neither on the number of threads nor on the bands. With up to
    /// 4096 pixels in a line the relative error of a mean of positive elements is below `(height + 130) 2^-24`.
    ///
    /// # Panics
    /// If the last layer writes columns of a wider output.
    #[must_use]
    pub const fn mean(mut self) -> Self {
        let last = &self.stages[N - 1];
        assert!(
            last.wide_line() == last.lines().output[1],
            "RowBands: the mean of columns of a wider output"
        );
        self.has_mean = true;
        self
    }

    /// For each layer, the most lines of its result that are needed for a band.
    const fn heights(&self) -> [usize; N] {
        let mut heights = [0; N];
        let (mut i, mut rows) = (N, self.rows);
        while i > 0 {
            i -= 1;
            let lines = self.stages[i].lines();
            heights[i] = if rows < lines.output[0] {
                rows
            } else {
                lines.output[0]
            };
            rows = lines.reach(heights[i]);
        }
        heights
    }

    /// For each layer but the last one, the length of the lines of its result that a band needs; and that of all of them.
    const fn windows(&self) -> ([usize; N], usize) {
        let heights = self.heights();
        let (mut lengths, mut sum, mut i) = ([0; N], 0, 0);
        while i + 1 < N {
            lengths[i] = heights[i] * self.stages[i].lines().output[1];
            sum += lengths[i];
            i += 1;
        }
        (lengths, sum)
    }

    /// Length of the scratch memory: for each layer but the last one the lines of its result that a band needs, and
    /// behind them the largest padded band of a convolution.
    ///
    /// A band of `n` lines needs `m = (n - 1) * stride + (kernel - 1) * dilation + 1` lines of the input, or all if that is
    /// less; where a convolution has zeros around the image, it copies `m` lines with zeros on their sides.
    pub const fn scratch_len(&self) -> usize {
        let (heights, (_, windows)) = (self.heights(), self.windows());
        let (mut padded, mut i) = (0, 0);
        while i < N {
            let lines = self.stages[i].lines();
            let copied = lines.reach(heights[i]) * lines.padded;
            if copied > padded {
                padded = copied;
            }
            i += 1;
        }
        windows + padded
    }
}

/// Runs the layers of `p` on images `x`; the last one adds `residual`, and its result may be columns of `out`. The batch size
/// follows from the length of `out`.
///
/// `operands` are the weights and the bias of each layer; `scratch` has at least `p.scratch_len()` elements; several
/// threads run bands of their own if they [have as much](Threads::with_scratch). `mean` is [batch, channels] if `p`
/// [has it](RowBands::mean), and None if not.
///
/// # Panics
/// If a length does not fit.
#[expect(
    clippy::too_many_arguments,
    reason = "the operands and results of several layers"
)]
pub fn row_bands<const N: usize>(
    threads: &Threads,
    p: &RowBands<N>,
    x: &[f32],
    operands: [(&[f32], Option<&[f32]>); N],
    residual: Option<&[f32]>,
    scratch: &mut [f32],
    out: &mut [f32],
    mut mean: Option<&mut [f32]>,
) {
    let last = &p.stages[N - 1];
    let ([height, line], wide) = (last.lines().output, last.wide_line());
    let [_, width, channels] = last.output();
    let image_in = p.stages[0].lines().input.iter().product::<usize>();
    let batch = out.len().checked_div(height * wide).unwrap_or(0);
    assert!(
        out.len() == batch * height * wide
            && x.len() == batch * image_in
            && residual.is_none_or(|residual| residual.len() == batch * height * line),
        "row_bands: the input, the residual and the output are not as many images"
    );
    assert!(
        mean.as_ref().map(|mean| mean.len()) == p.has_mean.then_some(batch * channels),
        "row_bands: the mean is not {channels} elements for each image, or is given to bands that have none"
    );
    let needed = p.scratch_len();
    assert!(
        scratch.len() >= needed,
        "row_bands: the scratch memory has {} elements, fewer than {needed}",
        scratch.len()
    );
    let images = Images {
        x,
        operands,
        residual,
    };
    if let Some(mean) = &mut mean {
        mean.fill(0.0);
    }
    if threads.count() == 1 {
        images.bands(
            threads,
            p,
            0..batch * height,
            scratch,
            out,
            mean.as_deref_mut(),
        );
    } else {
        images.share(threads, p, batch * height, scratch, out);
        if let Some(mean) = &mut mean {
            let images = out.chunks_exact((height * line).max(1));
            for (image, total) in images.zip(mean.chunks_exact_mut(channels.max(1))) {
                add_lines(threads, image, width, scratch, total);
            }
        }
    }
    if let Some(mean) = mean {
        let pixels = (height * width) as f32;
        mean.iter_mut().for_each(|mean| *mean /= pixels);
    }
}

/// Adds up the lines of `width` pixels of an image. As many threads as compute lines sum each line, as long as `scratch`
/// holds their sums.
fn add_lines(
    threads: &Threads,
    image: &[f32],
    width: usize,
    scratch: &mut [f32],
    total: &mut [f32],
) {
    let (channels, line) = (total.len(), width * total.len());
    let lines = image.len() / line;
    let Some(sums) = scratch.get_mut(..lines * channels) else {
        return image
            .chunks_exact(line)
            .for_each(|line| add_rows(line, total));
    };
    let together = lines.div_ceil(threads.count());
    threads.for_each_chunk(sums, together * channels, |index, sums| {
        let image = &image[index * together * line..];
        for (line, sum) in image
            .chunks_exact(line)
            .zip(sums.chunks_exact_mut(channels))
        {
            sum.fill(0.0);
            add_rows(line, sum);
        }
    });
    for sum in sums.chunks_exact(channels) {
        total
            .iter_mut()
            .zip(sum)
            .for_each(|(total, sum)| *total += sum);
    }
}

/// What the layers read.
struct Images<'a, const N: usize> {
    x: &'a [f32],
    operands: [(&'a [f32], Option<&'a [f32]>); N],
    residual: Option<&'a [f32]>,
}

impl<const N: usize> Images<'_, N> {
    /// As `bands`, with several threads: each in bands of its own if the workers have scratch memory for them; else they
    /// share out each layer of a band.
    fn share(
        &self,
        threads: &Threads,
        p: &RowBands<N>,
        lines: usize,
        scratch: &mut [f32],
        out: &mut [f32],
    ) {
        let needed = p.scratch_len();
        if !threads.have_scratch(needed) {
            return self.bands(threads, p, 0..lines, scratch, out, None);
        }
        // Lines next to each other on each thread, as other layers share out theirs.
        let together = lines.div_ceil(threads.count()).max(1);
        let wide = p.stages[N - 1].wide_line();
        threads.for_each_chunk_with_scratch(
            out,
            (together * wide).max(1),
            scratch,
            needed,
            |index, out, scratch| {
                let lines = index * together..lines.min((index + 1) * together);
                self.bands(&Threads::single(), p, lines, scratch, out, None);
            },
        );
    }

    /// Computes some lines of the last results, counted over all images, into `out`, and adds them to `totals`.
    fn bands(
        &self,
        threads: &Threads,
        p: &RowBands<N>,
        mut lines: Range<usize>,
        scratch: &mut [f32],
        mut out: &mut [f32],
        mut totals: Option<&mut [f32]>,
    ) {
        let [height, line] = p.stages[N - 1].lines().output;
        let [_, _, channels] = p.stages[N - 1].output();
        let image_in = p.stages[0].lines().input.iter().product::<usize>();
        let wide = out.len() / lines.len().max(1);
        let mut held = [const { 0..0 }; N];
        while !lines.is_empty() {
            let (image, begin) = (lines.start / height, lines.start % height);
            if begin == 0 {
                held = [const { 0..0 }; N];
            }
            let end = height.min(begin + p.rows.min(lines.len()));
            let band = lines.start..lines.start + end - begin;
            let here;
            (here, out) = take(&mut out).split_at_mut(band.len() * wide);
            run_band(
                threads,
                p,
                begin..end,
                &self.x[image * image_in..][..image_in],
                self.operands,
                self.residual
                    .map(|residual| &residual[band.start * line..band.end * line]),
                &mut held,
                scratch,
                here,
            );
            if let Some(totals) = &mut totals {
                let total = &mut totals[image * channels..][..channels];
                here.chunks_exact(line)
                    .for_each(|line| add_rows(line, total));
            }
            lines.start = band.end;
        }
    }
}

/// Computes the lines `rows` of the last result; `held` are the lines that the windows in `scratch` hold.
#[expect(clippy::too_many_arguments, reason = "those of `row_bands`, and where")]
fn run_band<const N: usize>(
    threads: &Threads,
    p: &RowBands<N>,
    rows: Range<usize>,
    x: &[f32],
    operands: [(&[f32], Option<&[f32]>); N],
    residual: Option<&[f32]>,
    held: &mut [Range<usize>; N],
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let mut wanted = [const { 0..0 }; N];
    wanted[N - 1] = rows.clone();
    for i in (1..N).rev() {
        wanted[i - 1] = p.stages[i].lines().needed(&wanted[i]);
    }
    let (mut source, mut first) = (x, 0);
    let (lengths, windows) = p.windows();
    let (mut free, padded) = scratch.split_at_mut(windows);
    for i in 0..N - 1 {
        let line = p.stages[i].lines().output[1];
        let (window, behind) = take(&mut free).split_at_mut(lengths[i]);
        let new = slide(window, line, &mut held[i], &wanted[i]);
        if !new.is_empty() {
            let place = (new.start - wanted[i].start) * line..(new.end - wanted[i].start) * line;
            let to = &mut window[place];
            p.stages[i].run(threads, new, source, first, operands[i], None, padded, to);
        }
        (source, first, free) = (window, wanted[i].start, behind);
    }
    p.stages[N - 1].run(
        threads,
        rows,
        source,
        first,
        operands[N - 1],
        residual,
        padded,
        out,
    );
}

/// Lets a window of lines begin with the first one that is wanted; the wanted lines that it does not hold yet.
fn slide(
    window: &mut [f32],
    line: usize,
    held: &mut Range<usize>,
    wanted: &Range<usize>,
) -> Range<usize> {
    let kept = wanted.start.max(held.start)..held.end.min(wanted.end);
    let from = kept.start - held.start.min(kept.start);
    *held = wanted.clone();
    if kept.is_empty() {
        return wanted.clone();
    }
    if from > 0 {
        window.copy_within(from * line..(from + kept.len()) * line, 0);
    }
    kept.end..wanted.end
}
