//! The definition of the kind.

use serde_json::{Value, json};

use super::{APPROVALS, GROUP, VERSION, WallError, yaml};

/// What the agent cuts its texts to, and a little room.
const LINE: u32 = 1_100;
const LINES: u32 = 256;
/// Most people who can decide on one request.
const DECISIONS: u32 = 32;

/// The CustomResourceDefinition of `approvals.claw.dev`, as YAML.
///
/// # Errors
/// When it cannot be written as YAML; a defect.
pub fn definition() -> Result<String, WallError> {
    yaml(&[value()])
}

pub(super) fn value() -> Value {
    let columns = [
        ("Action", "string", ".spec.title"),
        ("State", "string", ".status.state"),
        ("Needed", "integer", ".spec.needed"),
        // As a date it would be shown as the time since then, and it lies ahead.
        ("Expires", "string", ".spec.expires"),
        ("Age", "date", ".metadata.creationTimestamp"),
        ("Digest", "string", ".spec.digest"),
    ]
    .map(|(name, kind, path)| {
        let mut column = json!({"name": name, "type": kind, "jsonPath": path});
        // The digest is long, and wanted where somebody looks closely.
        if let Some(fields) = column.as_object_mut().filter(|_| name == "Digest") {
            fields.insert("priority".to_owned(), json!(1));
        }
        column
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("approvals.{GROUP}")},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": APPROVALS.kind,
                "listKind": "ApprovalList",
                "plural": APPROVALS.plural,
                "singular": "approval",
            },
            "scope": "Namespaced",
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "additionalPrinterColumns": columns,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema()},
            }],
        },
    })
}

fn schema() -> Value {
    json!({
        "description": "A request of an agent for leave to act. People decide by adding a decision under their own name.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": spec(),
            "decisions": {
                "description": "By the name under which the API server knows whoever decides; everybody adds their own.",
                "type": "object",
                "maxProperties": DECISIONS,
                "additionalProperties": {
                    "type": "object",
                    "required": ["verdict", "digest"],
                    "properties": {
                        "verdict": {"type": "string", "enum": ["approve", "deny"]},
                        "digest": digest("The digest of what was looked at, as it stands in the spec."),
                        "comment": {"description": "For others to read.", "type": "string", "maxLength": 1000},
                    },
                },
            },
            "status": {
                "description": "How the request stands, for people to read.",
                "type": "object",
                "properties": {
                    "state": {"type": "string", "maxLength": 32},
                    "by": {"type": "string", "maxLength": 253},
                },
            },
        },
    })
}

fn spec() -> Value {
    let line = |says: &str| json!({"description": says, "type": "string", "maxLength": LINE});
    let name = |most: u32| json!({"type": "string", "maxLength": most});
    let time = |says: &str| json!({"description": says, "type": "string", "format": "date-time"});
    let lines = |says: &str| {
        json!({"description": says, "type": "array", "maxItems": LINES,
            "items": {"type": "string", "maxLength": LINE}})
    };
    json!({
        "description": "What is asked. It cannot be changed.",
        "type": "object",
        "required": ["digest", "title", "verb", "target", "cluster", "diff", "reason", "expected", "warnings",
            "rules", "reach", "needed", "asked", "created", "expires"],
        "x-kubernetes-validations": [{
            "rule": "self == oldSelf",
            "message": "what was asked cannot be changed; ask anew",
        }],
        "properties": {
            "digest": digest("Digest of everything that the approval would be good for."),
            "title": line("The action in a few words."),
            "verb": {"description": "What is done.", "type": "string", "maxLength": 32},
            "target": {
                "description": "To what.",
                "type": "object",
                "required": ["kind", "name"],
                "properties": {"kind": name(63), "namespace": name(63), "name": name(253)},
            },
            "cluster": {"description": "The cluster, by the uid of its namespace kube-system.", "type": "string",
                "maxLength": 253},
            "diff": lines("What would change, one field a line."),
            "reason": line("Why it is proposed."),
            "expected": line("What will be so afterwards."),
            "warnings": lines("What speaks against it."),
            "rules": lines("The rules that ask for an approval."),
            "reach": lines("How far it reaches."),
            "pullRequest": {
                "description": "The pull request that is merged.",
                "type": "object",
                "required": ["repository", "number", "head"],
                "properties": {
                    "repository": name(201),
                    "number": {"type": "integer", "format": "int64", "minimum": 1},
                    "head": name(64),
                },
            },
            "needed": {"description": "How many people have to say yes.", "type": "integer", "format": "int32",
                "minimum": 1, "maximum": 255},
            "asked": {
                "description": "Who may decide, and from when on.",
                "type": "array",
                "maxItems": 32,
                "items": {
                    "type": "object",
                    "required": ["group", "from"],
                    "properties": {"group": name(LINE), "from": time("From when on.")},
                },
            },
            "created": time("When it was asked."),
            "expires": time("When it is over; what is not decided by then is denied."),
        },
    })
}

fn digest(says: &str) -> Value {
    json!({"description": says, "type": "string", "maxLength": 64, "pattern": "^[0-9a-f]{64}$"})
}
