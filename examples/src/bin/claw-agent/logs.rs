//! `claw-agent logs`: what log lines have in common.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use claw_metrics::logs::templates::{Miner, Template, TemplateId};
use serde::Serialize;

use crate::args::{Output, TemplatesArguments};
use crate::failure::Failure;
use crate::print;

/// Most bytes of a line that are looked at; the rest of it is passed over.
const MAX_LINE: u64 = 64 << 10;

/// The templates of a log.
#[derive(Debug, Serialize)]
struct Mined {
    /// The template of each line.
    lines: Vec<TemplateId>,
    templates: Vec<Template>,
}

pub(crate) fn templates(given: &TemplatesArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("logs templates")?;
    let mined = mine(&given.file).map_err(|error| {
        Failure::new(
            format!("the log {} cannot be read", given.file.display()),
            "check its name and its permissions",
        )
        .because(error)
    })?;
    if json {
        print::json(&mined)?;
    } else {
        print::out(&told(mined))?;
    }
    Ok(0)
}

fn mine(file: &Path) -> io::Result<Mined> {
    if file == Path::new("-") {
        return mine_lines(io::stdin().lock());
    }
    mine_lines(BufReader::with_capacity(1 << 20, File::open(file)?))
}

fn mine_lines(mut log: impl BufRead) -> io::Result<Mined> {
    let mut miner = Miner::new();
    let mut lines = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if log.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.last() != Some(&b'\n') {
            log.skip_until(b'\n')?;
        }
        let text = String::from_utf8_lossy(&line);
        lines.push(miner.insert(text.trim_end_matches(['\n', '\r'])));
    }
    // Later lines may have shown that templates are one.
    for id in &mut lines {
        *id = miner.resolve(*id);
    }
    Ok(Mined {
        lines,
        templates: miner.templates(),
    })
}

fn told(mut mined: Mined) -> String {
    mined
        .templates
        .sort_by_key(|template| (Reverse(template.count), template.id));
    let mut text = String::new();
    for template in &mined.templates {
        let _ = writeln!(text, "{:>9}  {}", template.count, template.text);
    }
    let _ = writeln!(
        text,
        "{} lines, {} templates",
        mined.lines.len(),
        mined.templates.len()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_cut_and_costs_no_other_line() {
        let long = "x".repeat(2 * MAX_LINE as usize);
        let log = format!("started in 5 ms\n{long}\nstarted in 17 ms\r\nstarted in 9 ms");
        let mined = mine_lines(log.as_bytes()).unwrap();
        assert_eq!(mined.lines.len(), 4);
        assert_eq!(mined.lines[0], mined.lines[2]);
        assert_eq!(mined.lines[0], mined.lines[3]);
        assert_ne!(mined.lines[0], mined.lines[1]);
    }
}
