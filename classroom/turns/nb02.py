"""Checks for notebook 02: splitting, unknown words, documents, and pieces of words."""

from classroom.turns.registry import attempted, exercise, wrong
from helpers.tokenizer import END_OF_TEXT, WordTokenizer, split_words

_TEXT = "The kettle sings. The light went out, and the kettle sings on."


@exercise("02.1", "Numbers in one piece")
def numbers_in_one_piece(split):
    first = list(attempted(split("It sold 1,400 copies.")))
    if any(not piece.strip() for piece in first):
        wrong("there are spaces or empty pieces among the tokens: keep those with piece.strip()")
    if "1,400" not in first:
        wrong(f"'1,400' is not in one piece: 'It sold 1,400 copies.' gave {first}")
    if "copies." in first:
        wrong("the period after 'copies' must still be a piece: it is not between two digits")
    cases = {
        "0.918 inch": ["0.918", "inch"],
        "1,400,000 letters": ["1,400,000", "letters"],
        "In 1923, we": ["In", "1923", ",", "we"],
        "in 1930.": ["in", "1930", "."],
        "a,b.c": ["a", ",", "b", ".", "c"],
        "No.5": ["No", ".", "5"],
        "": [],
    }
    for text, expected in cases.items():
        if list(split(text)) != expected:
            wrong(f"{text!r} should give {expected}, yours gives {list(split(text))}")
    for text in ('"Is it--(you)?" _No_; it\'s: me!', "known[word] a=b"):
        if list(split(text)) != split_words(text):
            wrong(f"{text!r} has no numbers and must be split exactly as before")
    return "a comma or period belongs to the number only between two digits."


@exercise("02.2", "The unknown rate")
def the_unknown_rate(rate):
    tokenizer = WordTokenizer.from_text(_TEXT)
    found = attempted(rate(tokenizer, "The kettle fell and fell."))
    if found == 2:
        wrong("2 is the number of unknown tokens; divide by the number of all tokens")
    if abs(found - 100 / 3) < 0.1:
        wrong("that is a percentage; the share must be between 0 and 1")
    if abs(found - 1 / 5) < 1e-9 or abs(found - 1 / 6) < 1e-9:
        wrong("'fell' occurs twice and counts twice: count tokens, not distinct words")
    if abs(found - 1 / 3) > 1e-9:
        wrong(f"2 of the 6 tokens of 'The kettle fell and fell.' are unknown, yours says {found}")
    if rate(tokenizer, _TEXT) != 0:
        wrong("the text that the vocabulary was made from has no unknown tokens")
    if rate(tokenizer, f"kettle{END_OF_TEXT}kettle") != 0:
        wrong("a special token has an id, also where it touches a word: split with tokenizer.split")
    plain = WordTokenizer.from_text(_TEXT, special_tokens=())
    try:
        if rate(plain, "moon") != 1:
            wrong("a text of one unknown word has the rate 1")
    except (KeyError, ValueError):
        wrong("it should work for a tokenizer without <|unk|> too: look tokens up in .vocab")
    try:
        empty = rate(tokenizer, "")
    except ZeroDivisionError:
        wrong("an empty text divides by zero; it has no unknown tokens, so its rate is 0")
    if empty != 0:
        wrong(f"an empty text has no unknown tokens: 0, not {empty}")
    return "every token counts as often as it occurs, and an empty text has a rate of 0."


@exercise("02.3", "Many documents, one row of ids")
def many_documents(join):
    tokenizer = WordTokenizer.from_text(_TEXT)
    end = tokenizer.vocab[END_OF_TEXT]
    one, two = tokenizer.encode("The light."), tokenizer.encode("On the kettle")
    found = list(attempted(join(tokenizer, ["The light.", "On the kettle"])))
    if found == [*one, end, *two]:
        wrong("the last document has no end: the model could not learn where it stops")
    if found == [*one, *two]:
        wrong("there is no end-of-text id: the two documents run into each other")
    if found and any(isinstance(item, list) for item in found):
        wrong("the result is a list of lists; the model takes one list of ids")
    if found != [*one, end, *two, end]:
        wrong(f"expected {[*one, end, *two, end]}, yours gives {found}")
    if list(join(tokenizer, [])) != []:
        wrong("no documents give no ids")
    if list(join(tokenizer, [""])) != [end]:
        wrong("an empty document is a document: it still ends, so it has one id")
    return "each document ends with the end-of-text id, the last one too."


@exercise("02.4", "Capitals are no excuse")
def capitals_are_no_excuse(encode):
    tokenizer = WordTokenizer.from_text(_TEXT)
    vocab, unknown = tokenizer.vocab, tokenizer.vocab["<|unk|>"]
    found = list(attempted(encode(tokenizer, "The KETTLE")))
    if found[:1] == [vocab["the"]]:
        wrong("'The' has an id of its own and must keep it: lower-case only what is unknown")
    if found == [vocab["The"], unknown]:
        wrong("'KETTLE' is still unknown: try its lower-case form before giving up")
    if found != [vocab["The"], vocab["kettle"]]:
        wrong(f"expected {[vocab['The'], vocab['kettle']]}, yours gives {found}")
    if list(encode(tokenizer, "Zebra zebra")) != [unknown, unknown]:
        wrong(f"a word unknown in both forms is <|unk|>, id {unknown}, and not left out")
    text = f"Light {END_OF_TEXT} ON."
    expected = [vocab["light"], vocab[END_OF_TEXT], vocab["on"], vocab["."]]
    if list(encode(tokenizer, text)) != expected:
        wrong("special tokens and punctuation must stay as they are: split with tokenizer.split")
    return "its own id first, the lower-case form second, <|unk|> last."


@exercise("02.5", "The next step: spell it")
def spell_it(split):
    pieces = {"un", "read", "able", "re", "a", "ad"}
    found = list(attempted(split("unreadable", pieces)))
    if "".join(found) != "unreadable":
        wrong(f"the pieces {found} do not join to 'unreadable': no letter may be lost")
    if found == ["un", "re", "ad", "able"]:
        wrong("'re' was taken although 'read' fits, too: try the longest piece first")
    if found != ["un", "read", "able"]:
        wrong(f"expected ['un', 'read', 'able'], yours gives {found}")
    if list(split("reading", pieces)) != ["read", "i", "n", "g"]:
        wrong("if no piece fits, take a single character and continue: 'reading' ends in i, n, g")
    if list(split("xad", pieces)) != ["x", "ad"]:
        wrong("after a single character, look for known pieces again: 'xad' is 'x', 'ad'")
    if list(split("", pieces)) != []:
        wrong("an empty word has no pieces")
    if list(split("read", set())) != list("read"):
        wrong("without any known piece a word is spelled letter by letter")
    return "no word is unknown now; it only takes more tokens."
