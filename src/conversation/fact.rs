//! What a conversation leaves behind: plain facts, which the event layer turns into events.

use crate::base::{Millis, Ppm};

use super::taxonomy::named;
use super::{AnswerVerdict, Intent, NodeId, Objection, Stage};

/// One thing that happened. Turn numbers count both sides, from 0, in the order turns began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConversationFact {
    /// It was judged who or what answered. A later one replaces an earlier one.
    AnswerJudged {
        /// Who or what it is.
        verdict: AnswerVerdict,
        /// How sure.  Units: parts per million.
        confidence: Ppm,
        /// The rule that decided, a stable dotted name.
        reason: &'static str,
        /// Time since the answer.
        after: Millis,
        /// From the answer to the end of the greeting, where one was heard.
        greeting_ended: Option<Millis>,
    },
    /// The robot said something, or began to.
    TurnSpoken {
        /// Which turn.
        turn: u32,
        /// The node it belongs to.
        node: NodeId,
        /// The node's stage.
        stage: Stage,
        /// What was to be said, placeholders filled.
        text: String,
        /// How much of it was played.
        played: Millis,
        /// Whether it was played to its end.
        completed: bool,
    },
    /// The person did something, or nothing for too long.
    TurnHeard {
        /// Which turn.
        turn: u32,
        /// The node the person was answering.
        node: NodeId,
        /// That node's stage.
        stage: Stage,
        /// Key, speech or silence.
        kind: Heard,
        /// The keys pressed; empty unless `kind` is [`Heard::Key`].
        digits: String,
        /// How long the person spoke, pauses not counted.
        speech: Millis,
        /// From the end of the prompt to the first key or sound; for silence the time waited.
        /// Nothing where the person did not let the prompt end.
        reaction: Option<Millis>,
    },
    /// A heard turn was given a meaning.
    IntentTagged {
        /// The heard turn.
        turn: u32,
        /// What it means.
        intent: Intent,
        /// Why the customer holds back, if said.
        objection: Option<Objection>,
        /// How sure.  Units: parts per million.
        confidence: Ppm,
        /// Who says so.
        source: TagSource,
    },
    /// A message was said to a mailbox after its beep, or begun.
    VoicemailLeft {
        /// How much of it was said.
        played: Millis,
        /// Whether it was said to its end.
        completed: bool,
    },
    /// The person wants never to be called again. At most one per conversation.
    OptOutRequested {
        /// The heard turn that asked for it.
        turn: u32,
    },
    /// The conversation is to go to a person. The caller finds one and answers with
    /// [`super::Input::Transferred`] or [`super::Input::TransferFailed`].
    TransferRequested {
        /// Why.
        reason: TransferReason,
    },
}

named! {
    /// How a turn of the person came in.
    Heard {
        /// A key was pressed.
        Key = "key", "按键";
        /// The person spoke.
        Speech = "speech", "说话";
        /// Nothing came for the time the script waits.
        Silence = "silence", "沉默";
    }
}

named! {
    /// Who gave a turn its meaning.
    TagSource {
        /// The script says what the key means.
        Key = "key", "按键";
        /// A rule of this module: a key without a meaning.
        Rule = "rule", "规则";
        /// A recogniser of words, once there is one.
        Recogniser = "recogniser", "识别";
    }
}

named! {
    /// Why a person is to take over.
    TransferReason {
        /// The customer asked for one.
        Asked = "asked", "客户要求";
        /// The robot did not understand often enough.
        NotUnderstood = "not_understood", "听不懂";
        /// The script goes there by itself.
        Script = "script", "脚本";
    }
}

named! {
    /// How a conversation ended.
    EndReason {
        /// The customer agreed to a next step.
        Agreed = "agreed", "已同意";
        /// The customer refused.
        Declined = "declined", "已拒绝";
        /// The customer wants to be called another time.
        Callback = "callback", "稍后再打";
        /// The customer wants never to be called again.
        OptedOut = "opted_out", "拒绝再打";
        /// The person is not the one who was called.
        WrongPerson = "wrong_person", "不是本人";
        /// Nobody reacted.
        Silent = "silent", "无回应";
        /// The robot could not make out what was wanted.
        NotUnderstood = "not_understood", "听不懂";
        /// A person took over.
        Transferred = "transferred", "已转人工";
        /// A person was asked for and none could be had.
        TransferFailed = "transfer_failed", "转人工失败";
        /// A machine answered.
        Machine = "machine", "语音信箱";
        /// The other side hung up.
        HungUp = "hung_up", "对方挂断";
        /// The script's `max_turns` was reached.
        TurnLimit = "turn_limit", "轮次上限";
        /// The script's `max_seconds` was reached.
        TimeLimit = "time_limit", "时长上限";
    }
}

impl EndReason {
    /// Those a node of a script may name in `ends`; the others come about by themselves.
    pub const IN_SCRIPTS: &[Self] = &[
        Self::Agreed,
        Self::Declined,
        Self::Callback,
        Self::OptedOut,
        Self::WrongPerson,
        Self::Silent,
        Self::NotUnderstood,
        Self::TransferFailed,
    ];
}
