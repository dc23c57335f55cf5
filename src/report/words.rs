//! The words of the reports, in two languages.

/// A language of reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Chinese, simplified.
    Chinese,
}

impl Language {
    /// `en` or `zh`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The words for something, `english | chinese`; the text itself where it has no translation.
    pub(super) fn say(self, english: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => WORDS
                .iter()
                .find(|(known, _)| *known == english)
                .map_or(english, |(_, chinese)| chinese),
        }
    }
}

pub(super) const WORDS: &[(&str, &str)] = &[
    ("Daily report", "外呼日报"),
    ("all times UTC; true at log position", "时间均为 UTC；对应日志位置"),
    ("Headline", "关键指标"),
    ("Funnel", "转化漏斗"),
    ("By campaign", "按外呼任务"),
    ("By hour", "按小时"),
    ("Carriers", "线路商"),
    ("Agents", "坐席"),
    ("Robot and people", "机器人与人工"),
    ("Intention levels", "意向等级"),
    ("Objections", "客户异议"),
    ("Opt-outs", "拒绝再打"),
    ("Notes", "说明"),
    ("There is nothing to show.", "当日无数据。"),
    ("Dials", "外呼次数"),
    ("Answered", "接通"),
    ("Contacts", "真人接听"),
    ("Talked", "有效对话"),
    ("Interested", "有意向（A/B）"),
    ("Agreed", "达成约定"),
    ("Bridged", "转人工"),
    ("Abandoned", "呼损"),
    ("Mean talk", "平均通话时长"),
    ("New leads", "首次拨打客户"),
    ("of dials", "占外呼次数"),
    ("of contacts", "占真人接听"),
    ("of answered calls", "按接通计"),
    ("Campaign", "外呼任务"),
    ("State", "状态"),
    ("Leads", "客户数"),
    ("Connect", "接通率"),
    ("Contact rate", "真人接听率"),
    ("Carrier", "线路商"),
    ("Seizures", "占用次数"),
    ("Failed", "失败"),
    ("Post-dial delay", "拨号后时延"),
    ("Packet loss", "丢包率"),
    ("Outages", "中断次数"),
    ("Agent", "坐席"),
    ("Talks", "通话数"),
    ("Talking", "通话"),
    ("Wrap-up", "话后处理"),
    ("Waiting", "等待"),
    ("Break", "小休"),
    ("Occupancy", "占用率"),
    ("Who talked", "通话方"),
    ("Level", "等级"),
    ("Share", "占比"),
    ("Objection", "异议"),
    ("Times", "次数"),
    ("Calls", "通话"),
    ("Stage", "话术阶段"),
    ("answered", "接通"),
    (
        "Connect and contact rate are over dials; interested, agreed, opted out and abandoned are over contacts, that is calls a person answered.",
        "接通率与真人接听率以外呼次数为分母；意向、约定、拒绝再打与呼损以真人接听为分母。",
    ),
    (
        "ASR is answered over seizures; NER also counts busy, no answer and rejected as the carrier's success (ITU-T E.411).",
        "ASR 为接通除以占用次数；NER 将忙、无应答、拒接也计为网络成功（ITU-T E.411）。",
    ),
    (
        "Occupancy is talking and wrap-up over talking, wrap-up and waiting; breaks are left out, and so is a state that still goes on.",
        "占用率为（通话＋话后处理）除以（通话＋话后处理＋等待）；不含小休与尚未结束的状态。",
    ),
    (
        "Figures count attempts by the day they began in. Each formula stands in one file of queries/.",
        "各项按外呼开始之日统计；每个公式对应 queries/ 中的一个文件。",
    ),
    ("Log position", "日志位置"),
];
