//! Lines of bounded length.

use std::io::{BufRead, Read as _};

use super::MAX_LINE;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line; its end is not in the buffer.
    Line,
    /// The last bytes of the file, without a line's end.
    Incomplete,
    /// A line that is longer than any line of a log; the buffer holds its beginning, the rest was skipped.
    TooLong,
    /// There is no more.
    End,
}

/// Reads the next line into `buffer`. Takes memory for one line of a log at most, whatever the file holds.
pub(super) fn next_line(reader: &mut impl BufRead, buffer: &mut Vec<u8>) -> std::io::Result<Next> {
    buffer.clear();
    let limit = MAX_LINE as u64 + 1;
    reader.by_ref().take(limit).read_until(b'\n', buffer)?;
    match buffer.last() {
        None => Ok(Next::End),
        Some(b'\n') => {
            buffer.pop();
            Ok(Next::Line)
        }
        Some(_) if buffer.len() > MAX_LINE => {
            reader.skip_until(b'\n')?;
            Ok(Next::TooLong)
        }
        Some(_) => Ok(Next::Incomplete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_up_to_its_limit_and_no_further() {
        let mut buffer = Vec::new();
        for (length, ended, unended) in [
            (MAX_LINE - 1, Next::Line, Next::Incomplete),
            (MAX_LINE, Next::Line, Next::Incomplete),
            (MAX_LINE + 1, Next::TooLong, Next::TooLong),
            (MAX_LINE + 2, Next::TooLong, Next::TooLong),
        ] {
            let text = [vec![b'x'; length], b"\nnext\n".to_vec()].concat();
            let mut reader = text.as_slice();
            assert_eq!(next_line(&mut reader, &mut buffer).unwrap(), ended, "{length}");
            assert_eq!(next_line(&mut reader, &mut buffer).unwrap(), Next::Line);
            assert_eq!(buffer, b"next");
            let mut reader = &text[..length];
            assert_eq!(next_line(&mut reader, &mut buffer).unwrap(), unended, "{length}");
            assert_eq!(next_line(&mut reader, &mut buffer).unwrap(), Next::End);
        }
    }
}
