//! Tables with a line of column names, aligned by spaces.

use std::collections::BTreeMap;

/// A row by column name.
pub(super) type Row<'a> = BTreeMap<&'a str, &'a str>;

/// Reads every table in the text; tables are separated by empty lines. A first line without two columns is skipped.
pub(super) fn read(text: &str) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut columns: Option<Vec<(usize, &str)>> = None;
    for line in text.lines() {
        if line.trim().is_empty() {
            columns = None;
            continue;
        }
        match &columns {
            None => columns = header(line),
            Some(_) if line.trim_start().starts_with("---") => {}
            Some(columns) => rows.push(row(columns, line)),
        }
    }
    rows
}

/// Names with the characters at which their columns begin. Names may hold single spaces.
fn header(line: &str) -> Option<Vec<(usize, &str)>> {
    let columns = words(line);
    (columns.len() > 1).then_some(columns)
}

/// The parts of a line that are at least two spaces (or a tab) apart, with the characters at which they begin.
fn words(line: &str) -> Vec<(usize, &str)> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    let mut start: Option<(usize, usize)> = None;
    let mut gap = 0_usize;
    let mut end = 0_usize;
    for (character, (byte, letter)) in line.char_indices().enumerate() {
        if letter.is_whitespace() {
            gap = gap.saturating_add(if letter == '\t' { 2 } else { 1 });
            continue;
        }
        if let Some((place, first)) = start
            && gap >= 2
        {
            found.push((place, line.get(first..end).unwrap_or_default()));
            start = None;
        }
        gap = 0;
        start.get_or_insert((character, byte));
        end = byte.saturating_add(letter.len_utf8());
    }
    if let Some((place, first)) = start {
        found.push((place, line.get(first..end).unwrap_or_default()));
    }
    found
}

/// Cuts the line where the columns begin; where it is not aligned with them, at its own gaps.
fn row<'a>(columns: &[(usize, &'a str)], line: &'a str) -> Row<'a> {
    let letters: Vec<(usize, char)> = line.char_indices().collect();
    let byte = |character: usize| letters.get(character).map_or(line.len(), |(byte, _)| *byte);
    let aligned = columns.iter().all(|(start, _)| {
        let before = start.checked_sub(1).and_then(|at| letters.get(at));
        before.is_none_or(|(_, letter)| letter.is_whitespace())
    });
    if aligned {
        let ends = columns
            .iter()
            .skip(1)
            .map(|(start, _)| *start)
            .chain([usize::MAX]);
        return columns
            .iter()
            .zip(ends)
            .map(|((start, name), end)| {
                let cell = line.get(byte(*start)..byte(end)).unwrap_or_default();
                (*name, cell.trim())
            })
            .collect();
    }
    let by_gaps: Vec<&str> = words(line).into_iter().map(|(_, cell)| cell).collect();
    let cells = if by_gaps.len() == columns.len() {
        by_gaps
    } else {
        line.split_whitespace().collect()
    };
    columns.iter().map(|(_, name)| *name).zip(cells).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_cut_at_the_columns() {
        let text = "NAME    READY   STATUS    RESTARTS       AGE\nweb-1   1/1     Running   3 (5m ago)     2d\nweb-2           Pending   0              1s\n";
        let rows = read(text);
        assert_eq!(rows[0]["RESTARTS"], "3 (5m ago)");
        assert_eq!(rows[1]["READY"], "");
        assert_eq!(rows[1]["AGE"], "1s");
    }

    #[test]
    fn rows_that_are_out_of_line_are_cut_at_their_gaps() {
        let rows = read("NAME  READY  NOMINATED NODE\na-very-long-name  1/1  <none>\nother-name 2/2 x\n");
        assert_eq!(
            (rows[0]["NAME"], rows[0]["NOMINATED NODE"]),
            ("a-very-long-name", "<none>")
        );
        assert_eq!((rows[1]["READY"], rows[1]["NOMINATED NODE"]), ("2/2", "x"));
    }

    #[test]
    fn survives_letters_of_any_width() {
        let rows = read("NAME   ÄGE\n日本   5m\n本\n");
        assert_eq!(rows.len(), 2);
    }
}
