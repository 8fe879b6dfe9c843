//! Text that Slack's markup shows as it is.
//!
//! Slack can escape `&`, `<` and `>`, and with them links and mentions. It has no escape for the characters of
//! emphasis and code; those are shown by characters that look like them.

/// `text` for use in markup, in at most `limit` UTF-16 units, with an ellipsis where it was cut.
pub(crate) fn escaped(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut used = 0_usize;
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        let one = match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '`' => "\u{2cb}".to_owned(),
            '*' => "\u{2217}".to_owned(),
            '~' => "\u{223c}".to_owned(),
            // Only at the edge of a word it means emphasis; names hold many.
            '_' if !(before.is_alphanumeric() && after.is_alphanumeric()) => "\u{ff3f}".to_owned(),
            _ => c.to_string(),
        };
        let size = one.encode_utf16().count();
        let reserve = usize::from(rest.peek().is_some());
        if used.saturating_add(size).saturating_add(reserve) > limit {
            out.truncate(out.trim_end().len());
            if used < limit {
                out.push('…');
            }
            return out;
        }
        out.push_str(&one);
        used = used.saturating_add(size);
        before = c;
    }
    out
}

/// A name in code style.
pub(super) fn code(text: &str, limit: usize) -> String {
    if text.trim().is_empty() {
        return "—".to_owned();
    }
    format!("`{}`", escaped(text, limit.saturating_sub(2)))
}

/// Plain text of at most `limit` UTF-16 units.
pub(crate) fn plain(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut used = 0_usize;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let reserve = usize::from(rest.peek().is_some());
        if used.saturating_add(c.len_utf16()).saturating_add(reserve) > limit {
            if used < limit {
                out.push('…');
            }
            break;
        }
        out.push(c);
        used = used.saturating_add(c.len_utf16());
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mentions_and_links_are_text() {
        assert_eq!(
            escaped("<!channel> <@U1> <https://evil.example|ok> & co", 200),
            "&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil.example|ok&gt; &amp; co"
        );
    }

    #[test]
    fn emphasis_and_code_are_text_and_names_keep_their_dashes() {
        assert_eq!(
            escaped("*b* ~s~ `c` _i_ container_memory_bytes", 99),
            "∗b∗ ∼s∼ ˋcˋ ＿i＿ container_memory_bytes"
        );
    }

    #[test]
    fn an_escape_is_never_cut_in_half() {
        assert_eq!(escaped("abc&def", 7), "abc…");
        assert_eq!(escaped("abc&", 8), "abc&amp;");
        assert_eq!(plain("😀😀😀", 5), "😀😀…");
    }

    proptest! {
        #[test]
        fn never_longer_than_the_limit(text in "\\PC{0,80}", limit in 0_usize..60) {
            prop_assert!(escaped(&text, limit).encode_utf16().count() <= limit);
            prop_assert!(plain(&text, limit).encode_utf16().count() <= limit);
        }
    }
}
