//! One block of memory for all intermediate tensors, and the borrow of disjoint typed parts of it.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use bytemuck::Pod;

use crate::aligned_bytes::AlignedBytes;
use crate::kernels::prepare_thread;

/// Element types of tensors. A `bool` tensor is `u8` with the values 0 and 1.
pub trait Element: Pod + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($t:ty)*) => { $(impl sealed::Sealed for $t {} impl Element for $t {})* };
}
elements!(f32 f64 i8 i16 i32 i64 u8 u16 u32 u64);

/// The place of a tensor in an [`Arena`] or in [`Weights`](crate::Weights): a byte offset and a number of elements.
pub struct Part<T> {
    offset: usize,
    length: usize,
    element: PhantomData<T>,
}

impl<T: Element> Part<T> {
    /// `length` elements from byte `offset` on, a multiple of the element's size.
    #[must_use]
    pub const fn new(offset: usize, length: usize) -> Self {
        assert!(
            offset.is_multiple_of(size_of::<T>()),
            "a part's offset is no multiple of its element's size"
        );
        Self {
            offset,
            length,
            element: PhantomData,
        }
    }

    /// Number of elements.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether the part has no elements.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) const fn bytes(&self) -> Range<usize> {
        self.offset..self.offset + self.length * size_of::<T>()
    }
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Part<T> {}

impl<T: Element> fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let element = std::any::type_name::<T>();
        write!(f, "{} x {element} at byte {}", self.length, self.offset)
    }
}

/// What [`Arena::parts`] borrows at once: a [`Part`], an array of parts, or a tuple of these.
pub trait Parts: Copy {
    /// Shared slices in the same arrangement.
    type Shared<'a>;
    /// Exclusive slices in the same arrangement.
    type Exclusive<'a>;

    /// The byte ranges of all parts that are not empty.
    #[doc(hidden)]
    fn ranges(self, visit: &mut dyn FnMut(Range<usize>));

    #[doc(hidden)]
    fn shared<'a>(self, take: &mut dyn FnMut(Range<usize>) -> &'a [u8]) -> Self::Shared<'a>;

    #[doc(hidden)]
    fn exclusive<'a>(self, take: &mut dyn FnMut() -> &'a mut [u8]) -> Self::Exclusive<'a>;
}

impl<T: Element> Parts for Part<T> {
    type Shared<'a> = &'a [T];
    type Exclusive<'a> = &'a mut [T];

    fn ranges(self, visit: &mut dyn FnMut(Range<usize>)) {
        if !self.is_empty() {
            visit(self.bytes());
        }
    }

    fn shared<'a>(self, take: &mut dyn FnMut(Range<usize>) -> &'a [u8]) -> &'a [T] {
        if self.is_empty() {
            return &[];
        }
        bytemuck::cast_slice(take(self.bytes()))
    }

    fn exclusive<'a>(self, take: &mut dyn FnMut() -> &'a mut [u8]) -> &'a mut [T] {
        if self.is_empty() {
            return &mut [];
        }
        bytemuck::cast_slice_mut(take())
    }
}

impl<P: Parts, const N: usize> Parts for [P; N] {
    type Shared<'a> = [P::Shared<'a>; N];
    type Exclusive<'a> = [P::Exclusive<'a>; N];

    fn ranges(self, visit: &mut dyn FnMut(Range<usize>)) {
        for part in self {
            part.ranges(visit);
        }
    }

    fn shared<'a>(self, take: &mut dyn FnMut(Range<usize>) -> &'a [u8]) -> Self::Shared<'a> {
        self.map(|part| part.shared(take))
    }

    fn exclusive<'a>(self, take: &mut dyn FnMut() -> &'a mut [u8]) -> Self::Exclusive<'a> {
        self.map(|part| part.exclusive(take))
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Parts),*> Parts for ($($name,)*) {
            type Shared<'a> = ($($name::Shared<'a>,)*);
            type Exclusive<'a> = ($($name::Exclusive<'a>,)*);

            #[allow(non_snake_case)]
            fn ranges(self, visit: &mut dyn FnMut(Range<usize>)) {
                let ($($name,)*) = self;
                $($name.ranges(visit);)*
            }

            #[allow(non_snake_case)]
            fn shared<'a>(self, take: &mut dyn FnMut(Range<usize>) -> &'a [u8]) -> Self::Shared<'a> {
                let ($($name,)*) = self;
                ($($name.shared(take),)*)
            }

            #[allow(non_snake_case)]
            fn exclusive<'a>(self, take: &mut dyn FnMut() -> &'a mut [u8]) -> Self::Exclusive<'a> {
                let ($($name,)*) = self;
                ($($name.exclusive(take),)*)
            }
        }
    };
}
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);

/// The most parts that one call of [`Arena::parts`] can borrow exclusively.
pub const MAX_EXCLUSIVE_PARTS: usize = 16;

/// One zeroed block of memory, aligned to [`ALIGNMENT`](crate::ALIGNMENT), in which every intermediate tensor has its [`Part`].
///
/// ```
/// use tf_layers::{Arena, Part};
///
/// let (input, scale, output) = (Part::<f32>::new(0, 4), Part::<f32>::new(16, 1), Part::<f32>::new(64, 4));
/// let mut arena = Arena::new(128);
/// arena.part_mut(input).copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
/// arena.part_mut(scale).fill(10.0);
///
/// let ([x, scale], y) = arena.parts([input, scale], output);
/// for (y, x) in y.iter_mut().zip(x) {
///     *y = x * scale[0];
/// }
/// assert_eq!(arena.part(output), [10.0, 20.0, 30.0, 40.0]);
/// ```
pub struct Arena {
    block: AlignedBytes,
}

impl Clone for Arena {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.bytes().len());
        copy.bytes_mut().copy_from_slice(self.bytes());
        copy
    }
}

impl Default for Arena {
    /// An arena without memory.
    fn default() -> Self {
        Self::new(0)
    }
}

impl Arena {
    /// An arena of `bytes` zero bytes. The calling thread is expected to run layers in it: what the kernels keep for a thread
    /// is allocated as well.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        prepare_thread();
        Self {
            block: AlignedBytes::zeroed(bytes),
        }
    }

    /// The whole block, for instance to save it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.block.bytes()
    }

    /// The whole block, for instance to restore it.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.block.bytes_mut()
    }

    /// One part, to read.
    ///
    /// # Panics
    /// If the part reaches beyond the arena.
    #[must_use]
    pub fn part<T: Element>(&self, part: Part<T>) -> &[T] {
        self.check(&part.bytes());
        bytemuck::cast_slice(&self.block.bytes()[part.bytes()])
    }

    /// Several parts, to read: an array of parts, or a tuple.
    ///
    /// # Panics
    /// If a part reaches beyond the arena.
    #[must_use]
    pub fn shared<P: Parts>(&self, parts: P) -> P::Shared<'_> {
        parts.shared(&mut |range| {
            self.check(&range);
            &self.block.bytes()[range]
        })
    }

    /// One part, to read and write.
    ///
    /// # Panics
    /// If the part reaches beyond the arena.
    pub fn part_mut<T: Element>(&mut self, part: Part<T>) -> &mut [T] {
        self.check(&part.bytes());
        bytemuck::cast_slice_mut(&mut self.block.bytes_mut()[part.bytes()])
    }

    /// The parts that a kernel reads and the parts that it writes, borrowed at the same time.
    ///
    /// What is read may overlap with itself; what is written overlaps with nothing. A kernel that works in place has its
    /// operand among what is written only.
    ///
    /// # Panics
    /// If a part reaches beyond the arena, if a written part overlaps with another part, or if more than
    /// [`MAX_EXCLUSIVE_PARTS`] are written.
    pub fn parts<R: Parts, W: Parts>(
        &mut self,
        read: R,
        write: W,
    ) -> (R::Shared<'_>, W::Exclusive<'_>) {
        let (order, count) = self.order(write);

        // The written parts cut the block into gaps, which are free to be read.
        let mut gaps: [(usize, &[u8]); MAX_EXCLUSIVE_PARTS + 1] = [(0, &[]); _];
        let mut written: [Option<&mut [u8]>; MAX_EXCLUSIVE_PARTS] = [const { None }; _];
        let mut rest = self.block.bytes_mut();
        let mut position = 0;
        for (gap, (range, index)) in gaps.iter_mut().zip(&order[..count]) {
            let (before, after) = rest.split_at_mut(range.start - position);
            let (part, after) = after.split_at_mut(range.len());
            *gap = (position, before);
            written[*index] = Some(part);
            rest = after;
            position = range.end;
        }
        gaps[count] = (position, rest);
        let gaps = &gaps[..=count];

        let shared = read.shared(&mut |range| {
            let inside = |(start, gap): &&(usize, &[u8])| {
                *start <= range.start && range.end <= start + gap.len()
            };
            let Some((start, gap)) = gaps.iter().find(inside) else {
                panic!(
                    "arena: bytes {range:?} are read, but they overlap with bytes that are written, or lie beyond the arena"
                );
            };
            &gap[range.start - start..range.end - start]
        });
        let mut parts = written.into_iter().flatten();
        let exclusive = write.exclusive(&mut || {
            parts
                .next()
                .expect("the parts that `Parts::ranges` has visited, in its order")
        });
        (shared, exclusive)
    }

    /// The byte ranges of the written parts, sorted, each with its index among the parts; and how many there are. Empty
    /// parts are left out.
    fn order(&self, write: impl Parts) -> ([(Range<usize>, usize); MAX_EXCLUSIVE_PARTS], usize) {
        let mut order = [const { (0..0, 0) }; MAX_EXCLUSIVE_PARTS];
        let mut count = 0;
        write.ranges(&mut |range| {
            self.check(&range);
            assert!(
                count < MAX_EXCLUSIVE_PARTS,
                "arena: more than {MAX_EXCLUSIVE_PARTS} parts are written at once"
            );
            order[count] = (range, count);
            count += 1;
        });
        order[..count].sort_unstable_by_key(|(range, _)| range.start);
        for pair in order[..count].windows(2) {
            let (a, b) = (&pair[0].0, &pair[1].0);
            assert!(
                a.end <= b.start,
                "arena: bytes {a:?} and {b:?} are both written, but they overlap"
            );
        }
        (order, count)
    }

    fn check(&self, range: &Range<usize>) {
        let length = self.block.len();
        assert!(
            range.end <= length,
            "arena: bytes {range:?} lie beyond its {length} bytes"
        );
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({} bytes)", self.block.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [Part<u8>; 0] = [];

    fn f32s(offset: usize, length: usize) -> Part<f32> {
        Part::new(offset, length)
    }

    #[test]
    fn parts_keep_the_order_of_the_call() {
        let mut arena = Arena::new(256);
        let (a, b, c) = (f32s(128, 2), f32s(0, 3), f32s(64, 4));
        let ([], [x, y, z]) = arena.parts(NOTHING, [a, b, c]);
        assert_eq!((x.len(), y.len(), z.len()), (2, 3, 4));
        x.fill(1.0);
        y.fill(2.0);
        z.fill(3.0);
        assert_eq!(arena.part(a), [1.0; 2]);
        assert_eq!(arena.part(b), [2.0; 3]);
        assert_eq!(arena.part(c), [3.0; 4]);
    }

    #[test]
    fn mixes_types_and_arrangements() {
        let mut arena = Arena::new(256);
        let indices = Part::<i64>::new(0, 2);
        let mask = Part::<u8>::new(24, 3);
        arena.part_mut(indices).copy_from_slice(&[7, -1]);
        let ((i, [m, n]), (x, y)) = arena.parts(
            (indices, [mask, mask]),
            (f32s(64, 5), Part::<u8>::new(16, 8)),
        );
        assert_eq!((i, m, n.len()), ([7, -1].as_slice(), [0; 3].as_slice(), 3));
        x.fill(1.0);
        y.fill(9);
        assert_eq!(arena.part(indices), [7, -1]);
    }

    #[test]
    fn shares_what_is_only_read() {
        let mut arena = Arena::new(64);
        arena.part_mut(f32s(16, 2)).fill(3.0);
        let ([a, b], c) = arena.shared(([f32s(16, 2), f32s(20, 1)], Part::<u8>::new(0, 4)));
        assert_eq!((a, b, c), (&[3.0; 2][..], &[3.0][..], &[0; 4][..]));
    }

    #[test]
    fn a_clone_has_bytes_of_its_own() {
        let mut arena = Arena::new(64);
        arena.bytes_mut()[5] = 7;
        let mut clone = arena.clone();
        assert_eq!(clone.bytes(), arena.bytes());
        clone.bytes_mut()[5] = 8;
        assert_eq!(arena.bytes()[5], 7);
        assert_eq!(clone.bytes().as_ptr().addr() % crate::ALIGNMENT, 0);
        assert!(Arena::default().bytes().is_empty());
    }

    #[test]
    fn what_is_read_may_overlap() {
        let mut arena = Arena::new(256);
        let ([a, b], c) = arena.parts([f32s(0, 8), f32s(16, 8)], f32s(64, 4));
        assert_eq!((a.len(), b.len(), c.len()), (8, 8, 4));
    }

    #[test]
    fn empty_parts_overlap_with_nothing() {
        let mut arena = Arena::new(64);
        let ([a, b], [c, d]) = arena.parts([f32s(4, 0), f32s(64, 0)], [f32s(4, 0), f32s(0, 16)]);
        assert_eq!((a.len(), b.len(), c.len(), d.len()), (0, 0, 0, 16));
    }

    #[test]
    #[should_panic = "bytes 12..20 are read, but they overlap with bytes that are written"]
    fn refuses_to_read_what_is_written() {
        let _ = Arena::new(64).parts(f32s(12, 2), f32s(16, 4));
    }

    #[test]
    #[should_panic = "bytes 0..16 and 12..20 are both written, but they overlap"]
    fn refuses_to_write_twice() {
        let _ = Arena::new(64).parts(NOTHING, [f32s(12, 2), f32s(0, 4)]);
    }

    #[test]
    #[should_panic = "bytes 48..68 lie beyond its 64 bytes"]
    fn refuses_parts_beyond_the_end() {
        let _ = Arena::new(64).parts(NOTHING, f32s(48, 5));
    }

    #[test]
    #[should_panic = "a part's offset is no multiple of its element's size"]
    fn refuses_misaligned_parts() {
        let _ = Part::<i64>::new(4, 1);
    }
}
