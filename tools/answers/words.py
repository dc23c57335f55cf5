"""What is said after a call is answered: by people, by firms, by machines.

A text is a pair: what espeak-ng is given, and what a neural voice and the reader are given. They
differ for Chinese alone, where espeak-ng reads pinyin without a dictionary.
"""


def same(*texts):
    return [(text, text) for text in texts]


# language: (short greetings, greetings with a name or a firm, what machines say)
WORDS = {
    "en": (
        same("Hello?", "Yes?", "Hi, who is this?", "Hello, hello?", "Hello.", "Yeah, hello?", "Speaking."),
        same("Hello, this is Mary speaking.", "Good morning, city garage, how can I help you?",
             "John Miller, hello.", "Front desk, Anna speaking, what can I do for you?"),
        same("You have reached the voice mail of the front office. Nobody can take your call right now. "
             "Please leave your name and number after the tone.",
             "Hi, we are not at home. Leave a message after the beep.",
             "Hi, this is Tom. I can't come to the phone right now, so leave me a message and I'll call you back.",
             "Your call has been forwarded to an automatic voice message system. The person you called is not "
             "available. At the tone, please record your message.",
             "Hello. You've reached the Millers. We can't answer right now. Please leave a message.",
             "The person you are calling is not available. At the tone, please record your message."),
    ),
    "zh": (
        [("wei2?", "喂？"), ("wei2, ni3 hao3?", "喂，你好？"), ("ni3 hao3.", "你好。"), ("na3 wei4?", "哪位？"),
         ("ni3 hao3, qing3 wen4 na3 wei4?", "你好，请问哪位？"), ("wei2, shui2 a5?", "喂，谁啊？")],
        [("wei2, ni3 hao3, wo3 shi4 wang2 ming2, qing3 wen4 nin2 shi4 na3 wei4?", "喂，你好，我是王明，请问您是哪位？"),
         ("nin2 hao3, zhe4 li3 shi4 cheng2 shi4 xiu1 li3 chang3, qing3 wen4 you3 shen2 me5 ke3 yi3 bang1 nin2?",
          "您好，这里是城市修理厂，请问有什么可以帮您？"),
         ("nin2 hao3, dong1 fang1 shi2 pin3 gong1 si1.", "您好，东方食品公司。")],
        [("nin2 hao3, ji1 zhu3 xian4 zai4 bu4 fang1 bian4 jie1 ting1 dian4 hua4, qing3 zai4 ti2 shi4 yin1 hou4 liu2 yan2.",
          "您好，机主现在不方便接听电话，请在提示音后留言。"),
         ("ni3 hao3, wo3 xian4 zai4 bu2 zai4, qing3 zai4 di1 sheng1 hou4 liu2 xia4 nin2 de5 xing4 ming2 he2 dian4 hua4 "
          "hao4 ma3, wo3 hui4 jin3 kuai4 hui2 fu4 nin2.", "你好，我现在不在，请在嘀声后留下您的姓名和电话号码，我会尽快回复您。"),
         ("dui4 bu5 qi3, nin2 bo1 da3 de5 yong4 hu4 zan4 shi2 wu2 fa3 jie1 tong1, qing3 shao1 hou4 zai4 bo1.",
          "对不起，您拨打的用户暂时无法接通，请稍后再拨。"),
         ("nin2 hao3, zhe4 li3 shi4 yu3 yin1 xin4 xiang1, nin2 hu1 jiao4 de5 yong4 hu4 wu2 ren2 ying4 da2, "
          "qing3 zai4 ti2 shi4 yin1 hou4 liu2 yan2.", "您好，这里是语音信箱，您呼叫的用户无人应答，请在提示音后留言。"),
         ("nin2 hao3, huan1 ying2 zhi4 dian4 dong1 fang1 gong1 si1, qing3 zhi2 bo1 fen1 ji1 hao4, cha2 hao4 qing3 an4 ling2.",
          "您好，欢迎致电东方公司，请直拨分机号，查号请按零。")],
    ),
    "de": (
        same("Hallo?", "Ja bitte?", "Hallo, wer ist da?"),
        same("Guten Tag, Müller am Apparat.", "Praxis Sommer, guten Morgen, was kann ich für Sie tun?"),
        same("Guten Tag. Dies ist der Anrufbeantworter der Familie Sommer. Wir sind gerade nicht da. "
             "Bitte hinterlassen Sie eine Nachricht nach dem Ton.",
             "Der gewünschte Gesprächspartner ist zur Zeit nicht erreichbar. Bitte sprechen Sie nach dem Signal."),
    ),
    "fr-fr": (
        same("Allô?", "Oui?", "Allô, qui est à l'appareil?"),
        same("Bonjour, cabinet du docteur Blanc, je vous écoute."),
        same("Bonjour, vous êtes bien sur le répondeur de Marie. Je ne suis pas disponible. "
             "Laissez-moi un message après le bip."),
    ),
    "es": (
        same("¿Diga?", "¿Sí?", "Hola, ¿quién es?"),
        same("Buenos días, oficina central, ¿en qué puedo ayudarle?"),
        same("Hola, ha llamado a la familia López. En este momento no podemos atenderle. "
             "Deje su mensaje después de la señal."),
    ),
    "it": (
        same("Pronto?", "Sì, pronto, chi parla?"),
        same("Buongiorno, studio Rossi, mi dica."),
        same("Salve, in questo momento non posso rispondere. Lasciate un messaggio dopo il segnale acustico."),
    ),
    "pt-br": (
        same("Alô?", "Oi, quem fala?"),
        same("Bom dia, padaria central, em que posso ajudar?"),
        same("Oi, você ligou para a casa da Ana. No momento não posso atender. Deixe o seu recado após o sinal."),
    ),
    "ru": (
        same("Алло?", "Да, слушаю."),
        same("Добрый день, компания Север, слушаю вас."),
        same("Здравствуйте. К сожалению, сейчас никто не может ответить на ваш звонок. "
             "Оставьте сообщение после сигнала."),
    ),
    "pl": (
        same("Halo?", "Tak, słucham?"),
        same("Dzień dobry, biuro, w czym mogę pomóc?"),
        same("Dzień dobry, nie możemy teraz odebrać. Proszę zostawić wiadomość po sygnale."),
    ),
}

# Prompts of Asterisk's sound packages, spoken by people and recorded: a greeting, and what
# voicemail says, as files played one after the other.
RECORDED = (
    [["hello"], ["hello"], ["hello", "hello"]],
    [["hello", "one-moment-please"]],
    [["vm-theperson", "digits/4", "digits/7", "vm-isunavail", "vm-intro"],
     ["vm-extension", "digits/2", "digits/0", "digits/1", "vm-isonphone", "vm-intro"],
     ["vm-nobodyavail", "vm-intro"], ["number-not-answering", "vm-leavemsg", "vm-intro"],
     ["tt-allbusy", "please-try-call-later"], ["cannot-complete-as-dialed", "check-number-dial-again"],
     ["basic-pbx-ivr-main"]],
)
