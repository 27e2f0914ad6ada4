"""SQL functions of the search by title and by name: accents and case do not matter, and words match by their beginning.

They need no extension, whose installation many database roles are not permitted, and depend on no locale: an upgrade of
the system's locales cannot damage the indexes. The indexes are on the functions, so no writer has to maintain them.
"""

from collections.abc import Iterator

MAX_WORD_CHARACTERS = 40


def _upper_case() -> Iterator[tuple[int, int]]:
    """The capital and small letters of alphabets that ASCII does not have, without those with accents."""
    yield from ((letter, letter + 32) for letter in (*range(0x391, 0x3AA), *range(0x410, 0x430)) if letter != 0x3A2)
    yield from ((letter, letter + 80) for letter in range(0x400, 0x410))
    yield from ((letter, letter + 48) for letter in range(0x531, 0x557))
    yield from ((letter, letter + 1) for letter in range(0x48A, 0x4C0, 2))
    # The final sigma is a sigma.
    yield 0x3C2, 0x3C3


_OTHER_LETTERS = {
    "\N{LATIN SMALL LETTER O WITH STROKE}": "o",
    "\N{LATIN CAPITAL LETTER O WITH STROKE}": "o",
    "\N{LATIN SMALL LETTER L WITH STROKE}": "l",
    "\N{LATIN CAPITAL LETTER L WITH STROKE}": "l",
    "\N{LATIN SMALL LETTER D WITH STROKE}": "d",
    "\N{LATIN CAPITAL LETTER D WITH STROKE}": "d",
    "\N{LATIN SMALL LETTER ETH}": "d",
    "\N{LATIN CAPITAL LETTER ETH}": "d",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "\N{LATIN CAPITAL LETTER AE}": "\N{LATIN SMALL LETTER AE}",
    "\N{LATIN CAPITAL LIGATURE OE}": "\N{LATIN SMALL LIGATURE OE}",
    "\N{LATIN CAPITAL LETTER THORN}": "\N{LATIN SMALL LETTER THORN}",
    "\N{LATIN CAPITAL LETTER SHARP S}": "\N{LATIN SMALL LETTER SHARP S}",
}
"""Letters that Unicode does not decompose into a letter and an accent."""
_LIGATURES = {
    "\N{LATIN SMALL LETTER SHARP S}": "ss",
    "\N{LATIN SMALL LETTER AE}": "ae",
    "\N{LATIN SMALL LIGATURE OE}": "oe",
    "\N{LATIN SMALL LETTER THORN}": "th",
}
_UMLAUTS = {
    "\N{LATIN SMALL LETTER A WITH DIAERESIS}": "ae",
    "\N{LATIN SMALL LETTER O WITH DIAERESIS}": "oe",
    "\N{LATIN SMALL LETTER U WITH DIAERESIS}": "ue",  # codespell:ignore ue
    "\N{LATIN CAPITAL LETTER A WITH DIAERESIS}": "ae",
    "\N{LATIN CAPITAL LETTER O WITH DIAERESIS}": "oe",
    "\N{LATIN CAPITAL LETTER U WITH DIAERESIS}": "ue",  # codespell:ignore ue
}
_APOSTROPHES = "''\N{RIGHT SINGLE QUOTATION MARK}"
"""In a SQL string."""


def _replaced(expression: str, letters: dict[str, str]) -> str:
    """SQL that replaces each letter by others."""
    for letter, others in letters.items():
        expression = f"replace({expression}, '{letter}', '{others}')"
    return expression


_SOURCE = "".join([*(chr(capital) for capital, _ in _upper_case()), *_OTHER_LETTERS])
_TARGET = "".join([*(chr(small) for _, small in _upper_case()), *_OTHER_LETTERS.values()])
_WITHOUT_ACCENTS = r"regexp_replace(normalize(value, nfkd), '[\u0300-\u036f]+', '', 'g')"
_SMALL_LETTERS = f"translate(lower({_WITHOUT_ACCENTS} collate \"C\"), '{_SOURCE}', '{_TARGET}')"
_SEPARATORS = r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+"
_HAS_UMLAUT = f"octet_length(value) > length(value) and normalize(value, nfc) ~ '[{''.join(_UMLAUTS)}]'"
_TRANSCRIBED = f"search_fold({_replaced('normalize(value, nfc)', _UMLAUTS)})"
_QUERY = "('''' || app::text || '/' || replace({}, ' ', ''':* & ''' || app::text || '/') || ''':*')::tsquery"

# PostgreSQL expands functions of one expression where they are called. With a query inside, each call takes ten times
# as long.
SEARCH_FUNCTIONS = (
    f"""
    create or replace function search_fold(value text) returns text
    language sql immutable strict parallel safe
    return case
        when octet_length(value) = length(value) then lower(value collate "C")
        else {_replaced(_SMALL_LETTERS, _LIGATURES)}
    end
    """,
    rf"""
    create or replace function search_split(value text) returns text
    language sql immutable strict parallel safe
    return regexp_replace(
        btrim(regexp_replace(value, '{_SEPARATORS}', ' ', 'g')), '([^ ]{{{MAX_WORD_CHARACTERS}}})[^ ]+', '\1', 'g'
    )
    """,
    f"""
    create or replace function search_words(app uuid, value text) returns tsvector
    language sql immutable strict parallel safe
    return array_to_tsvector(string_to_array(
        app::text || '/' || replace(
            search_split(
                search_fold(value) || case when {_HAS_UMLAUT} then ' ' || {_TRANSCRIBED} else '' end
                || case when value ~ '[{_APOSTROPHES}]'
                   then ' ' || search_fold(translate(value, '{_APOSTROPHES}', '')) else '' end
            ),
            ' ', ' ' || app::text || '/'
        ),
        ' '
    ))
    """,
    f"""
    create or replace function search_query(app uuid, value text) returns tsquery
    language sql immutable strict parallel safe
    return case
        when search_split(search_fold(value)) = '' then null
        when {_HAS_UMLAUT} then {_QUERY.format("search_split(search_fold(value))")}
            || {_QUERY.format(f"search_split({_TRANSCRIBED})")}
        else {_QUERY.format("search_split(search_fold(value))")}
    end
    """,
)
"""`search_words` are those of a title or name in the index; `search_query` finds texts in which each word begins one.

A letter is found with and without its accent, an umlaut also by its transcription ("Müller": muller, mueller), and a
name with an apostrophe also without it ("O'Brien": brien, obrien).
"""
