//! Words of names and sentences.

/// The words of a text in lower case, in order: names are taken apart where they change from small to capital letters, at
/// underscores, dots and hyphens. Numbers are none.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .flat_map(parts)
        .filter(|word| word.chars().any(char::is_alphabetic))
        .map(str::to_lowercase)
}

/// `maxPollRecords` and `HTTPServer` in their parts.
fn parts(name: &str) -> Vec<&str> {
    let letters: Vec<(usize, char)> = name.char_indices().collect();
    let mut cuts = vec![0];
    for (place, window) in letters.windows(2).enumerate() {
        let [(_, before), (at, this)] = window else {
            continue;
        };
        let next = letters.get(place.saturating_add(2)).map(|(_, next)| *next);
        let humps = before.is_lowercase() && this.is_uppercase();
        let acronym = before.is_uppercase() && this.is_uppercase() && next.is_some_and(char::is_lowercase);
        if humps || acronym {
            cuts.push(*at);
        }
    }
    cuts.push(name.len());
    cuts.windows(2)
        .filter_map(|cut| match cut {
            [from, to] => name.get(*from..*to),
            _ => None,
        })
        .filter(|part| !part.is_empty())
        .collect()
}

/// How many letters have to be put in, taken out or replaced to make one word of the other (Levenshtein distance).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let up = *cell;
            left = (diagonal + usize::from(x != *y)).min(up + 1).min(left + 1);
            diagonal = up;
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_are_taken_apart_as_people_write_them() {
        for (text, expected) in [
            ("KAFKA_MAX_POLL_RECORDS", &["kafka", "max", "poll", "records"][..]),
            ("max.poll.records", &["max", "poll", "records"]),
            ("readOnlyRootFilesystem", &["read", "only", "root", "filesystem"]),
            ("HTTPServer", &["http", "server"]),
            ("port 8080, v2: naïveName", &["port", "v2", "naïve", "name"]),
            ("100 → 2000", &[]),
        ] {
            assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
