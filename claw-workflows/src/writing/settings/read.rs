//! The file as a whole.

use std::path::Path;

use claw_core::tool::Tool as _;
use claw_core::yaml::{
    self, DefinitionError, Fields, Located, Node, ProblemKind, Problems, did_you_mean, namespaces, texts,
    word,
};
use claw_guardrails::engine::Mode;
use claw_k8s::tools::propose::{
    AdjustHpa, ApplyManifest, CordonNode, DeleteObject, EvictPod, PatchResources, RestartWorkload,
    RollbackDeployment, ScaleWorkload,
};

use super::values::{file, folder_of};
use super::{WritingSettings, approvals, bounds, outside, places};

/// The tools that propose changes to a cluster.
const TOOLS: [&str; 9] = [
    ScaleWorkload::NAME,
    AdjustHpa::NAME,
    PatchResources::NAME,
    RollbackDeployment::NAME,
    RestartWorkload::NAME,
    CordonNode::NAME,
    EvictPod::NAME,
    DeleteObject::NAME,
    ApplyManifest::NAME,
];

impl WritingSettings {
    /// Reads the settings in the file at `path`. Blocks while it reads.
    ///
    /// # Errors
    /// All that is wrong with them, each with line, column and remedy. A key that is not known is wrong.
    pub fn read(path: &Path) -> Result<Self, DefinitionError> {
        Self::parse(&path.display().to_string(), &yaml::read(path)?)
    }

    /// Reads the settings in `bytes`; `file` is the name that problems are reported under, and that files are beside.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, DefinitionError> {
        let (documents, mut problems) = yaml::parse(file, bytes, "a `writing:`")?;
        let base = folder_of(file);
        let read = documents
            .first()
            .and_then(|node| document(node, &mut problems, &base));
        for another in documents.iter().skip(1) {
            problems.add(
                ProblemKind::Duplicate,
                another.place,
                "",
                "there is a second document",
                "keep one in one document: two would leave open which of them holds",
            );
        }
        problems.or(read.unwrap_or_default())
    }
}

fn document(node: &Node, problems: &mut Problems, base: &Path) -> Option<WritingSettings> {
    let mut fields = Fields::open(node, "", problems)?;
    let read = fields.required("writing", "`writing:` with a `mode:`", |node, path, problems| {
        writing(node, path, problems, base)
    });
    fields.finish();
    read
}

fn writing(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<WritingSettings> {
    let mut fields = Fields::open(node, path, problems)?;
    let mut settings = WritingSettings {
        policy: fields.optional("policy", file(base)),
        ..WritingSettings::default()
    };
    if let Some(mode) = fields.optional("mode", mode) {
        settings.mode = mode;
    }
    if let Some(account) = fields.optional("account", |node, path, problems| {
        places::account(node, path, problems, base)
    }) {
        settings.account = account;
    }
    if let Some(tools) = fields.optional("tools", tools) {
        settings.tools = tools;
    }
    if let Some(names) = fields.optional("namespaces", namespaces) {
        settings.namespaces = names.value;
    }
    if let Some(walls) = fields.optional("walls", places::walls) {
        settings.walls = walls;
    }
    settings.lease = fields.optional("lease", places::lease);
    if let Some(stop) = fields.optional("stop", |node, path, problems| {
        places::stop(node, path, problems, base)
    }) {
        settings.stop = stop;
    }
    if let Some(health) = fields.optional("health", places::health) {
        settings.health = health;
    }
    settings.people = fields.optional("people", |node, path, problems| {
        approvals::people(node, path, problems, base)
    });
    settings.pipeline = bounds::take(&mut fields);
    let asks = fields.optional("approvals", |node, path, problems| {
        Some((node.place, approvals::approvals(node, path, problems, base)?))
    });
    let at = asks.as_ref().map(|(place, _)| *place);
    if let Some((_, asked)) = asks {
        settings.pipeline.approvals = asked.terms;
        settings.carriers = asked.carriers;
    }
    if settings.carriers.http && !fields.has("people") {
        fields.problems().add(
            ProblemKind::MissingKey,
            at,
            "writing.approvals.carriers.http",
            "people are asked over HTTP, and nobody has a token",
            "add `people:` with a `tokens_file:` to `writing:`",
        );
    }
    if let Some(channels) = fields.optional("channels", |node, path, problems| {
        outside::channels(node, path, problems, base)
    }) {
        settings.outside.channels = channels;
    }
    if let Some(pipelines) = fields.optional("pipelines", |node, path, problems| {
        outside::pipelines(node, path, problems, base)
    }) {
        settings.outside.pipelines = pipelines;
    }
    let known: Vec<String> = settings.outside.channels.keys().cloned().collect();
    let notices = fields.optional("notices", |node, path, problems| {
        let names = texts(node, path, problems)?;
        for name in names.iter().filter(|name| !known.contains(name)) {
            unknown(name, path, "channel", known.iter().map(String::as_str), problems);
        }
        Some(names)
    });
    settings.notices = values(notices.unwrap_or_default());
    fields.finish();
    Some(settings)
}

fn mode(node: &Node, path: &str, problems: &mut Problems) -> Option<Mode> {
    let modes = [("propose", Mode::Propose), ("live", Mode::Live)];
    word(node, path, problems, &modes).map(|mode| mode.value)
}

fn tools(node: &Node, path: &str, problems: &mut Problems) -> Option<Vec<String>> {
    let names = texts(node, path, problems)?;
    for name in names.iter().filter(|name| !TOOLS.contains(&name.as_str())) {
        unknown(
            name,
            path,
            "tool that proposes changes to a cluster",
            TOOLS,
            problems,
        );
    }
    Some(values(names))
}

fn unknown<'a>(
    name: &Located<String>,
    path: &str,
    what: &str,
    known: impl IntoIterator<Item = &'a str>,
    problems: &mut Problems,
) {
    problems.add(
        ProblemKind::UnknownName,
        name.place,
        path,
        format!("there is no {what} {}", yaml::quoted(name)),
        did_you_mean(name, known),
    );
}

fn values(texts: Vec<Located<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}
