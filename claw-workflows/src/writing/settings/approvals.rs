//! `approvals:`, who approves and how they are asked; and `people:`, who may call.

use std::path::Path;

use claw_core::yaml::{
    Fields, Located, Node, ProblemKind, Problems, boolean, invalid, list, text, texts, unique,
};
use claw_guardrails::approval::{Carrier, Group, Person, Terms};
use claw_guardrails::pipeline;

use super::values::{duration, secret, url, word_of};
use super::{Carriers, GithubCarrier, People, SlackCarrier};

/// The carriers by which a person may be known here, and their names in files.
const KNOWN_BY: [(&str, Carrier); 4] = [
    ("kubernetes", Carrier::Kubernetes),
    ("slack", Carrier::Slack),
    ("pull_request", Carrier::PullRequest),
    ("http", Carrier::Http),
];

pub(super) struct Approvals {
    pub(super) terms: pipeline::Approvals,
    pub(super) carriers: Carriers,
}

pub(super) fn approvals(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<Approvals> {
    let mut fields = Fields::open(node, path, problems)?;
    let carriers = fields.required(
        "carriers",
        "`carriers:`, on which people are asked",
        |node, path, problems| carriers(node, path, problems, base),
    );
    let groups = fields.required(
        "groups",
        "`groups:`, of people who decide",
        |node, path, problems| {
            let groups = list(node, path, problems, group)?;
            unique(groups.iter().map(|(name, _)| name), path, problems).then_some((node, groups))
        },
    );
    let mut terms = pipeline::Approvals::default();
    for (key, into) in [
        ("escalate_after", &mut terms.escalate_after),
        ("wait", &mut terms.wait),
        ("wait_at_once", &mut terms.wait_at_once),
    ] {
        if let Some(time) = fields.optional(key, duration) {
            *into = time;
        }
    }
    if let Some(excluded) = fields.optional("excluded", texts) {
        terms.excluded = excluded.into_iter().map(|name| name.value).collect();
    }
    fields.finish();
    let (carriers, (node, groups)) = (carriers?, groups?);
    terms.groups = groups.into_iter().map(|(_, group)| group).collect();
    let path = claw_core::yaml::join(path, "groups");
    can_decide(&terms, &carriers, node, &path, problems);
    Some(Approvals { terms, carriers })
}

/// That each carrier is one of somebody's, that each account is on a carrier that there is, and that enough people may decide.
fn can_decide(
    terms: &pipeline::Approvals,
    carriers: &Carriers,
    node: &Node,
    path: &str,
    problems: &mut Problems,
) {
    let people = || terms.groups.iter().flat_map(|group| &group.members);
    for (name, carrier) in KNOWN_BY {
        let on = match carrier {
            Carrier::Kubernetes => carriers.kubernetes,
            Carrier::Slack => carriers.slack.is_some(),
            Carrier::PullRequest => carriers.pull_request.is_some(),
            _ => carriers.http,
        };
        let known = |person: &&Person| person.identities.iter().any(|(by, _)| *by == carrier);
        match (on, people().find(known)) {
            (true, None) => invalid(
                node,
                path,
                format!("nobody is known by {name}, on which people are asked"),
                format!(
                    "add `{name}:` with their account to those who may decide there, or take the carrier out"
                ),
                problems,
            ),
            (false, Some(person)) => invalid(
                node,
                path,
                format!("{} is known by {name}, on which nobody is asked", person.name),
                format!("add `{name}:` to the carriers, or take the account out"),
                problems,
            ),
            _ => {}
        }
    }
    let mut all = Terms::new(terms.groups.clone());
    all.excluded = terms.excluded.iter().cloned().collect();
    if let Err(error) = all.check() {
        let said = error.to_string();
        let (message, remedy) = said.split_once("; ").unwrap_or((&said, "see docs/approvals.md"));
        invalid(node, path, message, remedy, problems);
    }
}

fn group(node: &Node, path: &str, problems: &mut Problems) -> Option<(Located<String>, Group)> {
    let mut fields = Fields::open(node, path, problems)?;
    let name = fields.required("name", "a `name:` for whoever wonders", text);
    let members = fields.required(
        "members",
        "`members:`; a group without any decides nothing",
        |node, path, problems| list(node, path, problems, person),
    );
    fields.finish();
    let (name, members) = (name?, members?);
    let group = members
        .into_iter()
        .fold(Group::new(name.value.clone()), Group::with_person);
    Some((name, group))
}

fn person(node: &Node, path: &str, problems: &mut Problems) -> Option<Person> {
    let mut fields = Fields::open(node, path, problems)?;
    let name = fields.required("name", "a `name:`, what people call them", word_of);
    let mut person = Person::new(name.clone().unwrap_or_default());
    let any = KNOWN_BY.iter().any(|(key, _)| fields.has(key));
    for (key, carrier) in KNOWN_BY {
        if let Some(account) = fields.optional(key, word_of) {
            person = person.known(carrier, account);
        }
    }
    fields.finish();
    if !any {
        let accounts = KNOWN_BY.map(|(key, _)| format!("`{key}:`"));
        problems.add(
            ProblemKind::MissingKey,
            node.place,
            path,
            "the person has no account, so that no vote is known to be theirs",
            format!("add one or more of {}", accounts.join(", ")),
        );
    }
    // Said once: that nobody may decide follows from it.
    name.filter(|_| any).map(|_| person)
}

fn carriers(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<Carriers> {
    let mut fields = Fields::open(node, path, problems)?;
    let carriers = Carriers {
        kubernetes: fields.optional("kubernetes", boolean).unwrap_or(false),
        http: fields.optional("http", boolean).unwrap_or(false),
        slack: fields.optional("slack", |node, path, problems| slack(node, path, problems, base)),
        pull_request: fields.optional("pull_request", |node, path, problems| {
            github(node, path, problems, base)
        }),
    };
    let none = fields.is_empty();
    fields.finish();
    if none {
        invalid(
            node,
            path,
            "there is no carrier, so that nobody is asked",
            "add `kubernetes: true`, `http: true`, `slack:` or `pull_request:`",
            problems,
        );
        return None;
    }
    Some(carriers)
}

fn slack(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<SlackCarrier> {
    let mut fields = Fields::open(node, path, problems)?;
    let token = secret(&mut fields, ("token_file", "token_env"), node, path, base);
    let signing = ("signing_secret_file", "signing_secret_env");
    let signing_secret = secret(&mut fields, signing, node, path, base);
    let channel = fields.required("channel", "`channel:` with its id, C…", id('C'));
    let team = fields.required("team", "`team:` with the id of the workspace, T…", id('T'));
    let app = fields.required("app", "`app:` with its id, A…", id('A'));
    let base_url = fields.optional("base_url", url);
    fields.finish();
    Some(SlackCarrier {
        token: token?,
        signing_secret: signing_secret?,
        channel: channel?,
        team: team?,
        app: app?,
        base_url,
    })
}

/// An id as Slack shows them in addresses.
fn id(first: char) -> impl Fn(&Node, &str, &mut Problems) -> Option<String> {
    move |node, path, problems| {
        let id = word_of(node, path, problems)?;
        let rest = id.strip_prefix(first).unwrap_or_default();
        let good = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if !good {
            let message = format!("{} is no id of Slack", claw_core::yaml::quoted(&id));
            let remedy = format!("write the one that begins with {first}, as Slack shows it in addresses");
            invalid(node, path, message, remedy, problems);
        }
        good.then_some(id)
    }
}

fn github(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<GithubCarrier> {
    let mut fields = Fields::open(node, path, problems)?;
    let token = secret(&mut fields, ("token_file", "token_env"), node, path, base);
    let base_url = fields.optional("base_url", url);
    fields.finish();
    Some(GithubCarrier {
        token: token?,
        base_url,
    })
}

pub(super) fn people(node: &Node, path: &str, problems: &mut Problems, base: &Path) -> Option<People> {
    let mut fields = Fields::open(node, path, problems)?;
    let tokens = secret(&mut fields, ("tokens_file", "tokens_env"), node, path, base);
    let mut names = |key: &'static str| {
        let names = fields.optional(key, texts).unwrap_or_default();
        names.into_iter().map(|name| name.value).collect::<Vec<_>>()
    };
    let (propose, circuits) = (names("propose"), names("circuits"));
    fields.finish();
    Some(People {
        tokens: tokens?,
        propose,
        circuits,
    })
}
