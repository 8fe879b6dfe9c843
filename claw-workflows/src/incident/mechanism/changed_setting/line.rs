//! One line of a change's difference: `path: old → new`.

use crate::incident::words::words;

/// What was changed from what to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) path: &'a str,
    pub(super) old: &'a str,
    pub(super) new: &'a str,
}

/// What stands for a value that is not there.
const ABSENT: [&str; 2] = ["(none)", "(empty)"];

impl<'a> Line<'a> {
    /// `None` for what tells no value.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        let (path, values) = line.split_once(": ")?;
        let (old, new) = values.split_once(" → ")?;
        let value = |text: &'a str| {
            let text = text.trim().trim_matches('"');
            if ABSENT.contains(&text) { "" } else { text }
        };
        Some(Self {
            path: path.trim(),
            old: value(old),
            new: value(new),
        })
    }

    /// The name of what is set: that of the variable, or the last part of the path.
    pub(super) fn key(&self) -> &'a str {
        match self.path.strip_suffix(']').and_then(|path| path.rsplit_once('[')) {
            Some((_, name)) => name,
            None => self.path.rsplit('.').next().unwrap_or(self.path),
        }
    }

    /// Whether it says nothing of what a program does: names and notes, the version of an image, and what is measured out to
    /// it, of which other mechanisms speak.
    pub(super) fn is_idle(&self) -> bool {
        const IDLE: [&str; 4] = ["labels[", "annotations[", "resources.", "replicas"];
        let idle = IDLE.iter().any(|part| self.path.contains(*part));
        idle || self.key() == "image" && self.repository_stays()
    }

    fn repository_stays(&self) -> bool {
        let repository = |image: &'a str| {
            let image = image.split('@').next().unwrap_or(image);
            let (directory, name) = image.rsplit_once('/').unwrap_or(("", image));
            (directory, name.split(':').next().unwrap_or(name))
        };
        // Whoever moves to another registry keeps the name.
        repository(self.old).1 == repository(self.new).1
    }

    /// How many times the old number the new one is, where both are numbers.
    pub(super) fn ratio(&self) -> Option<f64> {
        let (old, new) = (number(self.old)?, number(self.new)?);
        (old > 0.0 && new >= 0.0).then_some(new / old)
    }

    /// Whether the name of what is set has one of these words.
    pub(super) fn is_about(&self, wanted: &[&str]) -> bool {
        words(self.key()).any(|word| {
            let single = word.strip_suffix('s').unwrap_or(&word);
            wanted.contains(&word.as_str()) || wanted.contains(&single)
        })
    }
}

/// A number, with the unit of a duration or without.
fn number(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let value: f64 = text.get(..end)?.parse().ok()?;
    let factor = match text.get(end..)? {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Some(value * factor)
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_line_is_read_in_its_parts() {
        let line = Line::read("containers[app].env[MAX_POLL]: 100 → 2000").unwrap();
        assert_eq!((line.key(), line.old, line.new), ("MAX_POLL", "100", "2000"));
        assert_eq!(line.ratio(), Some(20.0));
        let line = Line::read("containers[app].command: ./profile → (none)").unwrap();
        assert_eq!((line.key(), line.old, line.new), ("command", "./profile", ""));
        assert_eq!(line.ratio(), None);
        assert_eq!(Line::read("scaled to 3"), None);
        let ratio = Line::read("env[T]: 30s → 500ms").and_then(|line| line.ratio());
        assert!(ratio.is_some_and(|ratio| (ratio - 1.0 / 60.0).abs() < 1e-9));
    }

    #[test]
    fn versions_notes_and_resources_are_idle() {
        for (line, idle) in [
            ("containers[a].image: corp/a:1 → corp/a:2", true),
            ("containers[a].image: corp/a:1 → other.example/a:1", true),
            ("containers[a].image: corp/a:1 → corp/b:1", false),
            ("annotations[restartedAt]: 1 → 2", true),
            ("containers[a].resources.limits.memory: 1Gi → 2Gi", true),
            ("containers[a].env[MODE]: a → b", false),
        ] {
            assert_eq!(Line::read(line).map(|line| line.is_idle()), Some(idle), "{line}");
        }
    }
}
