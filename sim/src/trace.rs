//! A digest of everything that happened.

/// Two runs with equal digests went through the same steps with the same bytes.
#[derive(Debug)]
pub(crate) struct Trace(crc_fast::Digest);

impl Trace {
    pub(crate) fn new() -> Self {
        Self(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme))
    }

    /// A step of this kind touched this.
    pub(crate) fn step(&mut self, kind: u8, what: u64) {
        self.0.update(&[kind]);
        self.0.update(&what.to_le_bytes());
    }

    /// These bytes crossed the network.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn digest(&self) -> u64 {
        self.0.clone().finalize()
    }
}
