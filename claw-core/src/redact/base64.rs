//! Just enough base64 to tell whether something is.

/// The bytes that `text` encodes in the usual or the URL alphabet, with or without padding; `None` if it does not.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in digits.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        buffer = (buffer << 6 | u32::from(digit)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(buffer >> bits & 0xff).ok()?);
        }
    }
    Some(out)
}

/// Whether it encodes `user:password`.
pub(super) fn is_user_and_password(text: &str) -> bool {
    decode(text).is_some_and(|bytes| {
        let printable = bytes
            .iter()
            .all(|byte| (0x20..0x7f).contains(byte) || *byte >= 0x80);
        printable
            && bytes
                .iter()
                .position(|byte| *byte == b':')
                .is_some_and(|colon| colon + 1 < bytes.len())
    })
}
