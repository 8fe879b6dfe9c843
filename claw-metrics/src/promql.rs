//! What a parser has to be told of PromQL.

use std::borrow::Cow;

/// The query with its raw strings (`` `…` ``) as quoted ones, which mean the same.
///
/// The parser takes a backslash in a raw string for an escape, and refuses `` `\d+` ``.
pub fn without_raw_strings(query: &str) -> Cow<'_, str> {
    if !query.contains('`') {
        return Cow::Borrowed(query);
    }
    let mut text = String::with_capacity(query.len() + 8);
    let mut rest = query;
    while let Some(at) = rest.find(['"', '\'', '`', '#']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let end = if from.starts_with('#') {
            from.find('\n')
        } else {
            end_of_string(from)
        };
        // Without an end it is for the parser to say what is wrong.
        let (token, after) = from.split_at(end.unwrap_or(from.len()));
        match token.strip_prefix('`').and_then(|token| token.strip_suffix('`')) {
            Some(raw) if end.is_some() => {
                text.push('"');
                raw.chars().for_each(|character| match character {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    character => text.push(character),
                });
                text.push('"');
            }
            _ => text.push_str(token),
        }
        rest = after;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Where the string ends that `text` begins with.
fn end_of_string(text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    let (_, quote) = characters.next()?;
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some(at + quote.len_utf8());
        }
        if character == '\\' && quote != '`' {
            characters.next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn raw_strings_are_quoted_and_nothing_else() {
        for (query, expected) in [
            ("up", "up"),
            (r"a{b=~`\d+`}", r#"a{b=~"\\d+"}"#),
            (r#"a{b=`say "hi"`,c="`"}"#, r#"a{b="say \"hi\"",c="`"}"#),
            ("a{b=`two\nlines`}", r#"a{b="two\nlines"}"#),
            ("a # `no string\n{b=`c`}", "a # `no string\n{b=\"c\"}"),
            (r#"a{b="\"`",c='`'}"#, r#"a{b="\"`",c='`'}"#),
            ("a{b=`open", "a{b=`open"),
            ("a{b=``}", "a{b=\"\"}"),
            ("`", "`"),
        ] {
            assert_eq!(without_raw_strings(query), expected, "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(query in "[a`\"'\\\\#\n é]{0,12}") {
            let text = without_raw_strings(&query);
            // What is written anew has no raw string left, and stays as it is.
            prop_assert_eq!(without_raw_strings(&text), text.clone());
        }
    }
}
