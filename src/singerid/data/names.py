"""Names of singers and albums: blanks and Unicode made uniform, and notices about names that look alike."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from singerid.text import printable

# Blanks of every width. Line breaks do not count as blanks: a name may hold any character.
_BLANKS = re.compile(r"[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
# Invisible characters: of zero width, direction marks, byte-order marks.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_NAMED = 3  # names, or groups of names, that a notice shows at most
# Names that stand for nobody in particular, as taggers and players write them; without punctuation.
_NOBODY_WRITTEN = """
various artists, various, various artist, va, v a, unknown artist, unknown, unknown singer, no artist,
untitled artist, compilation, compilations, soundtrack, original soundtrack, ost,
verschiedene interpreten, verschiedene, diverse, diverse interpreten, unbekannter kunstler,
unbekannter interpret, varios artistas, varios, artista desconocido, varios interpretes,
artistes divers, divers, artiste inconnu, artisti vari, autori vari, aa vv, artista sconosciuto,
vários artistas, artista desconhecido, diverse artiesten, diversen, onbekende artiest,
various interprets, ruzni, ruzni interpreti, rozni wykonawcy, rozni artysci,
сборник, разные исполнители, неизвестный исполнитель, неизвестен,
群星, 未知艺术家, 未知歌手, オムニバス, ヴァリアス アーティスト, 不明なアーティスト,
여러 아티스트, 알 수 없는 음악가
"""
_NOBODY = frozenset(name.strip() for name in _NOBODY_WRITTEN.split(","))


def clean_name(name: str) -> str:
    """A name in Unicode's composed form (NFC), without outer blanks, and with single blanks inside.

    >>> clean_name("  The   Beatles ")
    'The Beatles'
    """
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", name)).strip(" ")


def folded_name(name: str) -> str:
    """A key that is equal for spellings of one name that differ in case and blanks only.

    >>> folded_name("  NINA  Simone") == folded_name("Nina Simone")
    True
    """
    return clean_name(unicodedata.normalize("NFC", clean_name(name).casefold()))


def notices_of(singers: Iterable[str]) -> tuple[str, ...]:
    """Notices about names of singers, each in one line; the names are not changed.

    One notice is about names that differ only in case, in invisible characters or in Unicode's form (full
    width, ligatures), because they count as different singers. The other is about names that stand for
    nobody in particular.

    >>> notices_of(["The Beatles", "the beatles"])[0].split(":")[0]
    'singers that differ in case, Unicode form or invisible characters only'
    """
    spellings = defaultdict(set)
    for singer in singers:
        spellings[_key(singer)].add(singer)
    told = []
    alike = [sorted(names) for names in spellings.values() if len(names) > 1]
    if alike:
        groups = "; ".join(" and ".join(_told_apart(names)) for names in sorted(alike)[:_NAMED])
        more = f"; and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
        told.append(
            f"singers that differ in case, Unicode form or invisible characters only: {groups}{more}: "
            "they count as different singers; rename one where they are the same"
        )
    everyone = (name for names in spellings.values() for name in names)
    nobodies = {_plain(name) for name in _NOBODY}
    nobody = sorted(name for name in everyone if _plain(name) in nobodies)
    if nobody:
        told.append(
            f"{', '.join(map(_quoted, nobody[:_NAMED]))}: not the name of one singer; "
            "leave these recordings out, or sort them by singer"
        )
    return tuple(told)


def _key(name: str) -> str:
    """A key that is equal for names that look alike."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return clean_name(re.sub(r"[./,_\-()\[\]\s]+", " ", _INVISIBLE.sub("", folded)))


def _plain(name: str) -> str:
    """The key without accents and symbols."""
    letters = unicodedata.normalize("NFKD", _key(name))
    return clean_name("".join(c for c in letters if not unicodedata.combining(c) and c not in "<>!?*"))


def _told_apart(names: Sequence[str]) -> list[str]:
    """The names in quotes; if two look the same, their invisible characters are written as escapes."""
    looks = Counter(_INVISIBLE.sub("", name) for name in names)
    told = []
    for name in names:
        if looks[_INVISIBLE.sub("", name)] > 1:
            name = _INVISIBLE.sub(lambda found: ascii(found[0])[1:-1], name)
        told.append(_quoted(name))
    return told


def _quoted(name: str) -> str:
    return f"'{printable(name)}'"
