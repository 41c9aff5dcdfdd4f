"""How people are called: nicknames, and names in other scripts. Written down from common knowledge,
and not from the package that the rules know nicknames from.
"""

from collections.abc import Mapping


def _listed(text: str) -> dict[str, tuple[str, ...]]:
    lines = (line.partition(":") for line in text.split("\n") if line.strip())
    return {
        formal: tuple(nicknames.split())
        for names, _, nicknames in lines
        for formal in names.split()
    }


NICKNAMES: Mapping[str, tuple[str, ...]] = _listed(
    """
    abigail: abby gail
    albert: al bert bertie
    alexander: alex al sandy xander
    alexandra: alex sandra lexi
    alice: ali
    andrew andre: andy drew
    anthony anton: tony ant
    benjamin: ben benny benji
    bethany: beth
    brooklyn: brook
    caitlin: cait
    cameron: cam
    catherine katherine: kate cathy katie kathy
    charles: charlie chuck
    charlotte: charlie lottie
    christian: chris
    christopher: chris kit topher
    daniel: dan danny
    danielle: dani
    david: dave davey
    edgar: ed eddie
    edward: ed eddie ted ned
    elena helena: lena
    elizabeth: liz beth betty eliza lizzie
    emiily emily: em emmy
    frederick: fred freddie
    gabrielle: gabby
    georgia: georgie
    gerald: gerry jerry
    gregory: greg
    harold: harry hal
    harrison: harry
    henry: harry hank hal
    isaac: ike zac
    isabella isabelle: bella izzy belle
    jacob: jake
    jacqueline: jackie
    james: jim jimmy jamie
    jennifer: jen jenny
    jessica: jess jessie
    john: jack johnny
    jonathan: jon jonny
    joseph: joe joey
    joshua: josh
    judith: judy
    katelyn: kate katie
    kenneth: ken kenny
    kimberley: kim kimmy
    lachlan: lachie
    lawrence: larry
    leonard: len lenny
    lucas: luke
    lucinda: lucy cindy
    lydia: lyddie
    madeline madeleine: maddie maddy
    magda: maggie
    margaret: peggy maggie meg marge
    martha: marty
    matthew: matt
    michael: mike mick mickey
    mitchell: mitch
    nathaniel: nat nate
    nicholas: nick nicky
    olivia: liv livvy
    oliver: ollie
    patricia: pat trish patty
    patrick: pat paddy
    peter: pete
    philip phillip: phil
    quentin: quin
    rachel: rach
    rebecca: becky bec becca
    richard: dick rick rich
    robert: bob rob bobby
    ronald: ron ronnie
    samantha: sam sammy
    samuel: sam sammy
    sarah: sally sadie
    sophia: sophie
    stephanie: steph
    stephen steven: steve
    susan: sue susie
    tamar: tammy
    theodore: ted theo
    thomas: tom tommy
    timothy: tim timmy
    victoria: vicky tori
    vincent: vince
    walter: walt wally
    william: bill will billy liam
    zachary: zac zach
    """
)

SOUNDS = (
    *(("sh", "ш", "σ"), ("ch", "ч", "τσ"), ("th", "т", "θ"), ("ph", "ф", "φ")),
    *(("kh", "х", "χ"), ("ya", "я", "για"), ("yu", "ю", "γιου"), ("oo", "у", "ου")),
    *(("ee", "и", "ι"), ("ck", "к", "κ"), ("qu", "кв", "κου"), ("ts", "ц", "τσ")),
)
"""Letters of one sound, and what stands for it in Cyrillic and in Greek."""
LETTERS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        zip(
            [
                "а",
                "б",
                "к",
                "д",
                "е",
                "ф",
                "г",
                "х",
                "и",
                "дж",
                "к",
                "л",
                "м",
                "н",
                "о",
                "п",
                "к",
                "р",
                "с",
                "т",
                "у",
                "в",
                "в",
                "кс",
                "й",
                "з",
            ],
            [
                "α",
                "μπ",
                "κ",
                "ντ",
                "ε",
                "φ",
                "γκ",
                "χ",
                "ι",
                "τζ",
                "κ",
                "λ",
                "μ",
                "ν",
                "ο",
                "π",
                "κ",
                "ρ",
                "σ",
                "τ",
                "ου",
                "β",
                "γου",
                "ξ",
                "ι",
                "ζ",
            ],
            strict=True,
        ),
        strict=True,
    )
)


def cyrillic(name: str) -> str:
    return _written(name, 0)


def greek(name: str) -> str:
    return _written(name, 1)


def _written(name: str, script: int) -> str:
    for sound, *scripts in SOUNDS:
        name = name.replace(sound, scripts[script])
    return "".join(LETTERS[c][script] if c in LETTERS else c for c in name)
