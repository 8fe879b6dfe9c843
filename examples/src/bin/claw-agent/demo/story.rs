//! The incident that the demo plays when none is given, as a bundle.
//!
//! The memory limit of `ledger-writer` was lowered; it is killed again and again. What shouts is the gateway in front of
//! it, whose error budget burns. A rollout of `fx-rates` a few minutes before is innocent.

use std::fs;
use std::io;
use std::path::Path;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        /// The files of the bundle: path and text.
        const FILES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/", $name))),)*
        ];
    };
}

files![
    "alert.json",
    "bundle.json",
    "changes.jsonl",
    "logs/payments/ledger-writer-zjfq4chbcr-9bspx/app.previous.log",
    "logs/payments/ledger-writer-zjfq4chbcr-blj5m/app.previous.log",
    "logs/payments/ledger-writer-zjfq4chbcr-fn5bq/app.log",
    "logs/payments/ledger-writer-zjfq4chbcr-fn5bq/app.previous.log",
    "logs/payments/payments-gateway-g2pjcdkq7-f5sbr/gateway.log",
    "logs/payments/payments-gateway-g2pjcdkq7-tlb4b/gateway.log",
    "metrics/gateway.json",
    "metrics/memory.json",
    "objects/deployments.json",
    "objects/endpointslices.json",
    "objects/events.json",
    "objects/namespaces.json",
    "objects/nodes.json",
    "objects/pods.json",
    "objects/replicasets.json",
    "objects/services.json",
];

/// Writes the bundle into `folder`. A file that is there already is replaced.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    for (name, text) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
