"""Made-up keys of known shapes, put together at run time: no file of this repository holds one."""

import random
import string
from collections.abc import Mapping

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def made_up(seed: int = 7) -> Mapping[str, str]:
    """Thirty and some of them, by what they are."""
    chance = random.Random(seed)  # noqa: S311  # nothing here is to be hard to guess

    def some(count: int, letters: str = LETTERS) -> str:
        return "".join(chance.choice(letters) for _ in range(count))

    begin, end = "-----BEG" + "IN RSA PRIVATE KEY-----", "-----E" + "ND RSA PRIVATE KEY-----"
    upper = string.ascii_uppercase + "234567"
    return {
        "aws id": "AK" + "IA" + some(16, upper),
        "aws temporary id": "AS" + "IA" + some(16, upper),
        "azure": "Account" + "Key=" + some(86) + "==",
        "github": "gh" + "p_" + some(36),
        "github app": "gh" + "s_" + some(36),
        "github fine": "github" + "_pat_" + some(22) + "_" + some(59),
        "gitlab": "gl" + "pat-" + some(20),
        "slack": "xo" + "xb-" + some(12, string.digits) + "-" + some(24),
        "slack webhook": (
            "https://hooks." + "slack.com/services/T" + some(8) + "/B" + some(8) + "/" + some(24)
        ),
        "anthropic": "sk" + "-ant-api03-" + some(93) + "AA",
        "openai": "sk" + "-proj-" + some(48),
        "openai old": "sk" + "-" + some(20) + "T3Blbk" + "FJ" + some(20),
        "openrouter": "sk" + "-or-v1-" + some(64, HEX),
        "groq": "gs" + "k_" + some(52),
        "hugging face": "h" + "f_" + some(34, string.ascii_letters),
        "google": "AI" + "za" + some(35),
        "google login": "GOC" + "SPX-" + some(28),
        "stripe": "sk" + "_live_" + some(24),
        "sendgrid": "S" + "G." + some(22) + "." + some(43),
        "twilio": "S" + "K" + some(32, HEX),
        "telegram": some(10, string.digits) + ":A" + "A" + some(33),
        "discord webhook": (
            "https://discord.com/api/" + "webhooks/" + some(18, string.digits) + "/" + some(68)
        ),
        "npm": "np" + "m_" + some(36),
        "pypi": "py" + "pi-AgE" + some(90),
        "docker": "dckr" + "_pat_" + some(27),
        "digital ocean": "do" + "p_v1_" + some(64, HEX),
        "databricks": "da" + "pi" + some(32, HEX),
        "vault": "hv" + "s." + some(60),
        "shopify": "shp" + "at_" + some(32, HEX),
        "linear": "lin" + "_api_" + some(40),
        "notion": "nt" + "n_" + some(46),
        "json web token": "ey" + "J" + some(30) + ".ey" + "J" + some(60) + "." + some(43),
        "private key": "\n".join((begin, *(some(64) for _ in range(8)), end)),
        "address": "postgres://shop:" + "s3" + some(14) + "@db.example.org/shop",
        "aws secret": "aws_secret_access" + "_key = " + some(40),
    }


def heart(key: str) -> str:
    """The part of a key that may be nowhere: its middle, without what a person could guess."""
    return max(key.replace("@", "\n").replace("/", "\n").replace(" ", "\n").splitlines(), key=len)[
        8:24
    ]
