//! `claw-agent scenario new`: a recording without its names, and a draft of what is expected of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use claw_core::report::Verdict;
use claw_k8s::bundle::Bundle;
use claw_testkit::scenario::sanitise::{Sanitised, sanitise, write};
use claw_testkit::scenario::{draft, same_answer};
use serde::Serialize;

use super::{answer, blocking, replayed};
use crate::args::{Output, ScenarioNewArguments};
use crate::failure::{CHECK, Failure};
use crate::progress::Progress;
use crate::{print, replay};

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    folder: PathBuf,
    /// What the made-up words hang on, as text since not all readers of JSON know such large numbers. It stands in no file.
    seed: String,
    /// How many names were replaced.
    replaced: usize,
    /// Names that are left.
    kept: BTreeSet<String>,
    /// What the replay of the recording answers.
    before: String,
    /// What that of the scenario does.
    after: String,
    /// Whether both answer the same, as surely.
    same: bool,
    /// Whether one cause is no more likely than another, so that a person has to say which it is.
    ambiguous: bool,
}

pub(crate) async fn run(given: ScenarioNewArguments, output: Output) -> Result<u8, Failure> {
    let json = output.is_json("scenario new")?;
    let progress = Progress::start("reading the recording");
    let recorded = replay::load(given.bundle.clone()).await?;
    if let Some(problem) = recorded.problems.first() {
        return Err(Failure::new(
            format!("{}: {problem}", given.bundle.display()),
            "right or remove it: a scenario that is read in part proves nothing",
        ));
    }
    let before = replayed(&recorded).await?;
    let out = given.out.clone();
    let seed = given.seed.unwrap_or_else(drawn);
    let made = blocking(move || disguised(&recorded, &given, seed, &out)).await??;
    let Sanitised { kept, replaced, .. } = made.0;
    let after = replayed(&made.1).await?;
    let expect = serde_json::json!(draft(&after));
    let path = made.2.join("expect.json");
    let text = format!("{expect:#}\n");
    std::fs::write(&path, text).map_err(|error| {
        Failure::new(
            format!("cannot write {}", path.display()),
            "check that there is space",
        )
        .because(error)
    })?;
    drop(progress);
    let told = Made {
        folder: made.2,
        seed: seed.to_string(),
        replaced: replaced.len(),
        kept,
        same: same_answer(&before, &after),
        before: answer(&before),
        after: answer(&after),
        ambiguous: after.verdict == Verdict::Ambiguous,
    };
    if json {
        print::json(&told)?;
    } else {
        print::out(&told.text())?;
    }
    Ok(if told.same { 0 } else { CHECK })
}

/// Writes the recording without its names, and reads it back: what is replayed is what was written.
fn disguised(
    recorded: &Bundle,
    given: &ScenarioNewArguments,
    seed: u64,
    out: &Path,
) -> Result<(Sanitised, Bundle, PathBuf), Failure> {
    let keep: BTreeSet<String> = given.keep.iter().cloned().collect();
    let mut made = sanitise(recorded, seed, &keep).map_err(|error| {
        Failure::new("a file of the recording cannot be read", "collect it again").because(error)
    })?;
    if let Some(name) = out.file_name() {
        made.bundle.manifest.case = name.to_string_lossy().into_owned();
    }
    write(&made.bundle, out)?;
    let bundle = Bundle::load(out)?;
    Ok((made, bundle, out.to_owned()))
}

/// A number that nobody can guess: whoever knew it could try words until one gives what stands in the scenario.
fn drawn() -> u64 {
    // Its keys are from the operating system.
    RandomState::new().hash_one("scenario")
}

impl Made {
    fn text(&self) -> String {
        let mut text = format!(
            "{} holds the scenario; {} names were replaced.\n",
            self.folder.display(),
            self.replaced
        );
        if !self.kept.is_empty() {
            let kept: Vec<&str> = self.kept.iter().map(String::as_str).collect();
            let _ = writeln!(
                text,
                "Left as they are, being words of the field or to be kept: {}.",
                kept.join(", ")
            );
        }
        if self.same {
            let _ = writeln!(
                text,
                "Its replay answers as that of the recording does: {}.",
                self.after
            );
        } else {
            let _ = writeln!(
                text,
                "Its replay answers {}, and that of the recording {}. Try another --seed, or --keep a word that matters.",
                self.after, self.before
            );
        }
        if self.ambiguous {
            text.push_str("Of several causes the draft names the first one; say which it is.\n");
        }
        let _ = writeln!(
            text,
            "--seed {} gives the same words again. Keep it to yourself: who knows it can try which names they stand for.",
            self.seed
        );
        text.push_str(
            "Look through the folder before it leaves your hands: free text can tell who you are without a name.\n\
             expect.json is a draft, and says what is answered today. Right it, name what must not be blamed, and remove\n\
             `draft` from it; `claw-agent scenario check` holds answers to it.\n",
        );
        text
    }
}
