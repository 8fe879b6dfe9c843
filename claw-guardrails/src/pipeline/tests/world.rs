//! A cluster in memory, with what goes wrong between it and an agent; and agents that can be killed at any call that they make.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use claw_core::access::Access;
use claw_core::action::{Action, Verb, pre_image};
use claw_core::audit::{AuditError, AuditEvent, AuditLog, AuditReceipt};
use claw_core::clock::{Clock as _, ManualClock};
use claw_core::digest::sha256;
use claw_core::entity::EntityRef;
use claw_core::execute::{
    ACTION_ANNOTATION, ActionId, Effected, ExecuteError, Executor, Rehearsal, Rights, Standing,
};
use claw_core::gate::{Gate, Permit, Scope};
use claw_core::patch::merge;
use claw_core::radius::BlastRadius;
use claw_core::redact::Redactor;
use claw_core::store::{Document, Documents, MemoryDocuments, MemoryJournal, StoreError};
use claw_core::survey::{Health, Survey, Target};
use claw_core::tool::{Effect, Tool, ToolContext, ToolError, ToolErrorKind};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::approval::Board;
use crate::audit::MemoryAuditLog;
use crate::engine::{Budgets, Config, Engine, Mode};
use crate::pipeline::{Notice, Notices, Pipeline, Settings};
use crate::policy::{Phase, Policy};

use super::weather::{Side, Trouble, Weather};

pub(super) const START: Timestamp = Timestamp::UNIX_EPOCH;

/// What goes wrong with one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Nothing,
    /// Turned away at the door.
    Busy,
    /// No answer, and no effect.
    LostBefore,
    /// No answer, and it was done.
    LostAfter,
    /// No answer; it is done a few calls later, if the object has not moved by then.
    Late(u8),
    /// A controller has written a status right before.
    Touched,
    /// Somebody has changed the object right before.
    Edited,
    /// Turned away as a conflict, though nothing has changed.
    Conflict,
}

impl Fault {
    pub(super) const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Busy,
        Self::LostBefore,
        Self::LostAfter,
        Self::Late(3),
        Self::Touched,
        Self::Edited,
        Self::Conflict,
    ];
}

/// A write that took effect.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) id: ActionId,
    pub(super) target: EntityRef,
    pub(super) patch: Value,
}

/// A write that the server is slow with.
#[derive(Debug)]
struct Slow {
    /// It is done after so many more calls, or when the server has given up on what took so long.
    calls: u8,
    until: Duration,
    action: Action,
    id: ActionId,
}

/// How long a server works on one request at most.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct State {
    objects: BTreeMap<EntityRef, Value>,
    /// What each was before its last change.
    older: BTreeMap<EntityRef, Value>,
    version: u64,
    pub(super) done: Vec<Done>,
    pub(super) faults: VecDeque<Fault>,
    late: Vec<Slow>,
    /// How often each kind of call came.
    pub(super) calls: BTreeMap<&'static str, u32>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) no_rights: bool,
    pub(super) unplanned: Vec<String>,
    pub(super) taken_over: BTreeMap<String, Vec<String>>,
    pub(super) kept_by: Option<String>,
    /// What the radius says beside the target.
    pub(super) pods: Option<u32>,
    pub(super) surprise: bool,
    /// What else happens when a status is written under a write.
    pub(super) when_touched: Option<fn(&mut State)>,
}

/// The cluster: it outlives agents.
#[derive(Clone, Debug)]
pub(super) struct Cluster(Arc<Mutex<State>>, Weather);

impl Cluster {
    fn new(weather: Weather) -> Self {
        let state = State {
            labels: [("env".to_owned(), "staging".to_owned())].into(),
            pods: Some(0),
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)), weather)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A call came: what was late may arrive now.
    fn called(&self, name: &'static str) -> MutexGuard<'_, State> {
        let mut state = self.state();
        *state.calls.entry(name).or_default() += 1;
        for slow in std::mem::take(&mut state.late) {
            if slow.calls > 0 && self.1.elapsed() < slow.until {
                let calls = slow.calls - 1;
                state.late.push(Slow { calls, ..slow });
            } else {
                let _ = state.write(&slow.action, &slow.id);
            }
        }
        state
    }
}

impl State {
    pub(super) fn add(&mut self, name: &str, replicas: u32) {
        self.version += 1;
        let entity = deployment(name);
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": name, "namespace": "shop", "uid": format!("uid-{}", self.version), "generation": 1,
                "resourceVersion": self.version.to_string(),
                "labels": {"claw.dev/nature": "stateless"}, "annotations": {"claw.dev/criticality": "low"},
            },
            "spec": {"replicas": replicas},
        });
        self.objects.insert(entity, object);
    }

    pub(super) fn object(&self, name: &str) -> Option<&Value> {
        self.objects.get(&deployment(name))
    }

    /// Somebody else changes it.
    pub(super) fn edit(&mut self, name: &str, patch: &Value) {
        self.version += 1;
        let version = self.version.to_string();
        if let Some(object) = self.objects.get_mut(&deployment(name)) {
            self.older.insert(deployment(name), object.clone());
            merge(object, patch);
            object["metadata"]["resourceVersion"] = json!(version);
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.objects.remove(&deployment(name));
    }

    fn write(&mut self, action: &Action, id: &ActionId) -> Result<Value, &'static str> {
        let object = self.objects.get(&action.target).ok_or("not found")?;
        let text = |place: &str| object.pointer(place).and_then(Value::as_str);
        if text("/metadata/uid") != action.uid.as_deref()
            || text("/metadata/resourceVersion") != action.resource_version.as_deref()
        {
            return Err("conflict");
        }
        let mut after = object.clone();
        self.older.insert(action.target.clone(), after.clone());
        if action.verb == Verb::Delete {
            self.objects.remove(&action.target);
        } else {
            self.version += 1;
            merge(&mut after, &action.patch);
            merge(
                &mut after,
                &json!({"metadata": {"annotations": {ACTION_ANNOTATION: id.0}, "resourceVersion": self.version.to_string()}}),
            );
            if self.surprise {
                after["spec"]["surprise"] = json!(true);
            }
            self.objects.insert(action.target.clone(), after.clone());
        }
        self.done.push(Done {
            id: id.clone(),
            target: action.target.clone(),
            patch: action.patch.clone(),
        });
        Ok(after)
    }
}

pub(super) fn deployment(name: &str) -> EntityRef {
    EntityRef::namespaced("Deployment", "shop", name)
}

/// The object as it would be, without what changes by itself.
fn outcome(object: &Value) -> String {
    let mut object = object.clone();
    merge(
        &mut object,
        &json!({"metadata": {"resourceVersion": null, "annotations": {ACTION_ANNOTATION: null}}, "status": null}),
    );
    sha256(object.to_string())
}

/// Kills an agent at one of its calls.
#[derive(Clone, Debug)]
pub(super) struct Fuse {
    calls: u64,
    used: Arc<AtomicU64>,
    pub(super) blown: CancellationToken,
}

impl Fuse {
    pub(super) fn after(calls: u64) -> Self {
        Self {
            calls,
            used: Arc::default(),
            blown: CancellationToken::new(),
        }
    }

    pub(super) fn never() -> Self {
        Self::after(u64::MAX)
    }

    /// How many calls were made so far.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::SeqCst)
    }

    async fn step(&self) {
        let used = self.used.fetch_add(1, Ordering::SeqCst);
        // Others get a turn now and then.
        for _ in 0..used.wrapping_mul(0x9E37_79B9) % 3 {
            tokio::task::yield_now().await;
        }
        if used >= self.calls {
            self.blown.cancel();
            std::future::pending::<()>().await;
        }
    }
}

/// What an agent reaches through a fuse and the weather: it may die before or after each effect.
#[derive(Clone, Debug)]
struct Fused<T>(T, Fuse, Weather);

fn unavailable(why: &'static str) -> StoreError {
    StoreError::Unavailable {
        path: "memory".to_owned(),
        source: said(why),
    }
}

#[async_trait]
impl Documents for Fused<Arc<MemoryDocuments>> {
    async fn get(&self, key: &str) -> Result<Option<Document>, StoreError> {
        self.1.step().await;
        match self.2.meets(Side::Documents, &[Trouble::Lost]) {
            Some(_) => Err(unavailable("cut")),
            None => self.0.get(key).await,
        }
    }

    async fn put(&self, key: &str, expected: Option<u64>, body: &Value) -> Result<u64, StoreError> {
        self.1.step().await;
        let troubles = [Trouble::Lost, Trouble::LostAfter, Trouble::Full];
        let done = match self.2.meets(Side::Documents, &troubles) {
            Some(Trouble::LostAfter) => {
                self.0.put(key, expected, body).await?;
                Err(unavailable("cut after"))
            }
            Some(Trouble::Full) => Err(StoreError::Full {
                path: "memory".to_owned(),
                source: said("no space left on device"),
            }),
            Some(_) => Err(unavailable("cut before")),
            None => self.0.put(key, expected, body).await,
        };
        self.1.step().await;
        done
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<(), StoreError> {
        self.1.step().await;
        match self.2.meets(Side::Documents, &[Trouble::Lost]) {
            Some(_) => Err(unavailable("cut before")),
            None => self.0.remove(key, expected).await,
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<(String, Document)>, StoreError> {
        self.1.step().await;
        match self.2.meets(Side::Documents, &[Trouble::Lost]) {
            Some(_) => Err(unavailable("cut")),
            None => self.0.list(prefix).await,
        }
    }
}

#[async_trait]
impl AuditLog for Fused<Arc<MemoryAuditLog>> {
    async fn append(&self, event: AuditEvent) -> Result<AuditReceipt, AuditError> {
        self.1.step().await;
        let full = || AuditError {
            reason: "no space left on device".to_owned(),
            source: None,
        };
        let done = match self.2.meets(Side::Audit, &[Trouble::Full, Trouble::FullAfter]) {
            Some(Trouble::FullAfter) => self.0.append(event).await.and_then(|_| Err(full())),
            Some(_) => Err(full()),
            None => self.0.append(event).await,
        };
        self.1.step().await;
        done
    }
}

fn said(text: &'static str) -> Box<dyn std::error::Error + Send + Sync> {
    text.into()
}

impl Fused<Cluster> {
    /// A request that writes nothing may be turned away or get no answer; then nothing is known by it.
    async fn asked(&self, action: &Action) -> Result<(), ExecuteError> {
        self.1.step().await;
        let target = action.target.to_string();
        match self.2.meets(Side::Cluster, &[Trouble::Busy, Trouble::Lost]) {
            Some(Trouble::Busy) => Err(ExecuteError::Refused {
                target,
                remedy: "try again".to_owned(),
                source: said("429"),
            }),
            Some(_) => Err(ExecuteError::Unknown {
                target,
                source: said("504"),
            }),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Executor for Fused<Cluster> {
    async fn rights(&self, _cx: &ToolContext, action: &Action) -> Result<Rights, ExecuteError> {
        self.asked(action).await?;
        Ok(match self.0.called("rights").no_rights {
            true => Rights::Missing {
                what: format!("patch {}", action.target),
            },
            false => Rights::Granted,
        })
    }

    async fn dry_run(&self, _cx: &ToolContext, action: &Action) -> Result<Rehearsal, ExecuteError> {
        self.asked(action).await?;
        let state = self.0.called("dry_run");
        let Some(object) = state.objects.get(&action.target) else {
            return Err(ExecuteError::Changed {
                target: action.target.to_string(),
                source: said("not found"),
            });
        };
        let version = object
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str);
        if version != action.resource_version.as_deref() {
            return Err(ExecuteError::Changed {
                target: action.target.to_string(),
                source: said("conflict"),
            });
        }
        let mut after = object.clone();
        merge(&mut after, &action.patch);
        Ok(Rehearsal {
            outcome: outcome(&after),
            diff: vec![action.patch.to_string()],
            unplanned: state.unplanned.clone(),
            taken_over: state.taken_over.clone(),
            warnings: Vec::new(),
        })
    }

    async fn perform(
        &self,
        cx: &ToolContext,
        permit: Permit,
        action: &Action,
    ) -> Result<Effected, ExecuteError> {
        let id = ActionId::of(&permit.redeem(action, cx.clock.now())?);
        self.1.step().await;
        let done = {
            let mut state = self.0.called("perform");
            let target = action.target.to_string();
            let fault = match self.2.meets(Side::Cluster, &[Trouble::Lost, Trouble::LostAfter]) {
                Some(Trouble::LostAfter) => Fault::LostAfter,
                Some(_) => Fault::LostBefore,
                None => state.faults.pop_front().unwrap_or(Fault::Nothing),
            };
            let unknown = |text| ExecuteError::Unknown {
                target: target.clone(),
                source: said(text),
            };
            match fault {
                Fault::Touched => {
                    state.edit(&action.target.name, &json!({"status": {"touched": id.0}}));
                    if let Some(also) = state.when_touched {
                        also(&mut state);
                    }
                }
                Fault::Edited => state.edit(&action.target.name, &json!({"spec": {"edited": id.0}})),
                _ => {}
            }
            match fault {
                Fault::Busy => Err(ExecuteError::Refused {
                    target,
                    remedy: "try again".to_owned(),
                    source: said("429"),
                }),
                Fault::LostBefore => Err(unknown("cut before")),
                Fault::Conflict => Err(ExecuteError::Changed {
                    target,
                    source: said("409"),
                }),
                Fault::Late(calls) => {
                    let slow = Slow {
                        calls,
                        until: self.2.elapsed() + PATIENCE,
                        action: action.clone(),
                        id,
                    };
                    state.late.push(slow);
                    Err(unknown("slow"))
                }
                _ => match state.write(action, &id) {
                    Err(reason) => Err(ExecuteError::Changed {
                        target,
                        source: said(reason),
                    }),
                    Ok(_) if fault == Fault::LostAfter => Err(unknown("cut after")),
                    Ok(object) => Ok(Effected::new(
                        object.clone(),
                        outcome(&object),
                        Some(format!("audit-{}", id.0)),
                    )),
                },
            }
        };
        self.1.step().await;
        done
    }

    async fn standing(
        &self,
        _cx: &ToolContext,
        action: &Action,
        id: &ActionId,
    ) -> Result<Standing, ExecuteError> {
        self.asked(action).await?;
        let state = self.0.called("standing");
        let Some(object) = state.objects.get(&action.target) else {
            return Ok(Standing::Gone);
        };
        let text = |place: &str| object.pointer(place).and_then(Value::as_str);
        let ours = object["metadata"]["annotations"][ACTION_ANNOTATION] == json!(id.0);
        Ok(if text("/metadata/uid") != action.uid.as_deref() {
            Standing::Gone
        } else if ours {
            Standing::Ours
        } else if text("/metadata/resourceVersion") == action.resource_version.as_deref() {
            Standing::NotYet
        } else {
            Standing::Overtaken
        })
    }
}

#[async_trait]
impl Tool for Fused<Cluster> {
    const NAME: &'static str = "survey_target";
    const EFFECT: Effect = Effect::Read;
    type Input = Action;
    type Output = Survey;

    fn description(&self) -> &str {
        "Looks around"
    }

    fn access(&self) -> Access {
        Access::none()
    }

    async fn call(&self, _cx: &ToolContext, action: Action) -> Result<Survey, ToolError> {
        self.1.step().await;
        let state = self.0.called("survey");
        let troubles = [Trouble::Busy, Trouble::Lost, Trouble::Stale];
        let object = match self.2.meets(Side::Cluster, &troubles) {
            Some(Trouble::Stale) => state
                .older
                .get(&action.target)
                .or(state.objects.get(&action.target)),
            Some(Trouble::Busy) => return Err(ToolError::new(ToolErrorKind::RateLimited, "429")),
            Some(_) => return Err(ToolError::new(ToolErrorKind::Unavailable, "504")),
            None => state.objects.get(&action.target),
        };
        let text = |object: &Value, place: &str| {
            let found = object.pointer(place).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        let mut radius = BlastRadius::of(action.target.clone());
        radius.pods = state.pods;
        let ill = object.and_then(|object| object.pointer("/status/ill"));
        Ok(Survey {
            cluster: Some("cluster".to_owned()),
            target: object.map(|object| Target {
                uid: text(object, "/metadata/uid"),
                resource_version: text(object, "/metadata/resourceVersion"),
                generation: object.pointer("/metadata/generation").and_then(Value::as_i64),
                pre_image: pre_image(object),
                object: object.clone(),
            }),
            namespace_labels: Some(state.labels.clone()),
            namespace_annotations: Some(BTreeMap::new()),
            scaled: None,
            is_working: Some(false),
            kept_by: state.kept_by.clone(),
            health: match ill.and_then(Value::as_str) {
                Some(why) => Health::Ill { why: why.to_owned() },
                None => Health::Well,
            },
            radius,
        })
    }
}

/// What was told to people.
#[derive(Debug, Default)]
pub(super) struct Told(pub(super) Mutex<Vec<Notice>>);

#[async_trait]
impl Notices for Told {
    async fn tell(&self, notice: &Notice) {
        self.0.lock().unwrap().push(notice.clone());
    }
}

/// All that outlives an agent.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) cluster: Cluster,
    pub(super) documents: Arc<MemoryDocuments>,
    pub(super) audit: Arc<MemoryAuditLog>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) weather: Weather,
    pub(super) told: Arc<Told>,
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) budgets: Budgets,
}

/// An agent.
pub(super) struct Agent {
    pub(super) engine: Arc<Engine>,
    pub(super) pipeline: Pipeline,
}

impl World {
    pub(super) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let weather = Weather::calm(clock.clone());
        Self {
            cluster: Cluster::new(weather.clone()),
            documents: Arc::default(),
            audit: Arc::default(),
            clock,
            weather,
            told: Arc::default(),
            journal: Arc::new(MemoryJournal::new()),
            budgets: Budgets::default(),
        }
    }

    /// With a Deployment of four replicas.
    pub(super) fn with_cart() -> Self {
        let world = Self::new();
        world.cluster.state().add("cart", 4);
        world
    }

    pub(super) fn agent(&self, mode: Mode, settings: Settings, fuse: &Fuse) -> Agent {
        self.agent_with(mode, settings, fuse, Board::new())
    }

    pub(super) fn live_with(&self, settings: Settings, board: Board) -> Agent {
        self.agent_with(Mode::Live, settings, &Fuse::never(), board)
    }

    fn agent_with(&self, mode: Mode, settings: Settings, fuse: &Fuse, board: Board) -> Agent {
        let config = Config::default()
            .with_mode(mode)
            .with_budgets(self.budgets.clone());
        let engine = Arc::new(Engine::new(config, self.clock.clone()));
        let audit = Arc::new(Fused(self.audit.clone(), fuse.clone(), self.weather.clone()));
        let gate = Gate::new(engine.clone(), audit, self.clock.clone(), Redactor::new());
        let cluster = Arc::new(Fused(self.cluster.clone(), fuse.clone(), self.weather.clone()));
        let documents = Arc::new(Fused(self.documents.clone(), fuse.clone(), self.weather.clone()));
        let policy = Policy::default().with_phase(Phase::LowRiskWrites);
        let built = Pipeline::builder(cluster.clone(), cluster, documents, "seed")
            .with_policy(policy)
            .with_settings(settings)
            .with_notices(self.told.clone())
            .with_board(board)
            .with_monotonic(self.clock.clone())
            .with_journal(self.journal.clone())
            .build(engine.clone(), gate);
        Agent {
            engine,
            pipeline: built.unwrap(),
        }
    }

    pub(super) fn live(&self, settings: Settings) -> Agent {
        self.agent(Mode::Live, settings, &Fuse::never())
    }

    /// Time passes as it does where the agent looks after its actions.
    pub(super) async fn pass(&self, agent: &Agent, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(300));
            left -= step;
            self.clock.advance(step);
            agent.pipeline.tend().await.unwrap();
        }
    }

    pub(super) fn scope(&self, run: &str) -> Scope {
        Scope {
            run: run.to_owned(),
            step: None,
            actor: "claw".to_owned(),
            deadline: self.clock.deadline(Duration::from_secs(60)),
            cancel: CancellationToken::new(),
        }
    }

    /// The action that makes so many replicas of it, as it is now.
    pub(super) fn scale(&self, name: &str, replicas: u32) -> Action {
        self.patch(name, json!({"spec": {"replicas": replicas}}))
    }

    pub(super) fn patch(&self, name: &str, patch: Value) -> Action {
        let state = self.cluster.state();
        let object = state.object(name).unwrap();
        Action {
            verb: Verb::Patch,
            target: deployment(name),
            api_version: "apps/v1".to_owned(),
            uid: Some(object["metadata"]["uid"].as_str().unwrap().to_owned()),
            resource_version: Some(object["metadata"]["resourceVersion"].as_str().unwrap().to_owned()),
            pre_image: Some(pre_image(object)),
            reversal: Some(json!({"spec": {"replicas": object["spec"]["replicas"]}})),
            patch,
            expected: "more replicas".to_owned(),
            reason: "the load grows".to_owned(),
        }
    }

    pub(super) fn replicas(&self, name: &str) -> u64 {
        self.cluster.state().object(name).unwrap()["spec"]["replicas"]
            .as_u64()
            .unwrap()
    }

    /// Kinds of the records so far.
    pub(super) fn recorded(&self) -> Vec<String> {
        let events = self.audit.events();
        events
            .iter()
            .map(|event| json!(event.kind).as_str().unwrap().to_owned())
            .collect()
    }
}
