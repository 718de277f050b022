"""On which line of a TOML text a key stands; tomllib keeps no positions.

The text has been accepted by tomllib before, so this scanner need not judge it: it only tells strings, comments and
brackets from keys. Source: TOML 1.0.
"""

from __future__ import annotations

Path = tuple[str | int, ...]
Lines = dict[Path, int]


def key_lines(text: str) -> Lines:
    """Paths such as ("imap",), ("imap", "listen"), ("imap", "listen", 1), each with its line, counted from 1."""
    return _Scanner(text).scan()


def line_of(lines: Lines, path: Path) -> int | None:
    """The line of `path`, or of the nearest thing around it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n") + "\n"
        self.at = 0
        self.line = 1
        self.lines: Lines = {}

    def scan(self) -> Lines:
        table: Path = ()
        while self.at < len(self.text):
            self.skip_blank()
            char = self.peek()
            if char == "":
                break
            if char == "[":
                self.at += 2 if self.text.startswith("[[", self.at) else 1
                table = self.key("]")
                self.lines.setdefault(table, self.line)
                self.skip_to_line_end()
            else:
                path = table + self.key("=")
                self.lines.setdefault(path, self.line)
                self.at += 1
                self.value(path)
                self.skip_to_line_end()
        return self.lines

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def step(self) -> None:
        if self.peek() == "\n":
            self.line += 1
        self.at += 1

    def skip_blank(self) -> None:
        while (char := self.peek()) and char in " \t\n#":
            if char == "#":
                self.skip_to_line_end()
            else:
                self.step()

    def skip_to_line_end(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    def key(self, end: str) -> Path:
        """A dotted key up to `end`, which is left in place."""
        parts: list[str] = []
        while (char := self.peek()) and char != end and char != "\n":
            if char in "\"'":
                parts.append(self.string().strip(char))
            elif char in " \t.":
                self.at += 1
            else:
                start = self.at
                while (char := self.peek()) and char not in " \t.\n" and char != end:
                    self.at += 1
                parts.append(self.text[start : self.at])
        return tuple(parts)

    def string(self) -> str:
        quote = self.peek()
        fence = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        start = self.at
        for _ in fence:
            self.step()
        while self.at < len(self.text) and not self.text.startswith(fence, self.at):
            if quote == '"' and self.peek() == "\\":
                self.step()
            self.step()
        for _ in fence:
            self.step()
        while len(fence) == 3 and self.peek() == quote:  # up to two quotes may stand before the closing fence
            self.step()
        return self.text[start : self.at]

    def value(self, path: Path) -> None:
        """Skips a value; records the lines of the elements of an outermost array."""
        depth = 0
        array = False
        index = 0
        fresh = False
        while char := self.peek():
            if char == "\n" and depth == 0:
                return
            if char == "#":
                self.skip_to_line_end()
                continue
            if fresh and char not in " \t\n]":
                self.lines[(*path, index)] = self.line
                fresh = False
            if char in "\"'":
                self.string()
                continue
            if char in "[{":
                depth += 1
                if depth == 1 and char == "[":
                    array = fresh = True
            elif char in "]}":
                depth -= 1
            elif char == "," and depth == 1 and array:
                index += 1
                fresh = True
            self.step()
