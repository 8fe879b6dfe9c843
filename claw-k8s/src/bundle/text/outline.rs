//! The outline of `kubectl describe`: `Key: value` lines, nested by indentation.

/// A line with the lines that are indented below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Item<'a> {
    indent: usize,
    /// The line without indentation.
    pub(super) line: &'a str,
    /// What comes before the first `:` that ends a word.
    pub(super) key: &'a str,
    /// What comes after it.
    pub(super) value: &'a str,
    /// The lines below.
    pub(super) items: Vec<Item<'a>>,
}

/// Nesting beyond this is flattened, so that no text can exhaust the stack.
const DEEPEST: usize = 32;

impl<'a> Item<'a> {
    /// The outline of a text.
    pub(super) fn read(text: &'a str) -> Self {
        // Open items from the outermost to the innermost.
        let mut open: Vec<Item<'a>> = vec![Item::default()];
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let item = Self::of_line(line);
            while open.len() > 1
                && open
                    .last()
                    .is_some_and(|last| last.indent >= item.indent || open.len() > DEEPEST)
            {
                close(&mut open);
            }
            open.push(item);
        }
        while open.len() > 1 {
            close(&mut open);
        }
        open.pop().unwrap_or_default()
    }

    fn of_line(line: &'a str) -> Self {
        let text = line.trim();
        // The root has indentation 0, lines have one more.
        let spaces = line.chars().take_while(|letter| letter.is_whitespace()).count();
        let (key, value) = match text.find(": ").or_else(|| text.find(":\t")) {
            Some(end) => (
                text.get(..end).unwrap_or_default(),
                text.get(end.saturating_add(1)..).unwrap_or_default().trim(),
            ),
            None => (text.strip_suffix(':').unwrap_or_default(), ""),
        };
        Self {
            indent: spaces.saturating_add(1),
            line: text,
            key: key.trim(),
            value,
            items: Vec::new(),
        }
    }

    /// The item below with that key.
    pub(super) fn get(&self, key: &str) -> Option<&Item<'a>> {
        self.items.iter().find(|item| item.key == key)
    }

    /// The value below that key, unless it says that there is none.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        super::present(self.get(key)?.value)
    }

    /// The value and the lines below it: how labels and other lists are printed.
    pub(super) fn lines(&self) -> impl Iterator<Item = &'a str> {
        super::present(self.value)
            .into_iter()
            .chain(self.items.iter().map(|item| item.line))
    }
}

fn close(open: &mut Vec<Item<'_>>) {
    if let Some(item) = open.pop()
        && let Some(parent) = open.last_mut()
    {
        parent.items.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nests_by_indentation() {
        let root = Item::read(
            "Name:  a\nLabels:  x=1\n         y=2\nContainers:\n  web:\n    Image:  r/web:1\n    State:  Waiting\n      Reason:  X\nEvents:  <none>\n",
        );
        assert_eq!(root.text("Name"), Some("a"));
        assert_eq!(
            root.get("Labels").unwrap().lines().collect::<Vec<_>>(),
            ["x=1", "y=2"]
        );
        let web = root.get("Containers").unwrap().get("web").unwrap();
        assert_eq!(web.text("Image"), Some("r/web:1"));
        assert_eq!(web.get("State").unwrap().text("Reason"), Some("X"));
        assert_eq!(root.text("Events"), None);
    }

    #[test]
    fn deep_nesting_does_no_harm() {
        let text: String = (0..5_000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect();
        assert_eq!(Item::read(&text).items.len(), 1);
    }
}
