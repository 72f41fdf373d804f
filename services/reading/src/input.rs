//! What is read of a file, byte by byte: counted for the progress bar, and kept from growing without end in one record.
//!
//! Kept true: a [`Leash`] gives at most [`MAX_RECORD_BYTES`] (and a buffer's length) between two calls of
//! [`Slack::renew`], so a reader of records behind it holds no more than that of a record that never ends.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    rc::Rc,
};

use crate::progress::Progress;

/// One record of a format that is read as a stream, in bytes, at most.
pub(crate) const MAX_RECORD_BYTES: u64 = 4 << 20;

/// Counts a file's bytes as progress.
pub(crate) struct Meter<'p> {
    progress: &'p dyn Progress,
    read: Cell<u64>,
}

impl<'p> Meter<'p> {
    /// Of a file that is about to be read.
    pub(crate) fn new(progress: &'p dyn Progress) -> Self {
        Self { progress, read: Cell::new(0) }
    }

    /// Counts what was not read of a file of that length: its reader had seen enough.
    pub(crate) fn finish(self, length: u64) {
        self.progress.advance(length.saturating_sub(self.read.get()));
    }
}

/// A file that is being read.
pub(crate) struct Input<'p> {
    file: File,
    meter: &'p Meter<'p>,
    /// The end of what was counted: nothing counts twice, whichever way the file is read.
    counted: u64,
    position: u64,
}

impl<'p> Input<'p> {
    pub(crate) fn new(file: File, meter: &'p Meter<'p>) -> Self {
        Self { file, meter, counted: 0, position: 0 }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position += read as u64;
        if self.position > self.counted {
            let more = self.position - self.counted;
            self.counted = self.position;
            self.meter.read.set(self.meter.read.get() + more);
            self.meter.progress.advance(more);
        }
        Ok(read)
    }
}

impl Seek for Input<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(to)?;
        // What lies before is passed over, and comes to the meter when the file is done.
        self.counted = self.counted.max(self.position);
        Ok(self.position)
    }
}

/// A reader that gives out before one record takes more memory than it may.
pub(crate) struct Leash<R> {
    input: R,
    slack: Slack,
}

/// How much a [`Leash`] still gives.
#[derive(Clone)]
pub(crate) struct Slack(Rc<Cell<u64>>);

impl Slack {
    /// A record has been read.
    pub(crate) fn renew(&self) {
        self.0.set(MAX_RECORD_BYTES);
    }

    /// Whether the reader gave out.
    pub(crate) fn is_used_up(&self) -> bool {
        self.0.get() == 0
    }
}

impl<R: Read> Leash<R> {
    pub(crate) fn new(input: R) -> (Self, Slack) {
        let slack = Slack(Rc::new(Cell::new(MAX_RECORD_BYTES)));
        (Self { input, slack: slack.clone() }, slack)
    }
}

impl<R: Read> Read for Leash<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.slack.is_used_up() {
            return Err(io::Error::other("a record is longer than is taken"));
        }
        let read = self.input.read(buffer)?;
        self.slack.0.set(self.slack.0.get().saturating_sub(read as u64));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, sync::atomic::AtomicU64, sync::atomic::Ordering::Relaxed};

    use super::*;
    use crate::progress::Stage;

    #[test]
    fn a_leash_gives_out_in_a_record_that_never_ends_and_not_in_many_short_ones() {
        let (mut leash, slack) = Leash::new(io::repeat(b'x'));
        let mut chunk = vec![0; 1 << 20];
        for _ in 0..20 {
            leash.read_exact(&mut chunk).unwrap();
            slack.renew();
        }
        let read = io::copy(&mut leash, &mut io::sink());
        assert!(read.is_err() && slack.is_used_up());
    }

    #[derive(Default)]
    struct Sum(AtomicU64);

    impl Progress for Sum {
        fn stage(&self, _: Stage, _: u64) {}
        fn advance(&self, parts: u64) {
            self.0.fetch_add(parts, Relaxed);
        }
    }

    #[test]
    fn a_file_counts_whole_whichever_way_it_is_read() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[7; 1_000]).unwrap();
        let seeks: [&[SeekFrom]; 3] = [&[], &[SeekFrom::End(-10), SeekFrom::Start(0)], &[SeekFrom::Start(500)]];
        for seeks in seeks {
            let sum = Sum::default();
            let meter = Meter::new(&sum);
            let mut input = Input::new(File::open(file.path()).unwrap(), &meter);
            for seek in seeks {
                input.seek(*seek).unwrap();
                input.read_exact(&mut [0; 10]).unwrap();
            }
            meter.finish(1_000);
            assert_eq!(sum.0.into_inner(), 1_000);
        }
    }
}
