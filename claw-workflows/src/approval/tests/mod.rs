mod attacks;
mod github;
mod shown;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use claw_core::action::Action;
use claw_core::clock::{Clock as _, ManualClock};
use claw_core::http::{Client, ClientConfig};
use claw_core::store::MemoryDocuments;
use claw_core::tool::ToolContext;
use claw_guardrails::approval::{
    Approved, Binding, Carrier, Group, Person, PullRequest, Request, Sample, Shown, State, Terms, Vote,
};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;

use super::{HttpApprovals, SlackButtons, SlackSettings, Tokens};

const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";
const BEGIN: i64 = 1_772_359_200;
const HOUR: i64 = 3600;
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const KIM: &str = "kim-0123456789abcdef0123456789abcdef";
const LEE: &str = "lee-0123456789abcdef0123456789abcdef";
const MAX: &str = "max-0123456789abcdef0123456789abcdef";
const PAT: &str = "pat-0123456789abcdef0123456789abcdef";
const WEBHOOK: &str = "own-0123456789abcdef0123456789abcdef";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGIN + second).unwrap()
}

/// A request that also merges a pull request.
fn sample(terms: Terms) -> Sample {
    let mut sample = Sample::new(terms, at(0));
    let pull = PullRequest::patch("shop/manifests", 7, HEAD);
    claw_core::patch::merge(&mut sample.action.patch, &pull);
    sample
}

fn action() -> Action {
    sample(terms()).action
}

fn binding() -> Binding {
    sample(terms()).request("req-1").unwrap().binding
}

/// Somebody with an account on each carrier, of another name on most.
fn person(name: &str) -> Person {
    Person::new(name)
        .known(Carrier::Kubernetes, format!("{name}@example.com"))
        .known(Carrier::Slack, format!("U0{}", name.to_uppercase()))
        .known(Carrier::PullRequest, format!("{name}-gh"))
        .known(Carrier::Http, name)
        .known(Carrier::Terminal, name)
}

/// Kim and Lee are asked at once, Max after an hour; Pat has asked for it.
fn terms() -> Terms {
    let on_call = ["kim", "lee", "pat"]
        .map(person)
        .into_iter()
        .fold(Group::new("on-call"), Group::with_person);
    let leads = Group::new("leads").with_person(person("max"));
    Terms::new(vec![on_call, leads]).without("pat")
}

/// A request, all that carriers need, and a clock.
struct World {
    clock: Arc<ManualClock>,
    request: Request,
    shown: Shown,
    slack: Arc<SlackButtons>,
    http: Arc<HttpApprovals>,
}

impl World {
    async fn new() -> Self {
        Self::with(terms()).await
    }

    async fn with(terms: Terms) -> Self {
        let sample = sample(terms);
        let request = sample.request("req-1").unwrap();
        let shown = sample.shown(&request).unwrap();
        let clock = Arc::new(ManualClock::at(at(0)));
        let documents = Arc::new(MemoryDocuments::new());
        let tokens = [("kim", KIM), ("lee", LEE), ("max", MAX), ("pat", PAT)]
            .map(|(name, token)| format!("{name} {token}\n"))
            .concat();
        let tokens = Tokens::parse(&SecretString::from(tokens), &[&SecretString::from(WEBHOOK)]).unwrap();
        let settings = SlackSettings {
            token: SecretString::from("xoxb-test"),
            signing_secret: SecretString::from(SECRET),
            channel: "C042".to_owned(),
            team: "T1".to_owned(),
            app: "A1".to_owned(),
        };
        let client = Client::new(ClientConfig::at("http://127.0.0.1:9")).unwrap();
        let slack = SlackButtons::new(client, settings, documents.clone(), clock.clone()).unwrap();
        let http = HttpApprovals::new(documents, tokens, clock.clone());
        // As though it had been posted.
        slack.inbox().show(&shown, &State::Pending).await.unwrap();
        let place = json!({"channel": "C042", "ts": "1.2"}).to_string();
        slack.inbox().place("req-1", &place).await.unwrap();
        http.inbox().show(&shown, &State::Pending).await.unwrap();
        Self {
            clock,
            request,
            shown,
            slack: Arc::new(slack),
            http: Arc::new(http),
        }
    }

    fn cx(&self) -> ToolContext {
        ToolContext::new(self.clock.clone(), Duration::from_secs(10))
    }

    fn go_to(&self, second: i64) {
        let ahead = at(second).duration_since(self.clock.now());
        self.clock.advance(ahead.try_into().unwrap());
    }

    /// Counts votes as the pipeline does, and uses what comes of it.
    fn count(&mut self, votes: Vec<Vote>) -> Option<Approved> {
        let now = self.clock.now();
        for vote in votes {
            let _ = self.request.vote(vote, now);
        }
        let bound = self.request.binding.clone();
        self.request.take(&bound, now).ok()
    }
}
