//! Addresses that keep what networks are: two addresses share as many leading bits as before.

use std::net::Ipv4Addr;

use claw_core::digest::sha256_of_parts;

/// Networks that mean something, and how many of their bits stay.
const KNOWN: [(Ipv4Addr, u32, u32); 9] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, 32),
    (Ipv4Addr::new(127, 0, 0, 0), 8, 32),
    (Ipv4Addr::new(169, 254, 0, 0), 16, 32),
    (Ipv4Addr::new(224, 0, 0, 0), 3, 32),
    (Ipv4Addr::new(10, 0, 0, 0), 8, 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12, 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16, 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10, 10),
    (Ipv4Addr::new(0, 0, 0, 0), 0, 8),
];

/// The address that stands for `address`. Of one that names a network of `bits` bits, the others stay zero.
pub(super) fn replaced(address: Ipv4Addr, bits: Option<u32>, seed: u64) -> Ipv4Addr {
    let value = u32::from(address);
    let kept = KNOWN
        .iter()
        .find(|(network, size, _)| (value ^ u32::from(*network)) & mask(*size) == 0)
        .map_or(8, |(_, _, kept)| *kept);
    let mut made = value;
    for bit in kept..32 {
        // Whether a bit turns hangs on those before it, and on nothing else.
        let prefix = value & mask(bit);
        let digest = sha256_of_parts([seed.to_string(), bit.to_string(), prefix.to_string()]);
        if digest.starts_with(|c: char| matches!(c, '0'..='7')) {
            made ^= 1_u32.checked_shl(31_u32.saturating_sub(bit)).unwrap_or(0);
        }
    }
    let bits = bits.filter(|bits| value & !mask(*bits) == 0).unwrap_or(32);
    Ipv4Addr::from(made & mask(bits))
}

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_held() {
        let made = |text: &str, bits| replaced(text.parse().unwrap(), bits, 7);
        let network = u32::from(made("10.40.0.0", Some(13)));
        assert_eq!(network & !mask(13), 0);
        let held = |text: &str| u32::from(made(text, None)) & mask(13) == network;
        assert!(held("10.47.255.3") && held("10.40.1.1"));
        assert!(!held("10.48.0.1"));
        assert_ne!(made("10.40.1.1", None).to_string(), "10.40.1.1");
        assert_eq!(made("10.0.0.0", Some(8)).to_string(), "10.0.0.0");
        assert!(made("192.168.4.9", None).is_private());
        assert!(!made("52.1.2.3", None).is_private());
        for text in ["127.0.0.1", "0.0.0.0", "169.254.169.254", "255.255.255.255"] {
            assert_eq!(made(text, None).to_string(), text);
        }
    }
}
