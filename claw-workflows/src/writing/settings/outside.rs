//! `channels:` and `pipelines:`, effects outside the cluster.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use claw_core::outside::{MAX_INPUTS, MAX_VALUE, is_input_name, is_name};
use claw_core::yaml::{Fields, Node, Problems, boolean, invalid, join, mapping, texts, wrong_type};

use super::values::{number, secret, url, word_of};
use crate::outside::{
    Channel, GithubSettings, GitlabSettings, Input, Inputs, Pipeline, PipelineVia, SlackSettings,
    SlackWebhookSettings, WebhookSettings,
};

pub(super) fn channels(
    node: &Node,
    path: &str,
    problems: &mut Problems,
    base: &Path,
) -> Option<BTreeMap<String, Channel>> {
    named(node, path, problems, |node, path, problems| {
        channel(node, path, problems, base)
    })
}

pub(super) fn pipelines(
    node: &Node,
    path: &str,
    problems: &mut Problems,
    base: &Path,
) -> Option<BTreeMap<String, Pipeline>> {
    named(node, path, problems, |node, path, problems| {
        pipeline(node, path, problems, base)
    })
}

/// A mapping from names that tools may use to whatever `read` reads.
fn named<T>(
    node: &Node,
    path: &str,
    problems: &mut Problems,
    read: impl Fn(&Node, &str, &mut Problems) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let mut all = BTreeMap::new();
    for (name, node) in mapping(node, path, problems)? {
        if !is_name(name) {
            let at = Node {
                value: node.value.clone(),
                place: name.place,
            };
            let message = format!("{} is no name", claw_core::yaml::quoted(name));
            let remedy = "use a-z, 0-9, `-` and `_`, at most 63 of them";
            invalid(&at, path, message, remedy, problems);
        }
        if let Some(value) = read(node, &join(path, name), problems) {
            all.insert(name.value.clone(), value);
        }
    }
    Some(all)
}

/// One of several ways, by its only key.
fn one_way<T>(
    node: &Node,
    path: &str,
    problems: &mut Problems,
    ways: &[&'static str],
    read: impl Fn(&'static str, &Node, &str, &mut Problems) -> Option<T>,
) -> Option<T> {
    let mut fields = Fields::open(node, path, problems)?;
    let given: Vec<&'static str> = ways.iter().copied().filter(|way| fields.has(way)).collect();
    let found: Vec<Option<T>> = ways
        .iter()
        .map(|way| fields.optional(way, |node, path, problems| read(way, node, path, problems)))
        .collect();
    fields.finish();
    if given.len() != 1 {
        let example = format!("exactly one of {}", ways.join(", "));
        wrong_type(node, path, "one way", &example, problems);
        return None;
    }
    found.into_iter().flatten().next()
}

fn channel(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<Channel> {
    let ways = ["slack", "slack_webhook", "webhook"];
    one_way(
        node,
        path,
        problems,
        &ways,
        |way, node, path, problems| match way {
            "slack" => slack(node, path, problems, base).map(Channel::Slack),
            "slack_webhook" => slack_webhook(node, path, problems, base).map(Channel::SlackWebhook),
            _ => webhook(node, path, problems, base).map(Channel::Webhook),
        },
    )
}

fn pipeline(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<Pipeline> {
    let mut fields = Fields::open(node, path, problems)?;
    let example = "`via:` with github_actions, gitlab or webhook";
    let via = fields.required("via", example, |node, path, problems| {
        let ways = ["github_actions", "gitlab", "webhook"];
        one_way(
            node,
            path,
            problems,
            &ways,
            |way, node, path, problems| match way {
                "github_actions" => github(node, path, problems, base).map(PipelineVia::GithubActions),
                "gitlab" => gitlab(node, path, problems, base).map(PipelineVia::Gitlab),
                _ => webhook(node, path, problems, base).map(PipelineVia::Webhook),
            },
        )
    });
    let inputs = fields.optional("inputs", inputs).unwrap_or_default();
    fields.finish();
    let pipeline = Pipeline { via: via?, inputs };
    // Who asks for a run must not be able to say which action it is.
    let set_aside = match &pipeline.via {
        PipelineVia::GithubActions(github) => github.action_input.as_ref(),
        PipelineVia::Gitlab(gitlab) => gitlab.action_variable.as_ref(),
        PipelineVia::Webhook(_) => None,
    };
    if let Some(name) = set_aside.filter(|name| pipeline.inputs.contains_key(*name)) {
        let message = format!("{name} is set aside for the id of the action");
        invalid(node, path, message, "take it out of the inputs", problems);
    }
    Some(pipeline)
}

fn inputs(node: &Node, path: &str, problems: &mut Problems) -> Option<Inputs> {
    let mut all = Inputs::new();
    let entries = mapping(node, path, problems)?;
    if entries.len() > MAX_INPUTS {
        let remedy = format!("declare {MAX_INPUTS} at most");
        invalid(node, path, "there are too many inputs", remedy, problems);
    }
    for (name, node) in entries {
        if !is_input_name(name) {
            let message = format!("{} is no name of an input", claw_core::yaml::quoted(name));
            invalid(node, path, message, "use letters, digits, `-` and `_`", problems);
        }
        if let Some(input) = input(node, &join(path, name), problems) {
            all.insert(name.value.clone(), input);
        }
    }
    Some(all)
}

fn input(node: &Node, path: &str, problems: &mut Problems) -> Option<Input> {
    let mut fields = Fields::open(node, path, problems)?;
    let mut input = Input::default();
    if let Some(required) = fields.optional("required", boolean) {
        input.required = required;
    }
    if let Some(values) = fields.optional("one_of", texts) {
        input.one_of = values.into_iter().map(|value| value.value).collect();
    }
    let most = u32::try_from(MAX_VALUE).unwrap_or(u32::MAX);
    if let Some(bytes) = fields.optional("max_bytes", number(1, most)) {
        input.max_bytes = usize::try_from(bytes).unwrap_or(MAX_VALUE);
    }
    fields.finish();
    Some(input)
}

fn token(fields: &mut Fields<'_, '_>, node: &Node, path: &str, base: &Path) -> Option<PathBuf> {
    let found = secret(fields, ("token_file", "token_env"), node, path, base);
    found.map(super::Secret::into_path)
}

fn slack(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<SlackSettings> {
    let mut fields = Fields::open(node, path, problems)?;
    let token_file = token(&mut fields, node, path, base);
    let channel = fields.required("channel", "`channel:` with its id, C…", word_of);
    let base_url = fields.optional("base_url", url);
    fields.finish();
    Some(SlackSettings {
        base_url: base_url.unwrap_or_else(|| SlackSettings::API.to_owned()),
        channel: channel?,
        token_file: token_file?,
    })
}

fn slack_webhook(
    node: &Node,
    path: &str,
    problems: &mut Problems,
    base: &Path,
) -> Option<SlackWebhookSettings> {
    let mut fields = Fields::open(node, path, problems)?;
    let url = secret(&mut fields, ("url_file", "url_env"), node, path, base);
    fields.finish();
    Some(SlackWebhookSettings {
        url_file: url?.into_path(),
    })
}

fn webhook(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<WebhookSettings> {
    let mut fields = Fields::open(node, path, problems)?;
    let url = secret(&mut fields, ("url_file", "url_env"), node, path, base);
    let signing = secret(&mut fields, ("secret_file", "secret_env"), node, path, base);
    fields.finish();
    Some(WebhookSettings {
        url_file: url?.into_path(),
        secret_file: signing?.into_path(),
    })
}

fn github(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<GithubSettings> {
    let mut fields = Fields::open(node, path, problems)?;
    let token_file = token(&mut fields, node, path, base);
    let base_url = fields.optional("base_url", url);
    let owner = fields.required("owner", "`owner:` of the repository", word_of);
    let repository = fields.required("repository", "`repository:` by its name", word_of);
    let workflow = fields.required("workflow", "`workflow:` by its file name, deploy.yml", word_of);
    let reference = fields.required("ref", "`ref:`, the branch or tag that it runs on", word_of);
    let action_input = fields.optional("action_input", word_of);
    fields.finish();
    Some(GithubSettings {
        base_url: base_url.unwrap_or_else(|| GithubSettings::API.to_owned()),
        owner: owner?,
        repository: repository?,
        workflow: workflow?,
        reference: reference?,
        action_input,
        token_file: token_file?,
    })
}

fn gitlab(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<GitlabSettings> {
    let mut fields = Fields::open(node, path, problems)?;
    let token_file = token(&mut fields, node, path, base);
    let base_url = fields.optional("base_url", url);
    let project = fields.required("project", "`project:` by its path, group/name", word_of);
    let reference = fields.required("ref", "`ref:`, the branch or tag that it runs on", word_of);
    let action_variable = fields.optional("action_variable", word_of);
    fields.finish();
    Some(GitlabSettings {
        base_url: base_url.unwrap_or_else(|| GitlabSettings::HOST.to_owned()),
        project: project?,
        reference: reference?,
        action_variable,
        token_file: token_file?,
    })
}
