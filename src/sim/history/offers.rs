//! What simulated campaigns sell, in both languages, and the scripts made from it.

use crate::base::sha256_hex;
use crate::conversation::{Language, Script, ScriptError};

const EN: &str = include_str!("scripts/template_en.toml");
const ZH: &str = include_str!("scripts/template_zh.toml");

/// What is sold: words for the template, English and Chinese.
pub(super) struct Offer {
    /// A slug for campaign and script ids.
    pub(super) id: &'static str,
    words: [[&'static str; 6]; 2],
}

/// The template's words, in the order of [`Offer::words`].
const WORDS: [&str; 6] = ["@COMPANY@", "@OFFER@", "@PITCH@", "@PRICE@", "@PROCESS@", "@GUARANTEE@"];

pub(super) const OFFERS: [Offer; 5] = [
    Offer {
        id: "loan",
        words: [
            [
                "Harbour Street Finance",
                "our business loan",
                "We lend small firms up to fifty thousand dollars, decided within one day, with no fee to apply.",
                "It costs from six percent a year, and you may pay it back early for free.",
                "You send two bank statements, we decide in a day, and the money comes the next.",
                "We are a licensed lender, and you may cancel within fourteen days.",
            ],
            [
                "海港街金融",
                "企业贷款",
                "我们给小企业贷款，最高五十万，一天出结果，申请不收费。",
                "年利率百分之六起，提前还款不收费。",
                "您提供两个月流水，一天审批，次日到账。",
                "我们是持牌机构，十四天内可以取消。",
            ],
        ],
    },
    Offer {
        id: "deposit",
        words: [
            [
                "Lighthouse Savings",
                "our fixed deposit",
                "We pay four percent a year on deposits from one thousand dollars, for one year or more.",
                "It costs nothing; you only leave the money with us for a year.",
                "You open it online in ten minutes with a photo of your passport.",
                "Deposits are insured by the state up to the legal limit.",
            ],
            [
                "灯塔储蓄",
                "定期存款",
                "我们的定期存款一千元起，年利率百分之四，期限一年以上。",
                "不收任何费用，资金存满一年即可。",
                "在线十分钟就能开户，只要一张证件照片。",
                "存款在法定限额内有国家保险。",
            ],
        ],
    },
    Offer {
        id: "software",
        words: [
            [
                "Cedar Software",
                "our shop software",
                "Our program does your tills, your stock and your books in one place, on any tablet.",
                "It is forty dollars a month for each shop, and the first month is free.",
                "We set it up with you in an afternoon and bring your old data over.",
                "You may stop at the end of any month and take all your data with you.",
            ],
            [
                "雪松软件",
                "门店管理软件",
                "一套软件管收银、库存和账目，任何平板都能用。",
                "每家门店每月两百八十元，首月免费。",
                "我们半天帮您装好，旧数据一起导入。",
                "每个月底都可以停用，数据全部带走。",
            ],
        ],
    },
    Offer {
        id: "insurance",
        words: [
            [
                "Meadow Insurance",
                "our liability insurance",
                "We insure small firms against claims of customers, up to one million dollars for each case.",
                "It starts at twenty dollars a month, depending on your trade.",
                "You answer six questions and are insured from tomorrow.",
                "We have paid ninety-seven of a hundred claims within a week.",
            ],
            [
                "青草地保险",
                "责任保险",
                "我们为小企业承保客户索赔，每次最高五百万元。",
                "每月一百二十元起，按行业而定。",
                "回答六个问题，明天就能生效。",
                "百分之九十七的理赔一周内到账。",
            ],
        ],
    },
    Offer {
        id: "training",
        words: [
            [
                "Northfield Training",
                "our courses",
                "We train your staff in bookkeeping and sales, in the evening, online or at your place.",
                "A course is three hundred dollars for each person, less from five people on.",
                "You choose the evenings, we send the teacher and the books.",
                "Who fails the test may repeat the course for free.",
            ],
            [
                "北田培训",
                "员工课程",
                "我们给您的员工培训财务和销售，晚上上课，线上线下都可以。",
                "每人一千八百元，五人以上有优惠。",
                "时间由您定，老师和教材由我们安排。",
                "考试没过可以免费重修。",
            ],
        ],
    },
];

impl Offer {
    /// What people call it.
    pub(super) const fn title(&self, language: Language) -> &'static str {
        self.words(language)[1]
    }

    const fn words(&self, language: Language) -> &[&'static str; 6] {
        match language {
            Language::En => &self.words[0],
            Language::Zh => &self.words[1],
        }
    }

    /// The script, and the hash of its text.
    pub(super) fn script(&self, language: Language) -> Result<(Script, String), ScriptError> {
        let template = match language {
            Language::En => EN,
            Language::Zh => ZH,
        };
        let id = format!("{}_{}", self.id, language.name());
        let mut text = template.replace("@ID@", &id);
        for (name, word) in WORDS.iter().zip(self.words(language)) {
            text = text.replace(name, word);
        }
        Ok((Script::parse(&id, &text)?, sha256_hex(text.as_bytes())))
    }
}
