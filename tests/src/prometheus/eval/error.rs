//! What can go wrong with a query, worded as Prometheus words it.

/// A query that has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The text is no valid query.
    #[error("{message}")]
    Parse {
        /// What is wrong with it.
        message: String,
    },
    /// A range query asks for something that has no value at a time.
    #[error("invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector")]
    NotForRanges {
        /// The type of the expression.
        kind: &'static str,
    },
    /// A correct query that the simulated server cannot answer.
    #[error("not supported by the simulated Prometheus: {what}")]
    Unsupported {
        /// What is not supported.
        what: String,
    },
    /// Two elements of the result have the same labels.
    #[error("vector cannot contain metrics with the same labelset")]
    SameLabelset,
    /// Several series on the side of a binary operation that has to be unique.
    #[error(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation: \
         [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
    )]
    ManyToMany {
        /// The labels that match.
        group: String,
        /// `left` or `right`.
        side: &'static str,
        /// One of the series.
        first: String,
        /// Another one.
        second: String,
    },
    /// Several series on the other side of a one-to-one operation.
    #[error("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")]
    ManyToOne,
    /// Two results of a many-to-one operation have the same labels.
    #[error("multiple matches for labels: grouping labels must ensure unique matches")]
    AmbiguousGrouping,
    /// A regular expression that cannot be read.
    #[error("invalid regular expression in {function}(): {text}")]
    Regex {
        /// The function that was given it.
        function: &'static str,
        /// The expression.
        text: String,
    },
    /// A label name that is not allowed.
    #[error("invalid {place}: {name}")]
    LabelName {
        /// Which argument of which function.
        place: &'static str,
        /// The name.
        name: String,
    },
    /// Values are counted under no label.
    #[error("invalid label name \"\"")]
    ValueLabel,
    /// A number of elements that is no number.
    #[error("Parameter value is NaN")]
    NoParameter,
    /// A number of elements that is too small for an integer.
    #[error("Scalar value {value} underflows int64")]
    Underflow {
        /// The number.
        value: String,
    },
    /// A number of elements that is too large for an integer.
    #[error("Scalar value {value} overflows int64")]
    Overflow {
        /// The number.
        value: String,
    },
    /// The answer would be too large.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The time for the query is over.
    #[error("query timed out in expression evaluation")]
    TimedOut,
    /// Nobody waits for the answer any more.
    #[error("query was canceled in expression evaluation")]
    Canceled,
}

impl EvalError {
    pub(crate) fn parse(message: impl Into<String>) -> Self {
        Self::Parse {
            message: message.into(),
        }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }
}
