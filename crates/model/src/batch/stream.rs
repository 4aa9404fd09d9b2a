//! Records of a batch that may be compressed, one at a time.

use super::records::RecordFrame;
use super::{Batch, BatchError, Decompressor, RecordView, varint};

/// Longest length prefix of a record.
const PREFIX_BYTES_MAX: usize = 5;
/// Bytes asked of the decompressor at once.
const STEP_BYTES: usize = 16 << 10;

/// Walks a batch's records while decompressing: memory is the codec's window plus the largest record, and
/// more than the bound of plain bytes is refused. After an error it must be dropped.
///
/// ```
/// # use stele_model::batch::{Batch, BatchBuilder, BatchError, RecordStream};
/// # let mut bytes = Vec::new();
/// # let mut builder = BatchBuilder::new(&mut bytes, 0);
/// # builder.push(0, None, Some(b"x"), [])?;
/// # builder.finish();
/// let mut records = RecordStream::new(&Batch::parse(&bytes)?, 128 << 20)?;
/// while let Some(record) = records.next()? {
///     assert_eq!(record.value, Some(&b"x"[..]));
/// }
/// # Ok::<(), BatchError>(())
/// ```
pub struct RecordStream<'a> {
    source: Decompressor<'a>,
    frame: RecordFrame,
    buffer: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<'a> RecordStream<'a> {
    /// Starts at the first record. `bound` is the highest number of plain bytes that the batch may have.
    pub fn new(batch: &Batch<'a>, bound: usize) -> Result<Self, BatchError> {
        let source = Decompressor::new(batch.codec(), batch.payload(), bound)?;
        let frame = RecordFrame::new(batch.header());
        Ok(Self { source, frame, buffer: Vec::new(), taken: 0, ended: false })
    }

    /// The next record; `None` after the last, once it is sure that nothing follows.
    #[allow(
        clippy::should_implement_trait,
        reason = "the record borrows the stream, which Iterator cannot say"
    )]
    pub fn next(&mut self) -> Result<Option<RecordView<'_>>, BatchError> {
        if self.frame.left == 0 {
            self.fill(1)?;
            return match self.available().is_empty() {
                true => Ok(None),
                false => Err(BatchError::Record("bytes after the last record")),
            };
        }
        self.fill(PREFIX_BYTES_MAX)?;
        let mut rest = self.available();
        let before = rest.len();
        let length = varint::take_i32(&mut rest)?;
        let length = usize::try_from(length).map_err(|_| BatchError::Record("record length is negative"))?;
        let total = before - rest.len() + length;
        self.fill(total)?;
        if self.available().len() < total {
            return Err(BatchError::Record("record is cut short"));
        }
        let start = self.taken;
        self.taken += total;
        self.frame.parse(&self.buffer[start..start + total]).map(Some)
    }

    fn available(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// Reads until `count` bytes are there, or the end.
    fn fill(&mut self, count: usize) -> Result<(), BatchError> {
        if self.available().len() >= count || self.ended {
            return Ok(());
        }
        self.buffer.drain(..self.taken);
        self.taken = 0;
        while self.buffer.len() < count && !self.ended {
            let end = self.buffer.len();
            self.buffer.resize(end + STEP_BYTES, 0);
            let got = self.source.read(&mut self.buffer[end..])?;
            self.buffer.truncate(end + got);
            self.ended = got == 0;
        }
        Ok(())
    }
}
