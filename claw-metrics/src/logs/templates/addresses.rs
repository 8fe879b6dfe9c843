//! Addresses: hardware addresses and IPv6, whose groups may be letters only, and what stands in brackets behind an address.

/// Fewest groups that no time of day has.
const GROUPS: usize = 5;
/// Groups of a hardware address, each of two digits.
const HARDWARE: usize = 6;
/// Longest name in brackets behind an address.
const MAX_NAME: usize = 255;

/// Where the address in hexadecimal groups ends that begins at `start`: `ab:ba:de:ad:00:01`, `fe80::1%eth0`, `::1`.
pub(super) fn end_of_groups(line: &str, start: usize) -> Option<usize> {
    let text = line.get(start..)?;
    let length = text
        .bytes()
        .take_while(|byte| byte.is_ascii_hexdigit() || *byte == b':')
        .count();
    let run = text.get(..length)?;
    // A colon at the end belongs to the phrase: `fe80::1: no route`.
    let run = match run.strip_suffix(':') {
        Some(before) if !run.ends_with("::") => before,
        _ => run,
    };
    let groups = || run.split(':');
    let hardware = groups().count() >= HARDWARE && groups().all(|group| group.len() == 2);
    let short = run.contains("::") && run.len() > 2;
    let many = groups().count() >= GROUPS || short;
    let digits = run.bytes().any(|byte| byte.is_ascii_digit());
    let version_6 = many && digits && groups().all(|group| group.len() <= 4);
    if !(hardware || version_6) {
        return None;
    }
    let rest = text.get(run.len()..)?;
    // `::ffff:10.0.0.1`, `fe80::1%eth0`, `fd00::/64`
    let more = match rest.bytes().next() {
        Some(b'.' | b'%' | b'/') => rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'%' | b'/' | b'_'))
            .count(),
        Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' => return None,
        _ => 0,
    };
    Some(start + run.len() + more)
}

/// Whether `word` is an address of IPv4.
pub(super) fn is_ipv4(word: &str) -> bool {
    let dots = word.bytes().filter(|byte| *byte == b'.').count();
    (7..=15).contains(&word.len())
        && dots == 3
        && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// The place of the bracket that closes the one at `open`, if there is a name between them, or nothing: what else is known of
/// the address in front.
pub(super) fn name_in_brackets(line: &str, open: usize) -> Option<usize> {
    let inside = line.get(open + 1..)?;
    let length = inside.bytes().take(MAX_NAME).position(|byte| byte == b')')?;
    let name = inside.get(..length)?;
    let plain = !name.contains(|c: char| c.is_whitespace() || matches!(c, '(' | '=' | '[' | '{'));
    plain.then_some(open + 1 + length)
}
