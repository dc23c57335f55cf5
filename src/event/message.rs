//! Facts about messages: what goes to a person and comes from one on channels besides the phone.

use serde::{Deserialize, Serialize};

use crate::base::{CallId, CampaignId, LeadId, MessageId, Millis, SubjectId};

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageChannel {
    /// Short message to the number.
    Sms,
    /// E-mail.
    Email,
    /// Notification in an app.
    AppPush,
    /// Chat on a web page.
    WebChat,
    /// WeChat.
    #[serde(rename = "wechat")]
    WeChat,
}

impl MessageChannel {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sms, Self::Email, Self::AppPush, Self::WebChat, Self::WeChat];

    /// The name in events and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
            Self::AppPush => "app_push",
            Self::WebChat => "web_chat",
            Self::WeChat => "wechat",
        }
    }
}

/// A message was handed to its channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageSent {
    /// The message.
    pub message_id: MessageId,
    /// What carries it.
    pub channel: MessageChannel,
    /// To whom.
    pub subject_id: SubjectId,
    /// The campaign, where it is about one.
    pub campaign_id: Option<CampaignId>,
    /// The lead, where it is about one.
    pub lead_id: Option<LeadId>,
    /// The call it follows from.
    pub call_id: Option<CallId>,
    /// The message it answers.
    pub in_reply_to: Option<MessageId>,
    /// The template its words come from, a stable name; nothing where somebody wrote them.
    pub template_id: Option<String>,
    /// The language of its words: `en` or `zh`.
    pub language: Option<String>,
    /// What the channel charges for: parts of a short message, else 1.
    pub units: u32,
    /// Its words, encrypted under the subject's key, hexadecimal; nothing where the template
    /// says it all.
    pub ciphertext: Option<String>,
}

/// A message reached the person's device or mailbox, as its channel says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageDelivered {
    /// The message.
    pub message_id: MessageId,
    /// To whom.
    pub subject_id: SubjectId,
    /// The call it follows from.
    pub call_id: Option<CallId>,
    /// From its sending. Units: ms.
    pub after_ms: Millis,
}

/// A message did not reach the person, and will not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageFailed {
    /// The message.
    pub message_id: MessageId,
    /// To whom.
    pub subject_id: SubjectId,
    /// The call it follows from.
    pub call_id: Option<CallId>,
    /// Why: a stable name, such as `unreachable`, `address_unknown` or `refused`.
    pub reason: String,
    /// What the channel said, as it said it.
    pub provider_code: Option<String>,
}

/// A person wrote to us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageReceived {
    /// The message.
    pub message_id: MessageId,
    /// What carried it.
    pub channel: MessageChannel,
    /// From whom.
    pub subject_id: SubjectId,
    /// The campaign, where it is about one.
    pub campaign_id: Option<CampaignId>,
    /// The lead, where it is about one.
    pub lead_id: Option<LeadId>,
    /// The call that the message it answers follows from.
    pub call_id: Option<CallId>,
    /// The message it answers.
    pub in_reply_to: Option<MessageId>,
    /// What it means: an id of the taxonomy, such as `opt_out`; nothing where nobody knows.
    pub intent: Option<String>,
    /// What found that: `keyword`, `rule`, `agent:` and the agent's id, or a model's name.
    pub intent_source: Option<String>,
    /// Parts of a short message, else 1.
    pub units: u32,
    /// Its words, encrypted under the subject's key, hexadecimal; nothing where they are not
    /// kept, as those of a keyword.
    pub ciphertext: Option<String>,
}
