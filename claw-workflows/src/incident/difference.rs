//! What a line of a difference, `path: old → new`, is about.

/// A part of a path, with what stands in brackets behind it: `containers[app]`.
pub(super) type Segment<'a> = (&'a str, Option<&'a str>);

/// The path of a line and what follows it. A line without a colon is all path, up to an arrow.
fn split(line: &str) -> (&str, &str) {
    let colon = outside_brackets(line).find_map(|(at, c)| (c == ':').then_some(at));
    let end = colon.or_else(|| line.find('→')).unwrap_or(line.len());
    let (path, rest) = line.split_at_checked(end).unwrap_or((line, ""));
    (path, rest.strip_prefix(':').unwrap_or(rest))
}

/// Characters with their places, without what stands in brackets: keys may hold anything.
fn outside_brackets(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut depth, mut quoted) = (0_usize, false);
    text.char_indices().filter(move |(_, c)| {
        match c {
            '"' if depth > 0 => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    })
}

/// Whether a line has a path, and is not mere words.
pub(super) fn has_path(line: &str) -> bool {
    outside_brackets(line).any(|(_, c)| c == ':')
}

/// The parts of the path of a line.
pub(super) fn segments(line: &str) -> Vec<Segment<'_>> {
    let (path, _) = split(line);
    let ends = outside_brackets(path).filter(|(_, c)| matches!(c, '.' | '/' | ' '));
    let mut parts = Vec::new();
    let mut from = 0;
    for end in ends.map(|(at, _)| at).chain([path.len()]) {
        let part = path.get(from..end).unwrap_or_default();
        from = end.saturating_add(1);
        if part.is_empty() {
            continue;
        }
        parts.push(
            match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
                Some((field, key)) => (field, Some(key.trim_matches('"'))),
                None => (part, None),
            },
        );
    }
    parts
}

/// Whether the path of a line has a field of which `word` is a word: `Probe` is one of `readinessProbe`, and `host` of
/// `hostNetwork`; neither what fields hold nor the names of containers and variables count.
pub(super) fn is_about(line: &str, word: &str) -> bool {
    segments(line).iter().any(|(field, _)| has_word(field, word))
}

fn has_word(field: &str, word: &str) -> bool {
    let (lower, wanted) = (field.to_ascii_lowercase(), word.to_ascii_lowercase());
    lower.match_indices(&wanted).any(|(at, _)| {
        let before = field.get(..at).and_then(|text| text.chars().next_back());
        let first = field.get(at..).and_then(|text| text.chars().next());
        let begins = before.is_none_or(|before| {
            !before.is_alphanumeric()
                || first.is_some_and(|first| first.is_uppercase() && !before.is_uppercase())
        });
        let rest = field.get(at.saturating_add(wanted.len())..).unwrap_or_default();
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        begins && rest.chars().next().is_none_or(|next| !next.is_lowercase())
    })
}

/// Whether a line brings a reference to the object, or key, of that name: it stands in the new value as a whole word, and
/// not in the old one. Names of images, arguments and the values of variables are no references.
pub(super) fn brings_reference(line: &str, name: &str) -> bool {
    let (_, values) = split(line);
    let (old, new) = values.split_once('→').unwrap_or(("", values));
    let parts = segments(line);
    let literal = parts.last().is_some_and(|(field, key)| match *field {
        "image" | "args" | "command" | "value" | "labels" | "annotations" => true,
        "env" => key.is_some() && !new.trim().trim_matches('"').starts_with("from "),
        _ => false,
    });
    let holds = |text: &str| {
        text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '{' | '}' | '(' | ')'))
            .any(|part| part == name)
    };
    !literal && holds(new) && !holds(old)
}

#[cfg(test)]
mod tests {
    use super::{brings_reference, is_about, segments};

    #[test]
    fn only_fields_tell_what_a_line_is_about() {
        for (line, word, about) in [
            ("containers[app].env[DB_HOST]: a → b", "env", true),
            ("containers[app].env[DB_HOST]: a → b", "host", false),
            ("containers[app].image: a/envoy:1 → a/envoy:2", "env", false),
            ("containers.envoy.image: a → b", "env", false),
            (
                "containers[app].envFrom[secretRef db].secretRef.name: (none) → db",
                "env",
                true,
            ),
            (
                "containers[app].readinessProbe.httpGet.port: 80 → 81",
                "Probe",
                true,
            ),
            (
                "containers[app].ports[containerPort=80].containerPort: 80 → 81",
                "containerPort",
                true,
            ),
            ("hostNetwork: (none) → true", "host", true),
            ("image: a → b", "image", true),
            ("volumes[host].configMap.name: a → b", "host", false),
            ("volumes[data].configMap.name: a → b", "volume", true),
            ("labels[\"a.b/host: x\"]: a → b", "host", false),
            ("TENVER: a → b", "env", false),
            ("cpu limit 2 → 200m", "limit", true),
        ] {
            assert_eq!(is_about(line, word), about, "{line}: {word}");
        }
    }

    #[test]
    fn keys_stand_beside_their_fields() {
        assert_eq!(
            segments("spec.containers[a.b].limits.cpu: 1 → 2"),
            [
                ("spec", None),
                ("containers", Some("a.b")),
                ("limits", None),
                ("cpu", None)
            ]
        );
        assert_eq!(segments("data[\"x]: y\"]: 1 → 2"), [("data", Some("x]: y"))]);
        assert!(segments("").is_empty());
    }

    #[test]
    fn a_reference_is_a_whole_name_where_references_stand() {
        for (line, brings) in [
            ("volumes[config].configMap.name: (none) → web", true),
            (
                "containers[app].env[A]: x → from configMapKeyRef.key a, configMapKeyRef.name web",
                true,
            ),
            ("containers[web].image: a → b", false),
            ("containers[app].image: a → web", false),
            ("containers[app].env[A]: x → web", false),
            ("containers[app].args: serve → serve web", false),
            ("volumes[config].configMap.name: a → web-2", false),
            // It was asked for before.
            ("volumes[config].configMap.items[k].key: web → web", false),
            ("volumes[config].configMap.name: web → (none)", false),
        ] {
            assert_eq!(brings_reference(line, "web"), brings, "{line}");
        }
    }
}
