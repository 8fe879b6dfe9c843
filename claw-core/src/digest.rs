//! SHA-256 as text, which is how evidence, actions and records are told apart.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of `bytes`, hexadecimal, in lower case.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SHA-256 of several texts, each with its length in front: `["ab", "c"]` and `["a", "bc"]` are told apart.
pub fn sha256_of_parts<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// The first `digits` digits of a digest: enough to tell few things apart in a name.
pub fn short(digest: &str, digits: usize) -> String {
    digest.chars().take(digits).collect()
}

/// `bytes` as hexadecimal digits, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(sha256_of_parts(["ab", "c"]), sha256_of_parts(["a", "bc"]));
        assert_ne!(sha256_of_parts(["", "a"]), sha256_of_parts(["a"]));
        assert_eq!(short("abcdef", 4), "abcd");
        assert_eq!(short("ab", 4), "ab");
    }

    #[test]
    fn digits_are_in_their_order() {
        assert_eq!(hex(&[0x00, 0x0f, 0xa0, 0xff]), "000fa0ff");
        assert_eq!(
            sha256("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
