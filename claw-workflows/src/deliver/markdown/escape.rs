//! Text that Markdown (CommonMark and GitHub's dialect) shows as it is.

/// Inline text: no emphasis, links, HTML, mentions or table cells come of it.
pub(super) fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(8));
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // Bare addresses would become links, and names after an at sign mentions.
            ':' if rest.peek() == Some(&'/') => out.push_str("\\:"),
            '.' if follows_www(&out) => out.push_str("\\."),
            '@' => out.push_str("@\u{2060}"),
            '\n' => out.push(' '),
            _ => out.push(c),
        }
    }
    guard_start(out)
}

fn follows_www(text: &str) -> bool {
    text.len()
        .checked_sub(3)
        .and_then(|at| text.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// Keeps the beginning of a line from being read as a heading, a list, a quote or a rule.
fn guard_start(text: String) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (head, tail) = text.split_at(digits);
    let marks: &[char] = if digits == 0 {
        &['#', '+', '-', '=']
    } else {
        &['.', ')']
    };
    if tail.starts_with(marks) {
        format!("{head}\\{tail}")
    } else {
        text
    }
}

/// A code span on one line.
pub(super) fn code(text: &str) -> String {
    let text = text.replace('\n', " ");
    if text.trim().is_empty() {
        return "—".to_owned();
    }
    let fence = "`".repeat(longest_run(&text).saturating_add(1));
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A code span inside of a table, where a bar would end the cell even within code.
pub(super) fn cell_code(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A fenced block, indented by `indent` so that it can be part of a list. No content ends it early.
pub(super) fn fenced(indent: &str, language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).saturating_add(1).max(3));
    let mut out = format!("{indent}{fence}{language}\n");
    for line in text.lines() {
        out.push_str(indent);
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(indent);
    out.push_str(&fence);
    out.push('\n');
    out
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0_usize;
    let mut run = 0_usize;
    for c in text.chars() {
        run = if c == '`' { run.saturating_add(1) } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        assert_eq!(inline("**a** _b_ `c` ~~d~~"), r"\*\*a\*\* \_b\_ \`c\` \~\~d\~\~");
        assert_eq!(inline("[x](javascript:y) <b>"), r"\[x\](javascript:y) &lt;b&gt;");
        assert_eq!(inline("a | b"), r"a \| b");
        assert_eq!(
            inline("see https://evil.example www.evil.example"),
            r"see https\://evil.example www\.evil.example"
        );
        assert_eq!(inline("a window."), "a window.");
        assert_eq!(inline("ping @ops"), "ping @\u{2060}ops");
    }

    #[test]
    fn nothing_becomes_a_block() {
        for (text, safe) in [
            ("# h", r"\# h"),
            ("- x", r"\- x"),
            ("1. x", r"1\. x"),
            ("2) x", r"2\) x"),
            ("---", r"\---"),
        ] {
            assert_eq!(inline(text), safe);
        }
        assert_eq!(inline("a\n# h"), "a # h");
        assert_eq!(inline("212 times"), "212 times");
    }

    #[test]
    fn code_holds_backticks() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(cell_code("a|b"), r"`a\|b`");
        assert_eq!(
            fenced("  ", "sh", "x\n```\ny"),
            "  ````sh\n  x\n  ```\n  y\n  ````\n"
        );
    }
}
