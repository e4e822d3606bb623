"""A chat model on a server that speaks OpenAI's protocol, and all that such a server may answer.

What comes back is data from elsewhere: it may be empty, late, an error in JSON or HTML, or a
redirect. Each of these becomes one line in a ConnectionError. The key goes to the named host alone.
"""

import base64
import contextlib
import http.client
import json
import threading
import urllib.error
import urllib.parse
import urllib.request

from helpers.bpe.train import valid_unicode
from helpers.judge import without_thoughts
from helpers.limits import check_number, check_whole

SECONDS = 60  # the time limit of a server's answer
MOST_BYTES = 10_000_000  # of an answer
UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
ENDPOINT = "/chat/completions"


class ChatServer:
    """A chat model on a server with OpenAI's protocol, which gets the whole conversation.

    `url` may end with or without /v1 and /chat/completions. `seconds` is the time limit of a whole
    answer, `max_tokens` its longest length. Raises ValueError for an address that is not http or
    https, for an empty `model`, and for a key that no header can hold.
    """

    kind = "chat"

    def __init__(self, url, model, key=None, seconds=SECONDS, max_tokens=300):
        self.url, host, user = parse_address(url)
        for name, value in (("model", model), ("key", "" if key is None else key)):
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a string, not {type(value).__name__}")
        if not model.strip():
            raise ValueError("model is empty; it must be the name that the server gives its model")
        self.model, self.key = model, (key or "").strip()
        if not (self.key.isascii() and self.key.isprintable()):
            raise ValueError("the key holds a line end or a character that no key has, such as “")
        self.authorization = f"Bearer {self.key}" if self.key else user
        check_number("seconds", seconds, above=0)
        check_whole("max_tokens", max_tokens, least=1)
        self.seconds, self.max_tokens, self.limit_name = seconds, max_tokens, "max_tokens"
        self.name = f"{model} at {host}"
        self.reset()

    def reset(self):
        """Start a new conversation."""
        self.messages = []

    def respond(self, text):
        """Send the conversation and return the answer, without the draft of a reasoning model.

        Raises ConnectionError if there is no answer, or none that can be parsed; the conversation
        then stays as it was.
        """
        messages = [*self.messages, {"role": "user", "content": text}]
        order = {"model": self.model, "messages": messages, self.limit_name: self.max_tokens}
        try:
            reply = read_answer(self._within_time(order))
        except urllib.error.HTTPError as error:
            said = error_message(error.body)
            if "max_completion_tokens" in said and self.limit_name == "max_tokens":
                self.limit_name = "max_completion_tokens"  # newer models know only this name
                return self.respond(text)
            raise ConnectionError(self._without_key(self._refusal(error, said))) from None
        except TimeoutError:
            raise ConnectionError(f"{self.name}: no answer in {self.seconds} seconds") from None
        except EmptyAnswer as error:
            raise ConnectionError(f"{self.name} {error}") from None
        except OSError as error:
            reason = self._without_key(str(getattr(error, "reason", error)))
            raise ConnectionError(f"{self.name} cannot be reached: {reason}") from None
        except (*UNREADABLE, http.client.HTTPException):
            raise ConnectionError(f"{self.name} sent a reply that is not a chat answer") from None
        self.messages = [*messages, {"role": "assistant", "content": reply}]
        return reply

    def _within_time(self, order):
        """Send an order and return the bytes of the answer; raises TimeoutError when it is late.

        A limit of the socket's own counts anew with each byte, so another thread does the waiting.
        """
        result, late = {}, threading.Event()

        def ask():
            try:
                result["answer"] = self._send(order, late)
            except Exception as error:
                result["error"] = error

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(self.seconds)
        late.set()
        if not result:
            raise TimeoutError
        if "error" in result:
            raise result["error"]
        return result["answer"]

    def _send(self, order, late):
        headers = {"Content-Type": "application/json"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        request = urllib.request.Request(self.url, json.dumps(order).encode(), headers)
        opener = urllib.request.build_opener(NoRedirect)
        try:
            with opener.open(request, timeout=self.seconds) as answer:
                return read_bytes(answer, late)
        except urllib.error.HTTPError as error:
            error.body = b""
            with contextlib.suppress(OSError, http.client.HTTPException), error:
                error.body = read_bytes(error, late)
            raise

    def _refusal(self, error, said):
        line = f"{self.name} answered {error.code} {error.reason}"
        if 300 <= error.code < 400:
            place = urllib.parse.urljoin(self.url, error.headers.get("Location", ""))
            parts = urllib.parse.urlsplit(place)
            where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
            return f"{line}: it points to {one_line(where)}; name that address if you trust it"
        return f"{line}: {said}" if said else line

    def _without_key(self, line):
        return line.replace(self.key, "***") if self.key else line


class EmptyAnswer(Exception):
    """A well-formed answer without any text."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would take the key along, and turn the question into a GET."""

    def redirect_request(self, *_):
        """Return None, which makes the redirect an HTTPError."""


def parse_address(url):
    """Return the endpoint of a base address, its host for people, and its user for a header.

    A password in the address is in neither of the first two. Raises ValueError for what is no
    address; the message shows no password either.

    >>> parse_address("http://localhost:11434")
    ('http://localhost:11434/v1/chat/completions', 'localhost:11434', '')
    >>> parse_address("https://me:pw@a.org/api/v1/")[:2]
    ('https://a.org/api/v1/chat/completions', 'a.org')
    """
    url = str(url).strip()
    shown = url.rpartition("@")[2].partition("?")[0]
    try:
        parts = urllib.parse.urlsplit(url)
        name = (parts.hostname or "").encode("idna").decode()
        host = (f"[{name}]" if ":" in name else name) + (f":{parts.port}" if parts.port else "")
        if (
            parts.scheme not in ("http", "https")
            or not name
            or not name.isprintable()
            or " " in name
        ):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"{shown!r} is not a web address: it must begin with http:// or https:// and a host"
        ) from None
    path = parts.path.rstrip("/").removesuffix(ENDPOINT).rstrip("/") or "/v1"
    path = urllib.parse.quote(path + ENDPOINT, safe="/%:@!$&'()*+,;=~")
    query = urllib.parse.quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    user = urllib.parse.unquote(parts.netloc.rpartition("@")[0])
    secret = "Basic " + base64.b64encode(user.encode()).decode() if user else ""
    return urllib.parse.urlunsplit((parts.scheme, host, path, query, "")), host, secret


def read_bytes(answer, late):
    """Read an answer piece by piece, until its end or until nobody waits for it any more."""
    found = b""
    while piece := answer.read1(1 << 16):
        found += piece
        if late.is_set():
            raise TimeoutError
        if len(found) > MOST_BYTES:
            raise ValueError(f"the answer has more than {MOST_BYTES} bytes")
    if getattr(answer, "length", 0):
        raise http.client.IncompleteRead(found, answer.length)
    return found


def read_answer(data):
    """Return the text of an answer in OpenAI's protocol; raises one of UNREADABLE for another.

    >>> read_answer(b'{"choices": [{"message": {"content": " <think>Hm.</think> Hi. "}}]}')
    'Hi.'
    """
    answer = json.loads(data)
    if "choices" not in answer and (said := error_message(data)):
        raise EmptyAnswer(f"answered: {said}")
    message = answer["choices"][0]["message"]
    content = message["content"]
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part["type"] == "text")
    said = without_thoughts(content or "")
    if said:
        return valid_unicode(said)
    thought = content or message.get("reasoning") or message.get("reasoning_content")
    why = ": all its tokens went into reasoning, so raise max_tokens" if thought else ""
    raise EmptyAnswer(f"sent an empty answer{why}")


def error_message(data):
    """Return what the JSON of an error says, on one line; "" where it says nothing.

    >>> error_message(b'{"error": {"message": "no such model"}}')
    'no such model'
    """
    try:
        said = json.loads(data)
        said = said.get("error") or said.get("message") or said.get("detail")
        said = said.get("message") if isinstance(said, dict) else said
    except UNREADABLE:
        return ""
    return one_line(said) if isinstance(said, str) else ""


def one_line(text):
    """Return at most 200 characters of a text, on one line, all of which can be printed."""
    return " ".join(valid_unicode(text).split())[:200]
