//! Memory for tensors: it starts at a cache line, and a large block of it lies in huge pages.

#[cfg(all(target_os = "linux", not(miri)))]
use memmap2::{Advice, MmapMut};

/// Alignment of an [`Arena`](crate::Arena) and of weights: a cache line, and the widest vector register.
pub const ALIGNMENT: usize = 64;

/// Bytes of a huge page of x86-64 and AArch64.
#[cfg(all(target_os = "linux", not(miri)))]
const HUGE_PAGE: usize = 2 << 20;

/// Zeroed bytes that start at a multiple of [`ALIGNMENT`].
///
/// On Linux, blocks of a huge page or more are a mapping of their own, for which huge pages are asked: those of 4 KiB miss
/// in the translation buffer, and scattered as they are they evict one another from the caches.
pub(crate) struct AlignedBytes {
    /// Holds the bytes, some more in front and maybe behind; never grows, so the bytes never move.
    block: Block,
    start: usize,
    length: usize,
}

enum Block {
    Heap(Vec<u8>),
    #[cfg(all(target_os = "linux", not(miri)))]
    Mapping(MmapMut),
}

impl AlignedBytes {
    /// `length` zero bytes.
    pub(crate) fn zeroed(length: usize) -> Self {
        #[cfg(all(target_os = "linux", not(miri)))]
        if length >= HUGE_PAGE
            && let Some(mapped) = Self::mapped(length)
        {
            return mapped;
        }
        let block = vec![0; length + ALIGNMENT - 1];
        let address = block.as_ptr().addr();
        let start = address.next_multiple_of(ALIGNMENT) - address;
        Self {
            block: Block::Heap(block),
            start,
            length,
        }
    }

    /// `length` zero bytes from a huge page's first one on; None where the system refuses them.
    #[cfg(all(target_os = "linux", not(miri)))]
    fn mapped(length: usize) -> Option<Self> {
        let block = MmapMut::map_anon(length.checked_add(HUGE_PAGE)?).ok()?;
        let address = block.as_ptr().addr();
        let start = address.next_multiple_of(HUGE_PAGE) - address;
        let whole = length / HUGE_PAGE * HUGE_PAGE;
        block.advise_range(Advice::HugePage, start, whole).ok()?;
        // A huge page at the end would hold more than the block.
        let rest = block.len() - start - whole;
        block
            .advise_range(Advice::NoHugePage, start + whole, rest)
            .ok()?;
        Some(Self {
            block: Block::Mapping(block),
            start,
            length,
        })
    }

    /// Number of bytes.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let block: &[u8] = match &self.block {
            Block::Heap(block) => block,
            #[cfg(all(target_os = "linux", not(miri)))]
            Block::Mapping(block) => block,
        };
        &block[self.start..][..self.length]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let block: &mut [u8] = match &mut self.block {
            Block::Heap(block) => block,
            #[cfg(all(target_os = "linux", not(miri)))]
            Block::Mapping(block) => block,
        };
        &mut block[self.start..][..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_zeroed_at_a_cache_line() {
        for length in [0, 1, 63, 64, 65, 4096, (2 << 20) - 1] {
            let block = AlignedBytes::zeroed(length);
            assert_eq!((block.len(), block.bytes().len()), (length, length));
            assert_eq!(block.bytes().as_ptr().addr() % ALIGNMENT, 0);
            assert!(block.bytes().iter().all(|&byte| byte == 0));
            assert!(matches!(block.block, Block::Heap(_)));
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", not(miri)))]
    fn large_blocks_start_zeroed_at_a_huge_page() {
        for length in [HUGE_PAGE, HUGE_PAGE + 1, 3 * HUGE_PAGE - 1] {
            let mut block = AlignedBytes::zeroed(length);
            assert!(matches!(block.block, Block::Mapping(_)));
            assert_eq!(block.bytes().len(), length);
            assert_eq!(block.bytes().as_ptr().addr() % HUGE_PAGE, 0);
            assert!(block.bytes().iter().all(|&byte| byte == 0));
            block.bytes_mut().fill(7);
            assert!(block.bytes().iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", not(miri)))]
    fn what_cannot_be_mapped_is_none() {
        assert!(AlignedBytes::mapped(usize::MAX).is_none());
        assert!(AlignedBytes::mapped(usize::MAX - 2 * HUGE_PAGE).is_none());
    }
}
