//! Collects blocks as long as they fit into a message.

use super::block::{Block, Text};

/// Most blocks in a message.
pub const MAX_BLOCKS: usize = 50;
/// Most UTF-16 units in a header.
pub const MAX_HEADER: usize = 150;
/// Most UTF-16 units in the text of a section or context.
pub const MAX_TEXT: usize = 3_000;
/// Most bytes of all blocks together, as JSON in ASCII. Slack does not document the limit; messages of 11,000 characters
/// have been refused as `msg_blocks_too_long`.
pub const MAX_BYTES: usize = 10_000;

/// What is kept back for the note that something was left out.
const RESERVE: usize = 250;

/// A message that grows. What does not fit is left out, and the message says so.
#[derive(Debug, Default)]
pub(super) struct Composer {
    blocks: Vec<Block>,
    bytes: usize,
    left_out: bool,
}

impl Composer {
    /// Adds blocks that belong together: all of them, or none.
    pub(super) fn add(&mut self, blocks: impl IntoIterator<Item = Block>) {
        let blocks: Vec<_> = blocks.into_iter().collect();
        let bytes: usize = blocks.iter().map(size).sum();
        let fits = self.bytes.saturating_add(bytes) <= MAX_BYTES.saturating_sub(RESERVE)
            && self.blocks.len().saturating_add(blocks.len()) < MAX_BLOCKS;
        if fits {
            self.bytes = self.bytes.saturating_add(bytes);
            self.blocks.extend(blocks);
        } else {
            self.left_out = true;
        }
    }

    pub(super) fn finish(mut self) -> Vec<Block> {
        if self.left_out {
            self.blocks.push(Block::Context {
                elements: vec![Text::mrkdwn(
                    "Shortened to what Slack takes: the HTML and JSON forms have all of it.",
                )],
            });
        }
        self.blocks
    }
}

/// Bytes of a block as JSON in ASCII, in which other characters take six or twelve.
pub(super) fn size(block: &Block) -> usize {
    let json = serde_json::to_string(block).unwrap_or_default();
    json.chars()
        .map(|c| {
            if c.is_ascii() {
                1
            } else {
                c.len_utf16().saturating_mul(6)
            }
        })
        .sum::<usize>()
        .saturating_add(1)
}
