//! The account that reads writes nothing.

use super::Demand;

pub(super) fn demands() -> Vec<Demand> {
    vec![Demand {
        rule: "account.reads".to_owned(),
        expression: "false".to_owned(),
        text: "the account that reads writes nothing; writes are performed by the account for writing"
            .to_owned(),
    }]
}
