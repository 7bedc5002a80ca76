//! Parts of a compressed stream, made without the blocks before and after them where that can be avoided.
//!
//! No table says where a block begins in the compressed stream, so blocks have to be compressed to find out: those
//! from the beginning to the part, or those from the part to the end, whichever are fewer. The last byte of a stream
//! costs its last blocks, then, and not all of it.

use std::io::{self, Read};

use super::Packer;
use super::blocks::blocks;

/// The sizes of a stream in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Before compression.
    pub(crate) plain: u64,
    /// After it.
    pub(crate) packed: u64,
}

/// Opens the uncompressed bytes at an offset.
pub(super) type Open<'a> = dyn Fn(u64) -> io::Result<Box<dyn Read + 'a>> + 'a;
type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// One stream of which a part is made.
pub(super) struct Stream<'a, P> {
    pub(super) packer: &'a P,
    pub(super) block: usize,
    pub(super) threads: usize,
    pub(super) sizes: Sizes,
    pub(super) open: &'a Open<'a>,
}

/// Passes on what lies in a part of the stream, and knows when that is over.
struct Window<'a, 'b> {
    at: u64,
    first: u64,
    end: u64,
    to: &'a mut Sink<'b>,
}

impl Window<'_, '_> {
    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u64;
        let from = self.first.saturating_sub(self.at).min(length);
        let to = self.end.saturating_sub(self.at).min(length);
        self.at += length;
        match (usize::try_from(from), usize::try_from(to)) {
            (Ok(from), Ok(to)) if from < to => (self.to)(&bytes[from..to]),
            _ => Ok(()),
        }
    }

    fn is_over(&self) -> bool {
        self.at >= self.end
    }
}

impl<P: Packer> Stream<'_, P> {
    /// Passes `length` bytes of the compressed stream from `first` on to `to`, or as many as there are.
    pub(super) fn part(&self, first: u64, length: u64, to: &mut Sink<'_>) -> io::Result<()> {
        let end = first.saturating_add(length).min(self.sizes.packed);
        if first >= end {
            return Ok(());
        }
        let blocks = self.sizes.plain.div_ceil(self.block as u64);
        let trailer = self.packer.end()?;
        let body = self.sizes.packed.checked_sub(trailer.len() as u64).ok_or_else(wrong)?;
        // What is before the part costs once; what is behind its beginning is compressed to find that, and again.
        let (mut block, mut at) = (0, 0);
        if self.sizes.packed - first < end / 2 {
            (block, at) = self.before(first.min(body), blocks, body)?;
        }
        let mut window = Window { at, first, end, to };
        self.each(block, blocks, &mut |packed| {
            window.pass(packed)?;
            Ok(!window.is_over())
        })?;
        if window.is_over() { Ok(()) } else { window.pass(&trailer) }
    }

    /// The last block that begins at or before `first`, and where it begins, found from the end of the blocks at
    /// `body`.
    fn before(&self, first: u64, blocks: u64, body: u64) -> io::Result<(u64, u64)> {
        let (mut block, mut at) = (blocks, body);
        while block > 0 && at > first {
            // As many as there are if the others are as small as the average, and one more.
            let share = (u128::from(at - first) * u128::from(block)).div_ceil(u128::from(at.max(1)));
            let step = u64::try_from(share).unwrap_or(u64::MAX).saturating_add(1).min(block);
            let mut lengths = Vec::new();
            self.each(block - step, block, &mut |packed| {
                lengths.push(packed.len() as u64);
                Ok(true)
            })?;
            for length in lengths.into_iter().rev() {
                if at <= first {
                    return Ok((block, at));
                }
                block -= 1;
                at = at.checked_sub(length).ok_or_else(wrong)?;
            }
        }
        Ok((block, at))
    }

    /// Passes the blocks from `from` to `end`, compressed and in order, to `to`, as long as that returns true.
    fn each(&self, from: u64, end: u64, to: &mut dyn FnMut(&[u8]) -> io::Result<bool>) -> io::Result<()> {
        if from >= end {
            return Ok(());
        }
        let mut plain = (self.open)(from * self.block as u64)?;
        let mut left = end - from;
        let mut next = || {
            if left == 0 {
                return Ok(None);
            }
            left -= 1;
            let mut bytes = vec![0; self.block];
            let count = super::fill(&mut *plain, &mut bytes)?;
            bytes.truncate(count);
            // Only the last block of all is shorter.
            let short = count < self.block && (left > 0 || count == 0);
            if short { Err(wrong()) } else { Ok(Some(bytes)) }
        };
        // A part is often within one block: as few as keep the threads busy.
        blocks(self.packer, self.threads, self.threads - 1, &mut next, to)
    }
}

fn wrong() -> io::Error {
    io::Error::other("the layer does not have its recorded size")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::super::gzip::Gzip;
    use super::super::zstd::Zstd;
    use super::*;
    use crate::content::in_memory::mixed;

    /// Counts the blocks that it compresses.
    struct Counting<'a, P>(P, &'a AtomicUsize);

    impl<P: Packer> Packer for Counting<'_, P> {
        fn block(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.block(bytes)
        }

        fn end(&self) -> io::Result<Vec<u8>> {
            self.0.end()
        }
    }

    const BLOCK: usize = 1000;

    fn whole<P: Packer>(packer: P, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut to = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        super::super::pack(&packer, BLOCK, 2, &mut &*bytes, &mut to).unwrap();
        out
    }

    /// A part of the stream, and how many blocks were compressed for it.
    fn part<P: Packer>(packer: P, bytes: &[u8], packed: usize, first: u64, length: u64) -> (Vec<u8>, usize) {
        let made = AtomicUsize::new(0);
        let open = |at: u64| Ok(Box::new(&bytes[usize::try_from(at).unwrap()..]) as Box<dyn Read>);
        let sizes = Sizes { plain: bytes.len() as u64, packed: packed as u64 };
        let packer = Counting(packer, &made);
        let stream = Stream { packer: &packer, block: BLOCK, threads: 2, sizes, open: &open };
        let mut out = Vec::new();
        let mut to = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            Ok(())
        };
        stream.part(first, length, &mut to).unwrap();
        (out, made.load(Ordering::Relaxed))
    }

    #[test]
    fn neither_end_of_a_stream_costs_its_other_blocks() {
        let bytes = mixed(100 * BLOCK - 1);
        let (gzip, zstd) = (whole(Gzip, &bytes), whole(Zstd, &bytes));
        for length in [1, 8, 9, 100] {
            let (gzip, zstd) = (gzip.len(), zstd.len());
            for (made, size) in [
                (part(Gzip, &bytes, gzip, gzip as u64 - length, length), gzip),
                (part(Zstd, &bytes, zstd, zstd as u64 - length, length), zstd),
                (part(Gzip, &bytes, gzip, 0, length), gzip),
                (part(Zstd, &bytes, zstd, 0, length), zstd),
            ] {
                assert!(
                    made.0.len() as u64 == length && made.1 <= 6,
                    "{length} of {size}: {} blocks",
                    made.1
                );
            }
        }
        // What ends with a block costs one after it for the other thread; the trailer alone costs none at all.
        let two = whole(Gzip, &bytes[..2 * BLOCK]).len() - Gzip.end().unwrap().len();
        assert!(part(Gzip, &bytes, gzip.len(), 0, two as u64).1 <= 3);
        assert_eq!(part(Gzip, &bytes, gzip.len(), gzip.len() as u64 - 10, 10).1, 0);
        // The worst place costs less than twice of all.
        let most = (0..20).map(|at| part(Zstd, &bytes, zstd.len(), at * zstd.len() as u64 / 20, 1).1).max();
        assert!(most.unwrap() <= 150, "{most:?} of 100");
    }

    #[test]
    fn a_stream_of_fewer_blocks_than_recorded_is_an_error() {
        let bytes = mixed(10 * BLOCK);
        let size = whole(Zstd, &bytes).len() as u64;
        let last = size - Zstd.end().unwrap().len() as u64 - 1;
        for (first, short) in [(0, BLOCK), (last, BLOCK), (0, 5 * BLOCK), (last, 5 * BLOCK)] {
            let there = &bytes[..bytes.len() - short];
            let open = |at: u64| {
                let at = usize::try_from(at).unwrap().min(there.len());
                Ok(Box::new(&there[at..]) as Box<dyn Read>)
            };
            let sizes = Sizes { plain: bytes.len() as u64, packed: size };
            let stream = Stream { packer: &Zstd, block: BLOCK, threads: 2, sizes, open: &open };
            let outcome = stream.part(first, size, &mut |_| Ok(()));
            assert!(outcome.is_err(), "{short} bytes fewer, from {first}");
        }
    }

    proptest! {
        #[test]
        fn a_part_of_a_stream_equals_that_part_of_the_whole(
            size in prop_oneof![Just(1), Just(BLOCK), Just(2 * BLOCK), 1..40 * BLOCK],
            first in any::<prop::sample::Index>(),
            length in prop_oneof![0..20u64, 0..30_000u64, Just(u64::MAX)],
            from_end in any::<bool>(),
            zstd in any::<bool>(),
        ) {
            let bytes = mixed(size);
            let all = if zstd { whole(Zstd, &bytes) } else { whole(Gzip, &bytes) };
            let first = match from_end {
                true => all.len().saturating_sub(usize::try_from(length).unwrap_or(usize::MAX)),
                false => first.index(all.len()),
            };
            let (part, _) = match zstd {
                true => part(Zstd, &bytes, all.len(), first as u64, length),
                false => part(Gzip, &bytes, all.len(), first as u64, length),
            };
            let end = first.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(all.len());
            prop_assert!(part == all[first..end]);
        }
    }
}
