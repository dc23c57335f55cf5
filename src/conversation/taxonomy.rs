//! The words a conversation is described with: intents, objections, intention levels.
//!
//! Each has a stable name, which events, scripts and SQL use, and a Chinese one, which people
//! see. Names are written out below, so that renaming a variant cannot rename history.

/// Makes an enum whose stable and Chinese names are written beside each variant.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $id:literal, $zh:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$item])* $variant,)* }

        impl $name {
            /// All of them, in the order of the taxonomy.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The name the Chinese console shows.
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }

            /// The one with this stable name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($id => Some(Self::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(super) use named;

named! {
    /// What one turn of the customer means.
    Intent {
        /// Yes, sure, go ahead.
        Affirm = "affirm", "肯定";
        /// No, that is not right.
        Deny = "deny", "否定";
        /// Tell me more, sounds good.
        Interested = "interested", "有兴趣";
        /// How much is it?
        AskPrice = "ask_price", "问价格";
        /// What does it do?
        AskProduct = "ask_product", "问产品";
        /// Who are you, where are you calling from?
        AskCompany = "ask_company", "问公司";
        /// Where did you get my number?
        AskSource = "ask_source", "问号码来源";
        /// Am I talking to a robot?
        AskRobot = "ask_robot", "问是否机器人";
        /// How do I sign up?
        AskProcess = "ask_process", "问办理流程";
        /// Any discount?
        AskDiscount = "ask_discount", "问优惠";
        /// Where is your office?
        AskLocation = "ask_location", "问地点";
        /// Is it safe, what if it fails?
        AskGuarantee = "ask_guarantee", "问保障";
        /// Come on Tuesday at three.
        Appointment = "appointment", "约时间";
        /// Call me tomorrow.
        CallbackLater = "callback_later", "稍后再打";
        /// Send it to my mail.
        SendInfo = "send_info", "发资料";
        /// Let me talk to a person.
        TransferHuman = "transfer_human", "转人工";
        /// Take me off your list.
        OptOut = "opt_out", "拒绝再打";
        /// No thanks.
        NotInterested = "not_interested", "不需要";
        /// Wrong number.
        WrongPerson = "wrong_person", "不是本人";
        /// Say that again.
        Repeat = "repeat", "请重复";
        /// I will report you.
        Complaint = "complaint", "投诉";
        /// Swearing.
        Abuse = "abuse", "辱骂";
        /// Hello.
        Greeting = "greeting", "问候";
        /// Bye.
        Goodbye = "goodbye", "结束";
        /// Thank you.
        Thanks = "thanks", "感谢";
        /// Let me think.
        Hesitate = "hesitate", "犹豫";
        /// Anything else; never forced into another class.
        Other = "other", "其他";
    }
}

named! {
    /// Why the customer holds back; a turn may carry one beside its intent.
    Objection {
        /// It is too expensive.
        Price = "price", "太贵";
        /// We do not need it.
        Need = "need", "没需求";
        /// Sounds like a scam.
        Trust = "trust", "不信任";
        /// I am busy.
        Time = "time", "没时间";
        /// I have to ask my boss.
        Authority = "authority", "做不了主";
        /// We use another one.
        Competitor = "competitor", "已有同类";
        /// We tried it and it was bad.
        BadExperience = "bad_experience", "体验差";
        /// Does it work at all?
        Quality = "quality", "怕效果不好";
        /// Maybe next month.
        Delay = "delay", "再考虑";
        /// I do not give my data.
        Privacy = "privacy", "隐私顾虑";
    }
}

named! {
    /// How likely the customer is to buy, judged after the call by `level.rs`.
    IntentionLevel {
        /// Agreed to a next step: appointment, purchase, send the contract.
        A = "A", "已同意";
        /// Interested: asked about price, product or process and did not refuse.
        B = "B", "有兴趣";
        /// Undecided: hesitates, call later, heard the pitch without a position.
        C = "C", "未决定";
        /// Refused: not interested, or hung up early in the pitch.
        D = "D", "已拒绝";
        /// Could not be judged: no person, wrong person, too short.
        E = "E", "无法判断";
        /// Opted out or complained: never call again.
        X = "X", "不再联系";
    }
}
