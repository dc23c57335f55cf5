//! The words of the reports, in two languages.
//!
//! In: English. Out: the same in the language of the report, with names in braces filled in.
//! Invariant: what stands in a report and is no figure or name stands here [test].

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

    /// The same with what stands for names in braces.
    pub(super) fn fill(self, english: &'static str, parts: &[(&str, String)]) -> String {
        let mut text = String::new();
        let mut rest = self.say(english);
        // What was filled in is not looked at again: it may have braces of its own.
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((name, after)) = after.split_once('}') else { break };
            let part = parts.iter().find(|(known, _)| *known == name);
            text.push_str(part.map_or("–", |(_, part)| part));
            rest = after;
        }
        text.push_str(rest);
        text
    }

    /// The weekday of a day, counted from 1970-01-01, a Thursday.
    pub(super) fn weekday(self, day: i64) -> &'static str {
        const DAYS: [(&str, &str); 7] = [
            ("Thu", "周四"),
            ("Fri", "周五"),
            ("Sat", "周六"),
            ("Sun", "周日"),
            ("Mon", "周一"),
            ("Tue", "周二"),
            ("Wed", "周三"),
        ];
        let place = usize::try_from(day.rem_euclid(7)).unwrap_or(0);
        let (english, chinese) = DAYS.get(place).copied().unwrap_or_default();
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

pub(super) const WORDS: &[(&str, &str)] = &[
    ("Hourly report", "外呼时报"),
    ("Daily report", "外呼日报"),
    ("Daily review", "外呼复盘"),
    (
        "Times are {zone}; compared with {day} and {week}; true at log position {position}.",
        "时区 {zone}；对比 {day} 与 {week}；对应日志位置 {position}。",
    ),
    ("What stands out", "要点"),
    ("Nothing stands out.", "各项指标平稳，无需特别关注。"),
    ("Dials by hour", "分时外呼量"),
    ("Connect rate by hour", "分时接通率"),
    ("Connect rate by day and hour", "近七日分时接通率"),
    ("Connect rate in %; darker is more.", "接通率（%），颜色越深越高。"),
    ("Hour", "时段"),
    ("Day", "日期"),
    ("{change} vs day before", "较前一日 {change}"),
    ("{change} vs week before", "较上周同期 {change}"),
    ("points", "个百分点"),
    ("Connect rate", "接通率"),
    ("Interested rate", "意向率"),
    ("Agreed rate", "约定率"),
    ("Opt-out rate", "拒绝再打率"),
    ("Abandoned rate", "呼损率"),
    ("Silent-call rate", "静默呼叫率"),
    ("Handling time", "平均处理时长"),
    ("of seizures", "按占用次数计"),
    ("of agents' time", "占坐席在岗时间"),
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
    ("Log position", "日志位置"),
    (
        "Figures count attempts by the hour they began in. Each formula stands in one file of queries/.",
        "各项按外呼开始的小时统计；每个公式对应 queries/ 中的一个文件。",
    ),
    (
        "Nobody was dialled; the week before there were {then} dials.",
        "本期没有外呼；上周同期外呼 {then} 次。",
    ),
    (
        "Dials fell from {then} to {now} against the week before ({change}).",
        "外呼次数由上周同期的 {then} 降至 {now}（{change}）。",
    ),
    (
        "See whether campaigns were paused or their lists are used up, and whether carriers were out.",
        "请检查外呼任务是否暂停、名单是否拨完，以及线路商是否中断。",
    ),
    (
        "{now} of contacts were abandoned ({part} of {whole}); the most allowed is {most}.",
        "呼损占真人接听的 {now}（{whole} 通中 {part} 通），上限为 {most}。",
    ),
    (
        "Dial fewer leads at once, or have more agents or robot channels ready.",
        "请降低并发外呼量，或增加坐席、机器人通道。",
    ),
    (
        "{what} fell from {then} to {now} against the week before.",
        "{what}由上周同期的 {then} 降至 {now}。",
    ),
    (
        "{what} rose from {then} to {now} against the week before.",
        "{what}由上周同期的 {then} 升至 {now}。",
    ),
    ("Keep what was changed, and see whether it lasts.", "请保留近期的改动，并观察能否持续。"),
    (
        "Compare the carriers and the hours below with the week before: an outage, a number that is marked as unwanted, or a worse list.",
        "请将下方的线路商与时段同上周对比：可能是线路中断、号码被标记，或名单质量下降。",
    ),
    (
        "Look at the hours that were dialled, and listen to some calls that were taken for machines.",
        "请查看外呼时段，并抽听被判为机器的通话。",
    ),
    (
        "Compare the objections with the week before, and listen to some calls of the levels C and D.",
        "请将客户异议同上周对比，并抽听 C、D 级通话。",
    ),
    (
        "See at which stage of the script calls end, and how agents and robot compare.",
        "请查看通话在话术的哪个阶段结束，并对比坐席与机器人。",
    ),
    (
        "See at which stage customers opt out; dial the list more rarely, or change the opening.",
        "请查看客户在哪个阶段拒绝再打；降低名单拨打频次，或修改开场白。",
    ),
    (
        "Sound has to begin within two seconds: look at the processor's load and at the prompts.",
        "接通后两秒内必须有声音：请检查处理器负载与提示音。",
    ),
    (
        "See which carrier it is, below, and give it a lower weight.",
        "请在下方确认是哪家线路商，并降低其权重。",
    ),
    (
        "Outages of carrier {carrier}: {times}, {time} in all.",
        "线路商 {carrier} 中断 {times} 次，共 {time}。",
    ),
    (
        "Ask the carrier for the cause; until then, see that the others have channels enough.",
        "请向线路商询问原因；在此之前确认其余线路商的通道充足。",
    ),
    (
        "Carrier {carrier} failed {now} of {count} seizures.",
        "线路商 {carrier} 的 {count} 次占用中失败 {now}。",
    ),
    ("Give it a lower weight until it has mended this.", "在其修复之前请降低其权重。"),
    (
        "Over carrier {carrier}, {now} of {count} seizures were answered; wanted are {least}.",
        "线路商 {carrier} 的 {count} 次占用中接通 {now}，要求不低于 {least}。",
    ),
    (
        "Compare with the other carriers in the same hours, and give it a lower weight where they do better.",
        "请与其他线路商同一时段对比；若其他线路商更好，请降低其权重。",
    ),
    (
        "The ASR of carrier {carrier} fell from {then} to {now} against the week before.",
        "线路商 {carrier} 的 ASR 由上周同期的 {then} 降至 {now}。",
    ),
    (
        "Agent {agent} took {now} of wrap-up for each of {count} talks; expected are up to {most}.",
        "坐席 {agent} 的 {count} 通通话平均话后处理 {now}，预期不超过 {most}。",
    ),
    (
        "Ask what has to be written down after a talk, and whether the system could do it.",
        "请了解通话后需要记录什么，以及能否由系统代劳。",
    ),
    (
        "Agent {agent} was busy {now} of the time, over {count} talks; more than {most} tires people.",
        "坐席 {agent} 在 {count} 通通话中占用率 {now}；长期高于 {most} 易疲劳。",
    ),
    ("Plan breaks, or have more agents at these hours.", "请安排小休，或在这些时段增加坐席。"),
    (
        "The objection {name} was heard in {calls} calls, {share} of contacts.",
        "异议“{name}”出现在 {calls} 通通话中，占真人接听的 {share}。",
    ),
    (
        "Let the script answer it before it is raised, and see how many agree after that.",
        "请让话术提前回应该异议，并观察之后的约定率。",
    ),
];
