//! Names with stars in them.

/// A name in which `*` stands for any text, also none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether the whole of `name` is what is meant.
    pub(super) fn fits(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        // What stands between two stars is found as early as may be: that leaves most for what comes after.
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else {
                return false;
            };
            rest = after;
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let fits = |pattern: &str, name: &str| Pattern::new(pattern).fits(name);
        for (pattern, name) in [
            ("KubePodCrashLooping", "KubePodCrashLooping"),
            ("*", ""),
            ("Kube*", "KubePodCrashLooping"),
            ("*Looping", "KubePodCrashLooping"),
            ("K*Pod*Loop*", "KubePodCrashLooping"),
            ("a*a", "aa"),
            ("**", "x"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("Kube", "KubePod"),
            ("Kube*Pod", "KubePodCrash"),
            ("a*a", "a"),
            ("*b*b*", "abc"),
            ("", "x"),
            ("kube*", "KubePod"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
