//! States of runs between their steps.

use std::io::{self, BufWriter, IntoInnerError, Read as _};
use std::sync::Arc;

use lz4_flex::frame::{FrameDecoder, FrameEncoder, FrameInfo};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that are packed at a time.
const BLOCK: usize = 1 << 16;

/// The state of a run between two steps, as JSON in an LZ4 frame. Clones share it.
///
/// A state holds what the steps have read so far, which for a large cluster is tens of megabytes of JSON that repeats
/// itself: packed it is a tenth of that, on the disk and in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(Arc<[u8]>);

impl Snapshot {
    /// Packs a state.
    ///
    /// # Errors
    /// When the state is not JSON, such as a map whose keys are not texts.
    pub fn of<S: Serialize>(state: &S) -> io::Result<Self> {
        // JSON is written by the letter, and packed by the block.
        let frame = FrameInfo::new().content_checksum(true);
        let packer = FrameEncoder::with_frame_info(frame, Vec::new());
        let mut writer = BufWriter::with_capacity(BLOCK, packer);
        serde_json::to_writer(&mut writer, state)?;
        let packer = writer.into_inner().map_err(IntoInnerError::into_error)?;
        Ok(Self(packer.finish()?.into()))
    }

    /// The state that was packed.
    ///
    /// # Errors
    /// When the bytes are damaged, or are of something else.
    pub fn read<S: DeserializeOwned>(&self) -> io::Result<S> {
        let mut text = Vec::new();
        FrameDecoder::new(&*self.0).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// The bytes that a journal keeps.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Snapshot {
    /// The bytes that a journal has kept.
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn states_come_back_and_take_little_room() {
        let pods: Vec<_> = (0..2_000)
            .map(|number| json!({"name": format!("cart-{number}"), "phase": "Running"}))
            .collect();
        let state = json!({ "pods": pods });
        let snapshot = Snapshot::of(&state).unwrap();
        let text = state.to_string().len();
        assert!(
            snapshot.as_bytes().len() * 5 < text,
            "{} of {text}",
            snapshot.as_bytes().len()
        );
        let kept = Snapshot::from(snapshot.as_bytes().to_vec());
        assert_eq!(kept.read::<Value>().unwrap(), state);
    }

    #[test]
    fn what_is_damaged_is_an_error() {
        let bytes = Snapshot::of(&json!({"a": "b".repeat(100)}))
            .unwrap()
            .as_bytes()
            .to_vec();
        for cut in 0..bytes.len() {
            let kept = Snapshot::from(bytes[..cut].to_vec());
            // Without its end mark and checksum a frame still has all its content.
            let read = kept.read::<Value>();
            assert!(
                read.is_err() || cut + 8 >= bytes.len(),
                "{cut} of {} bytes",
                bytes.len()
            );
        }
        let state: Value = Snapshot::from(bytes.clone()).read().unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[place] ^= 1 << bit;
                // Some bits of the header say nothing about the content.
                let read = Snapshot::from(damaged).read::<Value>();
                assert!(
                    read.is_err() || read.unwrap() == state,
                    "bit {bit} of byte {place}"
                );
            }
        }
        assert!(Snapshot::from(b"{}".to_vec()).read::<Value>().is_err());
        assert!(Snapshot::of(&json!([1])).unwrap().read::<String>().is_err());
    }
}
