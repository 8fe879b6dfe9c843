//! The part of Slack's Block Kit that reports need. Field names are Slack's.

use serde::{Deserialize, Serialize};

/// A message as Slack takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What notifications and screen readers show.
    pub text: String,
    /// What the channel shows.
    pub blocks: Vec<Block>,
}

/// A block of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Block {
    /// Large text.
    Header {
        /// Plain text.
        text: Text,
    },
    /// A paragraph.
    Section {
        /// Its text.
        text: Text,
    },
    /// Small print.
    Context {
        /// One to ten texts.
        elements: Vec<Text>,
    },
    /// A line.
    Divider {},
    /// Text whose form is structure, so that nothing in it can be taken for markup.
    RichText {
        /// Paragraphs, lists, code.
        elements: Vec<RichElement>,
    },
    /// Buttons.
    Actions {
        /// One to twenty-five buttons.
        elements: Vec<Button>,
    },
}

/// A text object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Text {
    /// Shown as it is.
    PlainText {
        /// The text.
        text: String,
        /// Whether `:name:` becomes an emoji.
        emoji: bool,
    },
    /// Slack's markup.
    Mrkdwn {
        /// The text.
        text: String,
        /// Whether bare addresses and names are left alone.
        verbatim: bool,
    },
}

impl Text {
    /// Plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::PlainText {
            text: text.into(),
            emoji: false,
        }
    }

    /// Markup, in which bare addresses and names do not become links. The caller has escaped what is not markup.
    pub fn mrkdwn(text: impl Into<String>) -> Self {
        Self::Mrkdwn {
            text: text.into(),
            verbatim: true,
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        match self {
            Self::PlainText { text, .. } | Self::Mrkdwn { text, .. } => text,
        }
    }
}

/// A part of rich text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RichElement {
    /// A paragraph.
    RichTextSection {
        /// Its pieces.
        elements: Vec<Inline>,
    },
    /// A list of paragraphs.
    RichTextList {
        /// `bullet` or `ordered`.
        style: ListStyle,
        /// Its items, each a [`RichElement::RichTextSection`].
        elements: Vec<RichElement>,
    },
    /// Code.
    RichTextPreformatted {
        /// Its pieces.
        elements: Vec<Inline>,
    },
    /// A quotation.
    RichTextQuote {
        /// Its pieces.
        elements: Vec<Inline>,
    },
}

/// How the items of a list are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ListStyle {
    /// With dots.
    Bullet,
    /// With numbers.
    Ordered,
}

/// A piece of rich text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Inline {
    /// Text.
    Text {
        /// The text, at least one character.
        text: String,
    },
    /// A link.
    Link {
        /// Where it leads.
        url: String,
        /// What it says.
        text: String,
    },
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "button")]
pub struct Button {
    /// What it says, plain text of at most 75 characters.
    pub text: Text,
    /// By which a click is told from others, at most 255 characters.
    pub action_id: String,
    /// What a click carries, at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
    /// Where a click leads.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub url: Option<String>,
    /// `primary` or `danger`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub style: Option<ButtonStyle>,
}

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ButtonStyle {
    /// Green.
    Primary,
    /// Red.
    Danger,
}
