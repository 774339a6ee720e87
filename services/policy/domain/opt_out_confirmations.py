"""The text that confirms an opt-out, in each language; the only message that a customer gets after opting out."""

CONFIRMATIONS = {
    "en": "You will get no more messages from us here. To get them again, reply START.",
    "ar": "لن تصلك أي رسائل أخرى منا هنا. لاستقبالها مجددًا أرسل START.",
    "es": "No recibirá más mensajes nuestros por aquí. Para recibirlos de nuevo, responda START.",
    "fr": "Vous ne recevrez plus de messages de notre part ici. Pour en recevoir à nouveau, répondez START.",
    "de": "Sie erhalten hier keine Nachrichten mehr von uns. Um sie wieder zu erhalten, antworten Sie START.",
    "pt": "Você não receberá mais mensagens nossas aqui. Para recebê-las novamente, responda START.",
    "it": "Non riceverà più nostri messaggi qui. Per riceverli di nuovo, risponda START.",
    "tr": "Buradan artık mesajımızı almayacaksınız. Tekrar almak için START yazın.",
    "ur": "اب آپ کو یہاں ہماری طرف سے کوئی پیغام نہیں ملے گا۔ دوبارہ پانے کے لیے START لکھیں۔",
    "hi": "अब आपको यहाँ हमसे कोई संदेश नहीं मिलेगा। फिर से पाने के लिए START लिखें।",
}


def confirmation_text(language: str) -> str:
    """The confirmation in a language (ISO 639-1), in English for languages without one."""
    return CONFIRMATIONS.get(language, CONFIRMATIONS["en"])
